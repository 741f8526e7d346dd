// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A JSON value to look around in: what is not there is `null`.
enum JSON: Decodable, Hashable, Sendable, CustomStringConvertible {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])

    /// Reads bytes; what is no JSON is `null`.
    init(_ bytes: some Sequence<UInt8>) { self = (try? JSONDecoder().decode(JSON.self, from: Data(bytes))) ?? .null }

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let flag = try? value.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([JSON].self) {
            self = .list(list)
        } else {
            self = .object(try value.decode([String: JSON].self))
        }
    }

    subscript(_ key: String) -> JSON {
        if case .object(let fields) = self { fields[key] ?? .null } else { .null }
    }

    subscript(_ index: Int) -> JSON { items.indices.contains(index) ? items[index] : .null }

    var items: [JSON] { if case .list(let items) = self { items } else { [] } }

    var string: String { if case .text(let text) = self { text } else { "" } }

    var isTrue: Bool { self == .flag(true) }

    var int: Int? { if case .number(let number) = self { Int(exactly: number) } else { nil } }

    /// The same object without some of its fields, at every depth.
    func without(_ keys: Set<String>) -> JSON {
        switch self {
        case .list(let items): .list(items.map { $0.without(keys) })
        case .object(let fields):
            .object(fields.filter { !keys.contains($0.key) }.mapValues { $0.without(keys) })
        default: self
        }
    }

    var description: String {
        switch self {
        case .null: "null"
        case .flag(let flag): "\(flag)"
        case .number(let number): "\(number)"
        case .text(let text): "\"\(text)\""
        case .list(let items): "[\(items.map(\.description).joined(separator: ","))]"
        case .object(let fields):
            "{\(fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ","))}"
        }
    }
}
