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
            var builder =
                !replace && FileManager.default.fileExists(atPath: db)
                ? try DatabaseBuilder(mergingInto: AdvisoryDatabase(path: db)) : DatabaseBuilder()
            for file in files {
                if !quiet, Command.errorIsTerminal { Command.say("reading \(file)") }
                try builder.add(file: file)
            }
            let folder = URL(filePath: db).deletingLastPathComponent().path()
            try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let digest = try builder.write(to: db, built: Date()).description
            let report = builder.report
            switch output {
            case .json:
                try Command.result(
                    json: Answer(
                        database: db, digest: digest, read: report.read, kept: report.kept,
                        withdrawn: report.withdrawn,
                        refused: report.refused.map { .init(file: $0.file, line: $0.line, reason: $0.reason) }))
            case .table:
                Command.result(
                    "read \(report.read), kept \(report.kept), withdrawn \(report.withdrawn), refused \(report.refusedCount)"
                )
                for refusal in report.refused.prefix(50) {
                    Command.result("  \(refusal.file):\(refusal.line): \(refusal.reason)")
                }
                if report.refusedCount > 50 { Command.result("  … \(report.refusedCount - 50) more") }
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
        struct Source: Encodable {
            var name: String
            var advisories: Int
            var license: String
        }
        struct Ecosystem: Encodable {
            var name: String
            var advisories: Int
            var packages: Int
        }
        var schema = "bulla.database/v1"
        var database: String
        var digest: String
        var built: String
        var ageSeconds: Int
        var advisories: Int
        var sources: [Source]
        var ecosystems: [Ecosystem]
    }

    @Option(help: "The compiled database.") var db = "./bulla-data/advisories.db"
    @Option(name: .shortAndLong, help: "How to write the result.") var output: OutputFormat = .table

    func run() async throws {
        try await Command.run {
            let database = try AdvisoryDatabase(path: db)
            let status = database.status
            let answer = Answer(
                database: db, digest: database.digest.description, built: database.built.ISO8601Format(),
                ageSeconds: max(0, Int(Date().timeIntervalSince(database.built))), advisories: status.advisories,
                sources: status.sources.map {
                    .init(name: $0.source.name, advisories: $0.advisories, license: $0.source.license)
                },
                ecosystems: status.ecosystems.map {
                    .init(name: $0.name, advisories: $0.advisories, packages: $0.packages)
                })
            switch output {
            case .json: try Command.result(json: answer)
            case .table:
                Command.result("\(answer.database) \(answer.digest)")
                Command.result(
                    "built \(answer.built), \(answer.ageSeconds / 3600) hours ago, \(answer.advisories) advisories")
                for source in answer.sources { Command.result("  source \(source.name): \(source.advisories)") }
                for ecosystem in answer.ecosystems {
                    Command.result(
                        "  ecosystem \(ecosystem.name): \(ecosystem.advisories) for \(ecosystem.packages) packages")
                }
            }
        }
    }
}
