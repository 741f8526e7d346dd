// SPDX-License-Identifier: Apache-2.0

/// A place in a text, counted as people count: the first character of the first line is 1:1.
public struct Position: Hashable, Sendable, CustomStringConvertible {
    /// The line, from 1.
    public let line: Int
    /// The character within the line, from 1, counted in Unicode scalars.
    public let column: Int

    /// Names a place.
    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// The place as `line:column`.
    public var description: String { "\(line):\(column)" }
}

/// How two sides of a restriction are compared.
public enum Comparator: String, Hashable, Sendable {
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case has = ":"
}

/// What an expression says, with the place where each part of it begins.
public struct SyntaxTree: Hashable, Sendable, CustomStringConvertible {
    /// What a node is.
    public indirect enum Content: Hashable, Sendable {
        /// Expressions joined by `AND`.
        case conjunction([SyntaxTree])
        /// Expressions joined by `OR`.
        case disjunction([SyntaxTree])
        /// Expressions one after another, which all must hold.
        case sequence([SyntaxTree])
        /// What must not hold, written `NOT`.
        case not(SyntaxTree)
        /// What must not hold, written `-`.
        case minus(SyntaxTree)
        /// A value by itself, which any field may match.
        case global(SyntaxTree)
        /// Two values compared.
        case comparison(Comparator, SyntaxTree, SyntaxTree)
        /// A bare word.
        case name(String)
        /// A quoted string, its escapes resolved.
        case string(String)
        /// A whole number.
        case integer(Int64)
        /// A number with a fraction or an exponent.
        case double(Double)
        /// A field of a value.
        case select(SyntaxTree, String)
        /// An element of a value.
        case index(SyntaxTree, SyntaxTree)
        /// A function, or a method of a value, with its arguments.
        case call(SyntaxTree?, String, [SyntaxTree])
    }

    /// What the node is.
    public let content: Content
    /// Where it begins.
    public let position: Position

    /// Makes a node.
    public init(_ content: Content, at position: Position) {
        self.content = content
        self.position = position
    }

    /// The tree in the notation of the reference server's tests: operators as functions, numbers and strings typed.
    public var description: String {
        switch content {
        case .conjunction(let parts): "_&&_(\(Self.list(parts)))"
        case .disjunction(let parts): "_||_(\(Self.list(parts)))"
        case .sequence(let parts): "_sequence_(\(Self.list(parts)))"
        case .not(let part): "_!(\(part))"
        case .minus(let part): "-_(\(part))"
        case .global(let part): "_global_(\(part))"
        case .comparison(let comparator, let left, let right):
            "_\(Self.symbol(of: comparator))_(\(left), \(right))"
        case .name(let name): name
        case .string(let text): "string:\"\(text)\""
        case .integer(let number): "int64:\(number)"
        case .double(let number): "double:\(number)"
        case .select(let value, let field): "select(\(value), \"\(field)\")"
        case .index(let value, let element): "_[_](\(value), \(element))"
        case .call(nil, let name, let arguments): "\(name)(\(Self.list(arguments)))"
        case .call(let target?, let name, let arguments): "\(target).\(name)(\(Self.list(arguments)))"
        }
    }

    private static func list(_ parts: [SyntaxTree]) -> String {
        parts.map(\.description).joined(separator: ", ")
    }

    private static func symbol(of comparator: Comparator) -> String {
        comparator == .equal ? "==" : comparator.rawValue
    }
}
