// SPDX-License-Identifier: Apache-2.0

package import BullaArtifact
import Foundation
package import GRPCCore
package import GRPCProtobuf
package import HTTPTypes
import Hummingbird

/// The one place where an error becomes a status of HTTP or gRPC (https://google.aip.dev/193).
enum ErrorMapping {
    /// The answer of HTTP doors that speak as Google's APIs do.
    static func response(for error: BullaError) -> Response {
        response(error.code.httpStatus, json: error.googleJSON)
    }

    /// An answer in JSON that no browser takes for anything else.
    static func response(_ status: HTTPResponse.Status, json: [UInt8]) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json; charset=UTF-8", .xContentTypeOptions: "nosniff"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json)))
    }
}

extension BullaError.Code {
    /// The HTTP status that Google's APIs give the code.
    package var httpStatus: HTTPResponse.Status {
        switch self {
        case .invalidArgument, .failedPrecondition, .outOfRange: .badRequest
        case .unauthenticated: .unauthorized
        case .permissionDenied: .forbidden
        case .notFound: .notFound
        case .alreadyExists, .aborted: .conflict
        case .resourceExhausted: .tooManyRequests
        case .cancelled: .init(code: 499, reasonPhrase: "Client Closed Request")
        case .unknown, .internal, .dataLoss: .internalServerError
        case .unimplemented: .notImplemented
        case .unavailable: .serviceUnavailable
        case .deadlineExceeded: .gatewayTimeout
        }
    }

    /// The same code in gRPC's words.
    package var rpcCode: RPCError.Code {
        switch self {
        case .cancelled: .cancelled
        case .unknown: .unknown
        case .invalidArgument: .invalidArgument
        case .deadlineExceeded: .deadlineExceeded
        case .notFound: .notFound
        case .alreadyExists: .alreadyExists
        case .permissionDenied: .permissionDenied
        case .resourceExhausted: .resourceExhausted
        case .failedPrecondition: .failedPrecondition
        case .aborted: .aborted
        case .outOfRange: .outOfRange
        case .unimplemented: .unimplemented
        case .internal: .internalError
        case .unavailable: .unavailable
        case .dataLoss: .dataLoss
        case .unauthenticated: .unauthenticated
        }
    }
}

extension BullaError {
    /// The domain of `reason` in `google.rpc.ErrorInfo`.
    private static let domain = "bulla"

    /// Whether the fault is ours, so that it belongs in the log.
    package var isOurFault: Bool {
        switch code {
        case .unknown, .internal, .dataLoss: true
        default: false
        }
    }

    /// The error as Google's APIs write it in JSON: `{"error":{"code","message","status","details"}}`.
    ///
    /// The cause stays here: it is for the log.
    package var googleJSON: [UInt8] {
        var details: [GoogleError.Detail] = []
        if !violations.isEmpty {
            details.append(
                GoogleError.Detail(
                    type: "type.googleapis.com/google.rpc.BadRequest",
                    fieldViolations: violations.map { .init(field: $0.field, description: $0.description) }))
        }
        if let reason {
            details.append(
                GoogleError.Detail(
                    type: "type.googleapis.com/google.rpc.ErrorInfo", reason: reason, domain: Self.domain))
        }
        let body = GoogleError(
            code: code.httpStatus.code, message: message, status: code.rawValue,
            details: details.isEmpty ? nil : details)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Only strings and an integer: there is nothing that cannot be encoded.
        return (try? encoder.encode(["error": body])).map(Array.init) ?? []
    }

    /// The error as a gRPC status with its details in `grpc-status-details-bin`.
    ///
    /// A status travels in trailers, which clients bound at some 8 KiB: a long message is cut, and only the first
    /// violations that fit are told.
    package var rpcStatus: GoogleRPCStatus {
        var details: [ErrorDetails] = []
        var room = 2_048
        let told = violations.prefix(32).prefix { violation in
            room -= violation.field.utf8.count + violation.description.utf8.count + 8
            return room >= 0
        }
        if !told.isEmpty {
            details.append(
                .badRequest(violations: told.map { .init(field: $0.field, description: $0.description) }))
        }
        if let reason { details.append(.errorInfo(reason: reason, domain: Self.domain, metadata: [:])) }
        let message = message.utf8.count <= 1_024 ? message : String(message.unicodeScalars.prefix(512)) + "…"
        return GoogleRPCStatus(code: code.rpcCode, message: message, details: details)
    }
}

/// The body of Google's error answers.
private struct GoogleError: Encodable {
    /// One detail: a `google.rpc.BadRequest` or a `google.rpc.ErrorInfo`.
    struct Detail: Encodable {
        /// One field at fault.
        struct FieldViolation: Encodable {
            let field: String
            let description: String
        }

        let type: String
        var fieldViolations: [FieldViolation]?
        var reason: String?
        var domain: String?

        enum CodingKeys: String, CodingKey {
            case type = "@type"
            case fieldViolations
            case reason
            case domain
        }
    }

    let code: Int
    let message: String
    let status: String
    let details: [Detail]?
}
