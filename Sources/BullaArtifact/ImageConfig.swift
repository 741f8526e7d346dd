// SPDX-License-Identifier: Apache-2.0

/// The parts of an image's configuration that Bulla reads: platform and the digests of the unpacked layers.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md
public struct ImageConfig: Sendable, Hashable, Codable {
    /// The unpacked layers.
    public struct RootFS: Sendable, Hashable, Codable {
        /// Always `layers`.
        public let type: String
        /// The digests of the unpacked layers, lowest first.
        public let diffIDs: [String]

        private enum CodingKeys: String, CodingKey {
            case type
            case diffIDs = "diff_ids"
        }

        /// Lists unpacked layers.
        public init(diffIDs: [String]) {
            self.type = "layers"
            self.diffIDs = diffIDs
        }
    }

    /// One step of the image's history.
    public struct History: Sendable, Hashable, Codable {
        /// The command that made the layer.
        public let createdBy: String?
        /// Whether the step made no layer.
        public let emptyLayer: Bool?

        private enum CodingKeys: String, CodingKey {
            case createdBy = "created_by"
            case emptyLayer = "empty_layer"
        }

        /// Describes a step.
        public init(createdBy: String?, emptyLayer: Bool? = nil) {
            self.createdBy = createdBy
            self.emptyLayer = emptyLayer
        }
    }

    /// The architecture, such as `amd64`.
    public let architecture: String?
    /// The operating system, such as `linux`.
    public let os: String?
    /// The variant of the architecture.
    public let variant: String?
    /// When the image was made, RFC 3339.
    public let created: String?
    /// The unpacked layers.
    public let rootfs: RootFS
    /// How the image was made.
    public let history: [History]?

    /// Makes a configuration.
    public init(
        architecture: String, os: String, variant: String? = nil, created: String? = nil, rootfs: RootFS,
        history: [History]? = nil
    ) {
        self.architecture = architecture
        self.os = os
        self.variant = variant
        self.created = created
        self.rootfs = rootfs
        self.history = history
    }

    /// Reads a configuration of at most 8 MiB.
    ///
    /// - Throws: `invalidArgument` when the bytes are too many or no configuration.
    public init(_ bytes: some Collection<UInt8>) throws(BullaError) {
        self = try decodeManifest(ImageConfig.self, bytes, "image configuration", limit: 8 << 20)
    }

    /// The platform, where both parts are stated.
    public var platform: Platform? {
        guard let os, let architecture else { return nil }
        return Platform(os: os, architecture: architecture, variant: variant)
    }
}
