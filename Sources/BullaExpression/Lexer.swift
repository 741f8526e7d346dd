// SPDX-License-Identifier: Apache-2.0
import BullaArtifact

/// Reads the words, numbers, strings and signs of a filter, one at a time, where the parser asks for them.
///
/// What `3` or `AND` is depends on where it stands (`g.3` and `a.AND` are fields), so the parser says what it expects
/// and the lexer says whether it is there. It works on bytes; places are counted only when an error has to name one.
struct Lexer {
    private let bytes: [UInt8]
    private(set) var offset = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { offset >= bytes.count }

    func byte(ahead distance: Int = 0) -> UInt8? {
        let index = offset &+ distance
        return index < bytes.count ? bytes[index] : nil
    }

    /// The place of an offset; costs a walk from the start, bounded by the filter's length.
    func position(of target: Int) -> Position {
        var line = 1
        var column = 1
        for byte in bytes.prefix(target) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return Position(line: line, column: column)
    }

    var position: Position { position(of: offset) }

    mutating func rewind(to earlier: Int) { offset = earlier }

    /// Skips blanks and says whether there were any.
    @discardableResult
    mutating func skipBlanks() -> Bool {
        let start = offset
        while let byte = byte(), byte == 0x20 || byte >= 0x09 && byte <= 0x0D { offset += 1 }
        return offset > start
    }

    /// Takes a sign if it is next.
    mutating func take(_ sign: UInt8) -> Bool {
        guard byte() == sign else { return false }
        offset += 1
        return true
    }

    /// Takes a comparator if one is next.
    mutating func takeComparator() -> Comparator? {
        let comparator: Comparator
        switch (byte(), byte(ahead: 1)) {
        case (UInt8(ascii: "<"), UInt8(ascii: "=")): comparator = .lessOrEqual
        case (UInt8(ascii: ">"), UInt8(ascii: "=")): comparator = .greaterOrEqual
        case (UInt8(ascii: "!"), UInt8(ascii: "=")): comparator = .notEqual
        case (UInt8(ascii: "<"), _): comparator = .less
        case (UInt8(ascii: ">"), _): comparator = .greater
        case (UInt8(ascii: "="), _): comparator = .equal
        case (UInt8(ascii: ":"), _): comparator = .has
        default: return nil
        }
        offset += comparator.rawValue.utf8.count
        return comparator
    }

    /// Takes a bare word if one is next; a keyword is one too.
    mutating func takeText() -> String? {
        let start = offset
        guard let first = byte(), startsText(first, at: offset) else { return nil }
        offset += 1
        while let next = byte(), continuesText(next) { offset += 1 }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    /// Takes digits and letters after a point, where they are a field's name and not a number.
    mutating func takeField() -> String? {
        let start = offset
        while let next = byte(), continuesText(next) { offset += 1 }
        return offset > start ? String(decoding: bytes[start..<offset], as: UTF8.self) : nil
    }

    /// Whether the given keyword is next, as a whole word.
    func isNext(_ keyword: StaticString) -> Bool {
        let length = keyword.utf8CodeUnitCount
        for index in 0..<length where byte(ahead: index) != keyword.utf8Start[index] { return false }
        guard let after = byte(ahead: length) else { return true }
        return !continuesText(after)
    }

    mutating func skip(_ count: Int) { offset += count }

    /// Takes a quoted string and resolves its escapes.
    mutating func takeString() throws(BullaError) -> String? {
        guard byte() == UInt8(ascii: "\"") else { return nil }
        let start = offset
        offset += 1
        var content: [UInt8] = []
        while let byte = byte() {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"): try takeEscape(into: &content)
            default: content.append(byte)
            }
        }
        throw refusal(at: start, "the string is not closed")
    }

