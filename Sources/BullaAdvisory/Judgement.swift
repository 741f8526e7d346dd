// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// What the advisories say about an inventory, and about what they say nothing.
public struct Judgement: Hashable, Sendable {
    /// What applies, sorted by package URL, then by id.
    public let findings: [Finding]
    /// How many packages a loaded feed judges.
    public let judged: Int
    /// The packages that none does, sorted by package URL, each with the reason.
    public let unjudged: [ScanReport.Unjudged]
    /// The advisories that were asked; none without a database.
    public let advisories: ScanReport.AdvisorySet?

    /// Puts a judgement together.
    public init(
        findings: [Finding], judged: Int, unjudged: [ScanReport.Unjudged], advisories: ScanReport.AdvisorySet?
    ) {
        self.findings = findings
        self.judged = judged
        self.unjudged = unjudged
        self.advisories = advisories
    }
}
