// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What was measured.
struct Report: Codable {
    /// One comparison: how many times the subject is better than the other.
    struct Ratio: Codable {
        /// What is compared.
        var name: String
        /// The unit of both values.
        var unit: String
        /// The value of what is under test.
        var subject: Double
        /// The value of what it is compared with.
        var other: Double
        /// How many times better the subject is: `other` divided by `subject`, for rates the reverse.
        var ratio: Double
    }

    /// The ratios, in the order they were measured.
    var ratios: [Ratio] = []
    /// Numbers that are the same in every run on the same input.
    var counts: [String: Int] = [:]

    /// Adds a comparison; of a rate (`1/s`) more is better, of all else less.
    mutating func add(_ name: String, unit: String, _ subject: Double, _ other: Double) {
        let ratio = unit == "1/s" ? subject / other : other / subject
        ratios.append(Ratio(name: name, unit: unit, subject: subject, other: other, ratio: ratio))
    }

    /// The report for people.
    var table: String {
        let width = ratios.map(\.name.count).max() ?? 0
        var lines = ["\("what".padded(to: width))        this       other   ratio  unit"]
        for ratio in ratios {
            let numbers = [Self.text(ratio.subject), Self.text(ratio.other)].map { $0.padded(before: 10) }
            let factor = String(format: "%.2f", ratio.ratio).padded(before: 6)
            lines.append("\(ratio.name.padded(to: width))  \(numbers[0])  \(numbers[1])  \(factor)  \(ratio.unit)")
        }
        for (name, count) in counts.sorted(by: { $0.key < $1.key }) { lines.append("\(name): \(count)") }
        return lines.joined(separator: "\n")
    }

    /// The report for programs.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// The counts of a file that this report has too and that differ; ratios have no thresholds, for they vary.
    func misses(of file: String?) throws -> [String] {
        guard let file else { return [] }
        let wanted = try JSONDecoder().decode([String: Int].self, from: Data(contentsOf: URL(filePath: file)))
        return wanted.sorted { $0.key < $1.key }.compactMap { name, count in
            guard let found = counts[name], found != count else { return nil }
            return "\(name) is \(found), not \(count)"
        }
    }

    private static func text(_ value: Double) -> String {
        String(format: value >= 100 ? "%.0f" : value >= 1 ? "%.2f" : "%.4f", value)
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    fileprivate func padded(before width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}

/// The middle one of measured values.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}

/// Seconds that a closure takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    let taken = (ContinuousClock.now - start).components
    return Double(taken.seconds) + Double(taken.attoseconds) / 1e18
}
