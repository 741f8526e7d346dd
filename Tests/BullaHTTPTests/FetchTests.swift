// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaHTTP
import BullaTesting
import Foundation
import HTTPTypes
import Synchronization
import Testing

@Suite("HTTPTransport.fetch")
struct FetchTests {
    private let request = HTTPRequest(
        method: .get, scheme: "https", authority: "registry.example", path: "/v2/",
        headerFields: [.authorization: "Bearer secret", .accept: "*/*"])
    private let patient = RetryPolicy(sleep: { _ in })

    @Test("tries again what may pass, and stops at the number of attempts")
    func triesAgain() async throws {
        let transport = ScriptedTransport([
            ScriptedTransport.reply(503), ScriptedTransport.failure(.unavailable),
            ScriptedTransport.reply(200, [:], "x"),
        ])
        let reply = try await transport.fetch(request, timeout: .seconds(1), retrying: patient)
        #expect(reply.head.status == .ok)
        #expect(transport.requests.count == 3)

        let stubborn = ScriptedTransport(Array(repeating: ScriptedTransport.reply(503), count: 9))
        let last = try await stubborn.fetch(request, timeout: .seconds(1), retrying: patient)
        #expect(last.head.status.code == 503)
        #expect(stubborn.requests.count == 3)
    }

    @Test("honours Retry-After within its patience and passes on what asks for more")
    func honoursRetryAfter() async throws {
        let waited = Mutex<[Duration]>([])
        let policy = RetryPolicy(longestPause: .seconds(30), sleep: { pause in waited.withLock { $0.append(pause) } })
        let transport = ScriptedTransport([
            ScriptedTransport.reply(429, [.retryAfter: "7"]), ScriptedTransport.reply(429, [.retryAfter: "3600"]),
        ])
        let reply = try await transport.fetch(request, timeout: .seconds(1), retrying: policy)
        #expect(reply.head.status.code == 429)
        #expect(waited.withLock { $0 } == [.seconds(7)])
    }

    @Test("does not try again what cannot pass", arguments: [400, 401, 404, 500])
    func passesOn(status: Int) async throws {
        let transport = ScriptedTransport([ScriptedTransport.reply(status)])
        let reply = try await transport.fetch(request, timeout: .seconds(1), retrying: patient)
        #expect(reply.head.status.code == status)
    }

    @Test("leaves the authorization behind at another origin only")
    func leavesAuthorization() async throws {
        let transport = ScriptedTransport([
            ScriptedTransport.reply(307, [.location: "/v2/other"]),
            ScriptedTransport.reply(302, [.location: "https://storage.example/blob?sig=1"]),
            ScriptedTransport.reply(200),
        ])
        _ = try await transport.fetch(request, timeout: .seconds(1), retrying: patient)
        let requests = transport.requests
        #expect(
            requests.map { $0.target?.absoluteString } == [
                "https://registry.example/v2/", "https://registry.example/v2/other",
                "https://storage.example/blob?sig=1",
            ])
        #expect(requests.map { $0.headerFields[.authorization] } == ["Bearer secret", "Bearer secret", nil])
        #expect(requests.last?.headerFields[.accept] == "*/*")
    }

    @Test(
        "refuses redirects that give up TLS, lead nowhere or never end",
        arguments: ["http://registry.example/", "", "ftp://registry.example/", "/again"])
    func refusesRedirects(location: String) async {
        let transport = ScriptedTransport(
            Array(repeating: ScriptedTransport.reply(302, [.location: location]), count: 9))
        let error = await #expect(throws: BullaError.self) {
            try await transport.fetch(request, timeout: .seconds(1), retrying: patient)
        }
        #expect(error?.code == .failedPrecondition)
    }

    @Test("reads a body up to a limit")
    func limitsBodies() async throws {
        let reply = HTTPReply(head: HTTPResponse(status: .ok), body: ByteStream(Array(repeating: 0, count: 100)))
        #expect(try await reply.bytes(upTo: 100, of: "it").count == 100)
        let error = await #expect(throws: BullaError.self) { try await reply.bytes(upTo: 99, of: "it") }
        #expect(error?.code == .resourceExhausted)
    }
}
