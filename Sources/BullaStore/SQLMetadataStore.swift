// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import BullaGrafeas
import BullaSQL
public import GrafeasMessages
import SwiftProtobuf

/// Notes and occurrences in SQL.
///
/// Rows are read on a connection's thread and messages decoded off it, so that a long list does not hold a connection.
public struct SQLMetadataStore: MetadataStore {
    let pool: SQLPool
    let signal: ChangeSignal

    /// The version of the API whose messages the bodies are; see `api_version`.
    static let version = "grafeas.v1"

    /// Reads one note.
    ///
    /// - Throws: `unavailable` when the store cannot read, `dataLoss` when a body is not a note.
    public func note(_ name: NoteName) async throws(BullaError) -> StoredNote? {
        let row = try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try RecordRow.one("notes", name.parent, name.id, on: connection)
        }
        return try row.map { (row: RecordRow) throws(BullaError) in try row.note() }
    }

    /// Reads one occurrence.
    ///
    /// - Throws: `unavailable` when the store cannot read, `dataLoss` when a body is not an occurrence.
    public func occurrence(_ name: OccurrenceName) async throws(BullaError) -> StoredOccurrence? {
        let row = try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try RecordRow.one("occurrences", name.parent, name.id, on: connection)
        }
        return try row.map { (row: RecordRow) throws(BullaError) in try row.occurrence() }
    }

    /// Reads a revision of a note, be it the present one, a former one, or the last of a deleted note.
    ///
    /// - Throws: `unavailable` when the store cannot read, `dataLoss` when a body is not a note.
    public func note(_ name: NoteName, revision: Int64) async throws(BullaError) -> StoredNote? {
        let row = try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try RecordRow.revision(revision, "notes", name.parent, name.id, on: connection)
        }
        return try row.map { (row: RecordRow) throws(BullaError) in try row.note() }
    }

    /// Reads a revision of an occurrence, be it the present one, a former one, or the last of a deleted occurrence.
    ///
    /// - Throws: `unavailable` when the store cannot read, `dataLoss` when a body is not an occurrence.
    public func occurrence(_ name: OccurrenceName, revision: Int64) async throws(BullaError) -> StoredOccurrence? {
        let row = try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try RecordRow.revision(revision, "occurrences", name.parent, name.id, on: connection)
        }
        return try row.map { (row: RecordRow) throws(BullaError) in try row.occurrence() }
    }

    /// Lists notes in the order in which they were made.
    ///
    /// - Throws: `unavailable` when the store cannot read, `dataLoss` when a body is not a note.
    public func notes(_ query: RecordQuery) async throws(BullaError) -> RecordPage<StoredNote> {
        let rows = try await rows(query, from: .notes)
        var notes: [StoredNote] = []
        notes.reserveCapacity(min(rows.count, query.limit))
        for row in rows.prefix(query.limit) { notes.append(try row.note()) }
        return RecordPage(records: notes, next: rows.count > query.limit ? notes.last?.sequence : nil)
    }

    /// Lists occurrences in the order in which they were made.
    ///
    /// - Throws: `unavailable` when the store cannot read, `dataLoss` when a body is not an occurrence.
    public func occurrences(_ query: RecordQuery) async throws(BullaError) -> RecordPage<StoredOccurrence> {
        let rows = try await rows(query, from: .occurrences)
        var occurrences: [StoredOccurrence] = []
        occurrences.reserveCapacity(min(rows.count, query.limit))
        for row in rows.prefix(query.limit) { occurrences.append(try row.occurrence()) }
        return RecordPage(records: occurrences, next: rows.count > query.limit ? occurrences.last?.sequence : nil)
    }

    private func rows(_ query: RecordQuery, from table: FilterCompiler.Table) async throws(BullaError) -> [RecordRow] {
        let compiled = FilterCompiler(query, from: table)
        return try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows(compiled.statement, compiled.values) { RecordRow($0) }
        }
    }

    /// Reads all that is known about an image by its digest, whatever its name: one look-up in an index.
    ///
    /// - Throws: `unavailable` when the store cannot read, `dataLoss` when a body is not an occurrence.
    public func occurrences(
        about digest: BullaArtifact.Digest, kinds: [Grafeas_V1_NoteKind]
    ) async throws(BullaError) -> [StoredOccurrence] {
        let places = kinds.map { _ in "?" }.joined(separator: ", ")
        let statement = """
            SELECT sequence, project, location, id, revision, body FROM occurrences INDEXED BY occurrences_by_digest
            WHERE digest = ?\(kinds.isEmpty ? "" : " AND kind IN (\(places))") ORDER BY sequence
            """
        let values = [SQLValue(digest)] + kinds.map { .integer(Int64($0.rawValue)) }
        let rows = try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows(statement, values) { RecordRow($0) }
        }
        var occurrences: [StoredOccurrence] = []
        occurrences.reserveCapacity(rows.count)
        for row in rows { occurrences.append(try row.occurrence()) }
        return occurrences
    }

    /// Runs a closure that reads and writes in one transaction, and answers when it is durable.
    ///
    /// - Throws: `unavailable` when the store cannot write, and what the closure throws.
    public func transaction<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataTransaction) throws(BullaError) -> Value
    ) async throws(BullaError) -> Value {
        let value = try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try body(SQLMetadataTransaction(connection))
        }
        signal.fire()
        return value
    }

    /// How a list is read, for tests: the answer of `EXPLAIN QUERY PLAN`
    /// (https://www.sqlite.org/eqp.html).
    package func plan(_ query: RecordQuery, ofNotes: Bool = false) async throws(BullaError) -> [String] {
        let compiled = FilterCompiler(query, from: ofNotes ? .notes : .occurrences)
        return try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows("EXPLAIN QUERY PLAN " + compiled.statement, compiled.values) { $0.text(3) }
        }
    }
}

