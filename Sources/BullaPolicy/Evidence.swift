// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation

/// What is known about one image, as plain facts: all that a rule may judge by.
///
/// Signatures have been verified before; what did not verify is kept apart, to be named in a denial, and counts for
/// nothing.
public struct Evidence: Hashable, Sendable {
    /// How far the scan of the image has come, and what it amounts to.
    public enum Scan: Hashable, Sendable {
        /// No scan was ever asked for or finished.
        case never
        /// Waiting its turn, with no finished scan before it.
        case pending
        /// Running, with no finished scan before it.
        case scanning
        /// Ended without a result, for the reason given.
        case failed(String)
        /// The image is of a kind that cannot be scanned, for the reason given.
        case unsupported(String)
        /// Ended at the time given. One that judged nothing, for want of advisories, counts as never made.
        case finished(at: Date, judged: Bool)
    }

    /// A vulnerability found in the image.
    public struct Vulnerability: Hashable, Sendable {
        /// Its name: the CVE where there is one.
        public let id: String
        /// How bad it is, the effective severity of its record.
        public let severity: Severity
        /// Whether every package concerned has a version that fixes it.
        public let hasFix: Bool
        /// The version that fixes it, if known.
        public let fixedVersion: String?
        /// The package concerned.
        public let package: String?

        /// Describes a vulnerability.
        public init(
            id: String, severity: Severity, hasFix: Bool, fixedVersion: String? = nil, package: String? = nil
        ) {
            self.id = id
            self.severity = severity
            self.hasFix = hasFix
            self.fixedVersion = fixedVersion
            self.package = package
        }
    }

    /// An attestation whose signature holds under a key that is trusted for the attestor.
    public struct Seal: Hashable, Sendable {
        /// The name of its occurrence.
        public let occurrence: String
        /// The key that it holds under.
        public let keyID: String
        /// When it stops to hold, by the key's expiry; `nil` for never.
        public let until: Date?

        /// Describes a seal.
        public init(occurrence: String, keyID: String, until: Date? = nil) {
            self.occurrence = occurrence
            self.keyID = keyID
            self.until = until
        }
    }

    /// An attestation that does not hold, and why.
    public struct RejectedSeal: Hashable, Sendable {
        /// The name of its occurrence.
        public let occurrence: String
        /// The key that it names, if any.
        public let keyID: String?
        /// Why it does not hold.
        public let reason: String

        /// Describes a seal that does not hold.
        public init(occurrence: String, keyID: String? = nil, reason: String) {
            self.occurrence = occurrence
            self.keyID = keyID
            self.reason = reason
        }
    }

    /// How far the scan has come.
    public var scan: Scan
    /// What the scan found.
    public var vulnerabilities: [Vulnerability]
    /// The seals that hold, by the attestor's id.
    public var seals: [String: [Seal]]
    /// The seals that do not, by the attestor's id.
    public var rejectedSeals: [String: [RejectedSeal]]
    /// The digest that a tag points at in our own registry; of use in a denial only.
    public var digestOfTag: Digest?

    /// Gathers facts; by default nothing is known.
    public init(
        scan: Scan = .never, vulnerabilities: [Vulnerability] = [], seals: [String: [Seal]] = [:],
        rejectedSeals: [String: [RejectedSeal]] = [:], digestOfTag: Digest? = nil
    ) {
        self.scan = scan
        self.vulnerabilities = vulnerabilities
        self.seals = seals
        self.rejectedSeals = rejectedSeals
        self.digestOfTag = digestOfTag
    }
}
