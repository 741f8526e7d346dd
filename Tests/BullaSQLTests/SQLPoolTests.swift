// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaSQL
import Foundation
import Testing

@Suite("SQLPool")
final class SQLPoolTests: Sendable {
    private let folder: URL
    private let pool: SQLPool

    init() async throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("sql-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        pool = try SQLPool(path: folder.appendingPathComponent("a.db").path)
        try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body BLOB)")
        }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func insert(_ name: String) async throws(BullaError) {
        try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try connection.execute("INSERT INTO things (name) VALUES (?)", [.text(name)])
        }
    }

    private func count() async throws(BullaError) -> Int64 {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.first("SELECT count(*) FROM things") { $0.integer(0) } ?? -1
        }
    }

    @Test("is durable and has a write-ahead log")
    func durable() async throws {
        let values = try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            [
                try connection.first("PRAGMA synchronous") { $0.text(0) },
                try connection.first("PRAGMA journal_mode") { $0.text(0) },
                try connection.first("PRAGMA foreign_keys") { $0.text(0) },
            ]
        }
        #expect(values == ["2", "wal", "1"])
    }

    @Test("returns every kind of value as it was bound")
    func values() async throws {
        let text = "nul \u{0} and 'quotes' \u{1F600}"
        let blob: [UInt8] = [0, 1, 255]
        let back = try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.first(
                "SELECT ?, ?, ?, ?, ?, ?",
                [.text(text), .blob(blob), .integer(.min), .null, .text(""), .blob([])]
            ) { row in
                (
                    row.text(0), row.blob(1), row.integer(2), row.isNull(3), row.text(4), row.blob(5), row.isNull(4),
                    row.isNull(5), row.optionalText(3)
                )
            }
        }
        let row = try #require(back)
        #expect(row.0 == text && row.1 == blob && row.2 == .min && row.3 && row.4.isEmpty && row.5.isEmpty)
        #expect(!row.6 && !row.7 && row.8 == nil)
    }

    @Test("commits writes that come together in one transaction, and a read sees what was answered")
    func groups() async throws {
        let before = pool.commits
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<500 { group.addTask { try await self.insert("thing-\(number)") } }
            try await group.waitForAll()
        }
        let found = try await count()
        #expect(found == 500)
        let after = pool.commits
        #expect(after.writes - before.writes == 500)
        #expect(after.transactions - before.transactions < 250)
    }

    @Test("takes back only the write that fails")
    func isolates() async throws {
        try await insert("taken")
        let outcomes = await withTaskGroup(of: (Int, BullaError?).self) { group in
            for number in 0..<200 {
                group.addTask {
                    do throws(BullaError) {
                        try await self.pool.write { (connection: any SQLConnection) throws(BullaError) in
                            try connection.execute(
                                "INSERT INTO things (name) VALUES (?)", [.text("first-\(number)")])
                            if number % 3 == 0 {
                                try connection.execute("INSERT INTO things (name) VALUES ('taken')")
                            }
                        }
                        return (number, nil)
                    } catch {
                        return (number, error)
                    }
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        for number in 0..<200 {
            #expect((outcomes[number] != nil) == (number % 3 == 0))
            if let error = outcomes[number] { #expect(error.code == .alreadyExists) }
        }
        let found = try await count()
        #expect(found == 1 + 200 - 67)
    }

    @Test("keeps nothing of a write whose closure throws")
    func rollsBack() async throws {
        let error = await #expect(throws: BullaError.self) {
            try await self.pool.write { (connection: any SQLConnection) throws(BullaError) in
                try connection.execute("INSERT INTO things (name) VALUES ('a')")
                throw BullaError(.aborted, "changed my mind")
            }
        }
        #expect(error?.code == .aborted)
        let found = try await count()
        #expect(found == 0)
    }

    @Test("refuses to write through a reader, wrong statements, and a wrong number of values")
    func refusals() async throws {
        let writing = await #expect(throws: BullaError.self) {
            try await self.pool.read { (connection: any SQLConnection) throws(BullaError) in
                try connection.execute("INSERT INTO things (name) VALUES ('a')")
            }
        }
        #expect(writing?.code == .unavailable)
        for (statement, values) in [("SELEKT 1", []), ("SELECT ?", []), ("SELECT 1", [SQLValue.null])] {
            let error = await #expect(throws: BullaError.self) {
                try await self.pool.read { (connection: any SQLConnection) throws(BullaError) in
                    try connection.execute(statement, values)
                }
            }
            #expect(error?.code == .internal)
        }
        let found = try await count()
        #expect(found == 0)
    }

    @Test("a row's closure can stop, throw, and run another statement, but not its own again")
    func nesting() async throws {
        for name in ["a", "b", "c"] { try await insert(name) }
        let seen = try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows("SELECT id, name FROM things ORDER BY id") { (row: any SQLRow) throws(BullaError) in
                let id = row.integer(0)
                let other = try connection.first("SELECT name FROM things WHERE id = ?", [.integer(id)]) { $0.text(0) }
                return other ?? ""
            }
        }
        #expect(seen == ["a", "b", "c"])
        let error = await #expect(throws: BullaError.self) {
            try await self.pool.read { (connection: any SQLConnection) throws(BullaError) in
                try connection.query("SELECT id FROM things", []) { (row: any SQLRow) throws(BullaError) in
                    _ = try connection.first("SELECT id FROM things") { $0.integer(0) }
                    return true
                }
            }
        }
        #expect(error?.code == .internal)
        let found = try await count()
        #expect(found == 3)
    }

    @Test("keeps what it answered when it is opened again")
    func reopens() async throws {
        for number in 0..<20 { try await insert("thing-\(number)") }
        let other = try SQLPool(path: folder.appendingPathComponent("a.db").path, readers: 1)
        let found = try await other.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.first("SELECT count(*) FROM things") { $0.integer(0) }
        }
        #expect(found == 20)
    }

    @Test("refuses a file that is no database, and a folder that is not there")
    func openings() throws {
        let path = folder.appendingPathComponent("text.db").path
        try Data(repeating: 0x41, count: 8192).write(to: URL(fileURLWithPath: path))
        let broken = #expect(throws: BullaError.self) { _ = try SQLPool(path: path) }
        #expect(broken?.code == .dataLoss)
        let missing = #expect(throws: BullaError.self) { _ = try SQLPool(path: "\(path)/nowhere/a.db") }
        #expect(missing?.code == .unavailable)
    }
}
