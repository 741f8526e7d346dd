// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// Reads JSON (https://www.rfc-editor.org/rfc/rfc8259) from front to back, value by value, without building a tree.
///
/// What nobody asks for is skipped and costs no allocation; nesting is bounded, so hostile text cannot exhaust the
/// stack.
struct JSONCursor {
    /// The deepest nesting that is read.
    static let depthLimit = 64

    private let bytes: [UInt8]
    private var index = 0
    private var depth = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Reads an object: `member` is called with each name, and must read or skip its value.
    mutating func object(
        _ member: (inout JSONCursor, String) throws(BullaError) -> Void
    ) throws(BullaError) {
        try enter(UInt8(ascii: "{"), "an object")
        if take(UInt8(ascii: "}")) { return depth -= 1 }
        while true {
            let name = try string()
            guard take(UInt8(ascii: ":")) else { throw fault("a colon is missing") }
            try member(&self, name)
            if take(UInt8(ascii: "}")) { return depth -= 1 }
            guard take(UInt8(ascii: ",")) else { throw fault("a comma is missing") }
        }
    }

    /// Reads an array: `element` is called before each element, and must read or skip it.
    mutating func array(_ element: (inout JSONCursor) throws(BullaError) -> Void) throws(BullaError) {
        try enter(UInt8(ascii: "["), "an array")
        if take(UInt8(ascii: "]")) { return depth -= 1 }
        while true {
            try element(&self)
            if take(UInt8(ascii: "]")) { return depth -= 1 }
            guard take(UInt8(ascii: ",")) else { throw fault("a comma is missing") }
        }
    }

    /// Reads an array of at most `limit` strings; null is none.
    mutating func strings(atMost limit: Int) throws(BullaError) -> [String] {
        var texts: [String] = []
        if try takeNull() { return texts }
        try array { (cursor) throws(BullaError) in
            guard texts.count < limit else { throw cursor.fault("a list has more than \(limit) entries") }
            texts.append(try cursor.string())
        }
        return texts
    }

    /// Reads a string; null is empty.
    mutating func text() throws(BullaError) -> String { try takeNull() ? "" : try string() }

    /// Reads a string.
    mutating func string() throws(BullaError) -> String {
        guard take(UInt8(ascii: "\"")) else { throw fault("a string is expected") }
        let start = index
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                defer { index += 1 }
                return try validated(bytes[start..<index])
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            case 0..<32: throw fault("a control character is in a string")
            default: index += 1
            }
        }
        throw fault("a string does not end")
    }

    /// Reads a number, or the number that a string spells.
    mutating func number() throws(BullaError) -> Double? {
        skipSpace()
        if peek == UInt8(ascii: "\"") { return Double(try string()) }
        let start = index
        try skip()
        return Double(String(decoding: bytes[start..<index], as: UTF8.self))
    }

    /// What the next value begins with; nil at the end.
    var next: UInt8? {
        mutating get {
            skipSpace()
            return peek
        }
    }

    /// Skips a value.
    mutating func skip() throws(BullaError) {
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): try object { (cursor, _) throws(BullaError) in try cursor.skip() }
        case UInt8(ascii: "["): try array { (cursor) throws(BullaError) in try cursor.skip() }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default:
            let start = index
            while let byte = peek, byte >= 43 && byte <= 57 && byte != 44 && byte != 47 || byte | 32 == 0x65 {
                index += 1
            }
            guard index > start, index - start < 1024,
                Double(String(decoding: bytes[start..<index], as: UTF8.self)) != nil
            else { throw fault("a value is expected") }
        }
    }

    /// Checks that nothing but space is left.
    mutating func end() throws(BullaError) {
        skipSpace()
        guard index == bytes.count else { throw fault("something follows the value") }
    }

    /// Takes `null` if it is next.
    mutating func takeNull() throws(BullaError) -> Bool {
        skipSpace()
        guard peek == UInt8(ascii: "n") else { return false }
        try word("null")
        return true
    }

    /// An error at the place that is read.
    func fault(_ what: String) -> BullaError {
        BullaError(.invalidArgument, "malformed JSON: \(what), at byte \(index)")
    }

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipSpace() {
        while index < bytes.count, bytes[index] == 32 || bytes[index] == 10 || bytes[index] == 13 || bytes[index] == 9 {
            index += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard peek == byte else { return false }
        index += 1
        return true
    }

    private mutating func enter(_ byte: UInt8, _ what: String) throws(BullaError) {
        guard take(byte) else { throw fault("\(what) is expected") }
        depth += 1
        guard depth <= Self.depthLimit else { throw fault("values are nested more than \(Self.depthLimit) deep") }
    }

    private mutating func word(_ word: StaticString) throws(BullaError) {
        let matches = word.withUTF8Buffer { bytes[index...].starts(with: $0) }
        guard matches else { throw fault("a value is expected") }
        index += word.utf8CodeUnitCount
    }

    private func validated(_ text: ArraySlice<UInt8>) throws(BullaError) -> String {
        guard let text = String(validating: text, as: UTF8.self) else { throw fault("a string is not UTF-8") }
        return text
    }

    private mutating func escapedString(from start: Int) throws(BullaError) -> String {
        var text = Array(bytes[start..<index])
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return try validated(text[...])
            case UInt8(ascii: "\\"):
                guard let escape = peek else { break }
                index += 1
                switch escape {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
                case UInt8(ascii: "b"): text.append(8)
                case UInt8(ascii: "f"): text.append(12)
                case UInt8(ascii: "n"): text.append(10)
                case UInt8(ascii: "r"): text.append(13)
                case UInt8(ascii: "t"): text.append(9)
                case UInt8(ascii: "u"): text.append(contentsOf: Array(String(try scalar()).utf8))
                default: throw fault("an escape is unknown")
                }
            case 0..<32: throw fault("a control character is in a string")
            default: text.append(byte)
            }
        }
        throw fault("a string does not end")
    }

    /// Reads four digits after `\u`, and the second half of a surrogate pair; a lone half becomes U+FFFD.
    private mutating func scalar() throws(BullaError) -> Unicode.Scalar {
        let replacement: Unicode.Scalar = "\u{FFFD}"
        let first = try codeUnit()
        guard first & 0xFC00 == 0xD800 else { return Unicode.Scalar(first) ?? replacement }
        let mark = index
        guard index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
            return replacement
        }
        index += 2
        let second = try codeUnit()
        guard second & 0xFC00 == 0xDC00 else {
            index = mark
            return replacement
        }
        return Unicode.Scalar(0x10000 + (first & 0x3FF) << 10 + (second & 0x3FF)) ?? replacement
    }

    private mutating func codeUnit() throws(BullaError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Self.hexadecimal(byte) else { throw fault("an escape is malformed") }
            value = value << 4 | digit
            index += 1
        }
        return value
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
