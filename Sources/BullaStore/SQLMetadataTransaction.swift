// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaGrafeas
import BullaLog
import BullaSQL
import Foundation
import GrafeasMessages

/// A transaction on notes and occurrences, which keeps revisions, projects and the log.
///
/// It remembers which projects and notes it has seen, for a batch is mostly about the same few.
final class SQLMetadataTransaction: MetadataTransaction {
    private let connection: any SQLConnection
    private var projects: Set<String> = []
    private var kinds: [NoteName: Int] = [:]

    init(_ connection: any SQLConnection) { self.connection = connection }

    func noteKind(_ name: NoteName) throws(BullaError) -> Int? {
        if let kind = kinds[name] { return kind }
        let kind = try connection.first(
            "SELECT kind FROM notes WHERE project = ? AND id = ? AND location = ?", Self.key(name.parent, name.id)
        ) { Int($0.integer(0)) }
        kinds[name] = kind
        return kind
    }

    func note(_ name: NoteName) throws(BullaError) -> StoredNote? {
        guard let row = try RecordRow.one("notes", name.parent, name.id, on: connection) else { return nil }
        return try row.note()
    }

    func occurrence(_ name: OccurrenceName) throws(BullaError) -> StoredOccurrence? {
        guard let row = try RecordRow.one("occurrences", name.parent, name.id, on: connection) else { return nil }
        return try row.occurrence()
    }

    func summary(_ name: OccurrenceName) throws(BullaError) -> OccurrenceSummary? {
        try connection.first(
            """
            SELECT revision, create_time, update_time, content FROM occurrences
            WHERE project = ? AND id = ? AND location = ?
            """, Self.key(name.parent, name.id)
        ) { row in
            OccurrenceSummary(
                revision: row.integer(0), createTime: row.integer(1), updateTime: row.integer(2),
                recordedContent: row.digest(3))
        }
    }

    func recorded(in scope: Recording.Scope) throws(BullaError) -> [OccurrenceName] {
        let digest = OccurrenceRecord.digest(ofResource: scope.resourceURI)
        let ids = try connection.rows(
            """
            SELECT id FROM occurrences
            INDEXED BY \(digest == nil ? "occurrences_by_resource" : "occurrences_by_digest")
            WHERE digest \(digest == nil ? "IS" : "=") ? AND resource = ? AND project = ? AND location = ?
                AND content IS NOT NULL AND kind IN (\(scope.kinds.map { _ in "?" }.joined(separator: ", ")))
            """,
            [
                SQLValue(digest), .text(scope.resourceURI), .text(scope.project.project),
                .text(scope.project.location ?? ""),
            ] + scope.kinds.map { .integer(Int64($0.rawValue)) }
        ) { $0.text(0) }
        var names: [OccurrenceName] = []
        for id in ids { names.append(try OccurrenceName(parent: scope.project, id: id)) }
        return names
    }

    // MARK: Notes

