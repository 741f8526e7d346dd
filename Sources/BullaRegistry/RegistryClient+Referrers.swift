// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import BullaHTTP
import HTTPTypes

extension RegistryClient {
    /// The manifests that are about another one: signatures, attestations, SBOMs.
    ///
    /// A registry without the referrers API keeps them in an index under the tag `sha256-<hex>`
    /// (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema>).
    ///
    /// - Parameters:
    ///   - digest: The manifest that they are about.
    ///   - image: Names the repository.
    ///   - artifactType: Only those of this type, if given.
    ///   - limit: How many at most.
    /// - Returns: Their descriptors; none is no error.
    /// - Throws: `unavailable`, `unauthenticated`; `resourceExhausted` when there are more.
    public func referrers(
        to digest: Digest, of image: ImageReference, artifactType: String? = nil, limit: Int = 10_000
    ) async throws(BullaError) -> [Descriptor] {
        let doing = "listing the referrers of \(image.name)@\(digest)"
        let filter = artifactType.map { "?artifactType=\(Self.escape($0))" } ?? ""
        var found: [Descriptor] = []
        var next: HTTPRequest? = request(
            .get, image.registry, "/v2/\(image.repository)/referrers/\(digest)\(filter)", [.accept: MediaType.ociIndex])
        while let page = next {
            let reply = try await exchange(page, for: pull(image))
            if reply.head.status == .notFound, found.isEmpty {
                found = try await tagged(digest, image)
                break
            }
            guard reply.head.status == .ok else { throw await failure(reply, doing) }
            let bytes = try await reply.bytes(upTo: ImageManifest.maximumSize, of: "the referrers of \(digest)")
            let index = try ImageIndex(bytes)
            found += index.manifests
            guard found.count <= limit else { throw BullaError(.resourceExhausted, "\(doing): more than \(limit)") }
            next = index.manifests.isEmpty ? nil : self.next(reply, after: page)
        }
        // A registry may ignore the filter, and then says so by leaving a field out; filtering again does no harm.
        return artifactType == nil ? found : found.filter { $0.artifactType == artifactType }
    }

    private func tagged(_ digest: Digest, _ image: ImageReference) async throws(BullaError) -> [Descriptor] {
        let place = ImageReference(
            registry: image.registry, repository: image.repository, tag: "sha256-\(digest.hexadecimal)")
        do {
            let document = try await manifest(place)
            return MediaType.isIndex(document.mediaType) ? try ImageIndex(document.bytes).manifests : []
        } catch {
            guard error.code == .notFound else { throw error }
            return []
        }
    }
}
