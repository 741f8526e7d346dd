// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaVersion

/// What one source says about one flaw, in the terms of OSV (https://ossf.github.io/osv-schema/).
public struct Advisory: Hashable, Sendable {
    /// What is said of the versions that an entry names.
    public enum Status: UInt8, Sendable, Hashable {
        /// They have the flaw.
        case affected = 0
        /// They do not, whatever others say: a negative record.
        case notAffected = 1
        /// They have it, and the vendor will not fix it.
        case willNotFix = 2
        /// They have it, and the vendor put the fix off.
        case fixDeferred = 3
        /// They have it, and the release is no longer served.
        case endOfLife = 4
    }

    /// The versions of one package of one ecosystem that an advisory speaks of.
    public struct AffectedPackage: Hashable, Sendable {
        /// The ecosystem, such as `Debian:12` or `PyPI`.
        public var ecosystem: Ecosystem
        /// The package's name, normalised as its ecosystem does.
        public var name: String
        /// The ranges; a version in any of them is meant.
        public var ranges: [[VersionEvent]]
        /// Versions that are meant whatever the ranges say.
        public var versions: [String]
        /// What is said of these versions.
        public var status: Status
        /// The vendor's own word on how bad it is there, if it has one.
        public var severity: Severity

        /// Describes an entry.
        public init(
            ecosystem: Ecosystem, name: String, ranges: [[VersionEvent]] = [], versions: [String] = [],
            status: Status = .affected, severity: Severity = .unspecified
        ) {
            self.ecosystem = ecosystem
            self.name = ecosystem.normalised(name)
            self.ranges = ranges
            self.versions = versions
            self.status = status
            self.severity = severity
        }
    }

    /// The source's own name of the advisory, such as `PYSEC-2023-74`.
    public var id: String
    /// Who says it.
    public var source: Source
    /// When it was last changed, in microseconds since 1970.
    public var modified: Int64
    /// When it was first published, in microseconds since 1970; none where it does not say.
    public var published: Int64?
    /// When it was withdrawn; such an advisory never matches.
    public var withdrawn: Int64?
    /// Other names of the same flaw.
    public var aliases: [String]
    /// The flaws that this advisory is a downstream word on: one, or all those of a bundle.
    public var upstream: [String]
    /// One sentence.
    public var summary: String
    /// The whole description.
    public var details: String
    /// The vendor's own word on how bad it is, if it has one.
    public var severity: Severity
    /// CVSS vectors.
    public var vectors: [String]
    /// A CVSS base score that is given without its vector.
    public var score: Double?
    /// Where to read on.
    public var references: [String]
    /// The packages it speaks of.
    public var affected: [AffectedPackage]

    /// Describes an advisory.
    public init(
        id: String, source: Source? = nil, modified: Int64 = 0, published: Int64? = nil, withdrawn: Int64? = nil,
        aliases: [String] = [], upstream: [String] = [], summary: String = "", details: String = "",
        severity: Severity = .unspecified, vectors: [String] = [], score: Double? = nil, references: [String] = [],
        affected: [AffectedPackage]
    ) {
        self.id = id
        self.source = source ?? Source(ofAdvisory: id)
        self.modified = modified
        self.published = published
        self.withdrawn = withdrawn
        self.aliases = aliases
        self.upstream = upstream
        self.summary = summary
        self.details = details
        self.severity = severity
        self.vectors = vectors
        self.score = score
        self.references = references
        self.affected = affected
    }

    /// Who publishes an advisory, and under which licence.
    public struct Source: Hashable, Sendable {
        /// The publisher's name.
        public let name: String
        /// The licence's SPDX identifier; empty where it is not known.
        public let license: String

        /// Names a source.
        public init(name: String, license: String) {
            self.name = name
            self.license = license
        }

        /// The source that an id's prefix belongs to (https://ossf.github.io/osv-schema/#id-modified-fields); for an
        /// unknown prefix the prefix itself.
        public init(ofAdvisory id: String) {
            let prefix = id.prefix { $0 != "-" }
            switch prefix {
            case "PYSEC": self.init(name: "PyPA Advisory Database", license: "CC-BY-4.0")
            case "GO": self.init(name: "Go Vulnerability Database", license: "CC-BY-4.0")
            case "RUSTSEC": self.init(name: "RustSec Advisory Database", license: "CC0-1.0")
            case "GHSA": self.init(name: "GitHub Advisory Database", license: "CC-BY-4.0")
            case "DSA", "DLA", "DTSA", "DEBIAN": self.init(name: "Debian Security Tracker", license: "")
            case "ALPINE": self.init(name: "Alpine Security Database", license: "")
            case "USN", "UBUNTU", "LSN": self.init(name: "Ubuntu Security Notices", license: "")
            case "MAL": self.init(name: "OpenSSF Malicious Packages", license: "Apache-2.0")
            case "BULLA": self.init(name: "Bulla", license: "Apache-2.0")
            default: self.init(name: prefix.isEmpty ? "unknown" : String(prefix.prefix(64)), license: "")
            }
        }
    }
}
