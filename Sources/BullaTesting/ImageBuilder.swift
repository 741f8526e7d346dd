// SPDX-License-Identifier: Apache-2.0

public import BullaArchive
public import BullaArtifact

/// Builds images in code, layer by layer, for tests.
public struct ImageBuilder: Sendable {
    /// The layers so far, lowest first.
    public private(set) var layers: [LayerWriter.Layer] = []

    /// Starts an image without layers.
    public init() {}

    /// Adds a layer whose archive `fill` writes.
    ///
    /// - Throws: what `fill` throws.
    @discardableResult
    public mutating func addLayer(
        as format: Decompression.Format = .gzip, mediaType: String? = nil, _ fill: (inout TarWriter) throws -> Void
    ) throws -> LayerWriter.Layer {
        var archive = TarWriter()
        try fill(&archive)
        return try addLayer(archive: archive.finished(), as: format, mediaType: mediaType)
    }

    /// Adds a layer that is an archive already.
    ///
    /// - Throws: `internal` when compressing fails.
    @discardableResult
    public mutating func addLayer(
        archive: [UInt8], as format: Decompression.Format = .gzip, mediaType: String? = nil
    ) throws -> LayerWriter.Layer {
        let layer = try LayerWriter.layer(of: archive, as: format, mediaType: mediaType)
        layers.append(layer)
        return layer
    }

    /// Adds a layer as a registry would have it, true or not.
    public mutating func addLayer(_ layer: LayerWriter.Layer) { layers.append(layer) }

    /// The image.
    ///
    /// - Throws: `internal` when JSON cannot be written.
    public func image(platform: Platform = Platform(os: "linux", architecture: "amd64")) throws -> ImageWriter {
        try ImageWriter(layers, platform: platform)
    }

    /// A stanza of dpkg's `status` file.
    public static func debianStanza(
        _ name: String, _ version: String, source: String? = nil, architecture: String = "amd64",
        status: String = "install ok installed"
    ) -> String {
        "Package: \(name)\nStatus: \(status)\nArchitecture: \(architecture)\n"
            + (source.map { "Source: \($0)\n" } ?? "") + "Version: \(version)\nDescription: a package\n more of it\n\n"
    }

    /// An entry of apk's `installed` file.
    public static func alpineEntry(
        _ name: String, _ version: String, origin: String? = nil, architecture: String = "x86_64"
    ) -> String {
        "P:\(name)\nV:\(version)\nA:\(architecture)\n" + (origin.map { "o:\($0)\n" } ?? "") + "\n"
    }

    /// An os-release file.
    public static func osRelease(_ id: String, _ version: String?) -> String {
        "PRETTY_NAME=\"\(id) for tests\"\nID=\(id)\n" + (version.map { "VERSION_ID=\"\($0)\"\n" } ?? "")
    }
}
