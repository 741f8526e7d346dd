// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import Foundation

/// An image made in code: its layers, its configuration and its manifest, as a registry keeps them.
///
/// The same layers give the same bytes, for nothing in it has a time.
public struct ImageWriter: Sendable {
    /// The layers, lowest first.
    public let layers: [LayerWriter.Layer]
    /// The configuration's bytes.
    public let config: [UInt8]
    /// The manifest's bytes.
    public let manifest: [UInt8]
    /// The manifest's media type, digest and size.
    public let descriptor: Descriptor

    /// Puts an image together.
    ///
    /// - Throws: `internal` when JSON cannot be written, which no layer can cause.
    public init(_ layers: [LayerWriter.Layer], platform: Platform = Platform(os: "linux", architecture: "amd64"))
        throws(BullaError)
    {
        self.layers = layers
        config = try Self.encode(
            ImageConfig(
                architecture: platform.architecture, os: platform.os, variant: platform.variant,
                rootfs: ImageConfig.RootFS(diffIDs: layers.map(\.diffID.description))))
        manifest = try Self.encode(
            ImageManifest(
                config: Descriptor(
                    mediaType: MediaType.ociConfig, digest: Digest(of: config), size: Int64(config.count)),
                layers: layers.map(\.descriptor)))
        descriptor = Descriptor(
            mediaType: MediaType.ociManifest, digest: Digest(of: manifest), size: Int64(manifest.count),
            platform: platform)
    }

    /// Everything that the manifest names: the configuration and the layers.
    public var blobs: [(digest: Digest, bytes: [UInt8])] {
        [(Digest(of: config), config)] + layers.map { ($0.descriptor.digest, $0.blob) }
    }

    /// Writes the image as an OCI layout (https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md).
    ///
    /// - Parameters:
    ///   - folder: Where; made when it is missing.
    ///   - tag: The name that the layout's index gives the image.
    /// - Throws: `internal` when a file cannot be written.
    public func writeLayout(to folder: String, tag: String? = nil) throws(BullaError) {
        do {
            let base = URL(fileURLWithPath: folder, isDirectory: true)
            let blobFolder = base.appendingPathComponent("blobs/sha256", isDirectory: true)
            try FileManager.default.createDirectory(at: blobFolder, withIntermediateDirectories: true)
            for (digest, bytes) in blobs + [(descriptor.digest, manifest)] {
                try Data(bytes).write(to: blobFolder.appendingPathComponent(digest.hexadecimal))
            }
            try Data(#"{"imageLayoutVersion":"1.0.0"}"#.utf8).write(to: base.appendingPathComponent("oci-layout"))
            let entry = Descriptor(
                mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size,
                platform: descriptor.platform,
                annotations: tag.map { ["org.opencontainers.image.ref.name": $0] } ?? [:])
            let index = try Self.encode(LayoutIndex(manifests: [entry]))
            try Data(index).write(to: base.appendingPathComponent("index.json"))
        } catch {
            throw BullaError(wrapping: error, while: "writing an OCI layout to '\(folder)'")
        }
    }

    private struct LayoutIndex: Encodable {
        let schemaVersion = 2
        let mediaType = MediaType.ociIndex
        let manifests: [Descriptor]
    }

    private static func encode(_ value: some Encodable) throws(BullaError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value))
        } catch {
            throw BullaError(wrapping: error, while: "writing an image's JSON")
        }
    }
}
