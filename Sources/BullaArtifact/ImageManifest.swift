// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A manifest of one image or artifact: its configuration and its layers, lowest first.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md, and Docker's schema 2, which has the same
/// shape.
public struct ImageManifest: Sendable, Hashable, Codable {
    /// The most bytes a manifest may have, as registries agree: 4 MiB.
    public static let maximumSize = 4 << 20

    /// Always 2.
    public let schemaVersion: Int
    /// The manifest's own media type, where it says one.
    public let mediaType: String?
    /// The type of an artifact that is no image.
    public let artifactType: String?
    /// The configuration.
    public let config: Descriptor
    /// The layers, lowest first.
    public let layers: [Descriptor]
    /// The manifest that this one speaks about.
    public let subject: Descriptor?
    /// Free text about the manifest.
    public let annotations: [String: String]?

    /// Makes a manifest.
    public init(
        mediaType: String = MediaType.ociManifest, artifactType: String? = nil, config: Descriptor,
        layers: [Descriptor], subject: Descriptor? = nil, annotations: [String: String]? = nil
    ) {
        self.schemaVersion = 2
        self.mediaType = mediaType
        self.artifactType = artifactType
        self.config = config
        self.layers = layers
        self.subject = subject
        self.annotations = annotations
    }

    /// Reads a manifest.
    ///
    /// - Throws: `invalidArgument` with reason `MANIFEST_INVALID` when the bytes are too many or no manifest.
    public init(_ bytes: some Collection<UInt8>) throws(BullaError) {
        self = try decodeManifest(ImageManifest.self, bytes, "image manifest")
        guard schemaVersion == 2 else {
            throw BullaError(
                .invalidArgument, "image manifest has schemaVersion \(schemaVersion), only 2 is read",
                reason: "MANIFEST_INVALID")
        }
    }

    /// Whether this is a container image with file-system layers rather than a signature or another artifact.
    public var isImage: Bool { MediaType.isImageConfig(config.mediaType) && artifactType == nil }
}

/// Decodes a manifest's JSON within the limits of size and depth.
func decodeManifest<Value: Decodable>(
    _ type: Value.Type, _ bytes: some Collection<UInt8>, _ what: String, limit: Int = ImageManifest.maximumSize
) throws(BullaError) -> Value {
    guard bytes.count <= limit else {
        throw BullaError(
            .invalidArgument, "\(what) of \(bytes.count) bytes is larger than \(limit) bytes",
            reason: "MANIFEST_INVALID")
    }
    guard JSONDepth.isAtMost(64, in: bytes) else {
        throw BullaError(.invalidArgument, "\(what) is nested deeper than 64", reason: "MANIFEST_INVALID")
    }
    do {
        return try JSONDecoder().decode(type, from: Data(bytes))
    } catch {
        throw BullaError(.invalidArgument, "\(what) is malformed: \(describe(error))", reason: "MANIFEST_INVALID")
    }
}

private func describe(_ error: any Error) -> String {
    func place(_ context: DecodingError.Context) -> String {
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? "." + $0.stringValue }.joined()
        return path.isEmpty ? "" : " at \(path)"
    }
    switch error {
    case let error as BullaError: return error.message
    case DecodingError.keyNotFound(let key, let context): return "no '\(key.stringValue)'\(place(context))"
    case DecodingError.typeMismatch(_, let context): return "wrong type\(place(context))"
    case DecodingError.valueNotFound(_, let context): return "null\(place(context))"
    case DecodingError.dataCorrupted(let context): return "\(context.debugDescription)\(place(context))"
    default: return "not JSON"
    }
}
