// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
import BullaArtifact
import Foundation
import Testing

@Suite("Advisory database")
final class AdvisoryDatabaseTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private let records = [
        osv("A-1", more: #""aliases":["CVE-2024-1"],"summary":"one","references":[{"url":"https://example.org/1"}],"#),
        osv("A-2", ecosystem: "Debian:12", events: #"{"introduced":"0"},{"fixed":"1.0-1"}"#),
        osv("A-3", package: "other", inAffected: #""versions":["3.0","not a version"],"#),
        osv("A-4", more: #""withdrawn":"2024-02-01T00:00:00Z","#),
    ]

    @Test("has a digest of its content alone, whatever the order and the time")
    func digests() throws {
        let first = try compile(records, in: folder)
        var builder = DatabaseBuilder()
        for record in records.reversed() { try builder.add(Array(record.utf8), named: "x.json") }
        try builder.write(to: folder.path + "/b.db", built: Date(timeIntervalSince1970: 1_800_000_000))
        let second = try AdvisoryDatabase(path: folder.path + "/b.db")
        #expect(first.digest == second.digest)
        #expect(first.built != second.built)
        #expect(try compile(Array(records.dropLast()), in: folder, named: "c.db").digest != first.digest)
        let other = records.dropLast() + [osv("A-4")]
        #expect(try compile(Array(other), in: folder, named: "d.db").digest != first.digest)
    }

    @Test("gives the same bytes for the same set and time")
    func repeats() throws {
        _ = try compile(records, in: folder, named: "a.db")
        _ = try compile(records.reversed(), in: folder, named: "b.db")
        let read = { try Data(contentsOf: URL(filePath: self.folder.path + "/" + $0)) }
        #expect(try read("a.db") == read("b.db"))
    }

    @Test("states what it holds")
    func states() throws {
        let status = try compile(records, in: folder).status
        #expect(status.advisories == 3 && status.withdrawn == 1)
        #expect(status.sources.map(\.source.name) == ["A"])
        #expect(status.ecosystems.map(\.name) == ["Debian:12", "PyPI"])
        #expect(status.ecosystems.map(\.packages) == [1, 2])
        #expect(status.built == Date(timeIntervalSince1970: 1_700_000_000))
    }

    @Test("counts an advisory once, however often it was changed in what is imported")
    func countsOnce() throws {
        var builder = DatabaseBuilder()
        for record in [
            osv("A-1"), osv("A-1", modified: "2025-06-01T00:00:00Z"),
            osv("A-1", modified: "2025-07-01T00:00:00Z", more: #""withdrawn":"2025-07-01T00:00:00Z","#), osv("A-1"),
        ] {
            try builder.add(Array(record.utf8), named: "x.json")
        }
        #expect(builder.report.read == 4 && builder.report.superseded == 3)
        #expect(builder.report.kept == 0 && builder.report.withdrawn == 1)
    }

    @Test("merges: the later change wins, and at the same time what is imported now")
    func merges() throws {
        let old = try compile(
            [osv("A-1", events: #"{"introduced":"0"},{"fixed":"1.0"}"#), osv("A-2"), osv("A-3")], in: folder)
        var builder = try DatabaseBuilder(mergingInto: old)
        let changes = [
            osv("A-1", events: #"{"introduced":"0"},{"fixed":"5.0"}"#, modified: "2024-06-01T00:00:00Z"),
            osv("A-2", events: #"{"introduced":"0"},{"fixed":"6.0"}"#, modified: "2023-06-01T00:00:00Z"),
            osv("A-3", events: #"{"introduced":"0"},{"fixed":"7.0"}"#),
        ]
        try builder.add(Array(changes.joined(separator: "\n").utf8), named: "x.jsonl")
        #expect(builder.report.kept == 2 && builder.report.superseded == 1)
        try builder.write(to: folder.path + "/a.db", built: Date())
        let merged = try AdvisoryDatabase(path: folder.path + "/a.db")
        let findings = try Matcher(database: merged).judge(
            Inventory(packages: [package("pypi", "example", "0.5")])
        ).findings
        #expect(findings.map(\.id) == ["A-1", "A-2", "A-3"])
        #expect(findings.map(\.fixedVersion) == ["5.0", "2.0", "7.0"])
        // The old database is still whole for whoever has it open.
        #expect(
            try Matcher(database: old).judge(Inventory(packages: [package("pypi", "example", "1.5")])).findings.count
                == 2)
        // Merging nothing changes nothing.
        #expect(try DatabaseBuilder(mergingInto: merged).digest == merged.digest)
        // Merging into nothing is the same as importing the outcome.
        let direct = try compile([changes[0], osv("A-2"), changes[2]], in: folder, named: "c.db")
        #expect(direct.digest == merged.digest)
    }

    @Test("leaves nothing behind when it cannot be written")
    func writesAtomically() throws {
        let builder = DatabaseBuilder()
        #expect(throws: BullaError.self) { try builder.write(to: folder.path + "/none/a.db", built: Date()) }
        try FileManager.default.createDirectory(atPath: folder.path + "/taken", withIntermediateDirectories: true)
        #expect(throws: BullaError.self) { try builder.write(to: folder.path + "/taken", built: Date()) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["taken"])
    }

    @Test("can be empty")
    func empty() throws {
        let database = try compile([], in: folder)
        let judgement = try Matcher(database: database).judge(Inventory(packages: [package("pypi", "a", "1")]))
        #expect(judgement.judged == 0)
        #expect(judgement.unjudged.first?.reason == "no advisories for PyPI are loaded")
    }

    @Test("that is missing, empty, cut short or of another form is refused")
    func refuses() throws {
        #expect(throws: BullaError.self) { try AdvisoryDatabase(path: folder.path + "/none") }
        #expect(throws: BullaError.self) { try AdvisoryDatabase(path: folder.path) }
        _ = try compile(records, in: folder)
        let whole = Array(try Data(contentsOf: URL(filePath: folder.path + "/a.db")))
        for length in [0, 7, 8, 64, 255, 256, whole.count / 2, whole.count - 1] {
            let path = try folder.write(Array(whole.prefix(length)), "cut.db")
            let error = #expect(throws: BullaError.self) { try AdvisoryDatabase(path: path) }
            #expect(error?.code == .dataLoss)
        }
        #expect(throws: BullaError.self) { try AdvisoryDatabase(path: folder.write(whole + [0], "long.db")) }
        var other = whole
        other[8] = 99
        let error = #expect(throws: BullaError.self) { try AdvisoryDatabase(path: folder.write(other, "other.db")) }
        #expect(error?.code == .failedPrecondition)
    }

    @Test("that is corrupt gives an error or an answer, never a trap")
    func survivesMutation() throws {
        _ = try compile(records, in: folder)
        let whole = Array(try Data(contentsOf: URL(filePath: folder.path + "/a.db")))
        let inventory = Inventory(
            distribution: Distribution(id: "debian", version: "12"),
            packages: [
                package("pypi", "example", "1.0"), package("pypi", "other", "3.0"),
                package("pypi", "other", "not a version"), package("deb", "example", "0.9-1"),
                package("pypi", "absent", "1"),
            ])
        var generator = SeededGenerator(seed: 5)
        var opened = 0
        var refused = 0
        for round in 0..<2000 {
            var mutated = whole
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                // Beyond the header, whose checksum would hide the rest; every tenth round also in it.
                let place = Int.random(in: (round % 10 == 0 ? 0 : 256)..<mutated.count, using: &generator)
                let values: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &generator)]
                mutated[place] = values.randomElement(using: &generator) ?? 0
            }
            do {
                let database = try AdvisoryDatabase(path: folder.write(mutated, "mutated.db"))
                opened += 1
                _ = try Matcher(database: database).judge(inventory)
                _ = try DatabaseBuilder(mergingInto: database)
            } catch {
                #expect(error is BullaError)
                refused += 1
            }
        }
        #expect(opened > 1000 && refused > 30, "\(opened) opened, \(refused) refused")
    }
}
