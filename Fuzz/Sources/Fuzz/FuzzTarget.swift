// SPDX-License-Identifier: Apache-2.0

/// What can be fuzzed: each case reads untrusted bytes by one door.
///
/// A target traps when a room traps, when a promise of the room is broken (`require`), when an input takes too long or
/// too much memory. Typed errors are answers.
enum FuzzTarget: String, CaseIterable {
    case tar, layer, decompression, zip
    case dpkg, apk, python, osrelease
    case manifest, osv, database
    case admission, policy
    case statement, openpgp, pkix
    case filter, reference, purl, version, cvss

    /// Reads one input.
    func run(_ input: [UInt8]) {
        switch self {
        case .tar: ArchiveTargets.tar(input)
        case .layer: CatalogTargets.layer(input)
        case .decompression: ArchiveTargets.decompression(input)
        case .zip: ArchiveTargets.zip(input)
        case .dpkg: CatalogTargets.dpkg(input)
        case .apk: CatalogTargets.apk(input)
        case .python: CatalogTargets.python(input)
        case .osrelease: CatalogTargets.osRelease(input)
        case .manifest: NounTargets.manifest(input)
        case .osv: AdvisoryTargets.osv(input)
        case .database: AdvisoryTargets.database(input)
        case .admission: KubernetesTargets.admission(input)
        case .policy: KubernetesTargets.policy(input)
        case .statement: SealTargets.statement(input)
        case .openpgp: SealTargets.openPGP(input)
        case .pkix: SealTargets.pkix(input)
        case .filter: NounTargets.filter(input)
        case .reference: NounTargets.reference(input)
        case .purl: NounTargets.packageURL(input)
        case .version: NounTargets.version(input)
        case .cvss: NounTargets.cvss(input)
        }
    }
}
