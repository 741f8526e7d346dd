// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaFlow
import BullaGrafeas
import BullaHTTP
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
        let ours = image.registry == authority || image.registry == names.registryName
        let base = ours ? url.absoluteString : "\(ListenScheme.scheme(of: image.registry))://\(image.registry)"
        guard let target = URL(string: "\(base)/v2/\(image.repository)/manifests/\(image.tag ?? "latest")"),
            var request = HTTPRequest(.head, to: target)
        else { throw BullaError(.invalidArgument, "image '\(image)' cannot be asked for") }
        request.headerFields[.accept] = [
            MediaType.ociIndex, MediaType.ociManifest, MediaType.dockerList, MediaType.dockerManifest,
        ].joined(separator: ", ")
        if let token, ours { request.headerFields[.authorization] = "Bearer \(token)" }
        let reply = try await transport.fetch(request, timeout: .seconds(30))
        guard reply.head.status.code == 200, let name = HTTPField.Name("Docker-Content-Digest"),
            let text = reply.head.headerFields[name]
        else {
            throw BullaError(
                .notFound, "image '\(image)' was not found at \(base) (status \(reply.head.status.code))")
        }
        return try Digest(text)
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

/// Which scheme a registry is spoken to with: plain HTTP on loopback, as Docker does.
enum ListenScheme {
    static func scheme(of registry: String) -> String {
        let host = registry.split(separator: ":").first.map(String.init) ?? registry
        return host == "localhost" || host.hasPrefix("127.") || registry.hasPrefix("[::1]") ? "http" : "https"
    }
}
