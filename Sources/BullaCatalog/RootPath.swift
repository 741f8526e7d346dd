// SPDX-License-Identifier: Apache-2.0

/// Names inside a root: no leading slash, no empty, `.` or `..` parts.
enum RootPath {
    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")

    /// Makes an archive's name safe and unique; `nil` when it climbs out of the root.
    ///
    /// An absolute name is taken from the root, as every unpacker does. `a/../b` is `b`.
    static func normalized(_ name: [UInt8]) -> [UInt8]? {
        if isNormal(name) { return name }
        var result: [UInt8] = []
        result.reserveCapacity(name.count)
        for part in name.split(separator: slash) where !(part.count == 1 && part.first == dot) {
            if part.count == 2, part.first == dot, part.last == dot {
                guard !result.isEmpty else { return nil }
                result.removeSubrange((result.lastIndex(of: slash) ?? 0)...)
            } else {
                if !result.isEmpty { result.append(slash) }
                result.append(contentsOf: part)
            }
        }
        return result
    }

    private static func isNormal(_ name: [UInt8]) -> Bool {
        // A part that begins with a dot, or a slash after a slash, is looked at closely.
        var previous = slash
        for byte in name {
            if previous == slash, byte == dot || byte == slash { return false }
            previous = byte
        }
        return previous != slash
    }

    /// Where the last part of a normal path begins.
    static func baseStart(of path: [UInt8]) -> Int {
        guard let last = path.lastIndex(of: slash) else { return 0 }
        return last + 1
    }

    /// A path as text; bytes that are no UTF-8 become U+FFFD.
    static func text(_ path: some Collection<UInt8>) -> String {
        path.count > 4096
            ? String(decoding: path.prefix(4093), as: UTF8.self) + "…" : String(decoding: path, as: UTF8.self)
    }
}
