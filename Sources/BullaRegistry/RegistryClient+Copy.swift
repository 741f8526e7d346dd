// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// An image in a registry as a source.
public struct RegistrySource: ImageSource {
    private let client: RegistryClient
    private let image: ImageReference

    /// Reads what `image` names through `client`.
    public init(_ client: RegistryClient, _ image: ImageReference) {
        self.client = client
        self.image = image
    }

    /// The manifest with a digest, or that which the reference names.
    ///
    /// - Throws: `notFound`, `dataLoss`.
    public func manifest(_ digest: Digest?) async throws(BullaError) -> ManifestDocument {
        try await client.manifest(digest.map { image.at($0) } ?? image)
    }

    /// Opens a blob.
    ///
    /// - Throws: `notFound`.
    public func blob(_ descriptor: Descriptor) async throws(BullaError) -> ByteStream {
        try await client.blob(descriptor, of: image)
    }
}

extension RegistryClient {
    /// Copies an image, or an index with all its images, into a registry.
    ///
    /// What the registry has is not sent again; manifests go last, innermost first, so that a reader never sees one
    /// whose parts are missing. An index may hold indexes, at most four deep.
    ///
    /// - Parameters:
    ///   - source: Where the image is.
    ///   - image: Where it shall be; without a tag it can be found by its digest alone.
    /// - Returns: The digest of what was copied.
    /// - Throws: As the source and the registry.
    @discardableResult
    public func copy(_ source: any ImageSource, to image: ImageReference) async throws(BullaError) -> Digest {
        let root = try await source.manifest(nil)
        try await copy(root, source, to: image, depth: 0)
        return root.digest
    }

    private func copy(
        _ document: ManifestDocument, _ source: any ImageSource, to image: ImageReference, depth: Int
    ) async throws(BullaError) {
        guard depth <= 4 else {
            throw BullaError(.invalidArgument, "indexes are nested more than four deep", reason: "MANIFEST_INVALID")
        }
        if MediaType.isIndex(document.mediaType) {
            for entry in try ImageIndex(document.bytes).manifests {
                if MediaType.isIndex(entry.mediaType) || MediaType.isManifest(entry.mediaType) {
                    let child = try await source.manifest(entry.digest)
                    try await copy(child, source, to: image.at(entry.digest), depth: depth + 1)
                } else {
                    try await upload(entry, to: image, try await source.blob(entry))
                }
            }
        } else {
            let manifest = try ImageManifest(document.bytes)
            for part in [manifest.config] + manifest.layers where !MediaType.isForeign(part.mediaType) {
                // Asked before the source is opened, which may cost as much as the upload.
                if try await hasBlob(part.digest, of: image) { continue }
                try await upload(part, to: image, try await source.blob(part))
            }
        }
        try await putManifest(document, to: image)
    }
}
