// SPDX-License-Identifier: Apache-2.0

import BullaVersion
import Testing

@Suite("Version ranges")
struct VersionRangeTests {
    @Test(
        "include what OSV's algorithm includes",
        arguments: [
            ([VersionEvent.introduced("0"), .fixed("2.0.0")], ["0.0.0-0", "1.9.9"], ["2.0.0", "3.0.0"]),
            ([.introduced("1.0.0")], ["1.0.0", "9.0.0"], ["0.9.0"]),
            ([.introduced("1.0.0"), .lastAffected("1.5.0")], ["1.0.0", "1.5.0"], ["1.5.1", "0.1.0"]),
            (
                [.fixed("1.2.0"), .introduced("1.0.0"), .introduced("2.0.0"), .fixed("2.2.0")], ["1.1.0", "2.1.0"],
                ["1.2.0", "2.2.0"]
            ),
            ([.introduced("0"), .limit("1.0.0")], ["0.9.0"], ["1.0.0"]),
            ([.introduced("0"), .fixed("3.0.0"), .limit("1.0.0"), .limit("2.0.0")], ["1.5.0"], ["2.0.0", "2.5.0"]),
            ([.introduced("0"), .limit("1.0.0"), .limit("*")], ["9.0.0"], []),
            ([.introduced("1.0.0"), .fixed("1.0.0")], [], ["1.0.0", "0.9.0", "1.0.1"]),
            ([.introduced("0"), .lastAffected("1.0.0"), .fixed("1.0.0")], ["0.9.0"], ["1.0.0", "1.0.1"]),
            ([], [], ["1.0.0"]),
        ] as [([VersionEvent], [String], [String])])
    func contains(events: [VersionEvent], affected: [String], clear: [String]) throws {
        let range = try VersionRange(events, in: .semver)
        for text in affected { #expect(range.contains(try #require(VersionScheme.semver.key(of: text))), "\(text)") }
        for text in clear { #expect(!range.contains(try #require(VersionScheme.semver.key(of: text))), "\(text)") }
    }

    @Test("name the text that is no version")
    func refuses() {
        let error = #expect(throws: UnreadableVersion.self) {
            try VersionRange([.introduced("0"), .fixed("one")], in: .semver)
        }
        #expect(error?.text == "one")
    }

    @Test("say of every version what walking the events says")
    func agreesWithTheWalk() throws {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<5_000 {
            let events = (0..<Int.random(in: 0...6, using: &generator)).map { _ -> VersionEvent in
                let version = "\(Int.random(in: 0...4, using: &generator)).0.0"
                switch Int.random(in: 0...8, using: &generator) {
                case 0: return .introduced("0")
                case 1...3: return .introduced(version)
                case 4...5: return .fixed(version)
                case 6: return .lastAffected(version)
                case 7: return .limit(version)
                default: return .limit("*")
                }
            }
            let range = try VersionRange(events, in: .semver)
            for text in [
                "0.0.0-0", "0.0.0", "0.5.0", "1.0.0", "1.5.0", "2.0.0", "2.5.0", "3.0.0", "3.5.0", "4.0.0", "5.0.0",
            ] {
                let version = try #require(VersionScheme.semver.key(of: text))
                #expect(range.contains(version) == walk(events, to: version), "\(text) in \(events)")
            }
        }
    }

    /// The specification's pseudo-code, word for word.
    private func walk(_ events: [VersionEvent], to version: VersionKey) -> Bool {
        func key(_ event: VersionEvent) -> VersionKey {
            switch event {
            case .introduced("0"): .lowest
            case .introduced(let text), .fixed(let text), .lastAffected(let text), .limit(let text):
                VersionScheme.semver.key(of: text) ?? .lowest
            }
        }
        let limits = events.filter { if case .limit = $0 { true } else { false } }
        guard limits.isEmpty || limits.contains(where: { $0 == .limit("*") || version < key($0) }) else { return false }
        var isAffected = false
        let sorted = events.enumerated().sorted {
            let (left, right) = (key($0.element), key($1.element))
            return left == right ? $0.offset < $1.offset : left < right
        }
        for (_, event) in sorted {
            switch event {
            case .introduced where version >= key(event): isAffected = true
            case .fixed where version >= key(event): isAffected = false
            case .lastAffected where version > key(event): isAffected = false
            default: break
            }
        }
        return isAffected
    }
}
