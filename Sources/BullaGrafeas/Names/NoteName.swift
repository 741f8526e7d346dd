// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact

/// The name of a note, `projects/P/notes/ID` or `projects/P/locations/L/notes/ID`.
public struct NoteName: Hashable, Sendable, CustomStringConvertible {
    /// The project or location that the note belongs to.
    public let parent: ProjectName
    /// The id that its maker chose.
    public let id: String

    /// Reads a name.
    ///
    /// - Throws: `invalidArgument` unless it has one of the two forms.
    public init(_ text: some StringProtocol) throws(BullaError) {
        guard let parts = NameParts(text, collection: "notes") else {
            throw BullaError(.invalidArgument, NameParts.refusal("note", "projects/[PROJECT_ID]/notes/[NOTE_ID]", text))
        }
        parent = ProjectName(trusted: parts.project, parts.location)
        id = parts.id
    }

    /// Makes a name of its parts.
    ///
    /// - Throws: `invalidArgument` when the id is empty, too long, or holds a slash or a control character.
    public init(parent: ProjectName, id: String) throws(BullaError) {
        guard !id.isEmpty else { throw BullaError(.invalidArgument, "a noteId must be specified") }
        guard !id.utf8.contains(UInt8(ascii: "/")) else {
            throw BullaError(.invalidArgument, "a noteId must not contain /")
        }
        guard NameParts.isPossible(id) else {
            throw BullaError(
                .invalidArgument,
                "a noteId must have at most \(NameParts.longest) bytes and no control character")
        }
        self.parent = parent
        self.id = id
    }

    /// The name as it is written.
    public var description: String { "\(parent)/notes/\(id)" }
}
