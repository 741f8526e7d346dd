// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import Foundation

/// Something that happened, in its place in the one order of all that happened.
///
/// Entries are only ever added. An entry and the record that it is about are written in one transaction, so neither is
/// ever there without the other.
public struct Entry: Sendable, Hashable {
    /// What sort of thing happened, such as `image.pushed`.
    public struct Kind: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
        /// The word kept in the log.
        public let rawValue: String

        /// Makes a kind of its word.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// A manifest was put into our registry.
        public static let imagePushed = Kind(rawValue: "image.pushed")
        /// A tag was removed.
        public static let imageUntagged = Kind(rawValue: "image.untagged")
        /// A manifest was removed.
        public static let imageDeleted = Kind(rawValue: "image.deleted")
        /// An occurrence was made.
        public static let occurrenceCreated = Kind(rawValue: "occurrence.created")
        /// An occurrence was changed.
        public static let occurrenceUpdated = Kind(rawValue: "occurrence.updated")
        /// An occurrence was deleted.
        public static let occurrenceDeleted = Kind(rawValue: "occurrence.deleted")
        /// A note was made.
        public static let noteCreated = Kind(rawValue: "note.created")
        /// A note was changed.
        public static let noteUpdated = Kind(rawValue: "note.updated")
        /// A note was deleted.
        public static let noteDeleted = Kind(rawValue: "note.deleted")
        /// A pod was admitted or denied.
        public static let decision = Kind(rawValue: "decision")

        /// The word.
        public var description: String { rawValue }
    }

    /// The place: 1 for the first entry, one more for each that follows, without a gap.
    public let sequence: Int64
    /// What sort of thing happened.
    public let kind: Kind
    /// What it happened to: a record's name, or an image.
    public let subject: String
    /// The digest of the image that it is about, where there is one.
    public let digest: BullaArtifact.Digest?
    /// The particulars, in the kind's own form: JSON for all kinds named here.
    public let payload: [UInt8]
    /// When it happened, to the microsecond.
    public let time: Date

    /// Puts an entry together, as a store reads it.
    public init(sequence: Int64, kind: Kind, subject: String, digest: Digest?, payload: [UInt8], time: Date) {
        self.sequence = sequence
        self.kind = kind
        self.subject = subject
        self.digest = digest
        self.payload = payload
        self.time = time
    }
}

/// Something that happened and has no place yet.
public struct NewEntry: Sendable, Hashable {
    /// What sort of thing happened.
    public var kind: Entry.Kind
    /// What it happened to.
    public var subject: String
    /// The digest of the image that it is about, where there is one.
    public var digest: Digest?
    /// The particulars.
    public var payload: [UInt8]
    /// When it happened.
    public var time: Date

    /// Describes what happened.
    public init(kind: Entry.Kind, subject: String, digest: Digest? = nil, payload: [UInt8] = [], time: Date) {
        self.kind = kind
        self.subject = subject
        self.digest = digest
        self.payload = payload
        self.time = time
    }
}
