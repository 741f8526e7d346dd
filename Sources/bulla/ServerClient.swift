// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaFlow
import BullaGrafeas
import BullaHTTP
import BullaRegistry
import Foundation
import HTTPTypes

/// A server as the commands see it: the metadata API, and what only Bulla offers.
struct ServerClient: Sendable {
    /// What a server says about itself at `GET /bulla/v1/server`.
    struct Description: Codable, Sendable {
        var version: String
        var registryName: String
        var project: String
        var vulnerabilityProvider: String
        var analysisProvider: String
        var maximumScanAge: Double?
    }

    let url: URL
    let token: String?
    let transport: AsyncHTTPClientTransport

    /// The metadata API.
    var metadata: MetadataClient { MetadataClient(server: url, transport: transport, token: token) }

    /// Asks the server what it is.
    ///
    /// - Throws: `unavailable` when it does not answer.
    func description() async throws(BullaError) -> Description {
        let bytes = try await call(.get, "/bulla/v1/server")
        do {
            return try JSONDecoder().decode(Description.self, from: Data(bytes))
        } catch {
            throw BullaError(.unavailable, "\(url) answers, but not as a Bulla server", cause: error)
        }
    }

    /// The names that the server gives to images.
    ///
    /// - Throws: `unavailable` when it does not answer.
    func names() async throws(BullaError) -> RecordNames {
        let server = try await description()
        return try RecordNames(
            registryName: server.registryName, defaultProject: server.project,
            vulnerabilityProvider: server.vulnerabilityProvider, analysisProvider: server.analysisProvider)
    }

    /// An image under the name that the record knows it by: our registry's address is its name.
    func recorded(_ image: ImageReference, _ names: RecordNames) -> ImageReference {
        guard image.registry == authority else { return image }
        return ImageReference(
            registry: names.registryName, repository: image.repository, tag: image.tag, digest: image.digest)
    }

    /// Host and port of the server.
    var authority: String {
        (url.host ?? "") + (url.port.map { ":\($0)" } ?? "")
    }

    /// Asks for the digest of an image: the reference's own, or that of its tag in the registry it names.
    ///
    /// - Throws: `notFound` when there is no such tag, `unavailable` when the registry does not answer.
    func resolve(_ image: ImageReference, _ names: RecordNames) async throws(BullaError) -> Digest {
        if let digest = image.digest { return digest }
        var asked = image
        if image.registry == names.registryName {
            asked = ImageReference(registry: authority, repository: image.repository, tag: image.tag)
        }
        return try await Registries.client(for: asked, transport: transport).resolve(asked)
    }

    /// Calls one of Bulla's own methods.
    ///
    /// - Throws: `unavailable` when the server does not answer, or what it answers with.
    func call(
        _ method: HTTPRequest.Method, _ path: String, query: [URLQueryItem] = [], body: [UInt8]? = nil,
        limit: Int = 256 << 20
    ) async throws(BullaError) -> [UInt8] {
        guard var parts = URLComponents(url: url, resolvingAgainstBaseURL: true) else {
            throw BullaError(.invalidArgument, "'\(url)' is not a server's URL")
        }
        parts.path = path
        if !query.isEmpty { parts.queryItems = query }
        guard let target = parts.url, var request = HTTPRequest(method, to: target) else {
            throw BullaError(.invalidArgument, "'\(url)' is not a server's URL")
        }
        if let token { request.headerFields[.authorization] = "Bearer \(token)" }
        if body != nil { request.headerFields[.contentType] = "application/json" }
        let reply = try await transport.send(
            request, body: body.map { .bytes($0) } ?? .none, timeout: .seconds(60))
        let bytes = try await reply.bytes(upTo: limit, of: "the answer of \(path)")
        guard reply.head.status.kind == .successful else {
            throw MetadataClient.failure(status: reply.head.status.code, bytes, "\(method.rawValue) \(path)")
        }
        return bytes
    }
}

/// The registries that commands speak to.
enum Registries {
    /// A client for the registry of an image, with the user's credentials; plain HTTP on loopback, as Docker does.
    static func client(
        for image: ImageReference, plainHTTP: Bool = false, transport: AsyncHTTPClientTransport
    ) -> RegistryClient {
        let host = image.registry.split(separator: ":").first.map(String.init) ?? image.registry
        let isLoopback = host == "localhost" || host.hasPrefix("127.") || image.registry.hasPrefix("[::1]")
        return RegistryClient(
            transport: transport, credentials: .ofUser(), options: .init(usesPlainHTTP: plainHTTP || isLoopback))
    }
}
