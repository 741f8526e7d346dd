// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
import BullaExpression
import GrafeasMessages

extension RecordFilter {
    /// A filter asks for no more than this many things: it becomes a condition of a query.
    static let mostTerms = 200

    /// Reads a filter as Google's clients write it.
    ///
    /// Known are `resourceUrl` (also `resource_url`, `resourceUri`, `resource.uri`), `kind` (with the names of
    /// v1alpha1), `noteProjectId`, `noteId`, `noteName`, `createTime`, `updateTime`, `has_prefix` and `has_suffix`.
    ///
    /// - Throws: `invalidArgument` with the place of what is not understood.
    public init(_ text: String) throws(BullaError) {
        guard let tree = try FilterLanguage.parse(text) else {
            self = .everything
            return
        }
        var reader = FilterReader()
        self = try reader.read(tree)
    }
}

/// Turns a syntax tree into a filter.
private struct FilterReader {
    private var terms = 0

    mutating func read(_ tree: SyntaxTree) throws(BullaError) -> RecordFilter {
        switch tree.content {
        case .conjunction(let parts), .sequence(let parts): return .all(try list(parts))
        case .disjunction(let parts): return .any(try list(parts))
        case .not(let part), .minus(let part): return .not(try read(part))
        case .global(let part):
            guard case .call(nil, let name, let arguments) = part.content else {
                throw refusal(part, "a comparison is needed, such as kind=\"BUILD\"")
            }
            try count(part)
            return try call(name, arguments, at: part)
        case .comparison(let comparator, let left, let right):
            try count(left)
            return try compare(left, comparator, right)
        case .name, .string, .integer, .double, .select, .index, .call:
            throw refusal(tree, "a comparison is needed, such as kind=\"BUILD\"")
        }
    }

    private mutating func list(_ parts: [SyntaxTree]) throws(BullaError) -> [RecordFilter] {
        var read: [RecordFilter] = []
        for part in parts { read.append(try self.read(part)) }
        return read
    }

    private mutating func count(_ tree: SyntaxTree) throws(BullaError) {
        terms += 1
        guard terms <= RecordFilter.mostTerms else {
            throw refusal(tree, "more than \(RecordFilter.mostTerms) conditions")
        }
    }

    private func call(_ name: String, _ arguments: [SyntaxTree], at tree: SyntaxTree) throws(BullaError) -> RecordFilter
    {
        guard name == "has_prefix" || name == "has_suffix" else { throw refusal(tree, "unknown function '\(name)'") }
        guard arguments.count == 2 else { throw refusal(tree, "\(name) takes a field and a text") }
        guard case .text(let field) = try self.field(arguments[0]) else {
            throw refusal(arguments[0], "\(name) needs a text field")
        }
        let text = try self.text(arguments[1])
        return .text(field, name == "has_prefix" ? .prefix(text) : .suffix(text))
    }

    private func compare(
        _ left: SyntaxTree, _ comparator: Comparator, _ right: SyntaxTree
    ) throws(BullaError) -> RecordFilter {
        let field = try field(left)
        if case .time(let time) = field {
            guard comparator != .has else { throw refusal(left, "a time is compared, not searched") }
            let text = try text(right)
            guard let value = Self.microseconds(text) else {
                throw refusal(right, "'\(text.prefix(40))' is no time such as 2019-04-10T12:30:00Z")
            }
            return .time(time, comparator, value)
        }
        guard comparator == .equal || comparator == .notEqual else {
            throw refusal(left, "only = and != are understood here, not \(comparator.rawValue)")
        }
        let text = try text(right)
        let equal: RecordFilter
        switch field {
        case .text(let field): equal = .text(field, .equal(text))
        case .kind:
            guard let kind = Self.kind(text) else { throw refusal(right, "unknown kind '\(text.prefix(40))'") }
            equal = .kind(kind)
        case .note:
            do throws(BullaError) {
                equal = .note(try NoteName(text))
            } catch {
                throw refusal(right, error.message)
            }
        case .time: throw refusal(left, "a time is needed")
        }
        return comparator == .equal ? equal : .not(equal)
    }

    private enum Field {
        case kind
        case note
        case text(RecordFilter.TextField)
        case time(RecordFilter.TimeField)
    }

    private func field(_ tree: SyntaxTree) throws(BullaError) -> Field {
        switch tree.content {
        case .select(let value, "uri") where value.content == .name("resource"): return .text(.resourceURI)
        case .name(let name), .string(let name):
            switch name {
            case "resourceUrl", "resource_url", "resourceUri", "resource_uri": return .text(.resourceURI)
            case "noteProjectId", "note_project_id": return .text(.noteProject)
            case "noteId", "note_id": return .text(.noteID)
            case "noteName", "note_name": return .note
            case "kind": return .kind
            case "createTime", "create_time": return .time(.createTime)
            case "updateTime", "update_time": return .time(.updateTime)
            default: throw refusal(tree, "the field '\(name.prefix(80))' cannot be filtered by")
            }
        case .select: throw refusal(tree, "the field '\(Self.path(tree).prefix(80))' cannot be filtered by")
        default: throw refusal(tree, "a field is needed here")
        }
    }

