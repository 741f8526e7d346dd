// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import Foundation

/// A JSON value as it was written: members in order, numbers as text.
///
/// Signed JSON is read strictly: a name that appears twice in an object is refused, for two readers could otherwise
/// see two statements under one signature. See https://www.rfc-editor.org/rfc/rfc8259.
enum JSONValue: Hashable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number, in the digits that were written.
    case number(String)
    /// A string.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object.
    case object([Member])

    /// One name of an object with its value.
    struct Member: Hashable, Sendable {
        /// The name.
        let name: String
        /// The value.
        let value: JSONValue
    }

    /// Reads a whole JSON text.
    ///
    /// - Throws: `invalidArgument` naming the byte at fault, when `bytes` is longer than `limit`, deeper than 64, or
    ///   not JSON.
    init(parsing bytes: some Collection<UInt8>, limit: Int, what: String) throws(BullaError) {
        guard bytes.count <= limit else {
            throw BullaError(.invalidArgument, "\(what) has \(bytes.count) bytes, more than the \(limit) allowed")
        }
        var parser = JSONParser(bytes: Array(bytes), what: what)
        self = try parser.document()
    }

    /// The member of an object, or nothing.
    subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The text of a string, or nothing.
    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The truth of a Boolean, or nothing.
    var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The elements of an array, or nothing.
    var array: [JSONValue]? {
        guard case .array(let values) = self else { return nil }
        return values
    }

    /// The members of an object, or nothing.
    var members: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// The value without white space, members in their order.
    var data: Data {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return Data(bytes)
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .number(let text): bytes += text.utf8
        case .string(let text): Self.write(text, to: &bytes)
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// Writes a JSON string.
    static func write(_ text: String, to bytes: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += "\\n".utf8
            case 0..<32:
                bytes += "\\u00".utf8
                bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// The reader behind `JSONValue`: one pass, recursive to a fixed depth.
private struct JSONParser {
    let bytes: [UInt8]
    let what: String
    var place = 0

    static let maximumDepth = 64

    init(bytes: [UInt8], what: String) {
        self.bytes = bytes
        self.what = what
    }

    mutating func document() throws(BullaError) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard place == bytes.count else { throw failure("text after the value") }
        return value
    }

    private func failure(_ reason: String) -> BullaError {
        BullaError(.invalidArgument, "\(what) is not JSON: \(reason) at byte \(place)")
    }

    private var current: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        place += 1
        return true
    }

    private mutating func value(depth: Int) throws(BullaError) -> JSONValue {
        guard depth < Self.maximumDepth else { throw failure("nesting deeper than \(Self.maximumDepth)") }
        skipSpace()
        guard let first = current else { throw failure("end of text") }
        switch first {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw failure("unexpected character")
        }
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws(BullaError) -> JSONValue {
        guard bytes[place...].starts(with: text.utf8) else { throw failure("unexpected character") }
        place += text.utf8.count
        return value
    }

    private mutating func object(depth: Int) throws(BullaError) -> JSONValue {
        place += 1
        var members: [JSONValue.Member] = []
        var names: Set<String> = []
        skipSpace()
        if take("}") { return .object([]) }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw failure("a member without a name") }
            let name = try string()
            guard names.insert(name).inserted else { throw failure("the name '\(name.prefix(80))' appears twice") }
            skipSpace()
            guard take(":") else { throw failure("no colon after a name") }
            members.append(JSONValue.Member(name: name, value: try value(depth: depth + 1)))
            skipSpace()
            if take(",") { continue }
            guard take("}") else { throw failure("an object that does not end") }
            return .object(members)
        }
    }

    private mutating func array(depth: Int) throws(BullaError) -> JSONValue {
        place += 1
        var values: [JSONValue] = []
        skipSpace()
        if take("]") { return .array([]) }
        while true {
            values.append(try value(depth: depth + 1))
            skipSpace()
            if take(",") { continue }
            guard take("]") else { throw failure("an array that does not end") }
            return .array(values)
        }
    }

    private mutating func number() throws(BullaError) -> JSONValue {
        let start = place
        _ = take("-")
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[place - whole] != UInt8(ascii: "0") else { throw failure("bad number") }
        if take(".") { guard digits() > 0 else { throw failure("bad number") } }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            guard digits() > 0 else { throw failure("bad number") }
        }
        return .number(String(decoding: bytes[start..<place], as: UTF8.self))
    }

    private mutating func digits() -> Int {
        let start = place
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { place += 1 }
        return place - start
    }

    private mutating func string() throws(BullaError) -> String {
        place += 1
        var text: [UInt8] = []
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                place += 1
                guard let valid = String(validating: text, as: UTF8.self) else { throw failure("bad UTF-8 before") }
                return valid
            case UInt8(ascii: "\\"):
                place += 1
                try escape(into: &text)
            case 0..<32: throw failure("a control character in a string")
            default:
                text.append(byte)
                place += 1
            }
        }
        throw failure("a string that does not end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(BullaError) {
        guard let byte = current else { throw failure("end of text") }
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let first = try unit()
            var code = UInt32(first)
            if (0xD800..<0xDC00).contains(first) {
                guard take("\\"), take("u") else { throw failure("half of a surrogate pair") }
                let second = try unit()
                guard (0xDC00..<0xE000).contains(second) else { throw failure("half of a surrogate pair") }
                code = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair") }
            text += String(Character(scalar)).utf8
        default: throw failure("unknown escape")
        }
    }

    private mutating func unit() throws(BullaError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("bad escape")
            }
            value = value << 4 | UInt16(digit)
            place += 1
        }
        return value
    }
}
