// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaHTTP
public import HTTPTypes
import Synchronization

/// A transport without a network: it answers requests in order from a list, and keeps what was asked.
///
/// For what no real server does on demand: breaking off, answering too late, lying. Everything else is tested over
/// sockets.
public final class ScriptedTransport: HTTPTransport {
    /// How one request is answered.
    public typealias Line = @Sendable (HTTPRequest) throws(BullaError) -> HTTPReply

    private let lines: Mutex<[Line]>
    private let seen = Mutex<[HTTPRequest]>([])

    /// Makes a transport of its answers.
    public init(_ lines: [Line]) { self.lines = Mutex(lines) }

    /// What was asked so far.
    public var requests: [HTTPRequest] { seen.withLock { $0 } }

    /// Answers by the next line.
    public func send(
        _ request: HTTPRequest, body: OutgoingBody, timeout: Duration
    ) async throws(BullaError) -> HTTPReply {
        seen.withLock { $0.append(request) }
        let line = lines.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let line else { throw BullaError(.internal, "nobody expected \(request.method) \(request.path ?? "")") }
        return try line(request)
    }

    /// A line that answers with a status, fields and a body.
    public static func reply(_ status: Int, _ fields: HTTPFields = [:], _ body: String = "") -> Line {
        reply(status, fields, ByteStream(Array(body.utf8)))
    }

    /// A line that answers with a status, fields and a stream.
    public static func reply(_ status: Int, _ fields: HTTPFields = [:], _ body: ByteStream) -> Line {
        { _ throws(BullaError) in
            HTTPReply(head: HTTPResponse(status: .init(code: status), headerFields: fields), body: body)
        }
    }

    /// A line that fails.
    public static func failure(_ code: BullaError.Code) -> Line {
        { _ throws(BullaError) in throw BullaError(code, "scripted") }
    }
}
