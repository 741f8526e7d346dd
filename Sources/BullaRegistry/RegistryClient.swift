// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaHTTP
import Foundation
import HTTPTypes
import Synchronization

/// A client of OCI registries: pull and push by the distribution specification.
///
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>. Everything that only reads is tried again
/// a few times, and a layer's download goes on where it broke off. Tokens are kept by registry and scope until shortly
/// before they end. Nothing that a registry says is believed without its digest.
public final class RegistryClient: Sendable {
    /// How a client behaves.
    public struct Options: Sendable {
        /// Whether registries are spoken to without TLS.
        public var usesPlainHTTP: Bool
        /// How long a request about small things may take.
        public var timeout: Duration
        /// How long the transfer of one blob may take.
        public var transferTimeout: Duration
        /// How often what only reads is tried again.
        public var retries: RetryPolicy
        /// How many bytes a chunk of an upload has; nil to send each blob in one request.
        public var chunkSize: Int?

        /// Makes options.
        public init(
            usesPlainHTTP: Bool = false, timeout: Duration = .seconds(30), transferTimeout: Duration = .seconds(3600),
            retries: RetryPolicy = RetryPolicy(), chunkSize: Int? = nil
        ) {
            self.usesPlainHTTP = usesPlainHTTP
            self.timeout = timeout
            self.transferTimeout = transferTimeout
            self.retries = retries
            self.chunkSize = chunkSize
        }
    }

    /// What a token was granted for.
    struct Grant: Hashable, Sendable {
        let registry: String
        let scopes: [String]
    }

    /// A value of the `Authorization` field, and until when it is good.
    struct Authorization: Sendable {
        let value: String
        let end: ContinuousClock.Instant
    }

    let transport: any HTTPTransport
    let credentials: Credentials
    let options: Options
    let authorizations = Mutex<[Grant: Authorization]>([:])

    /// Makes a client.
    public init(transport: any HTTPTransport, credentials: Credentials = .none, options: Options = Options()) {
        self.transport = transport
        self.credentials = credentials
        self.options = options
    }

    /// The scheme and host at which a registry is reached; Docker Hub's API lives apart from its name.
    func base(of registry: String) -> (scheme: String, authority: String) {
        (options.usesPlainHTTP ? "http" : "https", registry == "index.docker.io" ? "registry-1.docker.io" : registry)
    }

    func request(
        _ method: HTTPRequest.Method, _ registry: String, _ path: String, _ fields: HTTPFields = [:]
    ) -> HTTPRequest {
        let (scheme, authority) = base(of: registry)
        var fields = fields
        fields[.userAgent] = "bulla"
        return HTTPRequest(method: method, scheme: scheme, authority: authority, path: path, headerFields: fields)
    }

    /// What may be done to a repository, as token servers write it.
    static func scope(_ repository: String, _ actions: String) -> String { "repository:\(repository):\(actions)" }

    /// Sends a request with what authorization there is, and once more with what the registry then asks for.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - body: What goes with it.
    ///   - grant: What it needs.
    ///   - timeout: How long one attempt may take; the options' `timeout` unless given.
    /// - Returns: The answer, whatever its status.
    /// - Throws: `unauthenticated` when nothing that we have answers the registry; as the transport.
    func exchange(
        _ request: HTTPRequest, body: OutgoingBody = .none, for grant: Grant, timeout: Duration? = nil
    ) async throws(BullaError) -> HTTPReply {
        var request = request
        // An upload may be sent elsewhere; our authorization is for the registry alone.
        let (scheme, authority) = base(of: grant.registry)
        let isAtHome = request.scheme == scheme && request.authority == authority
        if isAtHome { request.headerFields[.authorization] = authorization(for: grant) }
        let reply = try await attempt(request, body, timeout ?? options.timeout)
        guard reply.head.status == .unauthorized, isAtHome else { return reply }
        let challenges = reply.head.headerFields[values: .wwwAuthenticate].flatMap(AuthenticationChallenge.parse)
        if case .stream = body {
            throw BullaError(
                .unauthenticated, "\(grant.registry) asked for a credential in the middle of an upload",
                reason: "UNAUTHORIZED")
        }
        _ = try? await reply.bytes(upTo: 64 << 10, of: "a challenge")
        request.headerFields[.authorization] = try await authorize(grant, by: challenges)
        let second = try await attempt(request, body, timeout ?? options.timeout)
        if second.head.status == .unauthorized { authorizations.withLock { $0[grant] = nil } }
        return second
    }

    private func attempt(
        _ request: HTTPRequest, _ body: OutgoingBody, _ timeout: Duration
    ) async throws(BullaError) -> HTTPReply {
        if request.method == .get || request.method == .head {
            return try await transport.fetch(request, timeout: timeout, retrying: options.retries)
        }
        return try await transport.send(request, body: body, timeout: timeout)
    }

    /// The error that a reply with an unexpected status stands for.
    func failure(_ reply: HTTPReply, _ doing: String) async -> BullaError {
        struct Body: Decodable {
            struct Entry: Decodable {
                var code: String?
                var message: String?
            }
            var errors: [Entry]?
        }
        let bytes = (try? await reply.bytes(upTo: 64 << 10, of: "an error")) ?? []
        let entry =
            JSONDepth.isAtMost(32, in: bytes)
            ? (try? JSONDecoder().decode(Body.self, from: Data(bytes)))?.errors?.first : nil
        let status = reply.head.status.code
        let code: BullaError.Code =
            switch status {
            case 400: .invalidArgument
            case 401: .unauthenticated
            case 403: .permissionDenied
            case 404: .notFound
            case 405, 501: .unimplemented
            case 409: .aborted
            case 413: .resourceExhausted
            case 416: .outOfRange
            case 429: .resourceExhausted
            default: status >= 500 ? .unavailable : .failedPrecondition
            }
        let said = entry?.message.map { ": \($0.prefix(300))" } ?? ""
        return BullaError(code, "\(doing): the registry answered \(status)\(said)", reason: entry?.code)
    }

    /// Where a `Location` field leads from a request.
    func location(_ reply: HTTPReply, of request: HTTPRequest, _ doing: String) throws(BullaError) -> URL {
        guard let text = reply.head.headerFields[.location],
            let url = URL(string: text, relativeTo: request.target)?.absoluteURL
        else { throw BullaError(.unavailable, "\(doing): the registry answered without a usable Location") }
        return url
    }

    /// Asks whether the registry is one and lets us in.
    ///
    /// - Throws: `unavailable`, `unauthenticated`, `notFound` when there is no registry.
    public func ping(_ registry: String) async throws(BullaError) {
        let reply = try await exchange(request(.get, registry, "/v2/"), for: Grant(registry: registry, scopes: []))
        guard reply.head.status == .ok else { throw await failure(reply, "asking \(registry)") }
    }
}
