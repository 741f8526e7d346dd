// SPDX-License-Identifier: Apache-2.0
public import GrafeasMessages
public import SwiftProtobuf

/// A whole result: notes that must exist, occurrences under names derived from what they say, and what is gone.
///
/// All of it is one transaction. An occurrence that is already there with the same content is not written, so a
/// repeated result leaves no trace but what truly changed.
public struct Recording: Sendable {
    /// The state in which the store must hold an occurrence for the recording to be kept.
    public enum Expectation: Sendable, Hashable {
        /// Whatever the store holds.
        case anything
        /// The store holds no occurrence of that name.
        case absent
        /// The store holds the occurrence as it was last read: with this `update_time`.
        case updated(at: Google_Protobuf_Timestamp)
    }

    /// A note that is made when it is missing, and left alone when it is there.
    public struct EnsuredNote: Sendable {
        /// The note's name.
        public var name: NoteName
        /// What the note says when it has to be made.
        public var note: Grafeas_V1_Note
        /// Whether a note that is there with other content is brought to this content.
        public var refreshes: Bool

        /// Names a note that must exist.
        public init(_ name: NoteName, _ note: Grafeas_V1_Note, refreshes: Bool = false) {
            self.name = name
            self.note = note
            self.refreshes = refreshes
        }
    }

    /// An occurrence that is made, or brought to the content given.
    public struct Upsert: Sendable {
        /// The occurrence's name, derived from what it says; see ``OccurrenceName/init(project:derivedFrom:)``.
        public var name: OccurrenceName
        /// The content; its own `name`, `kind` and times are ignored.
        public var occurrence: Grafeas_V1_Occurrence
        /// The state that the store must hold it in.
        public var expectation: Expectation

        /// Describes one occurrence of a result.
        public init(
            _ name: OccurrenceName, _ occurrence: Grafeas_V1_Occurrence, expecting expectation: Expectation = .anything
        ) {
            self.name = name
            self.occurrence = occurrence
            self.expectation = expectation
        }
    }

    /// The occurrences that a result speaks for: those in it that the result does not name are deleted.
    ///
    /// Only what an earlier recording wrote is meant; what clients created under server-made names stays.
    public struct Scope: Sendable, Hashable {
        /// The project whose occurrences are meant.
        public var project: ProjectName
        /// The resource that they are about, exactly as it is stored.
        public var resourceURI: String
        /// Their kinds.
        public var kinds: [Grafeas_V1_NoteKind]

        /// Describes the occurrences of some kinds about one resource.
        public init(project: ProjectName, resourceURI: String, kinds: [Grafeas_V1_NoteKind]) {
            self.project = project
            self.resourceURI = resourceURI
            self.kinds = kinds
        }
    }

    /// The notes that must exist before the occurrences are written.
    public var notes: [EnsuredNote]
    /// The occurrences of the result.
    public var occurrences: [Upsert]
    /// Occurrences to delete; one that is not there is no error.
    public var deletions: [OccurrenceName]
    /// What the result speaks for; nil when it only adds.
    public var replacing: Scope?

    /// Puts a result together.
    public init(
        notes: [EnsuredNote] = [], occurrences: [Upsert] = [], deletions: [OccurrenceName] = [],
        replacing: Scope? = nil
    ) {
        self.notes = notes
        self.occurrences = occurrences
        self.deletions = deletions
        self.replacing = replacing
    }
}

/// What a recording did.
public struct RecordingOutcome: Sendable, Hashable {
    /// How many occurrences were made.
    public var created: Int
    /// How many were brought to another content.
    public var updated: Int
    /// How many were there already, and were not written.
    public var unchanged: Int
    /// How many were deleted.
    public var deleted: Int

    /// Counts what was done.
    public init(created: Int = 0, updated: Int = 0, unchanged: Int = 0, deleted: Int = 0) {
        self.created = created
        self.updated = updated
        self.unchanged = unchanged
        self.deleted = deleted
    }
}
