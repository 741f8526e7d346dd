// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import CSQLite

/// A connection to an SQLite database (https://www.sqlite.org/c3ref/intro.html).
///
/// It belongs to one thread: SQLite is opened without its own mutexes, and the class is not `Sendable`. It owns the C
/// pointers and frees them when it goes.
final class SQLiteConnection: SQLConnection {
    /// What a connection may do.
    enum Access {
        case readingAndWriting
        case reading
    }

    private let database: OpaquePointer
    private var statements: [String: OpaquePointer] = [:]

    /// Prepared statements kept; past that, all are dropped and prepared anew as they are needed.
    private static let mostStatements = 256

    /// Opens a database file.
    ///
    /// - Throws: `unavailable` when the file cannot be opened or is no database, or when it is not durable: a writer
    ///   insists on WAL and on `PRAGMA synchronous` being read back as FULL
    ///   (https://www.sqlite.org/pragma.html#pragma_synchronous).
    init(path: String, access: Access) throws(BullaError) {
        var opened: OpaquePointer?
        let flags =
            SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
            | (access == .reading ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            let message = String(cString: sqlite3_errstr(code))
            sqlite3_close_v2(opened)
            throw BullaError(.unavailable, "the database \(path) cannot be opened: \(message)")
        }
        database = opened
        sqlite3_busy_timeout(database, 10_000)
        // The cache is per connection; the page cache of the system serves all of them through the map.
        for pragma in ["foreign_keys = ON", "trusted_schema = OFF", "temp_store = MEMORY", "mmap_size = 268435456"] {
            try execute("PRAGMA \(pragma)", [])
        }
        if access == .reading {
            try execute("PRAGMA query_only = ON", [])
            return
        }
        let journal = try first("PRAGMA journal_mode = WAL") { (row: any SQLRow) in row.text(0) }
        guard journal?.lowercased() == "wal" else {
            throw BullaError(.unavailable, "the database \(path) has no write-ahead log: \(journal ?? "no answer")")
        }
        try execute("PRAGMA synchronous = FULL", [])
        try execute("PRAGMA wal_autocheckpoint = 4000", [])
        try execute("PRAGMA cache_size = -32768", [])
        let synchronous = try first("PRAGMA synchronous") { (row: any SQLRow) in row.integer(0) }
        guard synchronous == 2 else {
            throw BullaError(.unavailable, "the database \(path) is not durable: synchronous is not FULL")
        }
        guard try first("PRAGMA foreign_keys", [], { (row: any SQLRow) in row.integer(0) }) == 1 else {
            throw BullaError(.unavailable, "the database \(path) does not check foreign keys")
        }
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close_v2(database)
    }

    /// Whether a transaction is open; SQLite ends one by itself after some failures.
    var isInTransaction: Bool { sqlite3_get_autocommit(database) == 0 }

