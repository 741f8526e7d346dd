// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import BullaLog
import BullaSQL
import Foundation

/// The log in SQL; the writer gives places, so an entry and its record are one transaction.
public struct SQLLogStore: LogStore {
    let pool: SQLPool
    let signal: ChangeSignal

    /// Adds entries and answers when they are durable.
    ///
    /// - Returns: Their places, in the same order.
    /// - Throws: `unavailable` when the store cannot write.
    @discardableResult
    public func append(_ entries: [NewEntry]) async throws(BullaError) -> [Int64] {
        let places = try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            var places: [Int64] = []
            for entry in entries { places.append(try Self.append(entry, to: connection)) }
            return places
        }
        signal.fire()
        return places
    }

    /// Adds an entry within a transaction.
    @discardableResult
    static func append(_ entry: NewEntry, to connection: any SQLConnection) throws(BullaError) -> Int64 {
        try connection.execute(
            "INSERT INTO log (kind, subject, digest, payload, time) VALUES (?, ?, ?, ?, ?)",
            [
                .text(entry.kind.rawValue), .text(entry.subject), SQLValue(entry.digest), .blob(entry.payload),
                .integer(entry.time.microseconds),
            ])
        return connection.lastInsertedRow
    }

    /// The entries after a place, in order.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    public func entries(after sequence: Int64, limit: Int) async throws(BullaError) -> [Entry] {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows(
                """
                SELECT sequence, kind, subject, digest, payload, time FROM log
                WHERE sequence > ? ORDER BY sequence LIMIT ?
                """, [.integer(sequence), .integer(Int64(max(0, limit)))]
            ) { row in
                Entry(
                    sequence: row.integer(0), kind: Entry.Kind(rawValue: row.text(1)), subject: row.text(2),
                    digest: row.digest(3), payload: row.blob(4), time: Date(microseconds: row.integer(5)))
            }
        }
    }

    /// The place of the last entry, 0 for an empty log.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    public func lastSequence() async throws(BullaError) -> Int64 {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.first("SELECT coalesce(max(sequence), 0) FROM log") { $0.integer(0) } ?? 0
        }
    }

    /// The place of the last entry about an image, 0 when there is none.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    public func lastSequence(about digest: Digest) async throws(BullaError) -> Int64 {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.first(
                """
                SELECT sequence FROM log INDEXED BY log_by_digest WHERE digest = ? ORDER BY sequence DESC LIMIT 1
                """, [SQLValue(digest)]
            ) { $0.integer(0) } ?? 0
        }
    }

    /// How far a reader has come, 0 for one that never moved.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    public func cursor(of reader: String) async throws(BullaError) -> Int64 {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.first("SELECT sequence FROM cursors WHERE reader = ?", [.text(reader)]) { $0.integer(0) }
                ?? 0
        }
    }

    /// Remembers how far a reader has come; a cursor never moves back.
    ///
    /// - Throws: `unavailable` when the store cannot write.
    public func advance(_ reader: String, to sequence: Int64) async throws(BullaError) {
        try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try connection.execute(
                """
                INSERT INTO cursors (reader, sequence) VALUES (?, ?)
                ON CONFLICT (reader) DO UPDATE SET sequence = max(sequence, excluded.sequence)
                """, [.text(reader), .integer(sequence)])
        }
    }

    /// A stream with an element after entries were added.
    public func additions() -> AsyncStream<Void> { signal.stream() }
}

extension Date {
    /// The microseconds since 1970.
    var microseconds: Int64 { Int64((timeIntervalSince1970 * 1_000_000).rounded()) }

    /// A time of so many microseconds since 1970.
    init(microseconds: Int64) { self.init(timeIntervalSince1970: Double(microseconds) / 1_000_000) }
}
