// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// Where an image comes from: a registry, an OCI layout, an archive, or our own store.
///
/// Two questions are all a source answers, so that a scan reads the same wherever the image lies. Nothing a source
/// returns is trusted: manifests are hashed, and a blob's size and digest are checked while it is read.
public protocol ImageSource: Sendable {
    /// The manifest or index with a digest, or, without one, that which the source's own name leads to.
    ///
    /// - Throws: `notFound` when the source does not have it; `dataLoss` when its bytes have another digest.
    func manifest(_ digest: Digest?) async throws(BullaError) -> ManifestDocument

    /// Opens a blob that a manifest describes.
    ///
    /// - Returns: Its bytes; the stream fails with `dataLoss` when they are not of the described size and digest.
    /// - Throws: `notFound` when the source does not have it.
    func blob(_ descriptor: Descriptor) async throws(BullaError) -> ByteStream
}

/// One image, for one platform, found in a source.
public struct ResolvedImage: Sendable, Hashable {
    /// The digest that the source's name leads to: an index's, or the image's own.
    public let root: Digest
    /// The digest of the image's manifest.
    public let digest: Digest
    /// The manifest's media type.
    public let mediaType: String
    /// The manifest.
    public let manifest: ImageManifest
    /// The platform that the index says the image is for; nil without an index.
    public let platform: Platform?
}

extension ImageSource {
    /// Finds the image for a platform.
    ///
    /// An index may lead to another one, at most four deep. Without a wish, an index of one image yields that image, else
    /// the one for this machine's platform.
    ///
    /// - Throws: `notFound` when no image is for the platform (the message lists those that are there); as `manifest(_:)`.
    public func resolve(platform: Platform?) async throws(BullaError) -> ResolvedImage {
        let root = try await manifest(nil)
        var document = root
        var chosen: Platform?
        for _ in 0...4 {
            guard MediaType.isIndex(document.mediaType) else {
                return ResolvedImage(
                    root: root.digest, digest: document.digest, mediaType: document.mediaType,
                    manifest: try ImageManifest(document.bytes), platform: chosen)
            }
            let entry = try Self.choose(in: try ImageIndex(document.bytes), platform)
            chosen = entry.platform ?? chosen
            document = try await manifest(entry.digest)
        }
        throw BullaError(.invalidArgument, "indexes are nested more than four deep", reason: "MANIFEST_INVALID")
    }

    private static func choose(in index: ImageIndex, _ platform: Platform?) throws(BullaError) -> Descriptor {
        // Attestations of build tools stand in indexes as images for the platform unknown/unknown.
        let images = index.manifests.filter {
            $0.artifactType == nil && $0.platform?.os != "unknown"
                && (MediaType.isManifest($0.mediaType) || MediaType.isIndex($0.mediaType))
        }
        if let entry = index.manifest(for: platform ?? .current), images.contains(entry) { return entry }
        if images.count == 1, let only = images.first, platform == nil || only.platform == nil { return only }
        let present = images.compactMap(\.platform).map(\.description).joined(separator: ", ")
        throw BullaError(
            .notFound, "no image for \(platform ?? .current); there are: \(present.isEmpty ? "none" : present)",
            reason: "MANIFEST_UNKNOWN")
    }

    /// Reads an image's configuration, at most 8 MiB.
    ///
    /// - Throws: `notFound`, `dataLoss`, `resourceExhausted`.
    public func configuration(of image: ResolvedImage) async throws(BullaError) -> [UInt8] {
        let descriptor = image.manifest.config
        let stream = try await blob(descriptor)
        do {
            return try await stream.collect(upTo: 8 << 20, of: "configuration \(descriptor.digest)")
        } catch {
            throw BullaError(wrapping: error, while: "reading configuration \(descriptor.digest)")
        }
    }
}

extension ByteStream {
    /// The same bytes, which fail at their end, or past it, when they are not of the described size and digest.
    ///
    /// The last chunk is held back until the digest is known, so that no reader takes a forged stream for a whole one.
    public func verified(as descriptor: Descriptor) -> ByteStream {
        ByteStream {
            var iterator = makeAsyncIterator()
            var hasher = DigestHasher()
            var rest = descriptor.size
            var isDone = false
            return {
                guard !isDone else { return nil }
                let chunk = try await iterator.next()
                if let chunk {
                    guard Int64(chunk.count) <= rest else {
                        throw BullaError(
                            .dataLoss, "blob \(descriptor.digest) is longer than \(descriptor.size) bytes",
                            reason: "SIZE_INVALID")
                    }
                    hasher.update(chunk)
                    rest -= Int64(chunk.count)
                    if rest > 0 { return chunk }
                }
                isDone = true
                guard rest == 0 else {
                    throw BullaError(
                        .dataLoss, "blob \(descriptor.digest) ends \(rest) bytes short of \(descriptor.size)",
                        reason: "SIZE_INVALID")
                }
                let actual = hasher.finalize()
                guard actual == descriptor.digest else {
                    throw BullaError(
                        .dataLoss, "blob \(descriptor.digest) has in truth digest \(actual)", reason: "DIGEST_INVALID")
                }
                if chunk != nil, try await iterator.next() != nil {
                    throw BullaError(
                        .dataLoss, "blob \(descriptor.digest) is longer than \(descriptor.size) bytes",
                        reason: "SIZE_INVALID")
                }
                return chunk
            }
        }
    }
}
