// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BullaAdvisory
import BullaArtifact
import Foundation

/// Imports advisories, and says what the database holds.
struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db", abstract: "Import advisories into the compiled database, or show what it holds.",
        subcommands: [DatabaseImportCommand.self, DatabaseStatusCommand.self])
}

/// Compiles advisories into the database.
struct DatabaseImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Compile OSV advisories into the database.",
        discussion: """
            Files are OSV JSON, a zip of them, or one record a line, plain or compressed by zstd; a folder stands for \
            the JSON files in it. The database is replaced by rename, whole or not at all. Exit code 0 also when \
            records were refused, 2 when a file cannot be read.
            """)

    /// What `bulla db import` answers: `bulla.import/v1`.
    private struct Answer: Encodable {
        struct Refusal: Encodable {
            var file: String
            var line: Int
            var reason: String
        }
        var schema = "bulla.import/v1"
        var database: String
        var digest: String
        var read: Int
        var kept: Int
        var withdrawn: Int
        var refused: [Refusal]
    }

    @Argument(help: "OSV files or folders.") var files: [String]
    @Option(help: "The compiled database.") var db = "./bulla-data/advisories.db"
    @Flag(help: "Forget what the database holds, instead of adding to it.") var replace = false
    @Option(name: .shortAndLong, help: "How to write the result.") var output: OutputFormat = .table
    @Flag(name: .shortAndLong, help: "No progress on standard error.") var quiet = false

    func run() async throws {
        try await Command.run {
            var builder = DatabaseBuilder()
            if !replace, FileManager.default.fileExists(atPath: db) {
                try builder.add(AdvisoryDatabase(path: db))
            }
            for file in files {
                if !quiet, Command.errorIsTerminal { Command.say("reading \(file)") }
                try builder.add(file: file)
            }
            let folder = URL(filePath: db).deletingLastPathComponent().path()
            try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try builder.write(to: db, at: Date())
            let report = builder.report
            let digest = try AdvisoryDatabase(path: db).digest.description
            switch output {
            case .json:
                try Command.result(
                    json: Answer(
                        database: db, digest: digest, read: report.read, kept: report.kept,
                        withdrawn: report.withdrawn,
                        refused: report.refused.map { .init(file: $0.file, line: $0.line, reason: $0.reason) }))
            case .table:
                Command.result(
                    "read \(report.read), kept \(report.kept), withdrawn \(report.withdrawn), refused \(report.refused.count)")
                for refusal in report.refused.prefix(50) {
                    Command.result("  \(refusal.file):\(refusal.line): \(refusal.reason)")
                }
                if report.refused.count > 50 { Command.result("  … \(report.refused.count - 50) more") }
                Command.result("\(db) \(digest)")
            }
        }
    }
}

/// Shows what the database holds.
struct DatabaseStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the database's digest, age and counts by source.")

    /// What `bulla db status` answers: `bulla.database/v1`.
    private struct Answer: Encodable {
        var schema = "bulla.database/v1"
        var database: String
        var digest: String
        var built: String
        var ageSeconds: Int
        var advisories: Int
        var sources: [String: Int]
        var ecosystems: [String: Int]
    }

    @Option(help: "The compiled database.") var db = "./bulla-data/advisories.db"
    @Option(name: .shortAndLong, help: "How to write the result.") var output: OutputFormat = .table

    func run() async throws {
        try await Command.run {
            let database = try AdvisoryDatabase(path: db)
            let status = try database.status
            let answer = Answer(
                database: db, digest: database.digest.description, built: database.built.ISO8601Format(),
                ageSeconds: max(0, Int(Date().timeIntervalSince(database.built))), advisories: status.advisories,
                sources: status.sources, ecosystems: status.ecosystems)
            switch output {
            case .json: try Command.result(json: answer)
            case .table:
                Command.result("\(answer.database) \(answer.digest)")
                Command.result("built \(answer.built), \(answer.ageSeconds / 3600) hours ago, \(answer.advisories) advisories")
                for (name, count) in answer.sources.sorted(by: { $0.key < $1.key }) {
                    Command.result("  source \(name): \(count)")
                }
                for (name, count) in answer.ecosystems.sorted(by: { $0.key < $1.key }) {
                    Command.result("  ecosystem \(name): \(count)")
                }
            }
        }
    }
}