/// A row of a record's table, not yet decoded.
struct RecordRow: Sendable {
    let sequence: Int64
    let project: String
    let location: String
    let id: String
    let revision: Int64
    let body: [UInt8]

    init(_ row: any SQLRow) {
        sequence = row.integer(0)
        project = row.text(1)
        location = row.text(2)
        id = row.text(3)
        revision = row.integer(4)
        body = row.blob(5)
    }

    static func one(
        _ table: String, _ parent: ProjectName, _ id: String, on connection: any SQLConnection
    ) throws(BullaError) -> RecordRow? {
        try connection.first(
            """
            SELECT sequence, project, location, id, revision, body FROM \(table) INDEXED BY \(table)_by_name
            WHERE project = ? AND id = ? AND location = ?
            """, [.text(parent.project), .text(id), .text(parent.location ?? "")]
        ) { RecordRow($0) }
    }

    static func revision(
        _ revision: Int64, _ table: String, _ parent: ProjectName, _ id: String, on connection: any SQLConnection
    ) throws(BullaError) -> RecordRow? {
        if let present = try one(table, parent, id, on: connection), present.revision == revision { return present }
        return try connection.first(
            """
            SELECT 0, project, location, record, revision, body FROM revisions
            WHERE collection = ? AND project = ? AND record = ? AND location = ? AND revision = ?
            """,
            [
                .text(table), .text(parent.project), .text(id), .text(parent.location ?? ""), .integer(revision),
            ]
        ) { RecordRow($0) }
    }

    func note() throws(BullaError) -> StoredNote {
        let parent = try ProjectName(project: project, location: location.isEmpty ? nil : location)
        do {
            return StoredNote(
                name: try NoteName(parent: parent, id: id), note: try Grafeas_V1_Note(serializedBytes: body),
                revision: revision, sequence: sequence)
        } catch {
            throw BullaError(.dataLoss, "the body of note \(id) in \(parent) cannot be read", cause: error)
        }
    }

    func occurrence() throws(BullaError) -> StoredOccurrence {
        let parent = try ProjectName(project: project, location: location.isEmpty ? nil : location)
        do {
            return StoredOccurrence(
                name: try OccurrenceName(parent: parent, id: id),
                occurrence: try Grafeas_V1_Occurrence(serializedBytes: body), revision: revision, sequence: sequence)
        } catch {
            throw BullaError(.dataLoss, "the body of occurrence \(id) in \(parent) cannot be read", cause: error)
        }
    }
}
