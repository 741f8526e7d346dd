// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaExpression
import BullaGrafeas
import BullaSQL
import GrafeasMessages

/// Turns a list's question into SQL: a condition on indexed columns, its values bound, and the index to read by.
///
/// The index is named in the statement and not left to the planner, which without statistics reads a whole project where
/// a look-up by digest would do.
struct FilterCompiler {
    /// Which table is asked.
    enum Table: String {
        case notes
        case occurrences
    }

    /// The statement.
    let statement: String
    /// The values of its parameters.
    let values: [SQLValue]

    /// Asks for the records of a query and one more, by which the caller knows whether the list goes on.
    init(_ query: RecordQuery, from table: Table) {
        var compiler = Condition(table: table)
        var conditions: [String] = []
        switch query.scope {
        case .children(let parent):
            conditions.append("project = \(compiler.bind(.text(parent.project)))")
            if let location = parent.location, location != "-" {
                conditions.append("location = \(compiler.bind(.text(location)))")
            }
        case .attached(let note): conditions.append(compiler.note(note))
        }
        conditions.append("sequence > \(compiler.bind(.integer(query.after)))")
        let index = Self.index(for: query, table, &compiler, &conditions)
        if query.filter != .everything { conditions.append(compiler.read(query.filter)) }
        statement = """
            SELECT sequence, project, location, id, revision, body FROM \(table.rawValue) INDEXED BY \(index)
            WHERE \(conditions.joined(separator: " AND ")) ORDER BY sequence LIMIT \
            \(compiler.bind(.integer(Int64(query.limit) + 1)))
            """
        values = compiler.values
    }

    /// The index that reads the fewest rows, with the condition that lets it.
    private static func index(
        for query: RecordQuery, _ table: Table, _ compiler: inout Condition, _ conditions: inout [String]
    ) -> String {
        let terms = conjuncts(of: query.filter)
        guard table == .occurrences else {
            let isNamed = terms.contains { if case .text(.noteID, .equal) = $0 { true } else { false } }
            return isNamed ? "notes_by_name" : "notes_in_project"
        }
        if let digests = terms.compactMap(digests).min(by: { $0.count < $1.count }) {
            let places = digests.map { compiler.bind(SQLValue($0)) }.joined(separator: ", ")
            conditions.append("digest IN (\(places))")
            return "occurrences_by_digest"
        }
        if case .attached = query.scope { return "occurrences_by_note" }
        for term in terms {
            switch term {
            case .text(.noteID, .equal), .note: return "occurrences_of_note"
            case .text(.resourceURI, .equal):
                conditions.append("digest IS NULL")
                return "occurrences_by_resource"
            default: continue
            }
        }
        let isOfKind = terms.contains { if case .kind = $0 { true } else { false } }
        return isOfKind ? "occurrences_of_kind" : "occurrences_in_project"
    }

    /// What must all hold.
    private static func conjuncts(of filter: RecordFilter) -> [RecordFilter] {
        switch filter {
        case .all(let parts): parts.flatMap(conjuncts)
        case .any(let parts) where parts.count == 1: conjuncts(of: parts[0])
        case .everything: []
        default: [filter]
        }
    }

    /// The digests of which a record must have one to satisfy a filter, where the filter says so.
    private static func digests(of filter: RecordFilter) -> Set<BullaArtifact.Digest>? {
        switch filter {
        case .text(.resourceURI, .equal(let text)), .text(.resourceURI, .suffix(let text)):
            OccurrenceRecord.digest(ofResource: text).map { [$0] }
        case .any(let parts):
            parts.reduce(into: Optional(Set<BullaArtifact.Digest>())) { all, part in
                guard let found = digests(of: part) else { return all = nil }
                all?.formUnion(found)
            }
        case .all(let parts): parts.compactMap(digests).min { $0.count < $1.count }
        default: nil
        }
    }
}

/// A condition under construction, with the values bound so far.
struct Condition {
    let table: FilterCompiler.Table
    private(set) var values: [SQLValue] = []

    init(table: FilterCompiler.Table) { self.table = table }

    mutating func bind(_ value: SQLValue) -> String {
        values.append(value)
        return "?"
    }

    /// The condition that a record is attached to a note, or is it.
    mutating func note(_ name: NoteName) -> String {
        let prefix = table == .occurrences ? "note_" : ""
        let identifier = bind(.text(name.id))
        let project = bind(.text(name.parent.project))
        let location = bind(.text(name.parent.location ?? ""))
        return "\(prefix)id = \(identifier) AND \(prefix)project = \(project) AND \(prefix)location = \(location)"
    }

    mutating func read(_ filter: RecordFilter) -> String {
        switch filter {
        case .everything: return "1"
        case .all(let parts): return list(parts, " AND ")
        case .any(let parts): return list(parts, " OR ")
        case .not(let part): return "NOT (\(read(part)))"
        case .kind(let kind): return "kind = \(bind(.integer(Int64(kind.rawValue))))"
        case .note(let name): return "(\(note(name)))"
        case .time(let field, let comparator, let value):
            let column = field == .createTime ? "create_time" : "update_time"
            let sign = comparator == .has ? "=" : comparator.rawValue
            return "\(column) \(sign) \(bind(.integer(value)))"
        case .text(let field, let match): return text(column(of: field), match)
        }
    }

    private mutating func list(_ parts: [RecordFilter], _ word: String) -> String {
        "(\(parts.map { read($0) }.joined(separator: word)))"
    }

    private func column(of field: RecordFilter.TextField) -> String {
        switch (table, field) {
        case (.occurrences, .resourceURI): "resource"
        case (.occurrences, .noteProject): "note_project"
        case (.occurrences, .noteID): "note_id"
        case (.notes, .resourceURI): "''"
        case (.notes, .noteProject): "project"
        case (.notes, .noteID): "id"
        }
    }

    private mutating func text(_ column: String, _ match: RecordFilter.TextMatch) -> String {
        switch match {
        case .equal(let text):
            // Clients name the same image with and without its scheme.
            guard column == "resource", OccurrenceRecord.digest(ofResource: text) != nil else {
                return "\(column) = \(bind(.text(text)))"
            }
            let scheme = "https://"
            let other = text.hasPrefix(scheme) ? String(text.dropFirst(scheme.count)) : scheme + text
            let places = (bind(.text(text)), bind(.text(other)))
            return "\(column) IN (\(places.0), \(places.1))"
        case .prefix(let text):
            guard !text.isEmpty else { return "1" }
            let places = (bind(.text(text)), bind(.text(text + "\u{10FFFF}")))
            return "(\(column) >= \(places.0) AND \(column) < \(places.1))"
        case .suffix(let text):
            guard !text.isEmpty else { return "1" }
            let places = (bind(.text(text)), bind(.text(text)))
            return "substr(\(column), -length(\(places.0))) = \(places.1)"
        }
    }
}
