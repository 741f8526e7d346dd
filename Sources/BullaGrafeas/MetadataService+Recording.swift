// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
import GrafeasMessages
import SwiftProtobuf

extension MetadataService {
    /// Keeps a whole result in one transaction, or nothing of it.
    ///
    /// - Throws: `invalidArgument` when a record is malformed, `notFound` for a note that neither exists nor is ensured,
    ///   `aborted` when an occurrence is not in the state that the recording expects.
    public func record(_ recording: Recording) async throws(BullaError) -> RecordingOutcome {
        let time = now
        var notes: [(ensured: Recording.EnsuredNote, record: NoteRecord)] = []
        for ensured in recording.notes {
            notes.append((ensured, try Self.prepare(ensured.note, ensured.name, created: time).record))
        }
        var occurrences: [Prepared] = []
        occurrences.reserveCapacity(recording.occurrences.count)
        for upsert in recording.occurrences { occurrences.append(try Prepared(upsert, at: time)) }
        return try await store.transaction {
            [notes, occurrences] (transaction: any MetadataTransaction) throws(BullaError) in
            for note in notes { try Self.ensure(note.ensured, note.record, at: time, in: transaction) }
            var outcome = RecordingOutcome()
            for occurrence in occurrences { try Self.keep(occurrence, at: time, in: transaction, &outcome) }
            for name in recording.deletions {
                if try transaction.remove(name, at: time) { outcome.deleted += 1 }
            }
            if let scope = recording.replacing {
                let kept = Set(occurrences.map(\.upsert.name))
                for name in try transaction.recorded(in: scope) where !kept.contains(name) {
                    if try transaction.remove(name, at: time) { outcome.deleted += 1 }
                }
            }
            return outcome
        }
    }

    /// An occurrence of a result, validated and encoded before the transaction.
    private struct Prepared: Sendable {
        let upsert: Recording.Upsert
        let record: OccurrenceRecord
        let content: BullaArtifact.Digest

        init(_ upsert: Recording.Upsert, at time: Int64) throws(BullaError) {
            var bare = upsert.occurrence
            bare.name = ""
            bare.kind = .unspecified
            bare.clearCreateTime()
            bare.clearUpdateTime()
            self.upsert = upsert
            content = BullaArtifact.Digest(of: try encode(bare))
            record = try MetadataService.prepare(
                upsert.occurrence, upsert.name, created: time, recordedContent: content
            ).record
        }
    }

    private static func ensure(
        _ ensured: Recording.EnsuredNote, _ record: NoteRecord, at time: Int64, in transaction: any MetadataTransaction
    ) throws(BullaError) {
        guard try transaction.noteKind(ensured.name) != nil else { return try transaction.insert(record) }
        guard ensured.refreshes, let found = try transaction.note(ensured.name) else { return }
        var asked = ensured.note
        asked.name = found.note.name
        asked.kind = found.note.kind
        asked.createTime = found.note.createTime
        asked.updateTime = found.note.updateTime
        guard asked != found.note else { return }
        let changed = try Immutability.update(found.note, with: ensured.note, nil)
        try transaction.replace(
            prepare(
                changed, ensured.name, created: found.note.createTime.microseconds,
                updated: max(time, found.note.updateTime.microseconds &+ 1)
            ).record)
    }

    private static func keep(
        _ occurrence: Prepared, at time: Int64, in transaction: any MetadataTransaction,
        _ outcome: inout RecordingOutcome
    ) throws(BullaError) {
        let upsert = occurrence.upsert
        let summary = try transaction.summary(upsert.name)
        switch upsert.expectation {
        case .anything: break
        case .absent:
            guard summary == nil else { throw lost(upsert.name, "it exists already") }
        case .updated(let expected):
            guard let summary, summary.updateTime == expected.microseconds else {
                throw lost(upsert.name, summary == nil ? "it does not exist" : "it was changed meanwhile")
            }
        }
        guard let summary else {
            try checkNote(of: occurrence.record, in: transaction)
            try transaction.insert(occurrence.record)
            outcome.created += 1
            return
        }
        guard summary.recordedContent != occurrence.content else {
            outcome.unchanged += 1
            return
        }
        guard let found = try transaction.occurrence(upsert.name) else { throw missing(upsert.name) }
        let changed = try Immutability.update(found.occurrence, with: upsert.occurrence, nil)
        try transaction.replace(
            prepare(
                changed, upsert.name, created: summary.createTime, updated: max(time, summary.updateTime &+ 1),
                recordedContent: occurrence.content
            ).record)
        outcome.updated += 1
    }

    private static func lost(_ name: OccurrenceName, _ what: String) -> BullaError {
        BullaError(.aborted, "occurrence \"\(name)\" is not as expected: \(what)")
    }
}
