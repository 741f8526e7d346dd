// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import Foundation

/// An OCI image layout, in a folder or in a tar archive that is not unpacked.
///
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>
public struct OCILayout: ImageSource {
    private struct Marker: Decodable { var imageLayoutVersion: String }

    private static let nameAnnotation = "org.opencontainers.image.ref.name"

    private let files: any ImageFiles
    private let entry: Descriptor
    private let entries: [Digest: Descriptor]

    /// Opens the layout in a folder.
    ///
    /// - Parameters:
    ///   - folder: The folder.
    ///   - tag: The image in it; may be nil when there is one.
    /// - Throws: `notFound` when there is no layout or no such image; `invalidArgument` when it is malformed.
    public init(folder: String, tag: String? = nil) async throws(BullaError) {
        try await self.init(FolderFiles(folder), tag: tag)
    }

    /// Opens the layout in a tar archive.
    ///
    /// - Parameters:
    ///   - archive: The archive's path.
    ///   - tag: The image in it; may be nil when there is one.
    /// - Throws: As for a folder; `dataLoss` when it is no tar archive.
    public init(archive: String, tag: String? = nil) async throws(BullaError) {
        try await self.init(try await ArchiveFiles(archive), tag: tag)
    }

    init(_ files: any ImageFiles, tag: String?) async throws(BullaError) {
        let marker = try await files.read("oci-layout", upTo: 4096)
        guard let read = try? JSONDecoder().decode(Marker.self, from: Data(marker)),
            read.imageLayoutVersion.hasPrefix("1.")
        else { throw BullaError(.invalidArgument, "'\(files.name)' is not an OCI layout of version 1") }
        let index = try ImageIndex(try await files.read("index.json", upTo: ImageManifest.maximumSize))
        self.files = files
        entry = try Self.choose(index.manifests, tag, files.name)
        entries = Dictionary(index.manifests.map { ($0.digest, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private static func choose(
        _ all: [Descriptor], _ tag: String?, _ place: String
    ) throws(BullaError) -> Descriptor {
        let names = all.compactMap { $0.annotations[nameAnnotation] }
        if let tag {
            // Some tools write the whole reference where the specification shows a tag.
            let found = all.first { $0.annotations[nameAnnotation] == tag }
            if let found = found ?? all.first(where: { $0.annotations[nameAnnotation]?.hasSuffix(":\(tag)") ?? false })
            {
                return found
            }
            throw BullaError(
                .notFound, "'\(place)' has no image '\(tag)'; there are: \(names.sorted().joined(separator: ", "))")
        }
        guard let first = all.first else { throw BullaError(.notFound, "'\(place)' has no image") }
        guard Set(all.map(\.digest)).count == 1 else {
            throw BullaError(
                .invalidArgument, "'\(place)' has several images: name one of \(names.sorted().joined(separator: ", "))"
            )
        }
        return first
    }

    private static func path(_ digest: Digest) -> String { "blobs/sha256/\(digest.hexadecimal)" }

    /// The manifest with a digest, or that of the image chosen.
    ///
    /// - Throws: `notFound`, `dataLoss`.
    public func manifest(_ digest: Digest?) async throws(BullaError) -> ManifestDocument {
        let wanted = digest ?? entry.digest
        let bytes = try await files.read(Self.path(wanted), upTo: ImageManifest.maximumSize)
        return try ManifestDocument(
            claimed: entries[wanted]?.mediaType, bytes: bytes, expecting: wanted, from: "'\(files.name)'")
    }

    /// Opens a blob.
    ///
    /// - Throws: `notFound`.
    public func blob(_ descriptor: Descriptor) async throws(BullaError) -> ByteStream {
        try await files.open(Self.path(descriptor.digest)).verified(as: descriptor)
    }
}
