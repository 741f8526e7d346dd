// SPDX-License-Identifier: Apache-2.0

/// The nesting of JSON text, checked before a recursive parser sees it.
public enum JSONDepth {
    /// Whether arrays and objects are nested at most `limit` deep; one pass, no allocation, text in quotes skipped.
    ///
    /// It only counts brackets: that the text is JSON is the parser's to say.
    public static func isAtMost(_ limit: Int, in bytes: some Sequence<UInt8>) -> Bool {
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
                depth += 1
                if depth > limit { return false }
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
        }
        return true
    }
}
