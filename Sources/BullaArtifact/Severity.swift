// SPDX-License-Identifier: Apache-2.0

/// How bad a vulnerability is, in Grafeas' five steps and one for "nobody said".
///
/// The raw values are those of `grafeas.v1.Severity`.
public enum Severity: Int, Sendable, Hashable, Comparable, CaseIterable, CustomStringConvertible {
    case unspecified = 0
    case minimal = 1
    case low = 2
    case medium = 3
    case high = 4
    case critical = 5

    /// Reads a severity's name in any case, `nil` for a word that is none.
    ///
    /// The words of other producers (`moderate`, `important`, `negligible`, `unknown`, `none`) are understood.
    public init?(_ text: some StringProtocol) {
        switch text.uppercased() {
        case "SEVERITY_UNSPECIFIED", "UNSPECIFIED", "UNKNOWN": self = .unspecified
        case "MINIMAL", "NEGLIGIBLE", "UNIMPORTANT", "NONE": self = .minimal
        case "LOW": self = .low
        case "MEDIUM", "MODERATE": self = .medium
        case "HIGH", "IMPORTANT": self = .high
        case "CRITICAL": self = .critical
        default: return nil
        }
    }

    /// The severity of a CVSS base score, by the rating scale of the CVSS specification
    /// (https://www.first.org/cvss/v3.1/specification-document#Qualitative-Severity-Rating-Scale).
    public init(score: Double) {
        switch score {
        case 9...: self = .critical
        case 7..<9: self = .high
        case 4..<7: self = .medium
        case 0.1..<4: self = .low
        default: self = .minimal
        }
    }

    /// The name in Grafeas, such as `HIGH`.
    public var description: String {
        switch self {
        case .unspecified: "SEVERITY_UNSPECIFIED"
        case .minimal: "MINIMAL"
        case .low: "LOW"
        case .medium: "MEDIUM"
        case .high: "HIGH"
        case .critical: "CRITICAL"
        }
    }

    /// Orders from unspecified to critical.
    public static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
}
