// SPDX-License-Identifier: Apache-2.0

/// A vulnerability that applies to a package of an image, all records of one flaw folded together.
public struct Finding: Hashable, Sendable {
    /// What the advisory says about a fix.
    public enum Status: String, Sendable, Hashable {
        /// A fixed version exists.
        case fixed
        /// No fix is known.
        case affected
        /// The vendor will not fix it.
        case willNotFix = "will_not_fix"
        /// The vendor put the fix off.
        case fixDeferred = "fix_deferred"
        /// The release is no longer served.
        case endOfLife = "end_of_life"
    }

    /// The name of the flaw: the CVE where there is one, else the advisory's id.
    public let id: String
    /// Other names of the same flaw, sorted.
    public let aliases: [String]
    /// The ids of every advisory that matched, sorted.
    public let advisories: [String]
    /// How bad it is; the vendor's word first.
    public let severity: Severity
    /// The CVSS vector that an advisory gave, if any.
    public let cvss: String?
    /// The package it was found in.
    public let package: Package
    /// The smallest version that clears every folded advisory; none where no fix is known.
    public let fixedVersion: String?
    /// What is known about a fix.
    public let status: Status
    /// One sentence about the flaw.
    public let summary: String?
    /// Where to read on.
    public let references: [String]

    /// Describes a finding.
    public init(
        id: String, aliases: [String] = [], advisories: [String], severity: Severity, cvss: String? = nil,
        package: Package, fixedVersion: String? = nil, status: Status, summary: String? = nil,
        references: [String] = []
    ) {
        self.id = id
        self.aliases = aliases
        self.advisories = advisories
        self.severity = severity
        self.cvss = cvss
        self.package = package
        self.fixedVersion = fixedVersion
        self.status = status
        self.summary = summary
        self.references = references
    }
}
