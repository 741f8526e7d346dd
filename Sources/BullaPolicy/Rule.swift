// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation

/// What every image of one namespace must satisfy.
public struct Rule: Hashable, Sendable {
    /// One thing that must hold.
    public enum Requirement: Hashable, Sendable {
        /// Attestors must vouch.
        case attestations(AttestationRequirement)
        /// Vulnerabilities must stay within limits.
        case vulnerabilities(VulnerabilityRequirement)

        /// Judges an image.
        public func judge(_ image: ImageReference, on evidence: Evidence, at now: Date) -> Verdict {
            switch self {
            case .attestations(let requirement): requirement.judge(image, on: evidence, at: now)
            case .vulnerabilities(let requirement): requirement.judge(image, on: evidence, at: now)
            }
        }
    }

    /// What is exempt from every requirement, by the configuration.
    public let exemptions: Allowlist
    /// What must hold, all of it.
    public let requirements: [Requirement]

    /// Describes a rule.
    public init(exemptions: Allowlist = Allowlist(), requirements: [Requirement]) {
        self.exemptions = exemptions
        self.requirements = requirements
    }

    /// The pattern that exempts an image from the whole rule, if any.
    public func exemption(of image: ImageReference) -> String? { exemptions.match(image) }

    /// The attestors whose seals the rule asks for in judging this image, each once.
    ///
    /// Together with `needsEvidence(of:)` this tells what to look up, so that an exempt image costs no look-up.
    public func attestors(for image: ImageReference) -> [Attestor] {
        var attestors: [Attestor] = []
        var seen = Set<String>()
        func add(_ attestor: Attestor) { if seen.insert(attestor.id).inserted { attestors.append(attestor) } }
        for requirement in requirements {
            switch requirement {
            case .attestations(let requirement):
                if requirement.exemptions.match(image) != nil { continue }
                for alternative in requirement.alternatives { alternative.attestors.forEach(add) }
            case .vulnerabilities(let requirement):
                if let attestor = requirement.attestor { add(attestor) }
            }
        }
        return attestors
    }

    /// Whether anything must be looked up to judge an image.
    ///
    /// Not when it is exempt from everything, and not when it is named by a tag, for then nothing is recorded about it.
    public func needsEvidence(of image: ImageReference) -> Bool {
        guard image.digest != nil, exemption(of: image) == nil else { return false }
        return requirements.contains { requirement in
            switch requirement {
            case .attestations(let requirement): requirement.exemptions.match(image) == nil
            case .vulnerabilities(let requirement): requirement.exemptions.match(image) == nil
            }
        }
    }

    /// Whether the scan's result counts in judging an image, or seals alone do.
    public func needsScan(of image: ImageReference) -> Bool {
        requirements.contains { requirement in
            guard case .vulnerabilities(let requirement) = requirement else { return false }
            return requirement.exemptions.match(image) == nil
        }
    }
}
