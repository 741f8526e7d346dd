// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import Foundation

/// What `docker save` writes: a tar archive with a `manifest.json`, read without being unpacked.
///
/// <https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format>.
/// Newer archives are OCI layouts too, and are then read as such, so that the image keeps the digest it has there. An
/// old one has no manifest; one is made of its parts, the same that other tools make: Docker's schema 2, layers named
/// by the digest of what the archive holds.
public struct DockerArchive: ImageSource {
    private struct Entry: Decodable {
        var Config: String
        var RepoTags: [String]?
        var Layers: [String]
    }

    private let layout: OCILayout?
    private let files: ArchiveFiles
    private let paths: [Digest: String]
    private let document: ManifestDocument?

    /// Opens an archive.
    ///
    /// - Parameters:
    ///   - path: The archive's path.
    ///   - tag: The image in it, as `name:tag` or `tag`; may be nil when there is one.
    /// - Throws: `notFound` when there is no such image; `invalidArgument` when it is no such archive; `dataLoss` when it
    ///   is damaged.
    public init(_ path: String, tag: String? = nil) async throws(BullaError) {
        files = try await ArchiveFiles(path)
        if try await files.contains("oci-layout") {
            layout = try await OCILayout(files, tag: tag)
            paths = [:]
            document = nil
            return
        }
        layout = nil
        let bytes = try await files.read("manifest.json", upTo: ImageManifest.maximumSize)
        guard JSONDepth.isAtMost(16, in: bytes),
            let entries = try? JSONDecoder().decode([Entry].self, from: Data(bytes))
        else { throw BullaError(.invalidArgument, "manifest.json of '\(path)' is not Docker's") }
        (document, paths) = try await Self.assemble(try Self.choose(entries, tag, path), files)
    }

    private static func choose(_ entries: [Entry], _ tag: String?, _ path: String) throws(BullaError) -> Entry {
        let names = entries.flatMap { $0.RepoTags ?? [] }
        let found = tag.map { tag in
            entries.first { ($0.RepoTags ?? []).contains { $0 == tag || $0.hasSuffix(":\(tag)") } }
        }
        if let found {
            guard let found else {
                throw BullaError(
                    .notFound, "'\(path)' has no image '\(tag ?? "")'; there are: \(names.joined(separator: ", "))")
            }
            return found
        }
        guard let first = entries.first else { throw BullaError(.notFound, "'\(path)' has no image") }
        guard entries.count == 1 else {
            throw BullaError(
                .invalidArgument, "'\(path)' has several images: name one of \(names.joined(separator: ", "))")
        }
        return first
    }

    /// Makes the manifest of an image that has none.
    private static func assemble(
        _ entry: Entry, _ files: ArchiveFiles
    ) async throws(BullaError) -> (ManifestDocument, [Digest: String]) {
        let config = try await files.read(entry.Config, upTo: 8 << 20)
        let diffIDs = try ImageConfig(config).rootfs.diffIDs
        guard diffIDs.count == entry.Layers.count else {
            throw BullaError(
                .invalidArgument,
                "'\(files.name)' lists \(entry.Layers.count) layers, its configuration \(diffIDs.count)")
        }
        let configDigest = Digest(of: config)
        var paths = [configDigest: entry.Config]
        var layers: [String] = []
        for (diffID, path) in zip(diffIDs, entry.Layers) {
            let digest = try await Self.digest(of: path, diffID, files)
            paths[digest] = path
            layers.append(line(MediaType.dockerLayer, try await files.size(of: path), digest))
        }
        // The order of the members is that of other tools, so that the digest is theirs too.
        let text =
            "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.dockerManifest)\","
            + "\"config\":\(line(MediaType.dockerConfig, Int64(config.count), configDigest)),"
            + "\"layers\":[\(layers.joined(separator: ","))]}"
        return (ManifestDocument(mediaType: MediaType.dockerManifest, bytes: Array(text.utf8)), paths)
    }

    private static func line(_ mediaType: String, _ size: Int64, _ digest: Digest) -> String {
        "{\"mediaType\":\"\(mediaType)\",\"size\":\(size),\"digest\":\"\(digest)\"}"
    }

    /// The digest of a layer's file: of one that is a plain tar archive the configuration tells it, and reading checks it.
    private static func digest(
        of path: String, _ diffID: String, _ files: ArchiveFiles
    ) async throws(BullaError) -> Digest {
        let stream = try await files.open(path)
        var iterator = stream.makeAsyncIterator()
        var hasher = DigestHasher()
        do {
            var chunk = try await iterator.next()
            let start = chunk ?? []
            let isPacked = start.starts(with: [0x1f, 0x8b]) || start.starts(with: [0x28, 0xb5, 0x2f, 0xfd])
            if !isPacked { return try Digest(diffID) }
            while let bytes = chunk {
                hasher.update(bytes)
                chunk = try await iterator.next()
            }
        } catch { throw BullaError(wrapping: error, while: "reading '\(path)' of '\(files.name)'") }
        return hasher.finalize()
    }

    /// The manifest; an archive that is no layout knows but one.
    ///
    /// - Throws: `notFound`, `dataLoss`.
    public func manifest(_ digest: Digest?) async throws(BullaError) -> ManifestDocument {
        if let layout { return try await layout.manifest(digest) }
        guard let document, digest == nil || digest == document.digest else {
            throw files.missing(digest?.description ?? "manifest")
        }
        return document
    }

    /// Opens a blob.
    ///
    /// - Throws: `notFound`.
    public func blob(_ descriptor: Descriptor) async throws(BullaError) -> ByteStream {
        if let layout { return try await layout.blob(descriptor) }
        guard let path = paths[descriptor.digest] else { throw files.missing(descriptor.digest.description) }
        return try await files.open(path).verified(as: descriptor)
    }
}
