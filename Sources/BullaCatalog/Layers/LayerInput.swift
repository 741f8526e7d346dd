// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// A layer to be read: what the manifest and the configuration say of it, and how to get its bytes.
public struct LayerInput: Sendable {
    /// The manifest's word: digest and size of the compressed bytes.
    public let descriptor: Descriptor
    /// The configuration's word: the digest of the unpacked bytes; none where it is not known.
    public let diffID: Digest?
    /// Opens the compressed bytes; called again when a link leads to content that was not kept.
    public let open: @Sendable () async throws -> ByteStream

    /// Describes a layer.
    public init(
        descriptor: Descriptor, diffID: Digest?, open: @escaping @Sendable () async throws -> ByteStream
    ) {
        self.descriptor = descriptor
        self.diffID = diffID
        self.open = open
    }
}
