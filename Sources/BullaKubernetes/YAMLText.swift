// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import Yams

/// Reads YAML under limits: of size, of depth, and without anchors, by which a few lines can stand for gigabytes.
enum YAMLText {
    /// The most bytes of one file.
    static let maximumSize = 1 << 20
    /// The deepest nesting.
    static let maximumDepth = 64

    /// Every document of a file, empty ones left out.
    ///
    /// - Throws: `invalidArgument` beginning with the file, the line and the column.
    static func documents(in bytes: [UInt8], file: String) throws(BullaError) -> [Node] {
        func malformed(_ what: String, _ place: String = "") -> BullaError {
            BullaError(
                .invalidArgument, "\(file)\(place): \(what)",
                violations: [.init(field: file + place, description: what)])
        }
        guard bytes.count <= maximumSize else { throw malformed("is larger than \(maximumSize >> 20) MiB") }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw malformed("is not UTF-8") }
        if let line = lineOfAnchor(in: bytes) {
            throw malformed("anchors and aliases are not taken; write the value out", ":\(line)")
        }
        if let line = YAMLKeys.lineOfNestedKey(in: bytes) {
            throw malformed("keys are texts, not lists or mappings", ":\(line)")
        }
        do {
            // Padded, for Yams keeps a pointer into the text, which a short string does not have.
            let parser = try Parser(yaml: text + String(repeating: "\n", count: 32), encoding: .utf8)
            var documents: [Node] = []
            while let node = try parser.nextRoot() {
                guard isShallow(node, maximumDepth) else { throw malformed("is nested deeper than \(maximumDepth)") }
                if !isNull(node) { documents.append(node) }
            }
            return documents
        } catch let error as BullaError {
            throw error
        } catch let error as YamlError {
            let (what, mark) = describe(error)
            throw malformed(what, mark.map { ":\($0.line):\($0.column)" } ?? "")
        } catch {
            throw malformed("is no YAML")
        }
    }

    /// The line of the first thing that could be an anchor; without one there is no alias.
    ///
    /// A look-alike inside quotes, a comment or a block of text is refused as well, for telling them apart for certain
    /// is a YAML parser's work, and that parser would have to be trusted with the bomb first.
    private static func lineOfAnchor(in bytes: [UInt8]) -> Int? {
        var line = 1
        var before = UInt8(ascii: "\n")
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\n") { line += 1 }
            if byte == UInt8(ascii: "&"), index + 1 < bytes.count, isWord(bytes[index + 1]), separates(before) {
                return line
            }
            before = byte
        }
        return nil
    }

    /// Whether a token may begin behind the byte; the last byte of YAML's line breaks beyond ASCII counts.
    private static func separates(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: ","), UInt8(ascii: ":"): true
        default: byte >= 0x80
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: byte >= 0x80
        }
    }

    private static func isShallow(_ node: Node, _ limit: Int) -> Bool {
        switch node {
        case .scalar, .alias: true
        case .sequence(let sequence): limit > 0 && sequence.allSatisfy { isShallow($0, limit - 1) }
        case .mapping(let mapping):
            limit > 0 && mapping.allSatisfy { isShallow($0.key, limit - 1) && isShallow($0.value, limit - 1) }
        }
    }

    /// Whether a node stands for nothing: empty, `~` or `null`, unquoted.
    static func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    private static func describe(_ error: YamlError) -> (String, Mark?) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            (problem, mark)
        case .duplicatedKeysInMapping(let keys, let context):
            ("field '\(keys.first ?? "")' is given twice", context.mark)
        case .reader(let problem, _, _, _): (problem, nil)
        default: ("is no YAML", nil)
        }
    }
}

/// Turns manifests, which people write in YAML, into the JSON that is judged.
public enum ManifestFile {
    /// The JSON form of every document of a YAML or JSON file; the items of a `List` count as documents.
    ///
    /// - Throws: `invalidArgument` beginning with the file, the line and the column.
    public static func documents(in bytes: [UInt8], file: String) throws(BullaError) -> [[UInt8]] {
        var documents: [[UInt8]] = []
        for node in try YAMLText.documents(in: bytes, file: file) {
            if node["kind"]?.string == "List", let items = node["items"]?.sequence {
                documents += items.map(json)
            } else {
                documents.append(json(node))
            }
        }
        return documents
    }

    private static func json(_ node: Node) -> [UInt8] {
        var json = JSONWriter()
        write(node, to: &json)
        return json.bytes
    }

    private static func write(_ node: Node, to json: inout JSONWriter) {
        switch node {
        case .scalar(let scalar): write(scalar, isNull: YAMLText.isNull(node), to: &json)
        case .alias: json.raw("null")
        case .sequence(let sequence):
            json.raw("[")
            for (index, element) in sequence.enumerated() {
                if index > 0 { json.raw(",") }
                write(element, to: &json)
            }
            json.raw("]")
        case .mapping(let mapping):
            json.raw("{")
            for (index, pair) in mapping.enumerated() {
                if index > 0 { json.raw(",") }
                json.string(pair.key.scalar?.string ?? "")
                json.raw(":")
                write(pair.value, to: &json)
            }
            json.raw("}")
        }
    }

    private static func write(_ scalar: Node.Scalar, isNull: Bool, to json: inout JSONWriter) {
        if isNull { return json.raw("null") }
        if scalar.style == .plain || scalar.style == .any {
            switch scalar.string {
            case "true", "True", "TRUE": return json.raw("true")
            case "false", "False", "FALSE": return json.raw("false")
            default: if let number = Int(scalar.string), String(number) == scalar.string { return json.number(number) }
            }
        }
        json.string(scalar.string)
    }
}
