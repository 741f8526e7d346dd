// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Everything a scan found out about one image: the same input gives the same report, for it holds no clock.
public struct ScanReport: Hashable, Sendable {
    /// The image that was scanned.
    public struct Image: Hashable, Sendable {
        /// The reference or the source as it was given.
        public let reference: String
        /// The digest of the manifest; none for a folder.
        public let digest: Digest?
        /// The platform that the image states.
        public let platform: Platform?

        /// Names a scanned image.
        public init(reference: String, digest: Digest?, platform: Platform?) {
            self.reference = reference
            self.digest = digest
            self.platform = platform
        }
    }

    /// A package that no loaded feed judges, and why.
    public struct Unjudged: Hashable, Sendable {
        /// The package.
        public let purl: PackageURL
        /// Why nothing is known about it.
        public let reason: String

        /// Reports a package.
        public init(purl: PackageURL, reason: String) {
            self.purl = purl
            self.reason = reason
        }
    }

    /// The advisory set that was asked.
    public struct AdvisorySet: Hashable, Sendable {
        /// The digest of the set's content.
        public let digest: Digest
        /// When the set was compiled.
        public let built: Date

        /// Names an advisory set.
        public init(digest: Digest, built: Date) {
            self.digest = digest
            self.built = built
        }
    }

    /// The image.
    public let image: Image
    /// What it holds.
    public let inventory: Inventory
    /// What applies to it, sorted.
    public let findings: [Finding]
    /// How many packages were judged.
    public let judged: Int
    /// The packages that were not, sorted.
    public let unjudged: [Unjudged]
    /// The advisory set; none where the scan had no database.
    public let advisories: AdvisorySet?

    /// Puts a report together.
    public init(
        image: Image, inventory: Inventory, findings: [Finding], judged: Int, unjudged: [Unjudged],
        advisories: AdvisorySet?
    ) {
        self.image = image
        self.inventory = inventory
        self.findings = findings
        self.judged = judged
        self.unjudged = unjudged
        self.advisories = advisories
    }
}
