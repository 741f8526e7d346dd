// SPDX-License-Identifier: Apache-2.0

/// Writes JSON (https://www.rfc-editor.org/rfc/rfc8259) into one buffer; the caller keeps its keys sorted.
struct JSONWriter {
    private var bytes: [UInt8] = []
    private var depth = 0
    private var isFirst = true
    private let isPretty: Bool

    init(isPretty: Bool) { self.isPretty = isPretty }

    /// The text and a line feed.
    func finished() -> [UInt8] { bytes + [10] }

    mutating func object(_ body: (inout JSONWriter) -> Void) {
        bytes.append(UInt8(ascii: "{"))
        nested(body)
        bytes.append(UInt8(ascii: "}"))
    }

    mutating func array<Element>(_ elements: [Element], _ body: (inout JSONWriter, Element) -> Void) {
        bytes.append(UInt8(ascii: "["))
        nested { writer in
            for element in elements {
                writer.separate()
                body(&writer, element)
            }
        }
        bytes.append(UInt8(ascii: "]"))
    }

    mutating func member(_ name: StaticString, _ body: (inout JSONWriter) -> Void) {
        separate()
        string(name.description)
        bytes.append(UInt8(ascii: ":"))
        if isPretty { bytes.append(32) }
        body(&self)
    }

    mutating func strings(_ values: [String]) { array(values) { $0.string($1) } }

    mutating func integer(_ value: Int) { bytes.append(contentsOf: String(value).utf8) }

    mutating func null() { bytes.append(contentsOf: "null".utf8) }

    mutating func optional(_ text: String?) {
        if let text { string(text) } else { null() }
    }

    mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 10: bytes.append(contentsOf: "\\n".utf8)
            case 9: bytes.append(contentsOf: "\\t".utf8)
            case 0..<32, 127:
                let digits = "0123456789abcdef".utf8
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(contentsOf: [byte >> 4, byte & 15].map { Array(digits)[Int($0)] })
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func nested(_ body: (inout JSONWriter) -> Void) {
        depth += 1
        isFirst = true
        body(&self)
        depth -= 1
        if !isFirst { newLine() }
        isFirst = false
    }

    private mutating func separate() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
        newLine()
    }

    private mutating func newLine() {
        guard isPretty else { return }
        bytes.append(10)
        bytes.append(contentsOf: repeatElement(32, count: depth * 2))
    }
}
