// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import GrafeasMessages
import SwiftProtobuf

extension MetadataService {
    /// Returns one occurrence.
    ///
    /// - Throws: `invalidArgument` for a malformed name, `notFound`.
    public func getOccurrence(
        _ request: Grafeas_V1_GetOccurrenceRequest
    ) async throws(BullaError) -> Grafeas_V1_Occurrence {
        let name = try OccurrenceName(request.name)
        guard let found = try await store.occurrence(name) else { throw Self.missing(name) }
        return found.occurrence
    }

    /// Lists a project's occurrences, oldest first.
    ///
    /// - Throws: `invalidArgument` for a malformed parent, filter, page size or page token.
    public func listOccurrences(
        _ request: Grafeas_V1_ListOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_ListOccurrencesResponse {
        let parent = try ProjectName(request.parent)
        let size = try Self.pageSize(request.pageSize)
        let filter = try RecordFilter(request.filter)
        let list = Self.list("occurrences", request.parent, request.filter)
        let page = try await store.occurrences(
            RecordQuery(
                scope: .children(of: parent), filter: filter, after: try start(request.pageToken, list), limit: size))
        var response = Grafeas_V1_ListOccurrencesResponse()
        response.occurrences = page.records.map(\.occurrence)
        if let next = page.next { response.nextPageToken = tokens.token(after: next, list: list) }
        return response
    }

    /// Records one occurrence under a name that the service makes; the note must exist.
    ///
    /// - Throws: `invalidArgument` for a malformed parent or occurrence, `notFound` for its note, `alreadyExists` for an
    ///   attestation that is there already.
    public func createOccurrence(
        _ request: Grafeas_V1_CreateOccurrenceRequest
    ) async throws(BullaError) -> Grafeas_V1_Occurrence {
        let parent = try Self.creationParent(request.parent)
        guard request.hasOccurrence else {
            throw BullaError(.invalidArgument, "an occurrence must be specified")
        }
        var generator = SystemRandomNumberGenerator()
        let name = OccurrenceName(made: parent, by: &generator)
        let (occurrence, record) = try Self.prepare(request.occurrence, name, created: now)
        try await store.transaction { (transaction: any MetadataTransaction) throws(BullaError) in
            try Self.checkNote(of: record, in: transaction)
            try transaction.insert(record)
        }
        return occurrence
    }

    /// Records up to 1,000 occurrences, all or none.
    ///
    /// - Throws: `invalidArgument` when any is malformed or there are none or too many, `notFound` for a note,
    ///   `alreadyExists` for an attestation that is there already.
    public func batchCreateOccurrences(
        _ request: Grafeas_V1_BatchCreateOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_BatchCreateOccurrencesResponse {
        let parent = try Self.creationParent(request.parent)
        guard !request.occurrences.isEmpty else {
            throw BullaError(.invalidArgument, "at least one occurrence must be specified")
        }
        guard request.occurrences.count <= Self.largestBatch else {
            throw BullaError(
                .invalidArgument,
                "\(request.occurrences.count) occurrences are more than \(Self.largestBatch) in one batch")
        }
        let time = now
        var generator = SystemRandomNumberGenerator()
        var occurrences: [Grafeas_V1_Occurrence] = []
        var records: [OccurrenceRecord] = []
        occurrences.reserveCapacity(request.occurrences.count)
        records.reserveCapacity(request.occurrences.count)
        for (index, occurrence) in request.occurrences.enumerated() {
            let prepared: (occurrence: Grafeas_V1_Occurrence, record: OccurrenceRecord)
            do throws(BullaError) {
                prepared = try Self.prepare(
                    occurrence, OccurrenceName(made: parent, by: &generator), created: time)
            } catch {
                throw Self.within("occurrences[\(index)]", error)
            }
            occurrences.append(prepared.occurrence)
            records.append(prepared.record)
        }
        try await store.transaction { [records] (transaction: any MetadataTransaction) throws(BullaError) in
            for (index, record) in records.enumerated() {
                do throws(BullaError) {
                    try Self.checkNote(of: record, in: transaction)
                    try transaction.insert(record)
                } catch {
                    throw Self.within("occurrences[\(index)]", error)
                }
            }
        }
        var response = Grafeas_V1_BatchCreateOccurrencesResponse()
        response.occurrences = occurrences
        return response
    }

    /// Changes the fields that the mask names; without a mask, every mutable field.
    ///
    /// - Throws: `invalidArgument` for a malformed name, mask or result, `notFound`, `failedPrecondition` for a change of
    ///   what is immutable.
    public func updateOccurrence(
        _ request: Grafeas_V1_UpdateOccurrenceRequest
    ) async throws(BullaError) -> Grafeas_V1_Occurrence {
        let name = try OccurrenceName(request.name)
        guard request.hasOccurrence else {
            throw BullaError(.invalidArgument, "an occurrence must be specified")
        }
        let mask = try FieldMask(request.updateMask, of: Grafeas_V1_Occurrence.self)
        let update = request.occurrence
        let time = now
        return try await store.transaction { (transaction: any MetadataTransaction) throws(BullaError) in
            guard let found = try transaction.occurrence(name) else { throw Self.missing(name) }
            let changed = try Immutability.update(found.occurrence, with: update, mask)
            let (occurrence, record) = try Self.prepare(
                changed, name, created: found.occurrence.createTime.microseconds,
                updated: max(time, found.occurrence.updateTime.microseconds &+ 1))
            try transaction.replace(record)
            return occurrence
        }
    }

    /// Deletes one occurrence; its last revision is kept in the store.
    ///
    /// - Throws: `invalidArgument` for a malformed name, `notFound`.
    public func deleteOccurrence(_ request: Grafeas_V1_DeleteOccurrenceRequest) async throws(BullaError) {
        let name = try OccurrenceName(request.name)
        let time = now
        let wasThere = try await store.transaction { (transaction: any MetadataTransaction) throws(BullaError) in
            try transaction.remove(name, at: time)
        }
        guard wasThere else { throw Self.missing(name) }
    }

    /// Returns the note that an occurrence is attached to, in whichever project that note is.
    ///
    /// - Throws: `invalidArgument` for a malformed name, `notFound` for the occurrence or its note.
    public func getOccurrenceNote(
        _ request: Grafeas_V1_GetOccurrenceNoteRequest
    ) async throws(BullaError) -> Grafeas_V1_Note {
        let name = try OccurrenceName(request.name)
        guard let found = try await store.occurrence(name) else { throw Self.missing(name) }
        let noteName = try NoteName(found.occurrence.noteName)
        guard let note = try await store.note(noteName) else { throw Self.missing(noteName) }
        return note.note
    }

    static func missing(_ name: OccurrenceName) -> BullaError {
        BullaError(.notFound, "occurrence with name \"\(name)\" does not exist")
    }

    /// Checks that the note of an occurrence exists and is of its kind.
    static func checkNote(
        of record: OccurrenceRecord, in transaction: any MetadataTransaction
    ) throws(BullaError) {
        guard let kind = try transaction.noteKind(record.note) else { throw missing(record.note) }
        guard kind == record.kind else {
            let kinds = (Grafeas_V1_NoteKind(rawValue: kind), Grafeas_V1_NoteKind(rawValue: record.kind))
            throw BullaError(
                .invalidArgument,
                "note \"\(record.note)\" is of kind \(kinds.0?.name ?? "?"), the occurrence of kind \(kinds.1?.name ?? "?")",
                violations: [BullaError.Violation(field: "note_name", description: "the note is of another kind")])
        }
    }

    /// Validates an occurrence and gives it what only the service writes.
    static func prepare(
        _ occurrence: Grafeas_V1_Occurrence, _ name: OccurrenceName, created: Int64, updated: Int64? = nil,
        recordedContent: BullaArtifact.Digest? = nil
    ) throws(BullaError) -> (occurrence: Grafeas_V1_Occurrence, record: OccurrenceRecord) {
        try occurrence.validate()
        let note = try NoteName(occurrence.noteName)
        let updated = updated ?? created
        var complete = occurrence
        complete.name = name.description
        complete.kind = occurrence.derivedKind
        complete.createTime = Google_Protobuf_Timestamp(microseconds: created)
        complete.updateTime = Google_Protobuf_Timestamp(microseconds: updated)
        let record = OccurrenceRecord(
            name: name, note: note, resourceURI: complete.resourceUri,
            digest: OccurrenceRecord.digest(ofResource: complete.resourceUri), kind: complete.kind.rawValue,
            createTime: created, updateTime: updated, uniqueness: uniqueness(of: complete),
            recordedContent: recordedContent, files: files(of: complete), body: try encode(complete))
        return (complete, record)
    }

    /// The blobs that a discovery names, by their SHA-256, with or without the algorithm before it.
    private static func files(of occurrence: Grafeas_V1_Occurrence) -> [BullaArtifact.Digest] {
        guard case .discovery(let discovery) = occurrence.details else { return [] }
        return discovery.files.compactMap { file in
            guard let text = file.digest["sha256"] else { return nil }
            return (try? BullaArtifact.Digest(text)) ?? (try? BullaArtifact.Digest(hexadecimal: text))
        }
    }

    /// What makes an attestation the same as another: its note, resource, payload and set of key ids.
    private static func uniqueness(of occurrence: Grafeas_V1_Occurrence) -> BullaArtifact.Digest? {
        let payload: [UInt8]
        let keys: [String]
        switch occurrence.details {
        case .attestation(let attestation):
            payload = Array(attestation.serializedPayload)
            keys = attestation.signatures.map(\.publicKeyID) + attestation.jwts.map(\.compactJwt)
        case .dsseAttestation(let attestation):
            payload = Array(attestation.envelope.payload)
            keys = attestation.envelope.signatures.map(\.keyid)
        default: return nil
        }
        var hasher = DigestHasher()
        for part in [occurrence.noteName, occurrence.resourceUri] + Set(keys).sorted() {
            hasher.update(Array("\(part.utf8.count):\(part)".utf8))
        }
        hasher.update(payload)
        return hasher.finalize()
    }
}

extension Grafeas_V1_NoteKind {
    /// The kind's published name.
    public var name: String { Immutability.fieldName(of: self).uppercased() }
}
