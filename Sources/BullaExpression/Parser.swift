// SPDX-License-Identifier: Apache-2.0
import BullaArtifact

/// Reads a filter by the grammar of Google's list filters (https://google.aip.dev/160), one method per rule.
///
/// `OR` binds tighter than a blank, and a blank tighter than `AND`, as the published grammar has it.
struct Parser {
    private var lexer: Lexer
    private var depth = 0

    init(_ text: String) { lexer = Lexer(text) }

    /// Reads `filter : expression? blanks end`.
    mutating func parseFilter() throws(BullaError) -> SyntaxTree? {
        lexer.skipBlanks()
        if lexer.isAtEnd { return nil }
        let tree = try parseExpression()
        lexer.skipBlanks()
        guard lexer.isAtEnd else { throw lexer.refusal(at: lexer.offset, "unexpected \(found)") }
        return tree
    }

    /// Reads `expression : sequence (blanks AND blanks sequence)*`.
    private mutating func parseExpression() throws(BullaError) -> SyntaxTree {
        try enter()
        defer { depth -= 1 }
        let position = lexer.position
        var parts = [try parseSequence()]
        while true {
            let before = lexer.offset
            guard lexer.skipBlanks(), lexer.isNext("AND") else {
                lexer.rewind(to: before)
                return parts.count == 1 ? parts[0] : SyntaxTree(.conjunction(parts), at: position)
            }
            lexer.skip(3)
            try needBlanks(after: "AND")
            parts.append(try parseSequence())
        }
    }

    /// Reads `sequence : factor (blanks factor)*`.
    private mutating func parseSequence() throws(BullaError) -> SyntaxTree {
        let position = lexer.position
        var parts = [try parseFactor()]
        while true {
            let before = lexer.offset
            guard lexer.skipBlanks(), !lexer.isAtEnd, !lexer.isNext("AND"), lexer.byte() != UInt8(ascii: ")") else {
                lexer.rewind(to: before)
                return parts.count == 1 ? parts[0] : SyntaxTree(.sequence(parts), at: position)
            }
            parts.append(try parseFactor())
        }
    }

    /// Reads `factor : term (blanks OR blanks term)*`.
    private mutating func parseFactor() throws(BullaError) -> SyntaxTree {
        let position = lexer.position
        var parts = [try parseTerm()]
        while true {
            let before = lexer.offset
            guard lexer.skipBlanks(), lexer.isNext("OR") else {
                lexer.rewind(to: before)
                return parts.count == 1 ? parts[0] : SyntaxTree(.disjunction(parts), at: position)
            }
            lexer.skip(2)
            try needBlanks(after: "OR")
            parts.append(try parseTerm())
        }
    }

    /// Reads `term : ('-' | NOT blanks)? restriction`.
    private mutating func parseTerm() throws(BullaError) -> SyntaxTree {
        let position = lexer.position
        if lexer.take(UInt8(ascii: "-")) { return SyntaxTree(.minus(try parseRestriction()), at: position) }
        guard lexer.isNext("NOT") else { return try parseRestriction() }
        lexer.skip(3)
        try needBlanks(after: "NOT")
        return SyntaxTree(.not(try parseRestriction()), at: position)
    }

    /// Reads `restriction : comparable (blanks? comparator blanks? comparable)?`.
    private mutating func parseRestriction() throws(BullaError) -> SyntaxTree {
        let position = lexer.position
        let left = try parseComparable()
        let before = lexer.offset
        lexer.skipBlanks()
        guard let comparator = lexer.takeComparator() else {
            lexer.rewind(to: before)
            return Self.isExpression(left) ? left : SyntaxTree(.global(left), at: position)
        }
        lexer.skipBlanks()
        return SyntaxTree(.comparison(comparator, left, try parseComparable()), at: position)
    }

