// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
import BullaArtifact
import Foundation
import Testing

@Suite("OSV records")
final class OSVSourceTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func report(_ text: String, named name: String = "records.jsonl") throws -> ImportReport {
        var builder = DatabaseBuilder()
        try builder.add(Array(text.utf8), named: name)
        return builder.report
    }

    @Test("are counted once each: kept, withdrawn, refused")
    func counts() throws {
        let text = [
            osv("A-1"), osv("A-2", more: #""withdrawn":"2024-02-01T00:00:00Z","#), "{", "",
            osv("A-3", ecosystem: "Nowhere"), osv("A-1"),
        ].joined(separator: "\n")
        let report = try report(text)
        #expect(report.read == 5)
        #expect(report.kept == 1)
        #expect(report.withdrawn == 1)
        #expect(report.superseded == 1)
        #expect(report.refused.map(\.line) == [3, 5])
        #expect(report.refused.map(\.id) == [nil, "A-3"])
        #expect(report.refused.last?.reason == "no version order for ecosystem Nowhere")
    }

    @Test(
        "that cannot be judged are refused with a reason",
        arguments: [
            (osv("A", ecosystem: "Maven"), "no version order for ecosystem Maven"),
            (osv("A", type: "GIT"), "a range of commits holds no versions"),
            (osv("A", type: "ODD"), "the range type 'ODD' is unknown"),
            (osv("A", events: #"{"introduced":"0"},{"fixed":"nonsense"}"#), "'nonsense' is no version of PyPI"),
            (osv("A", ecosystem: "Debian:12", events: #"{"introduced":"a"}"#), "'a' is no version of Debian:12"),
            (osv("A", events: ""), "an affected entry names no versions"),
            (osv("A", events: #"{"vanished":"1"}"#), "malformed JSON: the event 'vanished' is unknown"),
            (osv("A", package: ""), "an affected entry names no package"),
            (osv(""), "the record has no id, or a malformed one"),
            (osv("A", modified: "yesterday"), "malformed JSON: 'modified' is no moment of RFC 3339"),
            (#"{"id":"A","modified":"2024-01-01T00:00:00Z"}"#, "the record names no affected package"),
            ("[1]", "malformed JSON: an object is expected"), ("nul", "malformed JSON: an object is expected"),
            (osv("A") + "x", "malformed JSON: something follows the value"),
            (#"{"id":"A\ud800\u0041"#, "malformed JSON: a string does not end"),
            (#"{"id":"\x"}"#, "malformed JSON: an escape is unknown"),
            (
                #"{"x":"# + String(repeating: "[", count: 100) + String(repeating: "]", count: 100) + "}",
                "malformed JSON: values are nested more than 64 deep"
            ),
        ])
    func refuses(text: String, reason: String) throws {
        let report = try report(text)
        #expect(report.refusedCount == 1 && report.kept == 0)
        #expect(report.refused.first?.reason.hasPrefix(reason) == true, "\(report.refused)")
        #expect(report.refused.first?.file == "records.jsonl")
    }

    @Test("keep what can be judged of them and count the rest")
    func keepsParts() throws {
        let text =
            #"{"id":"A","modified":"2024-01-01T00:00:00Z","affected":["#
            + #"{"package":{"ecosystem":"Maven","name":"a:b"},"ranges":[]},"#
            + #"{"package":{"ecosystem":"PyPI","name":"b"},"ranges":[{"type":"GIT","events":[]},"#
            + #"{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}"#
        let report = try report(text)
        #expect(report.kept == 1)
        #expect(
            report.ignoredParts == [
                "no version order for ecosystem Maven": 1, "a range of commits holds no versions": 1,
            ])
    }

    @Test("are read from an object, an array and one after the other", arguments: ["a.json", "b.osv"])
    func readsValues(name: String) throws {
        let pretty = osv("A-1").replacingOccurrences(of: ",", with: ",\n")
        #expect(try report(pretty, named: name).kept == 1)
        #expect(try report("\u{FEFF}[\n\(pretty),\n\(osv("A-2"))\n]\n", named: name).kept == 2)
        let two = try report(pretty + "\n" + osv("A-2") + "\n" + #"{"id":1}"#, named: name)
        #expect(two.kept == 2 && two.refusedCount == 1)
        #expect(two.refused.first?.line == pretty.split(separator: "\n").count + 2)
    }

    @Test(
        "that end early are refused",
        arguments: [#"[{"id":"A"#, "[", #"{"id":"A""#, "[[", "1", #"{"a":1}]"#])
    func refusesFragments(text: String) throws {
        let report = try report(text, named: "a.json")
        #expect(report.kept == 0 && report.refusedCount >= 1)
    }

    @Test("are read from a folder, zip and zstd, each refusal with its file")
    func readsFiles() throws {
        let bad = "{\n"
        _ = try folder.write(osv("A-1"), "one.json")
        _ = try folder.write(osv("A-2") + "\n" + bad, "two.jsonl")
        _ = try folder.write(Samples.zstd(osv("A-3") + "\n" + osv("A-4")), "three.jsonl.zst")
        _ = try folder.write(
            Samples.zip([("x/A-5.json", osv("A-5")), ("A-6.json", bad), ("README", "no")]), "four.zip")
        _ = try folder.write("not read", "notes.txt")
        var builder = DatabaseBuilder()
        try builder.add(file: folder.path)
        #expect(builder.report.kept == 5)
        #expect(
            builder.report.refused.map { $0.file.dropFirst(folder.path.count + 1) } == [
                "four.zip:A-6.json", "two.jsonl",
            ])
    }

    @Test("whose file cannot be read stop the import")
    func missing() throws {
        var builder = DatabaseBuilder()
        #expect(throws: BullaError.self) { try builder.add(file: folder.path + "/none") }
        let cut = try folder.write(Array(Samples.zstd(osv("A-3")).dropLast(5)), "cut.jsonl.zst")
        let error = #expect(throws: BullaError.self) { try builder.add(file: cut) }
        #expect(error?.code == .dataLoss)
        #expect(error?.message.contains("cut.jsonl.zst") == true)
    }

    @Test("too large for the limit are refused and the next is read")
    func limitsSize() throws {
        let large = osv("A-1", more: #""details":""# + String(repeating: "x", count: 17 << 20) + #"","#)
        for name in ["a.jsonl", "a.json"] {
            let report = try report(large + "\n" + osv("A-2"), named: name)
            #expect(report.kept == 1 && report.refusedCount == 1)
            #expect(report.refused.first?.reason.contains("larger than") == true)
        }
    }

    @Test("are refused or read whatever is done to them")
    func survives() throws {
        var generator = SeededGenerator(seed: 11)
        let record = Array(
            osv("A-1", more: #""aliases":["CVE-2024-1"],"severity":[{"type":"CVSS_V3","score":"x"}],"#).utf8)
        for name in ["a.json", "a.jsonl"] {
            for length in 0..<record.count {
                var builder = DatabaseBuilder()
                try builder.add(Array(record.prefix(length)), named: name)
            }
            for _ in 0..<3000 {
                var mutated = record
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    mutated[Int.random(in: 0..<mutated.count, using: &generator)] = UInt8.random(
                        in: 0...255, using: &generator)
                }
                var builder = DatabaseBuilder()
                try builder.add(mutated, named: name)
                #expect(builder.report.read <= 8)
            }
        }
    }
}

/// Files in other forms, made in code.
enum Samples {
    /// A zstd frame of raw blocks (https://www.rfc-editor.org/rfc/rfc8878).
    static func zstd(_ text: String) -> [UInt8] {
        // A single segment whose size is 256 and two more bytes; empty lines are no records.
        let content = Array(text.utf8) + [UInt8](repeating: 10, count: 256)
        let size = UInt16(content.count - 256)
        var bytes: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x60, UInt8(truncatingIfNeeded: size), UInt8(size >> 8)]
        let header = UInt32(content.count) << 3 | 1
        bytes += [0, 8, 16].map { UInt8(truncatingIfNeeded: header >> $0) }
        return bytes + content
    }

    /// A zip archive of stored members.
    static func zip(_ members: [(name: String, text: String)]) -> [UInt8] {
        func little(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        var bytes: [UInt8] = []
        var directory: [UInt8] = []
        for (name, text) in members {
            let content = Array(text.utf8)
            var common = little(0, 8)
            common += little(Int(checksum(content)), 4)
            common += little(content.count, 4) + little(content.count, 4)
            common += little(name.utf8.count, 2) + little(0, 2)
            directory += little(0x0201_4B50, 4) + little(20, 2) + little(20, 2)
            directory += common + little(0, 10) + little(bytes.count, 4)
            directory += Array(name.utf8)
            bytes += little(0x0403_4B50, 4) + little(20, 2) + common
            bytes += Array(name.utf8) + content
        }
        let start = bytes.count
        bytes += directory + little(0x0605_4B50, 4) + little(0, 4) + little(members.count, 2)
        bytes += little(members.count, 2) + little(directory.count, 4) + little(start, 4) + little(0, 2)
        return bytes
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum = ~UInt32(0)
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 {
                let isOdd = sum & 1 == 1
                sum >>= 1
                if isOdd { sum ^= 0xEDB8_8320 }
            }
        }
        return ~sum
    }
}
