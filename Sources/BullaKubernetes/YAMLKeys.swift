// SPDX-License-Identifier: Apache-2.0

import CYaml

/// Finds keys that are no plain texts, with the scanner that Yams itself uses.
///
/// Yams orders keys that are given twice before anybody can look at them, and comparing lists or mappings takes it twice
/// as long for every level: a hundred bytes of nested keys would keep it busy for years. No manifest has such keys.
enum YAMLKeys {
    /// The line of the first key that is a list or a mapping, as far as the text is YAML at all.
    static func lineOfNestedKey(in bytes: [UInt8]) -> Int? {
        bytes.withUnsafeBufferPointer { buffer in
            var parser = yaml_parser_t()
            guard yaml_parser_initialize(&parser) == 1 else { return nil }
            defer { yaml_parser_delete(&parser) }
            yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            return lineOfNestedKey(in: &parser)
        }
    }

    private static func lineOfNestedKey(in parser: inout yaml_parser_t) -> Int? {
        // What is open, innermost last: nothing for a list, for a mapping whether a key comes next.
        var open: [Bool?] = []
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(&parser, &event) == 1 else { return nil }
            defer { yaml_event_delete(&event) }
            let isKey = (open.last ?? nil) ?? false
            switch event.type {
            case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT:
                if isKey { return Int(event.start_mark.line) + 1 }
                turn(&open)
                open.append(event.type == YAML_MAPPING_START_EVENT ? true : nil)
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: _ = open.popLast()
            case YAML_SCALAR_EVENT, YAML_ALIAS_EVENT: turn(&open)
            case YAML_STREAM_END_EVENT: return nil
            default: break
            }
        }
    }

    /// Behind a key comes its value, and behind that the next key.
    private static func turn(_ open: inout [Bool?]) {
        guard let last = open.indices.last, let isKey = open[last] else { return }
        open[last] = !isKey
    }
}
