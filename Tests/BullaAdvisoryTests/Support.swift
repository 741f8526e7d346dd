// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
import BullaArtifact
import Foundation

/// A folder of its own for a test, removed with it.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "bulla-advisory-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and returns its path.
    func write(_ bytes: [UInt8], _ name: String) throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes).write(to: URL(filePath: file))
        return file
    }

    /// Writes a file of text and returns its path.
    func write(_ text: String, _ name: String) throws -> String { try write(Array(text.utf8), name) }
}

/// Builds OSV records as text.
func osv(
    _ id: String, ecosystem: String = "PyPI", package: String = "example",
    events: String = #"{"introduced":"0"},{"fixed":"2.0"}"#,
    type: String = "ECOSYSTEM", modified: String = "2024-01-01T00:00:00Z", more: String = "", inAffected: String = ""
) -> String {
    let named = #"{"id":"\#(id)","modified":"\#(modified)",\#(more)"affected":[{"#
    let package = #""package":{"ecosystem":"\#(ecosystem)","name":"\#(package)"},\#(inAffected)"#
    return named + package + #""ranges":[{"type":"\#(type)","events":[\#(events)]}]}]}"#
}

/// Compiles text records into a database in a folder.
func compile(_ records: [String], in folder: TemporaryFolder, named name: String = "a.db") throws -> AdvisoryDatabase {
    var builder = DatabaseBuilder()
    try builder.add(Array(records.joined(separator: "\n").utf8), named: "test.jsonl")
    try builder.write(to: "\(folder.path)/\(name)", built: Date(timeIntervalSince1970: 1_700_000_000))
    return try AdvisoryDatabase(path: "\(folder.path)/\(name)")
}

/// Makes a package.
func package(
    _ type: String, _ name: String, _ version: String, source: Package.Source? = nil, owner: PackageURL? = nil
) -> Package {
    Package(
        name: name, version: version, type: type, purl: PackageURL(type: type, name: name, version: version),
        source: source, owner: owner, locations: [])
}

/// Judges packages by records.
func judge(
    _ packages: [Package], on distribution: Distribution? = nil, by records: [String]
) throws -> Judgement {
    let folder = try TemporaryFolder()
    let database = try compile(records, in: folder)
    return try Matcher(database: database).judge(Inventory(distribution: distribution, packages: packages))
}

/// A generator of repeatable numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