    var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(database) }

    @discardableResult
    func execute(_ statement: String, _ values: [SQLValue]) throws(BullaError) -> Int {
        let prepared = try prepare(statement, values)
        defer { reset(prepared) }
        while true {
            switch sqlite3_step(prepared) {
            case SQLITE_DONE: return Int(sqlite3_changes(database))
            case SQLITE_ROW: continue
            case let code: throw failure(code, statement)
            }
        }
    }

    func query(
        _ statement: String, _ values: [SQLValue], each row: (any SQLRow) throws(BullaError) -> Bool
    ) throws(BullaError) {
        let prepared = try prepare(statement, values)
        defer { reset(prepared) }
        while true {
            switch sqlite3_step(prepared) {
            case SQLITE_DONE: return
            case SQLITE_ROW: guard try row(SQLiteRow(statement: prepared)) else { return }
            case let code: throw failure(code, statement)
            }
        }
    }

    private func reset(_ statement: OpaquePointer) {
        sqlite3_reset(statement)
        sqlite3_clear_bindings(statement)
    }

    private func prepare(_ text: String, _ values: [SQLValue]) throws(BullaError) -> OpaquePointer {
        let statement: OpaquePointer
        if let kept = statements[text], sqlite3_stmt_busy(kept) == 0 {
            statement = kept
        } else {
            statement = try compile(text)
        }
        guard Int(sqlite3_bind_parameter_count(statement)) == values.count else {
            throw BullaError(.internal, "a statement got \(values.count) values: \(text.prefix(200))")
        }
        for (index, value) in values.enumerated() {
            let code = bind(value, to: statement, at: Int32(truncatingIfNeeded: index &+ 1))
            guard code == SQLITE_OK else {
                reset(statement)
                throw failure(code, text)
            }
        }
        return statement
    }

    private func compile(_ text: String) throws(BullaError) -> OpaquePointer {
        guard statements[text] == nil else {
            throw BullaError(.internal, "a statement was run within itself: \(text.prefix(200))")
        }
        if statements.count >= Self.mostStatements {
            for (key, kept) in statements where sqlite3_stmt_busy(kept) == 0 {
                sqlite3_finalize(kept)
                statements[key] = nil
            }
        }
        var compiled: OpaquePointer?
        let code = sqlite3_prepare_v3(database, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &compiled, nil)
        guard code == SQLITE_OK, let compiled else { throw failure(code, text) }
        statements[text] = compiled
        return compiled
    }

    private func bind(_ value: SQLValue, to statement: OpaquePointer, at index: Int32) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(statement, index)
        case .integer(let number): return sqlite3_bind_int64(statement, index, number)
        case .real(let number): return sqlite3_bind_double(statement, index, number)
        case .text(var text):
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { characters in
                    guard let start = characters.baseAddress else {
                        return sqlite3_bind_text(statement, index, "", 0, Self.transient)
                    }
                    return sqlite3_bind_text64(
                        statement, index, start, UInt64(characters.count), Self.transient, UInt8(SQLITE_UTF8))
                }
            }
        case .blob(let bytes):
            return bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress, !buffer.isEmpty else {
                    return sqlite3_bind_zeroblob(statement, index, 0)
                }
                return sqlite3_bind_blob64(statement, index, start, UInt64(buffer.count), Self.transient)
            }
        }
    }

    /// Tells SQLite to copy what is bound: the C header's `SQLITE_TRANSIENT` is a cast that Swift does not import.
    private static var transient: sqlite3_destructor_type {
        unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }

    private func failure(_ code: Int32, _ statement: String) -> BullaError {
        let message = String(cString: sqlite3_errmsg(database))
        let kind: BullaError.Code
        switch code {
        case SQLITE_CONSTRAINT_UNIQUE_EXTENDED, SQLITE_CONSTRAINT_PRIMARYKEY_EXTENDED: kind = .alreadyExists
        default:
            switch code & 0xFF {
            case SQLITE_CONSTRAINT: kind = .failedPrecondition
            case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_FULL, SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_NOMEM, SQLITE_READONLY:
                kind = .unavailable
            case SQLITE_CORRUPT, SQLITE_NOTADB: kind = .dataLoss
            default: kind = .internal
            }
        }
        return BullaError(kind, "the database refused: \(message) (\(code)) in \(statement.prefix(120))")
    }
}

/// Extended result codes, which the C header makes of an expression that Swift does not import
/// (https://www.sqlite.org/rescode.html).
private let SQLITE_CONSTRAINT_UNIQUE_EXTENDED = SQLITE_CONSTRAINT | 8 << 8
private let SQLITE_CONSTRAINT_PRIMARYKEY_EXTENDED = SQLITE_CONSTRAINT | 6 << 8

/// The row that a statement stands on.
private struct SQLiteRow: SQLRow {
    let statement: OpaquePointer

    func isNull(_ column: Int) -> Bool {
        sqlite3_column_type(statement, Int32(truncatingIfNeeded: column)) == SQLITE_NULL
    }

    func integer(_ column: Int) -> Int64 { sqlite3_column_int64(statement, Int32(truncatingIfNeeded: column)) }

    func text(_ column: Int) -> String {
        let column = Int32(truncatingIfNeeded: column)
        guard let start = sqlite3_column_text(statement, column) else { return "" }
        let bytes = UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
        return String(decoding: bytes, as: UTF8.self)
    }

    func blob(_ column: Int) -> [UInt8] {
        let column = Int32(truncatingIfNeeded: column)
        guard let start = sqlite3_column_blob(statement, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
    }
}
