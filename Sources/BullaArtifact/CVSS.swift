// SPDX-License-Identifier: Apache-2.0

/// A vector of the Common Vulnerability Scoring System and the score that it gives.
///
/// 2.0 (https://www.first.org/cvss/v2/guide), 3.0 and 3.1 (https://www.first.org/cvss/v3.1/specification-document) give
/// their base scores, whatever temporal and environmental metrics follow. 4.0
/// (https://www.first.org/cvss/v4.0/specification-document) knows one score of all metrics that the vector states, so
/// its threat and environmental metrics count.
public struct CVSS: Hashable, Sendable {
    /// A version of the system.
    public enum Version: String, Hashable, Sendable {
        case v2 = "2.0"
        case v3 = "3.0"
        case v31 = "3.1"
        case v4 = "4.0"
    }

    /// The vector as it was read.
    public let vector: String
    /// The version of the system.
    public let version: Version
    /// The score, from 0 to 10 in tenths.
    public let baseScore: Double

    /// Reads a vector; `nil` when it is malformed, misses a base metric or states one twice.
    public init?(_ vector: String) {
        guard vector.utf8.count <= 512 else { return nil }
        var rest = Substring(vector)
        let version: Version
        if rest.hasPrefix("CVSS:") {
            guard let slash = rest.firstIndex(of: "/"),
                let named = Version(rawValue: String(rest[..<slash].dropFirst(5))), named != .v2
            else { return nil }
            version = named
            rest = rest[rest.index(after: slash)...]
        } else {
            version = .v2
            if rest.first == "(", rest.last == ")" { rest = rest.dropFirst().dropLast() }
        }
        var metrics: [Substring: Substring] = [:]
        for part in rest.split(separator: "/", omittingEmptySubsequences: false) {
            guard let colon = part.firstIndex(of: ":"),
                metrics.updateValue(part[part.index(after: colon)...], forKey: part[..<colon]) == nil
            else { return nil }
        }
        let tenths: Int? =
            switch version {
            case .v2: Self.score2(metrics)
            case .v3, .v31: Self.score3(metrics)
            case .v4: CVSS4(metrics)?.tenths
            }
        guard let tenths else { return nil }
        self.vector = vector
        self.version = version
        baseScore = Double(tenths) / 10
    }

    /// 2, 3 or 4.
    public var majorVersion: Int {
        switch version {
        case .v2: 2
        case .v3, .v31: 3
        case .v4: 4
        }
    }

    /// The step of the rating scale.
    public var severity: Severity { Severity(score: baseScore) }

    private static func score2(_ metrics: [Substring: Substring]) -> Int? {
        let impactWeights = ["N": 0, "P": 0.275, "C": 0.660]
        guard let vector = ["L": 0.395, "A": 0.646, "N": 1][metrics["AV"] ?? ""],
            let complexity = ["H": 0.35, "M": 0.61, "L": 0.71][metrics["AC"] ?? ""],
            let authentication = ["M": 0.45, "S": 0.56, "N": 0.704][metrics["Au"] ?? ""],
            let confidentiality = impactWeights[String(metrics["C"] ?? "")],
            let integrity = impactWeights[String(metrics["I"] ?? "")],
            let availability = impactWeights[String(metrics["A"] ?? "")]
        else { return nil }
        let impact = 10.41 * (1 - (1 - confidentiality) * (1 - integrity) * (1 - availability))
        let exploitability = 20 * vector * complexity * authentication
        let score = (0.6 * impact + 0.4 * exploitability - 1.5) * (impact == 0 ? 0 : 1.176)
        return Int((score * 10).rounded())
    }

    private static func score3(_ metrics: [Substring: Substring]) -> Int? {
        guard let scope = metrics["S"], scope == "U" || scope == "C" else { return nil }
        let isChanged = scope == "C"
        let impactWeights = ["N": 0, "L": 0.22, "H": 0.56]
        let privilegeWeights = isChanged ? ["N": 0.85, "L": 0.68, "H": 0.5] : ["N": 0.85, "L": 0.62, "H": 0.27]
        guard let vector = ["N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2][metrics["AV"] ?? ""],
            let complexity = ["L": 0.77, "H": 0.44][metrics["AC"] ?? ""],
            let privileges = privilegeWeights[String(metrics["PR"] ?? "")],
            let interaction = ["N": 0.85, "R": 0.62][metrics["UI"] ?? ""],
            let confidentiality = impactWeights[String(metrics["C"] ?? "")],
            let integrity = impactWeights[String(metrics["I"] ?? "")],
            let availability = impactWeights[String(metrics["A"] ?? "")]
        else { return nil }
        let base = 1 - (1 - confidentiality) * (1 - integrity) * (1 - availability)
        var power = 1.0
        for _ in 0..<15 { power *= base - 0.02 }
        let impact = isChanged ? 7.52 * (base - 0.029) - 3.25 * power : 6.42 * base
        guard impact > 0 else { return 0 }
        let exploitability = 8.22 * vector * complexity * privileges * interaction
        let score = min(10, (isChanged ? 1.08 : 1) * (impact + exploitability))
        // Rounded up as 3.1 defines it, so that the errors of floating point do not count.
        let scaled = Int((score * 100_000).rounded())
        return scaled % 10_000 == 0 ? scaled / 10_000 : scaled / 10_000 + 1
    }
}
