// SPDX-License-Identifier: Apache-2.0
public import BullaExpression
public import GrafeasMessages

/// What must hold of a record for a list to hold it: a filter whose every field and value is understood.
///
/// It is read from the language of Google's list filters; what a store cannot answer from its columns is refused with
/// its place, never ignored.
public indirect enum RecordFilter: Sendable, Hashable {
    /// A text that a filter can ask for.
    public enum TextField: Sendable, Hashable {
        case resourceURI
        case noteProject
        case noteID
    }

    /// A time that a filter can ask for.
    public enum TimeField: Sendable, Hashable {
        case createTime
        case updateTime
    }

    /// How a text is matched.
    public enum TextMatch: Sendable, Hashable {
        case equal(String)
        case prefix(String)
        case suffix(String)
    }

    /// Every record.
    case everything
    /// What satisfies all of these.
    case all([RecordFilter])
    /// What satisfies any of these.
    case any([RecordFilter])
    /// What does not satisfy this.
    case not(RecordFilter)
    /// Records of a kind.
    case kind(Grafeas_V1_NoteKind)
    /// Records with a text.
    case text(TextField, TextMatch)
    /// Records attached to a note, or the note itself.
    case note(NoteName)
    /// Records with a time, in microseconds since 1970.
    case time(TimeField, Comparator, Int64)
}
