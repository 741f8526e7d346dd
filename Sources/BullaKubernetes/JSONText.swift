// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// JSON text that is checked whole, without recursion, and then read in place (https://www.rfc-editor.org/rfc/rfc8259).
///
/// A review carries two whole objects of which a handful of strings matter, so no tree is built: a value is its place
/// in the text, and what is not asked for is only skipped. One pass checks, about one more finds; memory is the body's.
struct JSONText: Sendable {
    private let storage: JSONStorage

    /// Checks text.
    ///
    /// - Throws: `invalidArgument` with the byte at fault when it is no JSON, or is nested deeper than `depth`.
    init(_ bytes: [UInt8], depth: Int = 256) throws(BullaError) {
        var check = JSONCheck(bytes: bytes, limit: depth)
        if let problem = check.run() {
            throw BullaError(.invalidArgument, "JSON is malformed at byte \(check.position): \(problem)")
        }
        storage = JSONStorage(bytes: bytes, spans: check.spans)
    }

    /// Takes text as it is: what is read from it may be missing, but is never out of bounds.
    init(unchecked bytes: [UInt8]) { storage = JSONStorage(bytes: bytes, spans: []) }

    /// The outermost value.
    var root: JSONValue { JSONValue(storage, at: JSONValue.skipSpace(storage.bytes, 0)) }
}

/// The text, and where its larger objects and arrays begin and end, by their beginnings.
private final class JSONStorage: Sendable {
    /// The place of an object or array: from its first byte to behind its last.
    struct Span: Sendable {
        let start: UInt32
        var end: UInt32
    }

    let bytes: [UInt8]
    private let spans: [Span]

    init(bytes: [UInt8], spans: [Span]) {
        self.bytes = bytes
        self.spans = spans
    }

    /// The place behind an object or array that the check has noted.
    func end(of start: Int) -> Int? {
        var low = 0
        var high = spans.count
        while low < high {
            let middle = (low + high) / 2
            if Int(spans[middle].start) < start { low = middle + 1 } else { high = middle }
        }
        guard low < spans.count, Int(spans[low].start) == start else { return nil }
        return Int(spans[low].end)
    }
}

/// A value in JSON text, known by the place where it begins.
struct JSONValue: Sendable {
    private let storage: JSONStorage
    private let start: Int

    fileprivate init(_ storage: JSONStorage, at start: Int) {
        self.storage = storage
        self.start = start
    }

    private var bytes: [UInt8] { storage.bytes }

    private var first: UInt8? { start < bytes.count ? bytes[start] : nil }

    /// Whether the value is an object.
    var isObject: Bool { first == UInt8(ascii: "{") }
    /// Whether the value is an array.
    var isArray: Bool { first == UInt8(ascii: "[") }
    /// Whether the value is `null`.
    var isNull: Bool { first == UInt8(ascii: "n") }
    /// Whether the value is `true`.
    var isTrue: Bool { first == UInt8(ascii: "t") }

    /// The string, `nil` when the value is none or is not UTF-8.
    var string: String? {
        guard first == UInt8(ascii: "\"") else { return nil }
        let end = Self.skipString(bytes, start)
        guard end - start >= 2, end <= bytes.count, bytes[end - 1] == UInt8(ascii: "\"") else { return nil }
        let content = bytes[(start + 1)..<(end - 1)]
        return content.contains(UInt8(ascii: "\\"))
            ? Self.unescape(content) : String(validating: content, as: UTF8.self)
    }

    /// The member of that name, `nil` where there is none or it is `null`.
    subscript(name: StaticString) -> JSONValue? {
        var found: JSONValue?
        forEachMember { key, value in
            guard key == name else { return true }
            found = value
            return false
        }
        return found.flatMap { $0.isNull ? nil : $0 }
    }

