// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation

/// What `bulla check` says about an image under one policy: `bulla.check/v1`.
public struct CheckResult: Hashable, Sendable, Encodable {
    /// The answer.
    public enum Answer: String, Hashable, Sendable, Codable {
        /// The image satisfies the policy.
        case pass
        /// It does not.
        case fail
        /// There is no usable scan to decide by.
        case unknown
    }

    /// The image that was judged.
    public let image: String
    /// The answer.
    public let verdict: Answer
    /// The answer's reason, in one line.
    public let reason: String
    /// Every vulnerability that exceeds a limit, worst first.
    public let violations: [Violation]
    /// What the one who asked should know although it passes.
    public let warnings: [String]

    private enum CodingKeys: String, CodingKey {
        case schema, image, verdict, reason, violations, warnings
    }

    /// Writes the result; `warnings` only where there are any.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode("bulla.check/v1", forKey: .schema)
        try values.encode(image, forKey: .image)
        try values.encode(verdict, forKey: .verdict)
        try values.encode(reason, forKey: .reason)
        try values.encode(violations, forKey: .violations)
        if !warnings.isEmpty { try values.encode(warnings, forKey: .warnings) }
    }

    /// Describes a result.
    public init(
        image: String, verdict: Answer, reason: String, violations: [Violation] = [], warnings: [String] = []
    ) {
        self.image = image
        self.verdict = verdict
        self.reason = reason
        self.violations = violations
        self.warnings = warnings
    }
}

extension VulnerabilityRequirement {
    /// Judges an image for `bulla check`.
    public func check(_ image: ImageReference, on evidence: Evidence, at now: Date) -> CheckResult {
        let verdict = judge(image, on: evidence, at: now)
        let violations = verdict.reasons.compactMap { reason -> Violation? in
            guard case .vulnerability(let violation) = reason.problem else { return nil }
            return violation
        }
        let others = verdict.reasons.filter { reason in
            if case .vulnerability = reason.problem { return false }
            return true
        }
        let reason: String
        let answer: CheckResult.Answer
        switch verdict.outcome {
        case .allow:
            answer = .pass
            reason = verdict.grounds.map(\.description).joined(separator: "; ")
        case .deny:
            answer = .fail
            let count =
                "\(violations.count) \(violations.count == 1 ? "vulnerability exceeds" : "vulnerabilities exceed")"
            reason =
                others.isEmpty ? "\(count) the limits (\(policy))" : others.map(\.description).joined(separator: "; ")
        case .unknown:
            answer = .unknown
            reason = others.map(\.description).joined(separator: "; ")
        }
        return CheckResult(
            image: image.description, verdict: answer, reason: reason, violations: violations,
            warnings: verdict.warnings)
    }
}
