// SPDX-License-Identifier: Apache-2.0

/// How verdicts become one decision.
public enum Enforcement: String, Hashable, Sendable, Codable {
    /// A denial denies.
    case enforce
    /// A denial is recorded and told as a warning, and the pod runs.
    case auditOnly

    /// Folds the verdicts on all images with break-glass into one decision.
    ///
    /// Break-glass wins over everything and is named even where nothing was denied, for it was asked for.
    public func decide(_ verdicts: [Verdict], breakGlass: BreakGlass?) -> Decision {
        let refused = verdicts.contains { !$0.isAllowed }
        if let breakGlass { return Decision(isAllowed: true, because: .breakGlass(breakGlass), inSpite: refused) }
        guard refused else { return Decision(isAllowed: true, because: .verdicts, inSpite: false) }
        switch self {
        case .enforce: return Decision(isAllowed: false, because: .verdicts, inSpite: false)
        case .auditOnly: return Decision(isAllowed: true, because: .auditOnly, inSpite: true)
        }
    }
}

/// Whether a pod may run, and by whose word.
public struct Decision: Hashable, Sendable {
    /// What decided.
    public enum Cause: Hashable, Sendable {
        /// The verdicts on the images.
        case verdicts
        /// Someone broke the glass.
        case breakGlass(BreakGlass)
        /// The policy only watches.
        case auditOnly
    }

    /// Whether the pod may run.
    public let isAllowed: Bool
    /// What decided.
    public let because: Cause
    /// Whether it may run although a verdict speaks against it.
    public let inSpite: Bool

    /// Whether the record of this must be durable before the answer.
    public var mustBeRecordedFirst: Bool {
        if case .breakGlass = because { return true }
        return inSpite
    }
}

/// A label or annotation by which a person in need lets a pod run unjudged.
///
/// Kritis takes any value of its annotation; here only `true` counts, in both systems' spellings, as label or as
/// annotation (https://cloud.google.com/binary-authorization/docs/using-breakglass).
public struct BreakGlass: Hashable, Sendable {
    /// Where it was found.
    public enum Place: String, Hashable, Sendable, Codable {
        /// Among the labels.
        case label
        /// Among the annotations.
        case annotation
    }

    /// The name of the label or annotation.
    public let key: String
    /// Where it was found.
    public let place: Place

    /// Looks for a request; `nil` when there is none, or its value is not `true`.
    public init?(labels: [String: String], annotations: [String: String]) {
        for key in ["kritis.grafeas.io/breakglass", "image-policy.k8s.io/break-glass"] where labels[key] == "true" {
            self.key = key
            place = .label
            return
        }
        for key in Self.annotations where annotations[key] == "true" {
            self.key = key
            place = .annotation
            return
        }
        return nil
    }

    /// The names that count as annotation.
    public static let annotations = [
        "kritis.grafeas.io/breakglass", "image-policy.k8s.io/break-glass", "alpha.image-policy.k8s.io/break-glass",
    ]
}
