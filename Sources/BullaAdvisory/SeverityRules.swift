// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// How the severity of a flaw is chosen from what several advisories say.
///
/// The vendor's own word comes first, for it knows how the package is built and used; only then the CVSS base scores,
/// 4.0 before 3.x before 2.0, the highest of the same version. Nobody's word leaves it unspecified.
enum SeverityRules {
    /// A vector's or a bare number's say, ordered by how much it counts.
    struct Score: Hashable, Comparable {
        /// 4, 3 or 2; 1 for a number without a vector.
        let version: UInt8
        /// Ten times the base score.
        let tenths: UInt8

        var severity: Severity { Severity(score: Double(tenths) / 10) }

        static func < (left: Score, right: Score) -> Bool {
            left.version == right.version ? left.tenths < right.tenths : left.version < right.version
        }
    }

    /// The vector that counts, with its score.
    static func best(of vectors: [String]) -> (vector: String, score: Score)? {
        var best: (vector: String, score: Score)?
        for vector in vectors {
            guard let cvss = CVSS(vector) else { continue }
            let score = Score(
                version: UInt8(truncatingIfNeeded: cvss.majorVersion),
                tenths: UInt8(clamping: Int((cvss.baseScore * 10).rounded())))
            if best.map({ $0.score < score || ($0.score == score && vector < $0.vector) }) ?? true {
                best = (vector, score)
            }
        }
        return best
    }

    /// What a vendor's word means; `nil` for words that say nothing, such as Debian's `not yet assigned`.
    static func vendor(_ word: String) -> (severity: Severity, status: Advisory.Status?)? {
        // Debian's tracker marks an urgency that only it set with stars.
        let bare = word.prefix { $0 != "*" }
        if bare == "end-of-life" { return (.unspecified, .endOfLife) }
        guard let severity = Severity(bare), severity != .unspecified else { return nil }
        return (severity, nil)
    }
}
