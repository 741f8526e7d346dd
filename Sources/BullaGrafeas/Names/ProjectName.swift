// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact

/// The name of a project, or of a location in one: what notes and occurrences are children of.
///
/// Written `projects/P` or `projects/P/locations/L`. A list of `projects/P`, or of its location `-`, covers every
/// location; a record made under `projects/P` has none.
public struct ProjectName: Hashable, Sendable, CustomStringConvertible {
    /// The project's id.
    public let project: String
    /// The location, nil for the project itself.
    public let location: String?

    /// Reads a name.
    ///
    /// - Throws: `invalidArgument` unless it has one of the two forms.
    public init(_ text: some StringProtocol) throws(BullaError) {
        guard let parts = NameParts(text, collection: nil) else {
            throw BullaError(.invalidArgument, NameParts.refusal("project", "projects/[PROJECT_ID]", text))
        }
        project = parts.project
        location = parts.location
    }

    /// Makes a name of its parts.
    ///
    /// - Throws: `invalidArgument` when a part is empty or holds a slash.
    public init(project: String, location: String? = nil) throws(BullaError) {
        try self.init(location.map { "projects/\(project)/locations/\($0)" } ?? "projects/\(project)")
    }

    init(trusted project: String, _ location: String?) {
        self.project = project
        self.location = location
    }

    /// Whether it stands for every location of the project.
    public var coversEveryLocation: Bool { location == nil || location == "-" }

    /// The name as it is written.
    public var description: String {
        location.map { "projects/\(project)/locations/\($0)" } ?? "projects/\(project)"
    }
}

/// The parts of a name of one of the forms that the API knows.
struct NameParts {
    /// No id is longer: it is an index key, and a line of the log.
    static let longest = 1024

    var project: String
    var location: String?
    var id: String

    /// Splits `projects/P[/locations/L][/collection/ID]`; nil when the text has another form.
    init?(_ text: some StringProtocol, collection: String?) {
        guard text.utf8.count <= 4 * Self.longest else { return nil }
        var parts = text.split(separator: "/", omittingEmptySubsequences: false)[...]
        guard parts.count >= 2, parts.removeFirst() == "projects" else { return nil }
        project = String(parts.removeFirst())
        if parts.count >= 2, parts.first == "locations" {
            parts.removeFirst()
            location = String(parts.removeFirst())
        }
        if let collection {
            guard parts.count == 2, parts.removeFirst() == collection else { return nil }
            id = String(parts.removeFirst())
            guard Self.isPossible(id) else { return nil }
        } else {
            guard parts.isEmpty else { return nil }
            id = ""
        }
        guard Self.isPossible(project), location.map(Self.isPossible) ?? true else { return nil }
    }

    /// Whether a text can be an id: not empty, not too long, no slash and no control character.
    static func isPossible(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.count <= longest && id.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != 0x2F }
    }

    /// The words of the reference server for a name of another form.
    static func refusal(_ kind: String, _ form: String, _ text: some StringProtocol) -> String {
        "\(kind) name must be in the form \"\(form)\", got \"\(text.prefix(200))\""
    }
}