    /// The object's members, in order, until `body` says `false`.
    func forEachMember(_ body: (JSONKey, JSONValue) -> Bool) {
        guard isObject else { return }
        let bytes = storage.bytes
        var place = Self.skipSpace(bytes, start + 1)
        while place < bytes.count, bytes[place] == UInt8(ascii: "\"") {
            let keyEnd = Self.skipString(bytes, place)
            let colon = Self.skipSpace(bytes, keyEnd)
            guard colon < bytes.count, bytes[colon] == UInt8(ascii: ":") else { return }
            let value = Self.skipSpace(bytes, colon + 1)
            guard body(JSONKey(storage, place, keyEnd), JSONValue(storage, at: value)) else { return }
            let comma = Self.skipSpace(bytes, Self.skipValue(storage, value))
            guard comma < bytes.count, bytes[comma] == UInt8(ascii: ",") else { return }
            place = Self.skipSpace(bytes, comma + 1)
        }
    }

    /// The array's elements, in order, until `body` says `false`.
    func forEachElement(_ body: (Int, JSONValue) -> Bool) {
        guard isArray else { return }
        let bytes = storage.bytes
        var place = Self.skipSpace(bytes, start + 1)
        var index = 0
        while place < bytes.count, bytes[place] != UInt8(ascii: "]") {
            guard body(index, JSONValue(storage, at: place)) else { return }
            index += 1
            let comma = Self.skipSpace(bytes, Self.skipValue(storage, place))
            guard comma < bytes.count, bytes[comma] == UInt8(ascii: ",") else { return }
            place = Self.skipSpace(bytes, comma + 1)
        }
    }

    /// The members of an object of strings; others are left out.
    var strings: [String: String] {
        var strings: [String: String] = [:]
        forEachMember { key, value in
            if let key = key.string, let value = value.string { strings[key] = value }
            return true
        }
        return strings
    }

    static func skipSpace(_ bytes: [UInt8], _ start: Int) -> Int {
        var place = start
        while place < bytes.count {
            switch bytes[place] {
            case 0x20, 0x0A, 0x0D, 0x09: place += 1
            default: return place
            }
        }
        return place
    }

    /// The place behind a string that begins at `start`, or the end of the text.
    static func skipString(_ bytes: [UInt8], _ start: Int) -> Int {
        var place = start + 1
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""): return place + 1
            case UInt8(ascii: "\\"): place += 2
            default: place += 1
            }
        }
        return bytes.count
    }

    /// The place behind a value that begins at `start`, or the end of the text.
    private static func skipValue(_ storage: JSONStorage, _ start: Int) -> Int {
        let bytes = storage.bytes
        var place = start
        var depth = 0
        if start < bytes.count, bytes[start] == UInt8(ascii: "{") || bytes[start] == UInt8(ascii: "["),
            let end = storage.end(of: start)
        {
            return end
        }
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""):
                place = skipString(bytes, place)
                if depth == 0 { return place }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                place += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return place }
                depth -= 1
                place += 1
                if depth == 0 { return place }
            case UInt8(ascii: ","):
                if depth == 0 { return place }
                place += 1
            default: place += 1
            }
        }
        return bytes.count
    }

    /// Resolves escapes.
    ///
    /// Half a surrogate pair becomes the replacement character, as every reader of JSON in Go has it.
    private static func unescape(_ content: ArraySlice<UInt8>) -> String? {
        var out: [UInt8] = []
        out.reserveCapacity(content.count)
        var place = content.startIndex
        func unit(at place: Int) -> UInt16? {
            guard place + 6 <= content.endIndex, content[place] == UInt8(ascii: "\\"),
                content[place + 1] == UInt8(ascii: "u")
            else { return nil }
            var value: UInt16 = 0
            for byte in content[(place + 2)..<(place + 6)] {
                guard let digit = Character(UnicodeScalar(byte)).hexDigitValue else { return nil }
                value = value << 4 | UInt16(digit)
            }
            return value
        }
        while place < content.endIndex {
            guard content[place] == UInt8(ascii: "\\"), place + 1 < content.endIndex else {
                out.append(content[place])
                place += 1
                continue
            }
            switch content[place + 1] {
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "u"):
                guard let high = unit(at: place) else { return nil }
                var scalar = UnicodeScalar(UInt32(high))
                if (0xD800..<0xDC00).contains(high), let low = unit(at: place + 6), (0xDC00..<0xE000).contains(low) {
                    scalar = UnicodeScalar(0x10000 + (UInt32(high) - 0xD800) << 10 + UInt32(low) - 0xDC00)
                    place += 6
                }
                out.append(contentsOf: String(Character(scalar ?? "\u{FFFD}")).utf8)
                place += 4
            default: out.append(content[place + 1])
            }
            place += 2
        }
        return String(validating: out, as: UTF8.self)
    }
}

