// SPDX-License-Identifier: Apache-2.0

package import BullaArtifact
import Foundation
import GrafeasMessages
package import SwiftProtobuf

/// Messages as JSON, by the rules of proto3 (https://protobuf.dev/programming-guides/json/).
///
/// Read: names as `resourceUri` and as `resource_uri`, unknown names refused, enumerations by name or number. Written:
/// lower camel case, defaults left out, map keys in order.
package enum ProtobufJSON {
    /// The most arrays, objects and elements that a body may hold.
    ///
    /// A message of two bytes of JSON takes some hundred in memory: without a bound, a small body would fill it.
    package static let maximumElements = 200_000

    /// How deep arrays and objects may be nested.
    package static let maximumDepth = 100

    /// Reads a message; an empty body is an empty message, as in Google's services.
    ///
    /// - Throws: `invalidArgument` saying what is wrong, with the field at fault when it is unknown.
    package static func decode<M: Message>(_: M.Type, from bytes: [UInt8]) throws(BullaError) -> M {
        let name = M.protoMessageName.split(separator: ".").last.map(String.init) ?? ""
        guard bytes.contains(where: { $0 != 0x20 && !(0x09...0x0D).contains($0) }) else { return M() }
        try checkShape(bytes, of: name)
        do {
            var options = JSONDecodingOptions()
            options.messageDepthLimit = maximumDepth
            return try M(jsonUTF8Bytes: bytes, options: options)
        } catch JSONDecodingError.unknownField(let field) {
            let field = String(field.prefix(80))
            throw BullaError(
                .invalidArgument, "the body is not a \(name): unknown field '\(field)'",
                violations: [.init(field: field, description: "unknown field")])
        } catch let error as JSONDecodingError {
            throw BullaError(.invalidArgument, "the body is not a \(name): \(meaning(of: error))", cause: error)
        } catch {
            throw BullaError(.invalidArgument, "the body is not a \(name) in JSON", cause: error)
        }
    }

    /// Writes a message.
    ///
    /// - Throws: `internal` when the message holds what JSON cannot say, such as a time after the year 9999; what came
    ///   in through a door was checked there.
    package static func encode(_ message: some Message, enumsAsNumbers: Bool = false) throws(BullaError) -> [UInt8] {
        var options = JSONEncodingOptions()
        options.alwaysPrintEnumsAsInts = enumsAsNumbers
        options.useDeterministicOrdering = true
        do {
            return try message.jsonUTF8Bytes(options: options)
        } catch {
            do {
                guard let holder = message as? any AnyHolder else { throw error }
                return try writable(holder).jsonUTF8Bytes(options: options)
            } catch {
                throw BullaError(
                    .internal, "writing a \(type(of: message).protoMessageName) as JSON failed", cause: error)
            }
        }
    }

    /// Makes what a client sent as JSON fit for storage: an `Any` of a type that is not known here must be in the form
    /// in which `encode` writes it, `{"@type":…,"value":base64}`.
    ///
    /// - Throws: `invalidArgument` for any other.
    static func settle<M: AnyHolder>(_ message: inout M) throws(BullaError) {
        try message.visitAnys { (any: inout Google_Protobuf_Any) throws(BullaError) in
            if (try? any.serializedBytes() as [UInt8]) != nil { return }
            guard let json = try? any.jsonUTF8Data(),
                let object = try? JSONSerialization.jsonObject(with: json) as? [String: Any], object.count == 2,
                let text = object["value"] as? String, let value = Data(base64Encoded: text)
            else {
                throw BullaError(
                    .invalidArgument,
                    "an Any of type '\(any.typeURL.prefix(200))', which is not known here, needs \"value\" in base64")
            }
            let type = any.typeURL
            any = Google_Protobuf_Any()
            any.typeURL = type
            any.value = value
        }
    }

    /// A copy whose every `Any` can be written: one of an unknown type as its bytes in base64.
    private static func writable<M: AnyHolder>(_ message: M) throws -> M {
        var copy = message
        try copy.visitAnys { (any: inout Google_Protobuf_Any) throws(BullaError) in
            if (try? any.jsonString()) != nil { return }
            let object = ["@type": any.typeURL, "value": any.value.base64EncodedString()]
            guard let json = try? JSONSerialization.data(withJSONObject: object),
                let readable = try? Google_Protobuf_Any(jsonUTF8Bytes: json)
            else { return }
            any = readable
        }
        return copy
    }

    private static func checkShape(_ bytes: [UInt8], of name: String) throws(BullaError) {
        var elements = 0
        var depth = 0
        var quoted = false
        var escaped = false
        for byte in bytes {
            if quoted {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\") {
                    escaped = true
                } else if byte == UInt8(ascii: "\"") {
                    quoted = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): quoted = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                elements &+= 1
                depth &+= 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth &-= 1
            case UInt8(ascii: ","): elements &+= 1
            default: break
            }
            guard depth <= maximumDepth, elements <= maximumElements else {
                throw BullaError(
                    .invalidArgument,
                    "the body is not a \(name): over \(maximumElements) elements, or nested deeper than \(maximumDepth)"
                )
            }
        }
    }

    private static func meaning(of error: JSONDecodingError) -> String {
        switch error {
        case .malformedNumber, .leadingZero: "a number is malformed"
        case .numberRange: "a number is out of range"
        case .malformedMap, .unquotedMapKey: "a map is malformed"
        case .malformedBool: "a field must be true or false"
        case .malformedString: "a string is malformed, or a value is not the string that its field needs"
        case .invalidUTF8: "it is not UTF-8"
        case .missingFieldNames: "a type without field names"
        case .schemaMismatch: "a value is not of its field's type"
        case .unrecognizedEnumValue: "an enumeration has no such value"
        case .illegalNull: "null stands where it may not"
        case .truncated: "it ends too early"
        case .malformedDuration: "a duration is malformed"
        case .malformedTimestamp: "a time is not in RFC 3339 form"
        case .malformedFieldMask: "a field mask is malformed"
        case .trailingGarbage: "something follows its end"
        case .conflictingOneOf: "two fields are set of which only one may be"
        case .messageDepthLimit: "it is nested too deep"
        case .unknownField: "a field is unknown"
        case .failure: "it is not JSON"
        }
    }
}