    func insert(_ note: NoteRecord) throws(BullaError) {
        try addProject(note.name.parent.project, at: note.createTime)
        let revision = try nextRevision("notes", note.name.parent, note.name.id)
        do throws(BullaError) {
            try connection.execute(
                """
                INSERT INTO notes (project, id, location, kind, create_time, update_time, revision, api_version, body)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                Self.key(note.name.parent, note.name.id) + [
                    .integer(Int64(note.kind)), .integer(note.createTime), .integer(note.updateTime),
                    .integer(revision), .text(SQLMetadataStore.version), .blob(note.body),
                ])
        } catch {
            guard error.code == .alreadyExists else { throw error }
            throw BullaError(.alreadyExists, "note with name \"\(note.name)\" already exists")
        }
        kinds[note.name] = note.kind
        try log(
            .noteCreated, note.name.description, nil, LogPayload(kind: note.kind, revision: revision, body: note.body),
            note.createTime)
    }

    func replace(_ note: NoteRecord) throws(BullaError) {
        guard let revision = try keepRevision("notes", note.name.parent, note.name.id, at: note.updateTime) else {
            throw BullaError(.notFound, "note with name \"\(note.name)\" does not exist")
        }
        try connection.execute(
            """
            UPDATE notes SET kind = ?, update_time = ?, revision = ?, api_version = ?, body = ?
            WHERE project = ? AND id = ? AND location = ?
            """,
            [
                .integer(Int64(note.kind)), .integer(note.updateTime), .integer(revision + 1),
                .text(SQLMetadataStore.version), .blob(note.body),
            ] + Self.key(note.name.parent, note.name.id))
        kinds[note.name] = note.kind
        try log(
            .noteUpdated, note.name.description, nil,
            LogPayload(kind: note.kind, revision: revision + 1, body: note.body), note.updateTime)
    }

    func remove(_ name: NoteName, at time: Int64) throws(BullaError) -> Bool {
        guard let revision = try keepRevision("notes", name.parent, name.id, at: time) else { return false }
        let kind = try noteKind(name) ?? 0
        try connection.execute(
            "DELETE FROM notes WHERE project = ? AND id = ? AND location = ?", Self.key(name.parent, name.id))
        kinds[name] = nil
        try log(.noteDeleted, name.description, nil, LogPayload(kind: kind, revision: revision), time)
        return true
    }

    // MARK: Occurrences

    func insert(_ occurrence: OccurrenceRecord) throws(BullaError) {
        let name = occurrence.name
        try addProject(name.parent.project, at: occurrence.createTime)
        // A name that the service made is new; a derived one may have been here before.
        let revision =
            occurrence.recordedContent == nil ? 1 : try nextRevision("occurrences", name.parent, name.id)
        do throws(BullaError) {
            try connection.execute(
                """
                INSERT INTO occurrences (project, id, location, note_project, note_location, note_id, resource, digest,
                    kind, create_time, update_time, uniqueness, content, revision, api_version, body)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                Self.key(name.parent, name.id) + [
                    .text(occurrence.note.parent.project), .text(occurrence.note.parent.location ?? ""),
                    .text(occurrence.note.id), .text(occurrence.resourceURI), SQLValue(occurrence.digest),
                    .integer(Int64(occurrence.kind)), .integer(occurrence.createTime),
                    .integer(occurrence.updateTime), SQLValue(occurrence.uniqueness),
                    SQLValue(occurrence.recordedContent), .integer(revision), .text(SQLMetadataStore.version),
                    .blob(occurrence.body),
                ])
        } catch {
            guard error.code == .alreadyExists else { throw error }
            throw try conflict(of: occurrence)
        }
        try keepFiles(of: occurrence, at: connection.lastInsertedRow)
        try log(
            .occurrenceCreated, name.description, occurrence.digest, LogPayload(occurrence, revision: revision),
            occurrence.createTime)
    }

    func replace(_ occurrence: OccurrenceRecord) throws(BullaError) {
        let name = occurrence.name
        guard let revision = try keepRevision("occurrences", name.parent, name.id, at: occurrence.updateTime) else {
            throw BullaError(.notFound, "occurrence with name \"\(name)\" does not exist")
        }
        try connection.execute(
            """
            UPDATE occurrences SET note_project = ?, note_location = ?, note_id = ?, resource = ?, digest = ?, kind = ?,
                update_time = ?, uniqueness = ?, content = ?, revision = ?, api_version = ?, body = ?
            WHERE project = ? AND id = ? AND location = ?
            """,
            [
                .text(occurrence.note.parent.project), .text(occurrence.note.parent.location ?? ""),
                .text(occurrence.note.id), .text(occurrence.resourceURI), SQLValue(occurrence.digest),
                .integer(Int64(occurrence.kind)), .integer(occurrence.updateTime), SQLValue(occurrence.uniqueness),
                SQLValue(occurrence.recordedContent), .integer(revision + 1), .text(SQLMetadataStore.version),
                .blob(occurrence.body),
            ] + Self.key(name.parent, name.id))
        if let row = try RecordRow.one("occurrences", name.parent, name.id, on: connection) {
            try connection.execute(
                "DELETE FROM occurrence_files WHERE occurrence = ?", [.integer(row.sequence)])
            try keepFiles(of: occurrence, at: row.sequence)
        }
        try log(
            .occurrenceUpdated, name.description, occurrence.digest, LogPayload(occurrence, revision: revision + 1),
            occurrence.updateTime)
    }

