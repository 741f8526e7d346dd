// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import GrafeasMessages
import SwiftProtobuf

extension MetadataService {
    /// Returns one note.
    ///
    /// - Throws: `invalidArgument` for a malformed name, `notFound`.
    public func getNote(_ request: Grafeas_V1_GetNoteRequest) async throws(BullaError) -> Grafeas_V1_Note {
        let name = try NoteName(request.name)
        guard let found = try await store.note(name) else { throw Self.missing(name) }
        return found.note
    }

    /// Lists a project's notes, oldest first.
    ///
    /// - Throws: `invalidArgument` for a malformed parent, filter, page size or page token.
    public func listNotes(
        _ request: Grafeas_V1_ListNotesRequest
    ) async throws(BullaError) -> Grafeas_V1_ListNotesResponse {
        let parent = try ProjectName(request.parent)
        let size = try Self.pageSize(request.pageSize)
        let filter = try RecordFilter(request.filter)
        let list = Self.list("notes", request.parent, request.filter)
        let page = try await store.notes(
            RecordQuery(
                scope: .children(of: parent), filter: filter, after: try start(request.pageToken, list), limit: size))
        var response = Grafeas_V1_ListNotesResponse()
        response.notes = page.records.map(\.note)
        if let next = page.next { response.nextPageToken = tokens.token(after: next, list: list) }
        return response
    }

    /// Makes a note under an id that the caller chooses.
    ///
    /// - Throws: `invalidArgument` for a malformed name or note, `alreadyExists`.
    public func createNote(_ request: Grafeas_V1_CreateNoteRequest) async throws(BullaError) -> Grafeas_V1_Note {
        guard request.hasNote else { throw BullaError(.invalidArgument, "a note must be specified") }
        let name = try NoteName(parent: Self.creationParent(request.parent), id: request.noteID)
        let (note, record) = try Self.prepare(request.note, name, created: now)
        try await store.transaction { (transaction: any MetadataTransaction) throws(BullaError) in
            try transaction.insert(record)
        }
        return note
    }

    /// Makes up to 1,000 notes, all or none.
    ///
    /// - Throws: `invalidArgument` when any is malformed or there are none or too many, `alreadyExists` when there is
    ///   any already.
    public func batchCreateNotes(
        _ request: Grafeas_V1_BatchCreateNotesRequest
    ) async throws(BullaError) -> Grafeas_V1_BatchCreateNotesResponse {
        let parent = try Self.creationParent(request.parent)
        guard !request.notes.isEmpty else {
            throw BullaError(.invalidArgument, "at least one note must be specified")
        }
        guard request.notes.count <= Self.largestBatch else {
            throw BullaError(
                .invalidArgument, "\(request.notes.count) notes are more than \(Self.largestBatch) in one batch")
        }
        let time = now
        var notes: [Grafeas_V1_Note] = []
        var records: [NoteRecord] = []
        for (id, note) in request.notes.sorted(by: { $0.key < $1.key }) {
            let prepared: (note: Grafeas_V1_Note, record: NoteRecord)
            do throws(BullaError) {
                prepared = try Self.prepare(note, try NoteName(parent: parent, id: id), created: time)
            } catch {
                throw Self.within("notes[\"\(id.prefix(200))\"]", error)
            }
            notes.append(prepared.note)
            records.append(prepared.record)
        }
        try await store.transaction { [records] (transaction: any MetadataTransaction) throws(BullaError) in
            for record in records { try transaction.insert(record) }
        }
        var response = Grafeas_V1_BatchCreateNotesResponse()
        response.notes = notes
        return response
    }

