// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// The rules of all namespaces at one moment.
///
/// A snapshot is taken once per request, so that no request is judged half by an old policy and half by a new one.
public struct Policy: Hashable, Sendable {
    /// What holds for a namespace that no rule covers.
    public enum Fallback: String, Hashable, Sendable {
        /// Everything is admitted, as in Kritis.
        case allow
        /// Nothing is admitted.
        case deny
    }

    /// The rules, by namespace.
    public let rules: [String: Rule]
    /// What holds elsewhere.
    public let fallback: Fallback
    /// Changes with anything in the policy, keys included.
    public let revision: Digest
    /// What the author of the policy should know, such as a kind that has no effect.
    public let notices: [String]

    /// Describes a policy.
    public init(rules: [String: Rule], fallback: Fallback = .allow, revision: Digest, notices: [String] = []) {
        self.rules = rules
        self.fallback = fallback
        self.revision = revision
        self.notices = notices
    }

    /// No rule at all.
    public static let empty = Policy(rules: [:], revision: Digest(of: []))

    /// The rule for a namespace, if one covers it.
    public func rule(in namespace: String) -> Rule? { rules[namespace] }
}
