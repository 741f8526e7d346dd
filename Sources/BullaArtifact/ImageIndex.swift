// SPDX-License-Identifier: Apache-2.0

/// A list of manifests, usually one per platform.
///
/// https://github.com/opencontainers/image-spec/blob/v1.1.0/image-index.md, and Docker's manifest list.
public struct ImageIndex: Sendable, Hashable, Codable {
    /// Always 2.
    public let schemaVersion: Int
    /// The index's own media type, where it says one.
    public let mediaType: String?
    /// The type of an artifact that is no set of images.
    public let artifactType: String?
    /// The manifests.
    public let manifests: [Descriptor]
    /// The manifest that this one speaks about.
    public let subject: Descriptor?
    /// Free text about the index.
    public let annotations: [String: String]?

    /// Makes an index.
    public init(
        mediaType: String = MediaType.ociIndex, artifactType: String? = nil, manifests: [Descriptor],
        subject: Descriptor? = nil, annotations: [String: String]? = nil
    ) {
        self.schemaVersion = 2
        self.mediaType = mediaType
        self.artifactType = artifactType
        self.manifests = manifests
        self.subject = subject
        self.annotations = annotations
    }

    /// Reads an index.
    ///
    /// - Throws: `invalidArgument` with reason `MANIFEST_INVALID` when the bytes are too many or no index.
    public init(_ bytes: some Collection<UInt8>) throws(BullaError) {
        self = try decodeManifest(ImageIndex.self, bytes, "image index")
    }

    /// The entry that serves a platform; the first one wins, as clients do.
    public func manifest(for platform: Platform) -> Descriptor? {
        manifests.first { entry in entry.platform.map(platform.accepts) ?? false }
    }
}
