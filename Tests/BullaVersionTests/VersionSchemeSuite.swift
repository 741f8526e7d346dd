// SPDX-License-Identifier: Apache-2.0

import BullaVersion
import Testing

/// What every scheme must keep, whatever its rules.
enum VersionSchemeSuite {
    /// Checks that a list in ascending order is ascending whichever two are compared, and that the order is total.
    static func expectAscending(_ texts: [String], in scheme: VersionScheme) {
        for (left, smaller) in texts.enumerated() {
            for (right, larger) in texts.enumerated() {
                let expected = left < right ? -1 : left == right ? 0 : 1
                #expect(scheme.compare(smaller, larger) == expected, "\(smaller) against \(larger)")
            }
        }
    }

    /// Checks that all texts are one version.
    static func expectEqual(_ texts: [String], in scheme: VersionScheme) {
        for left in texts {
            for right in texts { #expect(scheme.compare(left, right) == 0, "\(left) against \(right)") }
        }
    }

    /// Compares random pairs with a judge.
    static func expectAgreement(
        with judge: Judge, in scheme: VersionScheme, pieces: [String], upTo length: Int, pairs count: Int, seed: UInt64
    ) throws {
        var generator = SeededGenerator(seed: seed)
        let pairs = (0..<count).map { _ in
            let left = generator.text(of: pieces, upTo: length)
            let right =
                Bool.random(using: &generator)
                ? generator.text(of: pieces, upTo: length) : generator.nudge(left, with: pieces)
            return (left, right)
        }
        guard let answers = try judge.compare(pairs) else { return }
        try #require(answers.count == count)
        var differences: [String] = []
        var judged = 0
        for ((left, right), answer) in zip(pairs, answers) {
            let own =
                switch scheme.compare(left, right) {
                case nil: "invalid"
                case 0?: "="
                case let order?: order < 0 ? "<" : ">"
                }
            if own != "invalid" { judged += 1 }
            if own != answer { differences.append("\(left) \(right): \(own), not \(answer)") }
        }
        #expect(differences.count == 0, "\(differences.count) differences: \(differences.prefix(10))")
        #expect(judged > count / 20, "too few pairs are versions: \(judged) of \(count)")
    }

    /// Texts that end early or have bytes changed must be refused or read, never trap.
    static func survivesMutation(of texts: [String], in scheme: VersionScheme) {
        var generator = SeededGenerator(seed: 7)
        for text in texts {
            for length in 0...text.count { _ = scheme.key(of: text.prefix(length)) }
            for _ in 0..<200 {
                var bytes = Array(text.utf8)
                for _ in 0..<3 where !bytes.isEmpty {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                        in: 0...255, using: &generator)
                }
                let mutated = String(decoding: bytes, as: UTF8.self)
                if let key = scheme.key(of: mutated) { #expect(scheme.key(of: mutated) == key) }
            }
        }
        #expect(scheme.key(of: "") == nil)
        #expect(scheme.key(of: String(repeating: "1", count: VersionScheme.longestText + 1)) == nil)
    }
}
