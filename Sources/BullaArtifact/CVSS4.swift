// SPDX-License-Identifier: Apache-2.0

/// The score of a CVSS 4.0 vector.
///
/// Each vector belongs to one of 270 macro vectors, whose scores FIRST publishes as a table; the score of the vector
/// lies between its macro vector's and the next lower ones', by how far the vector is from the highest of its macro
/// vector (https://www.first.org/cvss/v4.0/specification-document#CVSS-v4-0-Scoring, section 8). Distances are whole
/// steps, so only the last division is not exact.
struct CVSS4 {
    /// Ten times the score.
    let tenths: Int

    /// How far each value of a metric is from the worst one, in steps.
    private static let levels: [Substring: [Substring: Int]] = [
        "AV": ["N": 0, "A": 1, "L": 2, "P": 3], "PR": ["N": 0, "L": 1, "H": 2], "UI": ["N": 0, "P": 1, "A": 2],
        "AC": ["L": 0, "H": 1], "AT": ["N": 0, "P": 1], "VC": ["H": 0, "L": 1, "N": 2], "VI": ["H": 0, "L": 1, "N": 2],
        "VA": ["H": 0, "L": 1, "N": 2], "SC": ["H": 1, "L": 2, "N": 3], "SI": ["S": 0, "H": 1, "L": 2, "N": 3],
        "SA": ["S": 0, "H": 1, "L": 2, "N": 3], "CR": ["H": 0, "M": 1, "L": 2], "IR": ["H": 0, "M": 1, "L": 2],
        "AR": ["H": 0, "M": 1, "L": 2], "E": ["A": 0, "P": 1, "U": 2],
    ]
    private static let base: [Substring] = ["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"]
    private static let supplemental: [Substring: String] = [
        "S": "XNP", "AU": "XNY", "R": "XAUI", "V": "XDC", "RE": "XLMH",
    ]

    init?(_ metrics: [Substring: Substring]) {
        guard let levels = Self.effectiveLevels(metrics) else { return nil }
        func level(_ metric: Substring) -> Int { levels[metric] ?? 0 }
        let impacts = ["VC", "VI", "VA", "SC", "SI", "SA"] as [Substring]
        let most = [2, 2, 2, 3, 3, 3]
        guard !zip(impacts, most).allSatisfy({ level($0) == $1 }) else {
            tenths = 0
            return
        }

        // The equivalence classes, section 8.2; the third and the sixth depend on each other and are one here.
        let worst = [level("AV"), level("PR"), level("UI")].filter { $0 == 0 }.count
        let first = worst == 3 ? 0 : worst > 0 && level("AV") != 3 ? 1 : 2
        let second = level("AC") == 0 && level("AT") == 0 ? 0 : 1
        let third =
            level("VC") == 0 && level("VI") == 0 ? 0 : level("VC") == 0 || level("VI") == 0 || level("VA") == 0 ? 1 : 2
        let sixth =
            zip(["VC", "VI", "VA"] as [Substring], ["CR", "IR", "AR"] as [Substring]).contains {
                level($0) == 0 && level($1) == 0
            } ? 0 : 1
        let fourth =
            level("SI") == 0 || level("SA") == 0
            ? 0 : level("SC") == 1 || level("SI") == 1 || level("SA") == 1 ? 1 : 2
        let fifth = level("E")
        let joint = third == 2 ? 4 : third * 2 + sixth

        func score(_ first: Int, _ second: Int, _ joint: Int, _ fourth: Int, _ fifth: Int) -> Int? {
            guard first < 3, second < 2, joint < 5, fourth < 3, fifth < 3 else { return nil }
            return Self.scores[((first * 2 + second) * 5 + joint) * 9 + fourth * 3 + fifth]
        }
        guard let own = score(first, second, joint, fourth, fifth) else { return nil }
        let lowerJoint =
            switch joint {
            case 0: [1, 2].compactMap { score(first, second, $0, fourth, fifth) }.max()
            case 1, 2: score(first, second, 3, fourth, fifth)
            case 3: score(first, second, 4, fourth, fifth)
            default: nil as Int?
            }
        func distance(_ metrics: [Substring], from highest: [[Int]]) -> Int {
            for vector in highest {
                let distances = zip(metrics, vector).map { level($0) - $1 }
                if distances.allSatisfy({ $0 >= 0 }) { return distances.reduce(0, +) }
            }
            return 0
        }
        let steps: [(lower: Int?, distance: Int, depth: Int)] = [
            (
                score(first + 1, second, joint, fourth, fifth),
                distance(["AV", "PR", "UI"], from: Self.highestFirst[first]), [1, 4, 5][first]
            ),
            (
                score(first, second + 1, joint, fourth, fifth),
                distance(["AC", "AT"], from: Self.highestSecond[second]), [1, 2][second]
            ),
            (
                lowerJoint, distance(["VC", "VI", "VA", "CR", "IR", "AR"], from: Self.highestJoint[joint]),
                [7, 6, 8, 8, 10][joint]
            ),
            (
                score(first, second, joint, fourth + 1, fifth),
                distance(["SC", "SI", "SA"], from: Self.highestFourth[fourth]), [6, 5, 4][fourth]
            ),
            (score(first, second, joint, fourth, fifth + 1), 0, 1),
        ]
        var sum = 0.0
        var count = 0.0
        for step in steps {
            guard let lower = step.lower else { continue }
            count += 1
            sum += Double((own - lower) * step.distance) / Double(step.depth)
        }
        let exact = Double(own) - (count > 0 ? sum / count : 0)
        tenths = max(0, min(100, Int((exact + 1e-9 + 0.5).rounded(.down))))
    }