/// The name of a member, compared in place.
struct JSONKey {
    private let storage: JSONStorage
    private let start: Int
    private let end: Int

    fileprivate init(_ storage: JSONStorage, _ start: Int, _ end: Int) {
        self.storage = storage
        self.start = start
        self.end = end
    }

    /// The name as text.
    var string: String? { JSONValue(storage, at: start).string }

    /// Compares; a name spelled with escapes is resolved first.
    static func == (key: JSONKey, name: StaticString) -> Bool {
        let count = key.end - key.start - 2
        let bytes = key.storage.bytes
        if count == name.utf8CodeUnitCount {
            let equal = name.withUTF8Buffer { expected in
                for index in 0..<count where bytes[key.start + 1 + index] != expected[index] { return false }
                return true
            }
            if equal { return true }
        }
        guard count > name.utf8CodeUnitCount, bytes[(key.start + 1)..<(key.end - 1)].contains(UInt8(ascii: "\\"))
        else { return false }
        return key.string == name.description
    }
}

/// The grammar of JSON, walked with a stack of its own so that depth costs bytes and not frames.
private struct JSONCheck {
    let bytes: [UInt8]
    let limit: Int
    var position = 0
    /// The larger objects and arrays that are nested at most sixteen deep: enough to find anything in a pod at once, and
    /// few, whatever the text.
    private(set) var spans: [JSONStorage.Span] = []
    private var open: [UInt8] = []
    /// Where each open object or array is noted, -1 for nowhere.
    private var noted: [Int] = []

    init(bytes: [UInt8], limit: Int) {
        self.bytes = bytes
        self.limit = limit
    }

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// What is wrong at `position`, `nil` when nothing is.
    mutating func run() -> String? {
        position = JSONValue.skipSpace(bytes, 0)
        while true {
            switch value() {
            case .problem(let problem): return problem
            case .opened: continue
            case .ended: break
            }
            ending: while true {
                position = JSONValue.skipSpace(bytes, position)
                guard let container = open.last else {
                    return position == bytes.count ? nil : "something follows the value"
                }
                guard let byte else { return "the text ends early" }
                position += 1
                if byte == UInt8(ascii: ",") {
                    position = JSONValue.skipSpace(bytes, position)
                    if container == UInt8(ascii: "{"), let problem = key() { return problem }
                    break ending
                }
                // "{" and "}", "[" and "]" are two apart in ASCII.
                guard byte == container + 2 else {
                    position -= 1
                    return "',' or the end of the \(container == UInt8(ascii: "{") ? "object" : "array") is missing"
                }
                open.removeLast()
                close()
            }
        }
    }

    private mutating func close() {
        let place = noted.removeLast()
        guard place >= 0 else { return }
        // What is small is skipped as quickly as it is looked up.
        if place == spans.count - 1, position - Int(spans[place].start) < 64 {
            spans.removeLast()
        } else {
            spans[place].end = UInt32(truncatingIfNeeded: position)
        }
    }

    private enum Step {
        case problem(String)
        case opened
        case ended
    }

    private mutating func value() -> Step {
        guard let byte else { return .problem("the text ends early") }
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard open.count < limit else { return .problem("nested deeper than \(limit)") }
            let start = position
            position = JSONValue.skipSpace(bytes, position + 1)
            if self.byte == byte + 2 {
                position += 1
                return .ended
            }
            open.append(byte)
            noted.append(open.count <= 16 ? spans.count : -1)
            if open.count <= 16 { spans.append(.init(start: UInt32(truncatingIfNeeded: start), end: 0)) }
            if byte == UInt8(ascii: "{"), let problem = key() { return .problem(problem) }
            return .opened
        case UInt8(ascii: "\""): return string().map(Step.problem) ?? .ended
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return number().map(Step.problem) ?? .ended
        case UInt8(ascii: "t"): return word("true")
        case UInt8(ascii: "f"): return word("false")
        case UInt8(ascii: "n"): return word("null")
        default: return .problem("no value begins so")
        }
    }

