// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation
public import HTTPTypes

/// What goes out with a request.
public enum OutgoingBody: Sendable {
    /// Nothing.
    case none
    /// Bytes in memory, which can be sent again.
    case bytes([UInt8])
    /// A stream, and its length where it is known.
    case stream(ByteStream, length: Int64?)

    /// Whether a second attempt could send the same.
    var isRepeatable: Bool {
        switch self {
        case .none, .bytes: true
        case .stream: false
        }
    }
}

/// What came back: the head, and a body that is read as it arrives.
public struct HTTPReply: Sendable {
    /// Status and header fields.
    public let head: HTTPResponse
    /// The body; the network's errors and the deadline end it.
    public let body: ByteStream

    /// Makes a reply of its parts.
    public init(head: HTTPResponse, body: ByteStream) {
        self.head = head
        self.body = body
    }

    /// Reads the body into memory.
    ///
    /// - Parameters:
    ///   - limit: How many bytes at most.
    ///   - what: What is read, for the message.
    /// - Returns: The whole body.
    /// - Throws: `resourceExhausted` when it is longer; `unavailable` or `deadlineExceeded` when it breaks off.
    public func bytes(upTo limit: Int, of what: String) async throws(BullaError) -> [UInt8] {
        do {
            return try await body.collect(upTo: limit, of: what)
        } catch let error as BullaError {
            throw error
        } catch {
            throw BullaError(.unavailable, "reading \(what) broke off", cause: error)
        }
    }
}

/// Sends one request and awaits the head of its answer: the one seam between Bulla and the network.
///
/// Redirects are not followed and nothing is tried again at this level; `fetch` does both for requests that only read.
public protocol HTTPTransport: Sendable {
    /// Sends a request.
    ///
    /// - Parameters:
    ///   - request: Its scheme, authority and path must be set.
    ///   - body: What goes with it.
    ///   - timeout: How long the whole exchange may last, the reading of the body included.
    /// - Returns: The answer, as soon as its head is there.
    /// - Throws: `unavailable` when there is no connection, `deadlineExceeded` when time ran out, `cancelled`.
    func send(_ request: HTTPRequest, body: OutgoingBody, timeout: Duration) async throws(BullaError) -> HTTPReply
}

extension HTTPRequest {
    /// Makes a request to an absolute URL, or nil when it is none.
    public init?(_ method: Method, to url: URL, fields: HTTPFields = [:]) {
        guard let parts = URLComponents(url: url, resolvingAgainstBaseURL: true),
            let scheme = parts.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let host = parts.encodedHost, !host.isEmpty
        else { return nil }
        let path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
        self.init(
            method: method, scheme: scheme, authority: parts.port.map { "\(host):\($0)" } ?? host,
            path: parts.percentEncodedQuery.map { "\(path)?\($0)" } ?? path, headerFields: fields)
    }

    /// The absolute URL that the request goes to.
    public var target: URL? {
        guard let scheme, let authority else { return nil }
        return URL(string: "\(scheme)://\(authority)\(path ?? "/")")
    }
}

extension HTTPTransport {
    /// Sends a request that only reads, tries again what may pass, and follows redirects.
    ///
    /// `Authorization` is left behind when a redirect leads to another origin, and no redirect leads from `https` to
    /// `http`, so that a registry's credential never reaches the storage that it points to.
    ///
    /// - Parameters:
    ///   - request: A `GET` or `HEAD`.
    ///   - timeout: How long one attempt may last.
    ///   - policy: How often, and how long between.
    /// - Returns: The answer, whatever its status but a redirect.
    /// - Throws: As `send`; `failedPrecondition` for a redirect that is refused.
    public func fetch(
        _ request: HTTPRequest, timeout: Duration, retrying policy: RetryPolicy = RetryPolicy()
    ) async throws(BullaError) -> HTTPReply {
        var request = request
        var attempt = 1
        var hops = 0
        while true {
            let reply: HTTPReply
            do {
                reply = try await send(request, body: .none, timeout: timeout)
            } catch {
                guard error.code == .unavailable, let pause = policy.pause(afterAttempt: attempt, retryAfter: nil)
                else {
                    throw error
                }
                attempt += 1
                try await policy.wait(pause)
                continue
            }
            if RetryPolicy.mayPass(reply.head.status),
                let pause = policy.pause(afterAttempt: attempt, retryAfter: reply.head.headerFields[.retryAfter])
            {
                attempt += 1
                try await policy.wait(pause)
            } else if [301, 302, 303, 307, 308].contains(reply.head.status.code) {
                hops += 1
                request = try Self.redirect(request, by: reply.head, hop: hops)
            } else {
                return reply
            }
        }
    }

    private static func redirect(_ request: HTTPRequest, by head: HTTPResponse, hop: Int) throws(BullaError)
        -> HTTPRequest
    {
        let from = Redaction.url(request.target)
        guard hop <= 5 else { throw BullaError(.failedPrecondition, "\(from): more than 5 redirects") }
        guard let location = head.headerFields[.location], let url = URL(string: location, relativeTo: request.target),
            var next = HTTPRequest(request.method, to: url, fields: request.headerFields)
        else { throw BullaError(.failedPrecondition, "\(from): a redirect without a usable Location") }
        if request.scheme == "https" && next.scheme != "https" {
            throw BullaError(.failedPrecondition, "\(from): a redirect to \(Redaction.url(next.target)) gives up TLS")
        }
        if next.authority != request.authority || next.scheme != request.scheme {
            next.headerFields[.authorization] = nil
            next.headerFields[.cookie] = nil
        }
        return next
    }
}
