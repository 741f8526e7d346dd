// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
public import BullaArtifact
public import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOSSL

/// Which certificates are believed.
public struct TLSTrust: Sendable, Hashable {
    /// Whether a server's certificate is checked at all.
    public var verifies: Bool
    /// A PEM file of further authorities, besides the system's.
    public var authorityFile: String?

    /// Makes a trust.
    ///
    /// - Parameters:
    ///   - verifies: Whether a server's certificate is checked.
    ///   - authorityFile: A PEM file of further authorities.
    public init(verifies: Bool = true, authorityFile: String? = nil) {
        self.verifies = verifies
        self.authorityFile = authorityFile
    }
}

/// The network: an `HTTPTransport` over AsyncHTTPClient.
///
/// HTTP/1.1 only, as blobs are large and few; connections are kept for a minute. `shutdown()` must be called at the end.
public struct AsyncHTTPClientTransport: HTTPTransport {
    private let client: HTTPClient

    /// Makes a transport.
    ///
    /// - Parameters:
    ///   - trust: Which certificates are believed.
    ///   - connectTimeout: How long a connection may take.
    ///   - idleTimeout: How long a silence in the middle of an exchange may last.
    /// - Throws: `invalidArgument` when the file of authorities cannot be read.
    public init(
        trust: TLSTrust = TLSTrust(), connectTimeout: Duration = .seconds(10), idleTimeout: Duration = .seconds(60)
    ) throws(BullaError) {
        var tls = TLSConfiguration.makeClientConfiguration()
        if !trust.verifies { tls.certificateVerification = .none }
        if let file = trust.authorityFile {
            do {
                tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(file))]
            } catch {
                throw BullaError(
                    .invalidArgument, "authority file '\(file)' holds no readable certificate", cause: error)
            }
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: connectTimeout.amount, read: idleTimeout.amount, write: idleTimeout.amount))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.idleTimeout = .seconds(60)
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes the connections; requests under way fail.
    ///
    /// - Throws: `internal` when the client was shut down before.
    public func shutdown() async throws(BullaError) {
        do { try await client.shutdown() } catch {
            throw BullaError(.internal, "closing the HTTP client failed", cause: error)
        }
    }

    /// Makes a transport, lends it, and shuts it down, whatever happens.
    ///
    /// - Throws: What `body` throws, or `invalidArgument` as the initializer.
    public static func with<Result>(
        trust: TLSTrust = TLSTrust(), isolation: isolated (any Actor)? = #isolation,
        _ body: (AsyncHTTPClientTransport) async throws -> Result
    ) async throws -> Result {
        let transport = try AsyncHTTPClientTransport(trust: trust)
        do {
            let result = try await body(transport)
            try await transport.shutdown()
            return result
        } catch {
            try? await transport.shutdown()
            throw error
        }
    }

    /// Sends a request.
    ///
    /// - Throws: `unavailable` when there is no connection, `deadlineExceeded` when time ran out, `cancelled`.
    public func send(
        _ request: HTTPRequest, body: OutgoingBody, timeout: Duration
    ) async throws(BullaError) -> HTTPReply {
        guard let scheme = request.scheme, let authority = request.authority else {
            throw BullaError(.invalidArgument, "a request without scheme or authority")
        }
        let name = "\(request.method.rawValue) \(Redaction.url(request.target))"
        var outgoing = HTTPClientRequest(url: "\(scheme)://\(authority)\(request.path ?? "/")")
        outgoing.method = HTTPMethod(rawValue: request.method.rawValue)
        for field in request.headerFields { outgoing.headers.add(name: field.name.rawName, value: field.value) }
        switch body {
        case .none: break
        case .bytes(let bytes): outgoing.body = .bytes(ByteBuffer(bytes: bytes))
        case .stream(let stream, let length):
            outgoing.body = .stream(
                BufferSequence(stream: stream), length: length.map { .known($0) } ?? .unknown)
        }
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: timeout)
        do {
            let response = try await client.execute(outgoing, deadline: .now() + timeout.amount)
            var head = HTTPResponse(status: .init(code: Int(response.status.code), reasonPhrase: ""))
            for (name, value) in response.headers {
                if let name = HTTPField.Name(name) { head.headerFields.append(HTTPField(name: name, value: value)) }
            }
            let incoming = response.body
            return HTTPReply(
                head: head,
                body: ByteStream {
                    var iterator = incoming.makeAsyncIterator()
                    return {
                        guard clock.now < deadline else {
                            throw BullaError(.deadlineExceeded, "\(name): the body took longer than \(timeout)")
                        }
                        do {
                            guard let buffer = try await iterator.next() else { return nil }
                            return Array(buffer.readableBytesView)
                        } catch { throw Self.translated(error, during: name) }
                    }
                })
        } catch {
            throw Self.translated(error, during: name)
        }
    }

    private static func translated(_ error: any Error, during name: String) -> BullaError {
        if let error = error as? BullaError { return error }
        if error is CancellationError { return BullaError(.cancelled, "\(name): cancelled", cause: error) }
        guard let error = error as? HTTPClientError else {
            return BullaError(.unavailable, "\(name): \(reason(for: error))", cause: error)
        }
        switch error {
        case .deadlineExceeded, .readTimeout, .connectTimeout, .writeTimeout, .getConnectionFromPoolTimeout,
            .tlsHandshakeTimeout:
            return BullaError(.deadlineExceeded, "\(name): timed out", cause: error)
        case .cancelled: return BullaError(.cancelled, "\(name): cancelled", cause: error)
        case .invalidURL, .emptyHost, .emptyScheme:
            return BullaError(.invalidArgument, "\(name): not a usable URL", cause: error)
        default: return BullaError(.unavailable, "\(name): \(error.shortDescription)", cause: error)
        }
    }

    private static func reason(for error: any Error) -> String {
        switch error {
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            // The library's text names places in its sources; this one word of it is for the reader.
            "\(error)".contains("CERTIFICATE_VERIFY_FAILED")
                ? "the server's certificate is not trusted" : "the TLS handshake failed"
        case is IOError: "no connection"
        default: "the exchange broke off"
        }
    }
}

/// A stream's chunks as the client wants them.
private struct BufferSequence: AsyncSequence, Sendable {
    let stream: ByteStream

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: stream.makeAsyncIterator()) }

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: ByteStream.AsyncIterator

        mutating func next() async throws -> ByteBuffer? { try await base.next().map { ByteBuffer(bytes: $0) } }
    }
}

extension Duration {
    /// The same span as NIO counts it, at most a year.
    fileprivate var amount: TimeAmount {
        .nanoseconds(Int64(min(self, .seconds(31_536_000)) / .nanoseconds(1)))
    }
}
