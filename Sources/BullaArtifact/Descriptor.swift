// SPDX-License-Identifier: Apache-2.0

/// What a manifest says of content that it refers to.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.0/descriptor.md
public struct Descriptor: Hashable, Sendable {
    /// The media type of the content.
    public let mediaType: String
    /// The digest of the content.
    public let digest: Digest
    /// The size of the content in bytes.
    public let size: Int64
    /// The platform of an index's entry.
    public let platform: Platform?
    /// The type of the artifact that the content is.
    public let artifactType: String?
    /// Free text about the content.
    public let annotations: [String: String]

    /// Describes content.
    public init(
        mediaType: String, digest: Digest, size: Int64, platform: Platform? = nil, artifactType: String? = nil,
        annotations: [String: String] = [:]
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.platform = platform
        self.artifactType = artifactType
        self.annotations = annotations
    }
}

extension Descriptor: Codable {
    private enum Key: String, CodingKey {
        case mediaType, digest, size, platform, artifactType, annotations
    }

    private struct WirePlatform: Codable {
        var os: String?
        var architecture: String?
        var variant: String?
    }

    /// Reads a descriptor.
    ///
    /// - Throws: a decoding error when a member is missing, of another type, or the size is negative.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        let size = try values.decode(Int64.self, forKey: .size)
        guard size >= 0 else {
            throw DecodingError.dataCorruptedError(forKey: .size, in: values, debugDescription: "size is negative")
        }
        let platform = try values.decodeIfPresent(WirePlatform.self, forKey: .platform)
        self.init(
            mediaType: try values.decodeIfPresent(String.self, forKey: .mediaType) ?? "",
            digest: try Digest(try values.decode(String.self, forKey: .digest)),
            size: size,
            platform: platform.map {
                Platform(os: $0.os ?? "", architecture: $0.architecture ?? "", variant: $0.variant)
            },
            artifactType: try values.decodeIfPresent(String.self, forKey: .artifactType),
            annotations: try values.decodeIfPresent([String: String].self, forKey: .annotations) ?? [:])
    }

    /// Writes the descriptor; absent members are left out.
    ///
    /// - Throws: whatever the encoder throws.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(mediaType, forKey: .mediaType)
        try values.encode(digest.description, forKey: .digest)
        try values.encode(size, forKey: .size)
        if let platform {
            try values.encode(
                WirePlatform(os: platform.os, architecture: platform.architecture, variant: platform.variant),
                forKey: .platform)
        }
        try values.encodeIfPresent(artifactType, forKey: .artifactType)
        if !annotations.isEmpty { try values.encode(annotations, forKey: .annotations) }
    }
}
