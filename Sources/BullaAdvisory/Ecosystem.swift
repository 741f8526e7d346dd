// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
public import BullaVersion

/// A name space of packages with an order of versions, as OSV names it: `Debian:12`, `Alpine:v3.20`, `PyPI`.
///
/// https://ossf.github.io/osv-schema/#defined-ecosystems
public struct Ecosystem: Hashable, Sendable {
    /// The whole name, release included.
    public let name: String
    /// How its versions are ordered.
    public let scheme: VersionScheme

    /// Finds the version order of an ecosystem; `nil` when none is known.
    public init?(_ name: String) {
        switch name.prefix(while: { $0 != ":" }) {
        case "Debian", "Ubuntu": scheme = .deb
        case "Alpine", "Wolfi", "Chainguard": scheme = .apk
        case "PyPI": scheme = .pep440
        case "Go": scheme = .go
        case "npm", "crates.io": scheme = .semver
        default: return nil
        }
        self.name = name
    }

    /// A package's name as the ecosystem compares it: PyPI's as PEP 503 says
    /// (https://peps.python.org/pep-0503/#normalized-names), all others as they are.
    public func normalised(_ package: String) -> String {
        guard scheme == .pep440 else { return package }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(package.utf8.count)
        for byte in package.utf8 {
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                if bytes.last != UInt8(ascii: "-") { bytes.append(UInt8(ascii: "-")) }
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): bytes.append(byte | 32)
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Which ecosystems may judge a package, the best first, or why none can.
    static func candidates(type: String, distribution: Distribution?) -> (names: [String], reason: String) {
        switch type {
        case "deb", "apk":
            guard let distribution else { return ([], "no file names the distribution") }
            return candidates(ofDistribution: distribution)
        case "pypi": return (["PyPI"], "no advisories for PyPI are loaded")
        case "golang": return (["Go"], "no advisories for Go are loaded")
        case "npm": return (["npm"], "no advisories for npm are loaded")
        case "cargo": return (["crates.io"], "no advisories for crates.io are loaded")
        default: return ([], "no advisory source for packages of type \(type)")
        }
    }

    private static func candidates(ofDistribution distribution: Distribution) -> (names: [String], reason: String) {
        let rolling = ["wolfi": "Wolfi", "chainguard": "Chainguard"]
        if let name = rolling[distribution.id] { return ([name], "no advisories for \(name) are loaded") }
        guard ["debian", "ubuntu", "alpine"].contains(distribution.id) else {
            let release = distribution.version.map { " " + $0 } ?? ""
            return ([], "no advisory source for the distribution \(distribution.id)\(release)")
        }
        guard let version = distribution.version else {
            return ([], "the distribution \(distribution.id) states no version")
        }
        let parts = version.split(separator: ".")
        switch distribution.id {
        case "debian":
            let name = "Debian:\(parts.first ?? "")"
            return ([name], "no advisories for \(name) are loaded")
        case "ubuntu":
            return (["Ubuntu:\(version):LTS", "Ubuntu:\(version)"], "no advisories for Ubuntu:\(version) are loaded")
        default:
            guard parts.count >= 2, !version.contains("_") else {
                return ([], "no advisory source for Alpine \(version), which is no release")
            }
            let name = "Alpine:v\(parts[0]).\(parts[1])"
            return ([name], "no advisories for \(name) are loaded")
        }
    }
}
