// SPDX-License-Identifier: Apache-2.0

/// Writes a tar archive in memory, for images made in code: ustar, with PAX records for what ustar cannot hold.
///
/// Owners and times are zero, so the same calls give the same bytes.
public struct TarWriter: Sendable {
    /// The archive so far.
    public private(set) var bytes: [UInt8] = []

    /// Starts an empty archive.
    public init() {}

    /// Adds a regular file.
    public mutating func addFile(_ path: String, _ contents: some Collection<UInt8>, mode: UInt32 = 0o644) {
        add(path, type: UInt8(ascii: "0"), size: UInt64(contents.count), mode: mode)
        addContents(contents)
    }

    /// Adds a directory.
    public mutating func addDirectory(_ path: String, mode: UInt32 = 0o755) {
        add(path.hasSuffix("/") ? path : path + "/", type: UInt8(ascii: "5"), mode: mode)
    }

    /// Adds a symbolic link at `path` that leads to `target`.
    public mutating func addSymbolicLink(_ path: String, to target: String) {
        add(path, type: UInt8(ascii: "2"), linkTarget: target, mode: 0o777)
    }

    /// Adds another name for the file `target` of the same root.
    public mutating func addHardLink(_ path: String, to target: String) {
        add(path, type: UInt8(ascii: "1"), linkTarget: target, mode: 0o644)
    }

    /// Adds the marker that hides `path` of the layers beneath.
    public mutating func addWhiteout(of path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        addFile((parts.dropLast() + [".wh." + (parts.last ?? "")]).joined(separator: "/"), [])
    }

    /// Adds the marker that hides everything that the layers beneath have in the directory `path`.
    public mutating func addOpaqueMarker(in path: String) { addFile(path + "/.wh..wh..opq", []) }

    /// Adds a header of any type, for the archives that tests need; content, if any, must follow.
    public mutating func add(
        _ path: String, type: UInt8, size: UInt64 = 0, linkTarget: String = "", mode: UInt32 = 0o644
    ) {
        var records: [(String, String)] = []
        if path.utf8.count > 100 { records.append(("path", path)) }
        if linkTarget.utf8.count > 100 { records.append(("linkpath", linkTarget)) }
        if size >= 1 << 33 { records.append(("size", String(size))) }
        if !records.isEmpty { addExtension(records) }
        addHeader(
            name: Array(path.utf8.prefix(100)), type: type, size: size >= 1 << 33 ? 0 : size,
            linkTarget: Array(linkTarget.utf8.prefix(100)), mode: mode)
    }

    /// Adds PAX records for the next member, or, with type `g`, for all that follow.
    public mutating func addExtension(_ records: [(String, String)], type: UInt8 = UInt8(ascii: "x")) {
        var text: [UInt8] = []
        for (key, value) in records {
            let rest = key.utf8.count + value.utf8.count + 3
            // The length counts its own digits.
            var length = rest + 1
            while String(length).utf8.count + rest != length { length = String(length).utf8.count + rest }
            text += Array("\(length) \(key)=\(value)\n".utf8)
        }
        addHeader(name: Array("PaxHeaders/0".utf8), type: type, size: UInt64(text.count), linkTarget: [], mode: 0o644)
        addContents(text)
    }

    /// Adds content and the padding after it.
    public mutating func addContents(_ contents: some Collection<UInt8>) {
        bytes.append(contentsOf: contents)
        let used = bytes.count & 511
        if used > 0 { bytes.append(contentsOf: repeatElement(0, count: 512 - used)) }
    }

    /// The whole archive with its end.
    public func finished() -> [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

    private mutating func addHeader(name: [UInt8], type: UInt8, size: UInt64, linkTarget: [UInt8], mode: UInt32) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: some Collection<UInt8>, _ start: Int) {
            header.replaceSubrange(start..<(start + text.count), with: text)
        }
        func octal(_ value: UInt64, _ digits: Int) -> [UInt8] {
            let text = String(value, radix: 8)
            return Array((String(repeating: "0", count: max(0, digits - text.utf8.count)) + text).utf8)
        }
        put(name, 0)
        put(octal(UInt64(mode), 7), 100)
        put(octal(0, 7), 108)
        put(octal(0, 7), 116)
        put(octal(size, 11), 124)
        put(octal(0, 11), 136)
        put("        ".utf8, 148)
        header[156] = type
        put(linkTarget, 157)
        put("ustar\u{0}00".utf8, 257)
        put(octal(header.reduce(0) { $0 + UInt64($1) }, 6) + [0, 32], 148)
        bytes.append(contentsOf: header)
    }
}
