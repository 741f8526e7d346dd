// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// What a rule says about one image: yes with its grounds, no with every reason, or that it cannot say.
///
/// What cannot be decided is denied at admission; `bulla check` tells it apart.
public struct Verdict: Hashable, Sendable {
    /// The answer.
    public enum Outcome: String, Hashable, Sendable, Codable {
        /// The image may run.
        case allow
        /// The image may not run.
        case deny
        /// There is no evidence to decide by.
        case unknown
    }

    /// Why an image may run.
    public enum Grounds: Hashable, Sendable, CustomStringConvertible {
        /// No policy covers it.
        case noPolicy
        /// A pattern exempts it.
        case exempt(pattern: String, policy: String)
        /// The attestors named vouch for it.
        case attested(by: [String], policy: String)
        /// Its vulnerabilities are within the limits.
        case withinLimits(vulnerabilities: Int, policy: String)

        /// The grounds in one line.
        public var description: String {
            switch self {
            case .noPolicy: "no policy covers the namespace"
            case .exempt(let pattern, let policy):
                "exempt by pattern \(pattern)" + (policy.isEmpty ? "" : " (\(policy))")
            case .attested(let attestors, let policy): "attested by \(attestors.joined(separator: ", ")) (\(policy))"
            case .withinLimits(let count, let policy):
                "scanned, \(count) vulnerabilities, all within the limits (\(policy))"
            }
        }
    }

    /// An attestation that a policy wants made for an image that passed.
    public struct Promise: Hashable, Sendable {
        /// The attestor to vouch.
        public let attestor: Attestor
        /// The name of the secret that holds its key.
        public let secret: String
        /// The policy that asks for it.
        public let policy: String

        /// Describes an attestation to be made.
        public init(attestor: Attestor, secret: String, policy: String) {
            self.attestor = attestor
            self.secret = secret
            self.policy = policy
        }
    }

    /// The answer.
    public let outcome: Outcome
    /// Why it may run; empty unless it may.
    public let grounds: [Grounds]
    /// Everything that speaks against it, worst first; empty when it may run.
    public let reasons: [Reason]
    /// What the one who asked should know although it may run.
    public let warnings: [String]
    /// The attestations to be made because it passed.
    public let promises: [Promise]
    /// The first instant at which a fact behind the answer can change by itself.
    public let until: Date

    private init(
        outcome: Outcome, grounds: [Grounds] = [], reasons: [Reason] = [], warnings: [String] = [],
        promises: [Promise] = [], until: Date
    ) {
        self.outcome = outcome
        self.grounds = grounds
        self.reasons = reasons
        self.warnings = warnings
        self.promises = promises
        self.until = until
    }

    /// The image may run, on these grounds, until then.
    public static func allow(
        because grounds: Grounds, until: Date, warnings: [String] = [], promises: [Promise] = []
    ) -> Verdict {
        Verdict(outcome: .allow, grounds: [grounds], warnings: warnings, promises: promises, until: until)
    }

    /// The image may not run.
    public static func deny(_ reasons: [Reason], warnings: [String] = []) -> Verdict {
        Verdict(outcome: .deny, reasons: reasons.worstFirst(), warnings: warnings, until: .distantFuture)
    }

    /// There is no evidence to decide by.
    public static func unknown(_ reasons: [Reason]) -> Verdict {
        Verdict(outcome: .unknown, reasons: reasons.worstFirst(), until: .distantFuture)
    }

    /// Folds the verdicts of several requirements, all of which must hold: denied when one denies, else unknown when
    /// one does not know, else allowed on all their grounds until the first of them ends.
    public init(folding verdicts: [Verdict]) {
        let denied = verdicts.contains { $0.outcome == .deny }
        let unknown = verdicts.contains { $0.outcome == .unknown }
        let allowed = !denied && !unknown
        var untagged = false
        let reasons = verdicts.flatMap(\.reasons).filter { reason in
            // Every policy says it of a tag; once is enough.
            guard case .notByDigest = reason.problem else { return true }
            defer { untagged = true }
            return !untagged
        }
        self.init(
            outcome: denied ? .deny : unknown ? .unknown : .allow,
            grounds: allowed ? verdicts.flatMap(\.grounds) : [],
            reasons: reasons.worstFirst(),
            warnings: verdicts.flatMap(\.warnings),
            promises: allowed ? verdicts.flatMap(\.promises) : [],
            until: verdicts.map(\.until).min() ?? .distantFuture)
    }

    /// Whether the image may run.
    public var isAllowed: Bool { outcome == .allow }
}

extension [Reason] {
    /// The reasons by rank, those of one rank in the order given.
    fileprivate func worstFirst() -> [Reason] {
        enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }.map(\.element)
    }
}
