// SPDX-License-Identifier: Apache-2.0

public import BullaArchive

/// How much an image may ask of the catalogue before it is refused, or a file of it left out and reported.
public struct CatalogLimits: Sendable, Hashable {
    /// What a layer may unpack to.
    public var archive: ArchiveLimits
    /// The largest file that is read; a larger one is left out and reported.
    public var fileBytes: Int
    /// The most paths that all layers together may name.
    public var paths: Int
    /// The most packages, files that tell of packages and files owned by packages that a layer may have.
    public var facts: Int
    /// The most problems that are listed.
    public var problems: Int
    /// How many layers are read at the same time.
    public var parallelLayers: Int

    /// Sets limits; the defaults are those of `bulla serve`.
    public init(
        archive: ArchiveLimits = ArchiveLimits(), fileBytes: Int = 64 << 20, paths: Int = 8_000_000,
        facts: Int = 500_000, problems: Int = 1_000, parallelLayers: Int = 2
    ) {
        self.archive = archive
        self.fileBytes = fileBytes
        self.paths = paths
        self.facts = facts
        self.problems = problems
        self.parallelLayers = max(1, parallelLayers)
    }
}
