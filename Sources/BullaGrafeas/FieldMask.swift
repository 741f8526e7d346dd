// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import Foundation
import SwiftProtobuf

/// The paths of an update mask (https://google.aip.dev/161), in snake case whatever the client wrote.
///
/// REST clients send `attestation.hint.humanReadableName`, gRPC clients `attestation.hint.human_readable_name`.
struct FieldMask {
    /// The paths, without those of fields that only the service writes.
    let paths: [[String]]

    /// Reads the paths of a mask; nil where there is no mask, or one for everything, so that all is replaced.
    ///
    /// - Throws: `invalidArgument` for a path that no field of the message has.
    init?<Record: Message>(_ mask: Google_Protobuf_FieldMask, of record: Record.Type) throws(BullaError) {
        guard !mask.paths.isEmpty, mask.paths != ["*"] else { return nil }
        guard mask.paths.count <= 100 else { throw Self.refusal("the update mask has more than 100 paths") }
        var read: [[String]] = []
        for text in mask.paths {
            let path = text.split(separator: ".", omittingEmptySubsequences: false).map(Self.snakeCase)
            guard path.count <= 16, text.utf8.count <= 500, Self.exists(path, in: record) else {
                throw Self.refusal("the update mask names no field that can be set: '\(text.prefix(200))'")
            }
            if let first = path.first, Self.outputOnly.contains(first) { continue }
            read.append(path)
        }
        paths = read
    }

    /// Fields that a client may send and the service ignores.
    private static let outputOnly: Set<String> = ["name", "kind", "create_time", "update_time"]

    /// Brings the fields within one message that the nested paths name to those of another.
    ///
    /// It goes by way of JSON, where fields have names; a whole field needs no such detour.
    ///
    /// - Throws: `invalidArgument` when the result is no message.
    static func merge<Record: Message>(
        _ record: Record, with update: Record, _ paths: [[String]]
    ) throws(BullaError) -> Record {
        do {
            var options = JSONEncodingOptions()
            options.preserveProtoFieldNames = true
            var object = try JSONSerialization.jsonObject(with: record.jsonUTF8Data(options: options))
            let source = try JSONSerialization.jsonObject(with: update.jsonUTF8Data(options: options))
            for path in paths { object = set(path[...], in: object, to: value(at: path[...], in: source)) }
            var merged = try Record(jsonUTF8Data: JSONSerialization.data(withJSONObject: object))
            merged.unknownFields = record.unknownFields
            return merged
        } catch {
            throw BullaError(.invalidArgument, "the fields of the update mask do not fit the record", cause: error)
        }
    }

    private static func value(at path: ArraySlice<String>, in object: Any) -> Any? {
        guard let first = path.first else { return object }
        guard let fields = object as? [String: Any], let value = fields[first] else { return nil }
        return self.value(at: path.dropFirst(), in: value)
    }

    private static func set(_ path: ArraySlice<String>, in object: Any, to value: Any?) -> Any {
        guard let first = path.first else { return value ?? object }
        var fields = object as? [String: Any] ?? [:]
        if path.count == 1 {
            fields[first] = value
        } else if value != nil || fields[first] != nil {
            fields[first] = set(path.dropFirst(), in: fields[first] ?? [String: Any](), to: value)
        }
        return fields
    }

    /// Whether a message has a field at a path: a JSON null there is read, and any other name refused.
    private static func exists<Record: Message>(_ path: [String], in record: Record.Type) -> Bool {
        guard path.allSatisfy({ $0.utf8.allSatisfy(isNameByte) && !$0.isEmpty }) else { return false }
        var text = "null"
        for name in path.reversed() { text = "{\"\(name)\":\(text)}" }
        return (try? Record(jsonString: text)) != nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func snakeCase(_ name: Substring) -> String {
        if name == "_type" { return "type" }
        var snake: [UInt8] = []
        for byte in name.utf8 {
            if byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "Z") {
                snake.append(UInt8(ascii: "_"))
                snake.append(byte | 0x20)
            } else {
                snake.append(byte)
            }
        }
        return String(decoding: snake, as: UTF8.self)
    }

    private static func refusal(_ what: String) -> BullaError {
        BullaError(
            .invalidArgument, what, violations: [BullaError.Violation(field: "update_mask", description: what)])
    }
}
