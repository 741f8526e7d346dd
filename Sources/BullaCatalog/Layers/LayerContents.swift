// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// What is remembered of a layer once it has been read: its names, and what its files say of packages.
///
/// It depends on nothing but the layer's bytes and the catalogers, so it can be kept under the layer's digest and used
/// for every image that has the layer.
public struct LayerContents: Sendable {
    /// What one cataloger made of one file.
    struct File: Sendable {
        let taker: Int
        let path: String
        let outcome: Outcome
    }

    /// What became of a file.
    enum Outcome: Sendable {
        /// A cataloger's result.
        case result(CatalogResult)
        /// The bytes of a file that names the distribution.
        case text([UInt8])
        /// It could not be read.
        case problem(String)
    }

    /// The digest of the compressed layer.
    public let digest: Digest?
    /// The digest of the unpacked layer.
    public let diffID: Digest?
    /// What could not be read, in the layer's order.
    var problems: [Inventory.Problem] = []
    var log = LayerLog()
    /// By entry number.
    var files: [Int: [File]] = [:]
}