    private func text(_ tree: SyntaxTree) throws(BullaError) -> String {
        switch tree.content {
        case .string(let text), .name(let text): return text
        case .integer(let number): return String(number)
        default: throw refusal(tree, "a quoted text is needed here")
        }
    }

    private func refusal(_ tree: SyntaxTree, _ what: String) -> BullaError {
        FilterLanguage.refusal(at: tree.position, what)
    }

    private static func path(_ tree: SyntaxTree) -> String {
        switch tree.content {
        case .select(let value, let field): "\(path(value)).\(field)"
        case .name(let name), .string(let name): name
        default: "…"
        }
    }

    /// The kind of a name, v1alpha1's names included, which Kritis sends.
    private static func kind(_ name: String) -> Grafeas_V1_NoteKind? {
        switch name {
        case "VULNERABILITY", "PACKAGE_VULNERABILITY": .vulnerability
        case "BUILD", "BUILD_DETAILS": .build
        case "IMAGE", "IMAGE_BASIS": .image
        case "PACKAGE", "PACKAGE_MANAGER": .package
        case "DEPLOYMENT", "DEPLOYABLE": .deployment
        case "DISCOVERY": .discovery
        case "ATTESTATION", "ATTESTATION_AUTHORITY": .attestation
        case "UPGRADE": .upgrade
        case "COMPLIANCE": .compliance
        case "DSSE_ATTESTATION": .dsseAttestation
        case "VULNERABILITY_ASSESSMENT": .vulnerabilityAssessment
        case "SBOM_REFERENCE": .sbomReference
        case "SECRET": .secret
        case "AI_SKILL_ANALYSIS": .aiSkillAnalysis
        default: nil
        }
    }

    /// The microseconds since 1970 of an RFC 3339 time, whose end may be left out from the day on.
    ///
    /// Without a zone it is UTC; another text is no time.
    private static func microseconds(_ text: String) -> Int64? {
        var scanner = TimeScanner(text)
        guard let year = scanner.digits(4), scanner.take("-"), let month = scanner.digits(2), scanner.take("-"),
            let day = scanner.digits(2), (1...12).contains(month)
        else { return nil }
        guard day >= 1, day <= daysInMonth(year, month) else { return nil }
        var hour = 0
        var minute = 0
        var second = 0
        var fraction = 0
        var offset = 0
        if scanner.take("T") || scanner.take("t") || scanner.take(" ") {
            if let given = scanner.digits(2) {
                hour = given
                if scanner.take(":") {
                    guard let given = scanner.digits(2) else { return nil }
                    minute = given
                    if scanner.take(":") {
                        guard let given = scanner.digits(2) else { return nil }
                        second = given
                        if scanner.take(".") {
                            guard let given = scanner.fraction() else { return nil }
                            fraction = given
                        }
                    }
                }
            }
            if scanner.take("Z") || scanner.take("z") {
                offset = 0
            } else if let sign = scanner.take("+") ? 1 : scanner.take("-") ? -1 : nil {
                guard let hours = scanner.digits(2), scanner.take(":"), let minutes = scanner.digits(2), hours < 24,
                    minutes < 60
                else { return nil }
                offset = sign * (hours * 60 + minutes)
            }
        }
        guard scanner.isAtEnd, hour < 24, minute < 60, second <= 60 else { return nil }
        // Days since 1970 by the proleptic Gregorian calendar, March first, so that leap days come last.
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        let seconds = days * 86_400 + hour * 3600 + (minute - offset) * 60 + second
        return Int64(seconds) * 1_000_000 + Int64(fraction)
    }

    private static func daysInMonth(_ year: Int, _ month: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}

/// Reads the digits and signs of a time.
private struct TimeScanner {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = text[...].utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take(_ sign: Character) -> Bool {
        guard let byte = rest.first, byte == sign.asciiValue else { return false }
        rest.removeFirst()
        return true
    }

    mutating func digits(_ count: Int) -> Int? {
        guard rest.count >= count else { return nil }
        var value = 0
        for byte in rest.prefix(count) {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        rest.removeFirst(count)
        return value
    }

    /// The digits of a fraction as microseconds; what is finer is cut off.
    mutating func fraction() -> Int? {
        var value = 0
        var count = 0
        while let byte = rest.first, byte >= 0x30, byte <= 0x39 {
            if count < 6 { value = value * 10 + Int(byte - 0x30) }
            count += 1
            rest.removeFirst()
        }
        guard count > 0, count <= 12 else { return nil }
        for _ in min(count, 6)..<6 { value *= 10 }
        return value
    }
}
