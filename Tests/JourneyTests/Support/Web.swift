// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaHTTP
import Foundation
import HTTPTypes

/// HTTP for tests: one exchange, the body whole.
enum Web {
    /// How something is asked.
    enum Method: String {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
    }

    /// What was answered.
    struct Answer: Sendable {
        let status: Int
        let fields: HTTPFields
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var json: JSON { JSON(body) }
    }

    /// Lives as long as the process.
    private static let shared = Result { try AsyncHTTPClientTransport() }

    /// Sends a request and reads the answer.
    ///
    /// - Throws: when there is no answer.
    static func send(
        _ method: Method, _ url: String, _ body: String? = nil, type: String = "application/json",
        bytes: [UInt8]? = nil, trusting authorityFile: String? = nil, within seconds: Int = 60
    ) async throws -> Answer {
        guard let target = URL(string: url), let verb = HTTPRequest.Method(rawValue: method.rawValue),
            var request = HTTPRequest(verb, to: target)
        else {
            throw OutsideCommand.Failure(description: "'\(url)' is no URL")
        }
        let content = bytes ?? body.map { Array($0.utf8) }
        if content != nil { request.headerFields[.contentType] = type }
        let outgoing = content.map(OutgoingBody.bytes) ?? .none
        let final = request
        func exchange(_ transport: AsyncHTTPClientTransport) async throws -> Answer {
            let reply = try await transport.send(final, body: outgoing, timeout: .seconds(seconds))
            return Answer(
                status: reply.head.status.code, fields: reply.head.headerFields,
                body: try await reply.bytes(upTo: 256 << 20, of: url))
        }
        guard let authorityFile else { return try await exchange(try shared.get()) }
        return try await AsyncHTTPClientTransport.with(trust: TLSTrust(authorityFile: authorityFile)) {
            try await exchange($0)
        }
    }
}

/// Asks again and again until the answer is there, and fails when it takes too long.
func eventually<Answer>(
    _ what: String, within seconds: Double = 60, _ ask: () async throws -> Answer?
) async throws -> Answer {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
        if let answer = try await ask() { return answer }
        guard ContinuousClock.now < deadline else {
            throw OutsideCommand.Failure(description: "\(what): not within \(seconds) seconds")
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}