    private mutating func takeEscape(into content: inout [UInt8]) throws(BullaError) {
        let start = offset - 1
        guard let byte = byte() else { throw refusal(at: start, "the string is not closed") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "'"): content.append(byte)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var value: UInt32 = 0
            for _ in 0..<4 {
                guard let digit = self.byte().flatMap(Self.value(ofHexadecimal:)) else {
                    throw refusal(at: start, "\\u needs four hexadecimal digits")
                }
                value = value << 4 | UInt32(digit)
                offset += 1
            }
            guard let scalar = Unicode.Scalar(value) else { throw refusal(at: start, "\\u names no character") }
            content.append(contentsOf: String(Character(scalar)).utf8)
        default: throw refusal(at: start, "unknown escape")
        }
    }

    /// Takes a number if one is next: decimal, hexadecimal, or with a fraction or an exponent.
    mutating func takeNumber() throws(BullaError) -> SyntaxTree.Content? {
        let start = offset
        let isNegative = take(UInt8(ascii: "-"))
        guard let first = byte(), Self.isDigit(first) || first == UInt8(ascii: ".") else {
            guard isNegative else { return nil }
            throw refusal(at: offset, "a number is needed after -")
        }
        if first == UInt8(ascii: "0"), byte(ahead: 1) == UInt8(ascii: "x") {
            offset += 2
            let digits = offset
            while let next = byte(), Self.value(ofHexadecimal: next) != nil { offset += 1 }
            guard offset > digits else { throw refusal(at: offset, "hexadecimal digits are needed after 0x") }
            let text = (isNegative ? "-" : "") + String(decoding: bytes[digits..<offset], as: UTF8.self)
            guard let value = Int64(text, radix: 16) else { throw refusal(at: start, "the number is too large") }
            return .integer(value)
        }
        skipDigits()
        var isWhole = true
        if byte() == UInt8(ascii: ".") {
            offset += 1
            isWhole = false
            let digits = offset
            skipDigits()
            if offset == digits, first == UInt8(ascii: ".") { throw refusal(at: offset, "digits are needed after .") }
        }
        if byte() == UInt8(ascii: "e") || byte() == UInt8(ascii: "E") {
            offset += 1
            isWhole = false
            if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") { offset += 1 }
            let digits = offset
            skipDigits()
            guard offset > digits else { throw refusal(at: offset, "digits are needed in an exponent") }
        }
        if let next = byte(), continuesText(next) { throw refusal(at: offset, "a number must end here") }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isWhole {
            guard let value = Int64(text) else { throw refusal(at: start, "the number is too large") }
            return .integer(value)
        }
        guard let value = Double(text), value.isFinite else { throw refusal(at: start, "the number is too large") }
        return .double(value)
    }

    private mutating func skipDigits() {
        while let next = byte(), Self.isDigit(next) { offset += 1 }
    }

    /// The error for something unexpected at an offset.
    func refusal(at offset: Int, _ what: String) -> BullaError {
        FilterLanguage.refusal(at: position(of: offset), what)
    }

    /// Whether a word may begin with a byte: printable, and no sign of the grammar.
    private func startsText(_ byte: UInt8, at index: Int) -> Bool {
        continuesText(byte) && byte != UInt8(ascii: "-") && byte != UInt8(ascii: "+") && !Self.isDigit(byte)
            && !(byte == UInt8(ascii: "!") && index &+ 1 < bytes.count && bytes[index &+ 1] == UInt8(ascii: "="))
    }

    private func continuesText(_ byte: UInt8) -> Bool {
        switch byte {
        case 0...0x20, 0x7F: false
        case UInt8(ascii: "\""), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","), UInt8(ascii: "."),
            UInt8(ascii: ":"), UInt8(ascii: "<"), UInt8(ascii: "="), UInt8(ascii: ">"), UInt8(ascii: "["),
            UInt8(ascii: "\\"), UInt8(ascii: "]"), UInt8(ascii: "~"):
            false
        case UInt8(ascii: "!"): self.byte() != byte || self.byte(ahead: 1) != UInt8(ascii: "=")
        default: true
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private static func value(ofHexadecimal byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte &- 0x57
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte &- 0x37
        default: nil
        }
    }
}
