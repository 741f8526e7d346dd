// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Yams

/// Reads fields out of a YAML document and keeps every problem with its file, line and field.
///
/// Reading goes on after a problem, so that an author sees all of them at once. A field that nobody asked for is a
/// problem: a misspelled limit would otherwise be no limit.
struct ResourceReader {
    /// The file, as problems name it.
    let file: String
    /// What is wrong so far.
    private(set) var problems: [BullaError.Violation] = []

    /// Starts on a file.
    init(file: String) { self.file = file }

    /// Notes a problem with a field.
    mutating func note(_ what: String, _ path: String, at node: Node?) {
        let place = node?.mark.map { ":\($0.line):\($0.column)" } ?? ""
        problems.append(.init(field: "\(file)\(place): \(path)", description: what))
    }

    /// The fields of a mapping; with anything else, or an unknown field, noted.
    mutating func fields(_ node: Node?, _ path: String, known: [String]) -> [String: Node] {
        guard let node, !YAMLText.isNull(node) else { return [:] }
        guard case .mapping(let mapping) = node else {
            note("is not a mapping", path, at: node)
            return [:]
        }
        var fields: [String: Node] = [:]
        for (key, value) in mapping {
            let name = key.scalar?.string ?? ""
            let place = path.isEmpty ? name : "\(path).\(name)"
            if !known.contains(name) {
                note("unknown field; known are \(known.joined(separator: ", "))", place, at: key)
            } else if !YAMLText.isNull(value) {
                fields[name] = value
            }
        }
        return fields
    }

    /// A string, `nil` where there is none.
    mutating func string(_ node: Node?, _ path: String) -> String? {
        guard let node else { return nil }
        guard case .scalar(let scalar) = node else {
            note("is not a string", path, at: node)
            return nil
        }
        return scalar.string
    }

    /// The elements of a sequence, none where there is none.
    mutating func elements(_ node: Node?, _ path: String) -> [(path: String, node: Node)] {
        guard let node else { return [] }
        guard case .sequence(let sequence) = node else {
            note("is not a list", path, at: node)
            return []
        }
        return sequence.enumerated().map { ("\(path)[\($0.offset)]", $0.element) }
    }

    /// A list of strings, with the place of each.
    mutating func strings(_ node: Node?, _ path: String) -> [(path: String, text: String, node: Node)] {
        var strings: [(path: String, text: String, node: Node)] = []
        for element in elements(node, path) {
            if let text = string(element.node, element.path) { strings.append((element.path, text, element.node)) }
        }
        return strings
    }

    /// A string in base64, decoded as text.
    mutating func base64(_ node: Node?, _ path: String) -> String? {
        guard let text = string(node, path) else { return nil }
        guard let bytes = Self.decode(base64: text), let decoded = String(validating: bytes, as: UTF8.self) else {
            note("is not the base64 of a text", path, at: node)
            return nil
        }
        return decoded
    }

    /// Decodes base64 (https://www.rfc-editor.org/rfc/rfc4648#section-4), white space left out.
    private static func decode(base64 text: String) -> [UInt8]? {
        var out: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        var padding = 0
        for byte in text.utf8 {
            let value: UInt32
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(byte - UInt8(ascii: "A"))
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(byte - UInt8(ascii: "a")) + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(byte - UInt8(ascii: "0")) + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="):
                padding += 1
                continue
            case 0x20, 0x0A, 0x0D, 0x09: continue
            default: return nil
            }
            guard padding == 0 else { return nil }
            bits = bits << 6 | value
            count += 1
            if count == 4 {
                out += [UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8)]
                out.append(UInt8(truncatingIfNeeded: bits))
                (bits, count) = (0, 0)
            }
        }
        guard padding <= 2 else { return nil }
        switch count {
        case 0: return padding == 0 ? out : nil
        case 2: return out + [UInt8(truncatingIfNeeded: bits >> 4)]
        case 3: return out + [UInt8(truncatingIfNeeded: bits >> 10), UInt8(truncatingIfNeeded: bits >> 2)]
        default: return nil
        }
    }
}
