// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import GrafeasMessages

/// A note as the store keeps it.
public struct StoredNote: Sendable {
    /// Its name.
    public let name: NoteName
    /// What it says, with its name, kind and times.
    public let note: Grafeas_V1_Note
    /// 1 when it was made, one more with each change.
    public let revision: Int64
    /// Its place in the order in which notes were made.
    public let sequence: Int64

    /// Puts a note together, as a store reads it.
    public init(name: NoteName, note: Grafeas_V1_Note, revision: Int64, sequence: Int64) {
        self.name = name
        self.note = note
        self.revision = revision
        self.sequence = sequence
    }
}

/// An occurrence as the store keeps it.
public struct StoredOccurrence: Sendable {
    /// Its name.
    public let name: OccurrenceName
    /// What it says, with its name, kind and times.
    public let occurrence: Grafeas_V1_Occurrence
    /// 1 when it was made, one more with each change.
    public let revision: Int64
    /// Its place in the order in which occurrences were made.
    public let sequence: Int64

    /// Puts an occurrence together, as a store reads it.
    public init(name: OccurrenceName, occurrence: Grafeas_V1_Occurrence, revision: Int64, sequence: Int64) {
        self.name = name
        self.occurrence = occurrence
        self.revision = revision
        self.sequence = sequence
    }
}

/// A note to be written, with everything that the store indexes.
public struct NoteRecord: Sendable {
    /// Its name.
    public let name: NoteName
    /// The number of its kind.
    public let kind: Int
    /// When it was made, in microseconds since 1970.
    public let createTime: Int64
    /// When it was changed last, in microseconds since 1970.
    public let updateTime: Int64
    /// The binary message of `grafeas.v1`.
    public let body: [UInt8]
}

/// An occurrence to be written, with everything that the store indexes.
public struct OccurrenceRecord: Sendable {
    /// Its name.
    public let name: OccurrenceName
    /// The note that it is attached to.
    public let note: NoteName
    /// The resource that it is about, as it was written.
    public let resourceURI: String
    /// The digest at the resource's end, where there is one.
    public let digest: BullaArtifact.Digest?
    /// The number of its kind.
    public let kind: Int
    /// When it was made, in microseconds since 1970.
    public let createTime: Int64
    /// When it was changed last, in microseconds since 1970.
    public let updateTime: Int64
    /// What no two occurrences may share: of an attestation, the hash of note, resource, payload and key ids.
    public let uniqueness: Digest?
    /// The hash of the content that a recording wrote, so that the same content is known unread; nil for what a client
    /// wrote.
    public let recordedContent: Digest?
    /// The blobs that it names as its own, which must be kept as long as it is: of a discovery, its files.
    public let files: [Digest]
    /// The binary message of `grafeas.v1`.
    public let body: [UInt8]

    /// The digest at the end of a resource, be it an image's URI or a digest alone.
    public static func digest(ofResource text: String) -> Digest? {
        // A digest's text is ASCII of a fixed length; what is no digest costs one look at its end.
        let length = 71
        guard text.utf8.count >= length else { return nil }
        return try? Digest(String(decoding: text.utf8.suffix(length), as: UTF8.self))
    }
}

/// What the store knows of an occurrence without reading it whole.
public struct OccurrenceSummary: Sendable, Hashable {
    /// The number of changes, and 1.
    public let revision: Int64
    /// When it was made, in microseconds since 1970.
    public let createTime: Int64
    /// When it was changed last, in microseconds since 1970.
    public let updateTime: Int64
    /// The hash of the content that a recording wrote.
    public let recordedContent: Digest?

    /// Puts a summary together, as a store reads it.
    public init(revision: Int64, createTime: Int64, updateTime: Int64, recordedContent: Digest?) {
        self.revision = revision
        self.createTime = createTime
        self.updateTime = updateTime
        self.recordedContent = recordedContent
    }
}

/// Which records to list.
public struct RecordQuery: Sendable {
    /// What the records are children of, or attached to.
    public enum Scope: Sendable, Hashable {
        /// The records of a project or of a location in it.
        case children(of: ProjectName)
        /// The occurrences attached to a note, of every project.
        case attached(to: NoteName)
    }

    /// Where to look.
    public let scope: Scope
    /// What must hold of a record.
    public let filter: RecordFilter
    /// Only records made after the one at this place.
    public let after: Int64
    /// How many at most.
    public let limit: Int

