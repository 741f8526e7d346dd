// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation

/// Attestors that must vouch for an image: all those of any one alternative.
///
/// This is the union of a namespace's GenericAttestationPolicies: an image passes if one policy is wholly satisfied,
/// and what any of them exempts is exempt.
public struct AttestationRequirement: Hashable, Sendable {
    /// One policy: attestors all of whom must vouch.
    public struct Alternative: Hashable, Sendable {
        /// The policy's name, for grounds and reasons.
        public let policy: String
        /// All of these must vouch; with none, the policy admits nothing.
        public let attestors: [Attestor]

        /// Describes an alternative.
        public init(policy: String, attestors: [Attestor]) {
            self.policy = policy
            self.attestors = attestors
        }
    }

    /// What is exempt.
    public let exemptions: Allowlist
    /// The alternatives, one of which must be satisfied.
    public let alternatives: [Alternative]

    /// Describes a requirement.
    public init(exemptions: Allowlist = Allowlist(), alternatives: [Alternative]) {
        self.exemptions = exemptions
        self.alternatives = alternatives
    }

    /// Judges an image.
    ///
    /// A policy without attestors denies everything in its namespace, exempt images and other policies' too, as Kritis
    /// does: nobody meant it so, and it must not go unseen.
    public func judge(_ image: ImageReference, on evidence: Evidence, at now: Date) -> Verdict {
        let broken = alternatives.filter(\.attestors.isEmpty)
        if !broken.isEmpty {
            return .deny(broken.map { Reason(policy: $0.policy, .brokenPolicy("the policy names no attestor")) })
        }
        if let pattern = exemptions.match(image) {
            return .allow(because: .exempt(pattern: pattern, policy: ""), until: .distantFuture)
        }
        guard image.digest != nil else {
            let policies = alternatives.map(\.policy).joined(separator: ", ")
            return .deny([Reason(policy: policies, .notByDigest(known: evidence.digestOfTag))])
        }
        var reasons: [Reason] = []
        for alternative in alternatives {
            var until = Date.distantFuture
            let missing = alternative.attestors.filter { attestor in
                guard let end = evidence.sealed(by: attestor, at: now) else { return true }
                until = min(until, end)
                return false
            }
            if missing.isEmpty {
                let names = alternative.attestors.map(\.name)
                return .allow(because: .attested(by: names, policy: alternative.policy), until: until)
            }
            reasons += missing.map {
                let rejected = evidence.rejectedSeals[$0.id] ?? []
                return Reason(policy: alternative.policy, .notAttested(by: $0, rejected: rejected))
            }
        }
        return .deny(reasons)
    }
}

extension Evidence {
    /// Until when the attestor's seals hold, the longest of them; `nil` when none holds now.
    func sealed(by attestor: Attestor, at now: Date) -> Date? {
        guard !attestor.keys.isEmpty else { return nil }
        return seals[attestor.id]?.map { $0.until ?? .distantFuture }.filter { $0 > now }.max()
    }
}