    private mutating func key() -> String? {
        guard byte == UInt8(ascii: "\"") else { return "a member's name is missing" }
        if let problem = string() { return problem }
        position = JSONValue.skipSpace(bytes, position)
        guard byte == UInt8(ascii: ":") else { return "':' is missing" }
        position = JSONValue.skipSpace(bytes, position + 1)
        return nil
    }

    private mutating func string() -> String? {
        var place = position + 1
        defer { position = place }
        while place < bytes.count {
            let byte = bytes[place]
            if byte == UInt8(ascii: "\"") {
                place += 1
                return nil
            }
            if byte == UInt8(ascii: "\\") {
                guard let end = endOfEscape(at: place) else { return "malformed escape" }
                place = end
                continue
            }
            if byte < 0x20 { return "control character in a string" }
            place += 1
        }
        return "the text ends inside a string"
    }

    private func endOfEscape(at place: Int) -> Int? {
        guard place + 1 < bytes.count else { return nil }
        switch bytes[place + 1] {
        case UInt8(ascii: "u"):
            guard place + 6 <= bytes.count else { return nil }
            let isHexadecimal = bytes[(place + 2)..<(place + 6)].allSatisfy { Character(UnicodeScalar($0)).isHexDigit }
            return isHexadecimal ? place + 6 : nil
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return place + 2
        default: return nil
        }
    }

    private mutating func number() -> String? {
        func isDigit(_ byte: UInt8?) -> Bool {
            byte.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
        }
        if byte == UInt8(ascii: "-") { position += 1 }
        if byte == UInt8(ascii: "0") {
            position += 1
        } else {
            guard isDigit(byte) else { return "malformed number" }
            while isDigit(byte) { position += 1 }
        }
        if byte == UInt8(ascii: ".") {
            position += 1
            guard isDigit(byte) else { return "malformed number" }
            while isDigit(byte) { position += 1 }
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            position += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { position += 1 }
            guard isDigit(byte) else { return "malformed number" }
            while isDigit(byte) { position += 1 }
        }
        return nil
    }

    private mutating func word(_ word: StaticString) -> Step {
        let end = position + word.utf8CodeUnitCount
        let matches = word.withUTF8Buffer { end <= bytes.count && bytes[position..<end].elementsEqual($0) }
        guard matches else { return .problem("no value begins so") }
        position = end
        return .ended
    }
}

/// Writes JSON text into bytes.
struct JSONWriter {
    /// What was written so far.
    private(set) var bytes: [UInt8] = []

    /// Starts with room for an ordinary answer.
    init() { bytes.reserveCapacity(512) }

    /// Appends text as it is: brackets, commas, names that need no escape.
    mutating func raw(_ text: StaticString) { text.withUTF8Buffer { bytes.append(contentsOf: $0) } }

    /// Appends a number.
    mutating func number(_ number: Int) { bytes.append(contentsOf: String(number).utf8) }

    /// Appends a string in quotes, escaped as need be.
    mutating func string(_ text: some StringProtocol) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x0A: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
            case 0..<0x20, 0x7F:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(Self.hexadecimal[Int(byte >> 4)])
                bytes.append(Self.hexadecimal[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static let hexadecimal = Array("0123456789abcdef".utf8)
}