    /// Asks for records.
    public init(scope: Scope, filter: RecordFilter = .everything, after: Int64 = 0, limit: Int) {
        self.scope = scope
        self.filter = filter
        self.after = after
        self.limit = limit
    }
}

/// A part of a list, and where the next part begins.
public struct RecordPage<Record: Sendable>: Sendable {
    /// The records, in the order in which they were made.
    public let records: [Record]
    /// The place after which the next part begins; nil when this was the last.
    public let next: Int64?

    /// Puts a page together, as a store reads it.
    public init(records: [Record], next: Int64?) {
        self.records = records
        self.next = next
    }
}

/// Where notes and occurrences are kept.
///
/// A record and the log entry about it are one transaction; a replaced or removed record leaves its former revision.
public protocol MetadataStore: Sendable {
    /// Reads one note.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func note(_ name: NoteName) async throws(BullaError) -> StoredNote?

    /// Reads one occurrence.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func occurrence(_ name: OccurrenceName) async throws(BullaError) -> StoredOccurrence?

    /// Reads a revision of a note, be it the present one, a former one, or the last of a deleted note.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func note(_ name: NoteName, revision: Int64) async throws(BullaError) -> StoredNote?

    /// Reads a revision of an occurrence, be it the present one, a former one, or the last of a deleted occurrence.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func occurrence(_ name: OccurrenceName, revision: Int64) async throws(BullaError) -> StoredOccurrence?

    /// Lists notes in the order in which they were made.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func notes(_ query: RecordQuery) async throws(BullaError) -> RecordPage<StoredNote>

    /// Lists occurrences in the order in which they were made.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func occurrences(_ query: RecordQuery) async throws(BullaError) -> RecordPage<StoredOccurrence>

    /// Reads all that is known about an image by its digest, whatever its name: one look-up in an index.
    ///
    /// - Parameters:
    ///   - digest: The image's digest.
    ///   - kinds: Only occurrences of these kinds; empty for all.
    /// - Returns: The occurrences in the order in which they were made.
    /// - Throws: `unavailable` when the store cannot read.
    func occurrences(
        about digest: Digest, kinds: [Grafeas_V1_NoteKind]
    ) async throws(BullaError) -> [StoredOccurrence]

    /// Runs a closure that reads and writes in one transaction, and answers when it is durable.
    ///
    /// The closure does nothing but use the transaction.
    ///
    /// - Throws: `unavailable` when the store cannot write, and what the closure throws.
    func transaction<Value: Sendable>(
        _ body: @escaping @Sendable (any MetadataTransaction) throws(BullaError) -> Value
    ) async throws(BullaError) -> Value
}

/// A transaction on notes and occurrences; it keeps revisions, projects and the log by itself.
public protocol MetadataTransaction {
    /// The number of a note's kind, or nil where there is no such note.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func noteKind(_ name: NoteName) throws(BullaError) -> Int?

    /// Reads one note.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func note(_ name: NoteName) throws(BullaError) -> StoredNote?

    /// Reads one occurrence.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func occurrence(_ name: OccurrenceName) throws(BullaError) -> StoredOccurrence?

    /// What is known of an occurrence without reading it whole.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func summary(_ name: OccurrenceName) throws(BullaError) -> OccurrenceSummary?

    /// The names of the occurrences that recordings wrote in a scope.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func recorded(in scope: Recording.Scope) throws(BullaError) -> [OccurrenceName]

    /// Adds a note.
    ///
    /// - Throws: `alreadyExists` when there is one of that name.
    func insert(_ note: NoteRecord) throws(BullaError)

    /// Puts a note in the place of its former revision.
    ///
    /// - Throws: `notFound` when there is none of that name.
    func replace(_ note: NoteRecord) throws(BullaError)

    /// Removes a note.
    ///
    /// - Returns: Whether there was one.
    /// - Throws: `unavailable` when the store cannot write.
    func remove(_ name: NoteName, at time: Int64) throws(BullaError) -> Bool

    /// Adds an occurrence.
    ///
    /// - Throws: `alreadyExists` when there is one of that name, or one that it may not stand beside.
    func insert(_ occurrence: OccurrenceRecord) throws(BullaError)

    /// Puts an occurrence in the place of its former revision.
    ///
    /// - Throws: `notFound` when there is none of that name.
    func replace(_ occurrence: OccurrenceRecord) throws(BullaError)

    /// Removes an occurrence.
    ///
    /// - Returns: Whether there was one.
    /// - Throws: `unavailable` when the store cannot write.
    func remove(_ name: OccurrenceName, at time: Int64) throws(BullaError) -> Bool
}