    /// The level of each metric that counts: the modified value before the base value, and the worst where none is
    /// given.
    private static func effectiveLevels(_ metrics: [Substring: Substring]) -> [Substring: Int]? {
        var result: [Substring: Int] = [:]
        for (name, value) in metrics {
            if let values = supplemental[name] {
                // The values of a supplemental metric begin with different letters.
                guard let letter = value.first, values.contains(letter) else { return nil }
                continue
            }
            let isModified = name.first == "M" && levels[name.dropFirst()] != nil && base.contains(name.dropFirst())
            let metric = isModified ? name.dropFirst() : name
            guard let known = levels[metric] else { return nil }
            if value == "X" {
                guard isModified || !base.contains(metric) else { return nil }
                continue
            }
            guard let level = known[value] else { return nil }
            // Only a modified metric can say that safety is at stake.
            guard isModified || !(value == "S" && (metric == "SI" || metric == "SA")) else { return nil }
            if isModified || !hasModified(metric, in: metrics) { result[metric] = level }
        }
        guard base.allSatisfy({ metrics[$0] != nil }) else { return nil }
        return result
    }

    private static func hasModified(_ metric: Substring, in metrics: [Substring: Substring]) -> Bool {
        guard base.contains(metric), let value = metrics["M" + metric] else { return false }
        return value != "X"
    }

    /// The highest vectors of each class, as levels.
    private static let highestFirst = [[[0, 0, 0]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[3, 0, 0], [1, 1, 1]]]
    private static let highestSecond = [[[0, 0]], [[1, 0], [0, 1]]]
    private static let highestJoint = [
        [[0, 0, 0, 0, 0, 0]],
        [[0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1]],
        [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]],
        [[1, 0, 1, 0, 1, 0], [1, 0, 0, 0, 1, 1], [0, 1, 0, 1, 0, 1], [0, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 1]],
        [[1, 1, 1, 0, 0, 0]],
    ]
    private static let highestFourth = [[[1, 0, 0]], [[1, 1, 1]], [[2, 2, 2]]]

    /// Ten times the scores of the macro vectors: a line for each value of the first, second and joint third and sixth
    /// class, in it the values of the fourth and fifth.
    private static let scores: [Int] = [
        100, 98, 95, 100, 93, 91, 93, 89, 81,
        99, 95, 92, 96, 87, 81, 90, 80, 68,
        98, 95, 90, 93, 89, 81, 88, 78, 69,
        95, 92, 84, 92, 81, 65, 80, 70, 48,
        92, 82, 72, 79, 69, 50, 69, 55, 27,
        99, 95, 92, 95, 90, 84, 92, 82, 72,
        97, 92, 85, 91, 83, 71, 81, 71, 53,
        95, 92, 85, 92, 80, 70, 84, 71, 50,
        93, 85, 73, 82, 72, 59, 70, 52, 30,
        86, 75, 52, 71, 52, 29, 63, 29, 17,
        98, 94, 91, 94, 86, 77, 87, 74, 63,
        95, 87, 81, 89, 74, 64, 75, 63, 49,
        94, 88, 76, 86, 74, 59, 72, 57, 52,
        89, 77, 67, 76, 58, 50, 57, 52, 25,
        83, 70, 54, 65, 58, 26, 53, 21, 13,
        95, 88, 76, 90, 75, 61, 77, 68, 52,
        90, 76, 70, 77, 62, 53, 66, 59, 30,
        89, 76, 62, 74, 57, 47, 61, 57, 24,
        78, 67, 58, 59, 57, 23, 52, 29, 16,
        71, 59, 30, 58, 26, 15, 23, 13, 6,
        93, 86, 75, 86, 74, 56, 70, 52, 40,
        87, 72, 58, 74, 61, 34, 54, 40, 22,
        85, 74, 62, 72, 55, 46, 53, 34, 19,
        75, 55, 51, 57, 41, 19, 36, 19, 8,
        64, 51, 20, 47, 21, 11, 24, 9, 4,
        88, 73, 60, 73, 59, 41, 54, 45, 20,
        75, 53, 50, 55, 40, 20, 43, 22, 11,
        75, 58, 40, 61, 48, 20, 46, 17, 8,
        55, 45, 21, 51, 18, 9, 18, 7, 2,
        53, 24, 14, 24, 12, 5, 10, 3, 1,
    ]
}
