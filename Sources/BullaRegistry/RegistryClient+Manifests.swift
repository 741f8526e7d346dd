// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import BullaHTTP
import HTTPTypes

extension RegistryClient {
    private static let accepted = [
        MediaType.ociIndex, MediaType.ociManifest, MediaType.dockerList, MediaType.dockerManifest,
    ].joined(separator: ", ")

    func pull(_ image: ImageReference) -> Grant {
        Grant(registry: image.registry, scopes: [Self.scope(image.repository, "pull")])
    }

    func push(_ image: ImageReference) -> Grant {
        Grant(registry: image.registry, scopes: [Self.scope(image.repository, "pull,push")])
    }

    private func path(_ image: ImageReference) -> String {
        "/v2/\(image.repository)/manifests/\(image.digest?.description ?? image.tag ?? "latest")"
    }

    /// Reads the manifest or index that a reference names; a digest counts before a tag, and neither means `latest`.
    ///
    /// - Throws: `notFound`; `dataLoss` when the bytes have another digest than was asked for or promised.
    public func manifest(_ image: ImageReference) async throws(BullaError) -> ManifestDocument {
        let doing = "reading the manifest of \(image)"
        let reply = try await exchange(
            request(.get, image.registry, path(image), [.accept: Self.accepted]), for: pull(image))
        guard reply.head.status == .ok else { throw await failure(reply, doing) }
        let bytes = try await reply.bytes(upTo: ImageManifest.maximumSize, of: "the manifest of \(image)")
        var digest = image.digest
        if digest == nil { digest = try promised(reply, doing) }
        return try ManifestDocument(
            claimed: reply.head.headerFields[.contentType], bytes: bytes, expecting: digest, from: image.description)
    }

    /// The digest that an answer's field promises, if it is one that we can check.
    private func promised(_ reply: HTTPReply, _ doing: String) throws(BullaError) -> Digest? {
        guard let text = reply.head.headerFields[.dockerContentDigest], text.hasPrefix("sha256:") else { return nil }
        do { return try Digest(text) } catch {
            throw BullaError(.dataLoss, "\(doing): \(error.message)", reason: "DIGEST_INVALID")
        }
    }

    /// The digest that a reference leads to.
    ///
    /// A tag is asked for with `HEAD`; where the registry answers that without a digest, the manifest is read.
    ///
    /// - Throws: `notFound`.
    public func resolve(_ image: ImageReference) async throws(BullaError) -> Digest {
        if let digest = image.digest { return digest }
        let doing = "resolving \(image)"
        let reply = try await exchange(
            request(.head, image.registry, path(image), [.accept: Self.accepted]), for: pull(image))
        switch reply.head.status {
        case .ok:
            if let digest = try promised(reply, doing) { return digest }
            return try await manifest(image).digest
        case .methodNotAllowed: return try await manifest(image).digest
        default: throw await failure(reply, doing)
        }
    }

    /// Puts a manifest under a tag, or, where the reference has none, under its digest.
    ///
    /// - Returns: Its digest.
    /// - Throws: `invalidArgument` when the registry finds it at fault or misses something it needs; `dataLoss` when it
    ///   kept something else.
    @discardableResult
    public func putManifest(
        _ document: ManifestDocument, to image: ImageReference
    ) async throws(BullaError) -> Digest {
        let doing = "putting the manifest of \(image)"
        let place = ImageReference(
            registry: image.registry, repository: image.repository, tag: image.tag,
            digest: image.tag == nil ? document.digest : nil)
        let reply = try await exchange(
            request(.put, image.registry, path(place), [.contentType: document.mediaType]),
            body: .bytes(document.bytes), for: push(image))
        guard reply.head.status == .created else { throw await failure(reply, doing) }
        if let kept = try promised(reply, doing), kept != document.digest {
            throw BullaError(.dataLoss, "\(doing): the registry kept \(kept), not \(document.digest)")
        }
        return document.digest
    }

    /// Deletes a manifest, or, where the reference has no digest, its tag.
    ///
    /// - Throws: `notFound`; `unimplemented` when the registry does not delete.
    public func deleteManifest(_ image: ImageReference) async throws(BullaError) {
        let grant = Grant(registry: image.registry, scopes: [Self.scope(image.repository, "delete,pull,push")])
        let reply = try await exchange(request(.delete, image.registry, path(image)), for: grant)
        guard reply.head.status == .accepted else { throw await failure(reply, "deleting \(image)") }
    }
}

extension HTTPField.Name {
    static let dockerContentDigest = named("Docker-Content-Digest")
    static let ociFiltersApplied = named("OCI-Filters-Applied")
    static let link = named("Link")

    private static func named(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .via }
}
