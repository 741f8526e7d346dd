// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// The catalogers of one reading, each with its place; the last place is that of the distribution's name.
struct Catalog: Sendable {
    let catalogers: [any Cataloger]
    let limits: CatalogLimits
    let matcher: PathMatcher
    let wanted: [WantedPaths]
    /// What the catalogers that are not the distribution's read.
    private let ownable: PathMatcher
    private let largest: [Int]

    init(_ catalogers: [any Cataloger], limits: CatalogLimits) {
        // A set of takers is one word; the last bit is the distribution's.
        self.catalogers = Array(catalogers.prefix(63))
        self.limits = limits
        wanted = self.catalogers.map(\.wanted) + [WantedPaths(files: OSRelease.files)]
        matcher = PathMatcher(wanted)
        ownable = PathMatcher(self.catalogers.filter { !$0.isDistribution }.map(\.wanted))
        largest = self.catalogers.map(\.largestFile) + [OSRelease.largestFile]
    }

    /// The place of the files that name the distribution.
    var distributionPlace: Int { catalogers.count }

    func places(in takers: PathMatcher.Takers) -> [Int] {
        largest.indices.filter { takers.contains(PathMatcher.Takers($0)) }
    }

    func largestFile(of place: Int) -> Int { largest[place] }

    func outcome(of place: Int, path: String, bytes: [UInt8]) -> LayerContents.Outcome {
        guard place < catalogers.count else { return .text(bytes) }
        do {
            return .result(
                try catalogers[place].catalog(CatalogFile(path: path, bytes: bytes, ownable: ownable)))
        } catch {
            return .problem(error.message)
        }
    }
}
