// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaServer
import GRPCCore
import GRPCProtobuf
import HTTPTypes
import Testing

@Suite("Error mapping")
struct ErrorMappingTests {
    @Test(
        "gives each code the HTTP status of Google's APIs",
        arguments: [
            (BullaError.Code.cancelled, 499), (.unknown, 500), (.invalidArgument, 400), (.deadlineExceeded, 504),
            (.notFound, 404), (.alreadyExists, 409), (.permissionDenied, 403), (.resourceExhausted, 429),
            (.failedPrecondition, 400), (.aborted, 409), (.outOfRange, 400), (.unimplemented, 501),
            (.internal, 500), (.unavailable, 503), (.dataLoss, 500), (.unauthenticated, 401),
        ])
    func httpStatus(code: BullaError.Code, status: Int) {
        #expect(code.httpStatus.code == status)
    }

    @Test("gives each code its number in gRPC")
    func rpcCode() {
        // The order of the codes is that of their numbers, from 1 (https://grpc.io/docs/guides/status-codes/).
        #expect(BullaError.Code.allCases.map(\.rpcCode.rawValue) == Array(1...16))
    }

    @Test("keeps what travels in gRPC's trailers small")
    func small() throws {
        let error = BullaError(
            .invalidArgument, String(repeating: "m", count: 100_000), reason: "R",
            violations: (0..<1_000).map { .init(field: "f\($0)", description: String(repeating: "d", count: 100)) },
            cause: CancellationError())
        let status = error.rpcStatus
        #expect(status.code == .invalidArgument)
        #expect(status.message.utf8.count < 1_100)
        let bytes: [UInt8] = try status.serializedBytes()
        #expect(bytes.count < 4_096)
        #expect((status.details.first?.badRequest?.violations.count ?? 0) > 10)
        #expect(status.details.last?.errorInfo?.reason == "R")
    }

    @Test("cuts a long message without breaking a character")
    func cuts() {
        let status = BullaError(.notFound, String(repeating: "é", count: 10_000)).rpcStatus
        #expect(status.message.hasSuffix("é…"))
        #expect(status.message.utf8.count < 1_100)
    }
}