    func remove(_ name: OccurrenceName, at time: Int64) throws(BullaError) -> Bool {
        guard let revision = try keepRevision("occurrences", name.parent, name.id, at: time) else { return false }
        let found = try connection.first(
            "SELECT kind, digest FROM occurrences WHERE project = ? AND id = ? AND location = ?",
            Self.key(name.parent, name.id)
        ) { (Int($0.integer(0)), $0.digest(1)) }
        try connection.execute(
            "DELETE FROM occurrences WHERE project = ? AND id = ? AND location = ?", Self.key(name.parent, name.id))
        try log(
            .occurrenceDeleted, name.description, found?.1, LogPayload(kind: found?.0 ?? 0, revision: revision), time)
        return true
    }

    /// The error for an occurrence that another one forbids.
    private func conflict(of occurrence: OccurrenceRecord) throws(BullaError) -> BullaError {
        let other = try connection.first(
            "SELECT id FROM occurrences WHERE uniqueness = ?", [SQLValue(occurrence.uniqueness)]
        ) { $0.text(0) }
        // Google's own words for a second identical attestation.
        return BullaError(
            .alreadyExists,
            "Resource \"\(occurrence.resourceURI)\" is the subject of a conflict: occurrence ID "
                + "\"\(other ?? occurrence.name.id)\" already exists")
    }

    private func keepFiles(of occurrence: OccurrenceRecord, at row: Int64) throws(BullaError) {
        for file in occurrence.files {
            try connection.execute(
                "INSERT OR IGNORE INTO occurrence_files (occurrence, digest) VALUES (?, ?)",
                [.integer(row), SQLValue(file)])
        }
    }

    // MARK: What both share

    private static func key(_ parent: ProjectName, _ id: String) -> [SQLValue] {
        [.text(parent.project), .text(id), .text(parent.location ?? "")]
    }

    private func addProject(_ project: String, at time: Int64) throws(BullaError) {
        guard projects.insert(project).inserted else { return }
        try connection.execute(
            "INSERT OR IGNORE INTO projects (id, create_time) VALUES (?, ?)", [.text(project), .integer(time)])
    }

    /// The number of a record's first revision: after the last of a record that had its name before.
    private func nextRevision(_ table: String, _ parent: ProjectName, _ id: String) throws(BullaError) -> Int64 {
        let last = try connection.first(
            """
            SELECT max(revision) FROM revisions
            WHERE collection = ? AND project = ? AND record = ? AND location = ?
            """, [.text(table)] + Self.key(parent, id)
        ) { $0.integer(0) }
        return (last ?? 0) + 1
    }

    /// Copies a record to the former revisions.
    ///
    /// - Returns: Its number, or nil when there is no such record.
    private func keepRevision(
        _ table: String, _ parent: ProjectName, _ id: String, at time: Int64
    ) throws(BullaError) -> Int64? {
        let revision = try connection.first(
            "SELECT revision FROM \(table) WHERE project = ? AND id = ? AND location = ?", Self.key(parent, id)
        ) { $0.integer(0) }
        guard let revision else { return nil }
        try connection.execute(
            """
            INSERT INTO revisions (collection, project, location, record, revision, end_time, api_version, body)
            SELECT ?, project, location, id, revision, ?, api_version, body FROM \(table)
            WHERE project = ? AND id = ? AND location = ?
            """, [.text(table), .integer(time)] + Self.key(parent, id))
        return revision
    }

    private func log(
        _ kind: Entry.Kind, _ subject: String, _ digest: BullaArtifact.Digest?, _ payload: LogPayload, _ time: Int64
    ) throws(BullaError) {
        try SQLLogStore.append(
            NewEntry(
                kind: kind, subject: subject, digest: digest, payload: payload.json, time: Date(microseconds: time)),
            to: connection)
    }
}