    /// Reads `comparable : number | value`.
    private mutating func parseComparable() throws(BullaError) -> SyntaxTree {
        let position = lexer.position
        if let number = try lexer.takeNumber() { return SyntaxTree(number, at: position) }
        var value = try parsePrimary()
        while true {
            if lexer.take(UInt8(ascii: ".")) {
                let name: String
                if let quoted = try lexer.takeString() {
                    name = quoted
                } else if let bare = lexer.takeField() {
                    name = bare
                } else {
                    throw lexer.refusal(at: lexer.offset, "a field's name is needed after .")
                }
                if lexer.byte() == UInt8(ascii: "(") {
                    value = SyntaxTree(.call(value, name, try parseArguments()), at: position)
                } else {
                    value = SyntaxTree(.select(value, name), at: position)
                }
            } else if lexer.byte() == UInt8(ascii: "[") {
                try enter()
                defer { depth -= 1 }
                lexer.skip(1)
                lexer.skipBlanks()
                let element = try parseComparable()
                lexer.skipBlanks()
                guard lexer.take(UInt8(ascii: "]")) else { throw lexer.refusal(at: lexer.offset, "] is needed") }
                value = SyntaxTree(.index(value, element), at: position)
            } else {
                return value
            }
        }
    }

    /// Reads `primary : '(' expression ')' | text ('(' arguments? ')')? | string`.
    private mutating func parsePrimary() throws(BullaError) -> SyntaxTree {
        let position = lexer.position
        if lexer.take(UInt8(ascii: "(")) {
            lexer.skipBlanks()
            let tree = try parseExpression()
            lexer.skipBlanks()
            guard lexer.take(UInt8(ascii: ")")) else { throw lexer.refusal(at: lexer.offset, ") is needed") }
            return tree
        }
        if let string = try lexer.takeString() { return SyntaxTree(.string(string), at: position) }
        let start = lexer.offset
        guard let text = lexer.takeText() else { throw lexer.refusal(at: start, "unexpected \(found)") }
        guard text != "AND", text != "OR", text != "NOT" else { throw lexer.refusal(at: start, "unexpected \(text)") }
        guard lexer.byte() == UInt8(ascii: "(") else { return SyntaxTree(.name(text), at: position) }
        return SyntaxTree(.call(nil, text, try parseArguments()), at: position)
    }

    /// Reads `'(' (comparable (',' comparable)*)? ')'`.
    private mutating func parseArguments() throws(BullaError) -> [SyntaxTree] {
        try enter()
        defer { depth -= 1 }
        lexer.skip(1)
        lexer.skipBlanks()
        if lexer.take(UInt8(ascii: ")")) { return [] }
        var arguments: [SyntaxTree] = []
        while true {
            arguments.append(try parseComparable())
            lexer.skipBlanks()
            if lexer.take(UInt8(ascii: ")")) { return arguments }
            guard lexer.take(UInt8(ascii: ",")) else { throw lexer.refusal(at: lexer.offset, ", or ) is needed") }
            lexer.skipBlanks()
        }
    }

    private mutating func enter() throws(BullaError) {
        guard depth < FilterLanguage.deepest else {
            throw lexer.refusal(at: lexer.offset, "nested deeper than \(FilterLanguage.deepest)")
        }
        depth += 1
    }

    private mutating func needBlanks(after keyword: String) throws(BullaError) {
        guard lexer.skipBlanks() else { throw lexer.refusal(at: lexer.offset, "a blank is needed after \(keyword)") }
    }

    private var found: String {
        guard let byte = lexer.byte() else { return "end" }
        return byte > 0x20 && byte < 0x7F ? "'\(Character(Unicode.Scalar(byte)))'" : "character"
    }

    /// Whether a tree came out of parentheses, so that it is a statement already.
    private static func isExpression(_ tree: SyntaxTree) -> Bool {
        switch tree.content {
        case .conjunction, .disjunction, .sequence, .not, .minus, .global, .comparison: true
        case .name, .string, .integer, .double, .select, .index, .call: false
        }
    }
}