    /// Changes the fields that the mask names; without a mask, every mutable field.
    ///
    /// - Throws: `invalidArgument` for a malformed name, mask or result, `notFound`, `failedPrecondition` for a change
    ///   of kind.
    public func updateNote(_ request: Grafeas_V1_UpdateNoteRequest) async throws(BullaError) -> Grafeas_V1_Note {
        let name = try NoteName(request.name)
        guard request.hasNote else { throw BullaError(.invalidArgument, "a note must be specified") }
        let mask = try FieldMask(request.updateMask, of: Grafeas_V1_Note.self)
        let update = request.note
        let time = now
        return try await store.transaction { (transaction: any MetadataTransaction) throws(BullaError) in
            guard let found = try transaction.note(name) else { throw Self.missing(name) }
            let changed = try Immutability.update(found.note, with: update, mask)
            let (note, record) = try Self.prepare(
                changed, name, created: found.note.createTime.microseconds,
                updated: max(time, found.note.updateTime.microseconds &+ 1))
            try transaction.replace(record)
            return note
        }
    }

    /// Deletes one note; its last revision is kept in the store.
    ///
    /// - Throws: `invalidArgument` for a malformed name, `notFound`.
    public func deleteNote(_ request: Grafeas_V1_DeleteNoteRequest) async throws(BullaError) {
        let name = try NoteName(request.name)
        let time = now
        let wasThere = try await store.transaction { (transaction: any MetadataTransaction) throws(BullaError) in
            try transaction.remove(name, at: time)
        }
        guard wasThere else { throw Self.missing(name) }
    }

    /// Lists the occurrences attached to a note, of whichever project.
    ///
    /// - Throws: `invalidArgument` for a malformed name, filter, page size or page token, `notFound`.
    public func listNoteOccurrences(
        _ request: Grafeas_V1_ListNoteOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_ListNoteOccurrencesResponse {
        let name = try NoteName(request.name)
        let size = try Self.pageSize(request.pageSize)
        let filter = try RecordFilter(request.filter)
        let list = Self.list("noteOccurrences", request.name, request.filter)
        let start = try start(request.pageToken, list)
        guard try await store.note(name) != nil else { throw Self.missing(name) }
        let page = try await store.occurrences(
            RecordQuery(scope: .attached(to: name), filter: filter, after: start, limit: size))
        var response = Grafeas_V1_ListNoteOccurrencesResponse()
        response.occurrences = page.records.map(\.occurrence)
        if let next = page.next { response.nextPageToken = tokens.token(after: next, list: list) }
        return response
    }

    static func missing(_ name: NoteName) -> BullaError {
        BullaError(.notFound, "note with name \"\(name)\" does not exist")
    }

    /// The parent of a record to be made, which stands for one place.
    ///
    /// - Throws: `invalidArgument` for a malformed name, and for the location `-`.
    static func creationParent(_ text: String) throws(BullaError) -> ProjectName {
        let parent = try ProjectName(text)
        guard parent.location != "-" else {
            throw BullaError(.invalidArgument, "a record is made in one location, not in \"\(parent)\"")
        }
        return parent
    }

    /// The same error, with the place in a batch before each field.
    static func within(_ place: String, _ error: BullaError) -> BullaError {
        BullaError(
            error.code, "\(place): \(error.message)", reason: error.reason,
            violations: error.violations.map {
                BullaError.Violation(field: "\(place).\($0.field)", description: $0.description)
            },
            cause: error.cause)
    }

    /// Validates a note and gives it what only the service writes.
    static func prepare(
        _ note: Grafeas_V1_Note, _ name: NoteName, created: Int64, updated: Int64? = nil
    ) throws(BullaError) -> (note: Grafeas_V1_Note, record: NoteRecord) {
        try note.validate()
        let updated = updated ?? created
        var complete = note
        complete.name = name.description
        complete.kind = note.derivedKind
        complete.createTime = Google_Protobuf_Timestamp(microseconds: created)
        complete.updateTime = Google_Protobuf_Timestamp(microseconds: updated)
        let record = NoteRecord(
            name: name, kind: complete.kind.rawValue, createTime: created, updateTime: updated,
            body: try encode(complete))
        return (complete, record)
    }
}
