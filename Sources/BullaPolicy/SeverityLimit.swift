// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// The worst severity that a policy still accepts.
///
/// The words are those of Kritis and of Binary Authorization's vulnerability check: `BLOCK_ALL`, `ALLOW_ALL` or a
/// severity's name (https://cloud.google.com/binary-authorization/docs/cv-vulnerability-check).
public enum SeverityLimit: Hashable, Sendable, CustomStringConvertible {
    /// Nothing is accepted.
    case blockAll
    /// Everything is accepted.
    case allowAll
    /// What is at most this bad is accepted.
    case atMost(Severity)

    /// Reads a limit as a policy spells it, `nil` for any other word.
    public init?(_ text: String) {
        switch text {
        case "BLOCK_ALL": self = .blockAll
        case "ALLOW_ALL": self = .allowAll
        default:
            guard let severity = Severity.allCases.first(where: { $0.description == text }) else { return nil }
            self = .atMost(severity)
        }
    }

    /// Whether a vulnerability of this severity is accepted.
    public func accepts(_ severity: Severity) -> Bool {
        switch self {
        case .blockAll: false
        case .allowAll: true
        case .atMost(let worst): severity <= worst
        }
    }

    /// The word in a policy.
    public var description: String {
        switch self {
        case .blockAll: "BLOCK_ALL"
        case .allowAll: "ALLOW_ALL"
        case .atMost(let severity): severity.description
        }
    }

    /// Every word that a policy may use, for an error message.
    public static let words = "BLOCK_ALL, MINIMAL, LOW, MEDIUM, HIGH, CRITICAL or ALLOW_ALL"
}
