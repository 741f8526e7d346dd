// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaVersion

/// The name and version by which a feed judges a package.
struct Subject {
    let name: [UInt8]
    let version: String
    let key: VersionKey
    /// Whether the feed's scheme cannot read the version, so that only enumerated versions can match.
    let isUnreadable: Bool

    init(_ package: Package, in ecosystem: Ecosystem) {
        name = Array(ecosystem.normalised(package.source?.name ?? package.name).utf8)
        version = package.source?.version ?? package.version
        let key = ecosystem.scheme.key(of: version)
        isUnreadable = key == nil
        self.key = key ?? VersionKey(bytes: [DatabaseFormat.rawVersionMark] + Array(version.utf8))
    }
}
