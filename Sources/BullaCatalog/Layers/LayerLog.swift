// SPDX-License-Identifier: Apache-2.0

/// What a layer does to the root file system, in its order: names and links, without content.
///
/// A path is kept as what it adds to the path before it, so an entry costs some 20 bytes.
struct LayerLog: Sendable {
    /// What an entry does.
    enum Kind: UInt8 {
        case file, hardLink, symbolicLink, directory, special
        /// Hides a path of the layers beneath.
        case whiteout
        /// Hides what the layers beneath have in a directory.
        case opaque
    }

    /// An entry.
    struct Entry {
        var kind: Kind
        /// Its place among all entries of the archive.
        var number: Int
        var path: [UInt8]
        var target: [UInt8]
        /// Whether a cataloger wants it for its name's sake, wherever it is.
        var isWanted: Bool
    }

    private var bytes: [UInt8] = []
    private var lastPath: [UInt8] = []
    private var lastNumber = 0
    private(set) var count = 0
    private(set) var hasWhiteouts = false

    /// Adds an entry; the numbers must rise.
    mutating func append(_ kind: Kind, number: Int, _ path: [UInt8], target: [UInt8] = [], isWanted: Bool = false) {
        count += 1
        if kind == .whiteout || kind == .opaque { hasWhiteouts = true }
        var shared = 0
        let most = min(path.count, lastPath.count)
        while shared < most, path[shared] == lastPath[shared] { shared += 1 }
        bytes.append(kind.rawValue | (isWanted ? 0x80 : 0))
        put(number - lastNumber)
        put(shared)
        put(path.count - shared)
        bytes.append(contentsOf: path[shared...])
        if kind == .hardLink || kind == .symbolicLink {
            put(target.count)
            bytes.append(contentsOf: target)
        }
        lastPath = path
        lastNumber = number
    }

    /// Drops what only appending needs.
    mutating func finish() {
        lastPath = []
        bytes = Array(bytes)
    }

    private mutating func put(_ number: Int) {
        var rest = UInt(bitPattern: number)
        while rest > 0x7F {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Reads from the first entry on.
    func reader() -> Reader { Reader(bytes: bytes) }

    /// One reading.
    struct Reader {
        private let bytes: [UInt8]
        private var position = 0
        private var entry = Entry(kind: .file, number: 0, path: [], target: [], isWanted: false)

        init(bytes: [UInt8]) { self.bytes = bytes }

        /// The next entry.
        mutating func next() -> Entry? {
            guard position < bytes.count else { return nil }
            let head = bytes[position]
            position += 1
            entry.kind = Kind(rawValue: head & 0x7F) ?? .special
            entry.isWanted = head & 0x80 != 0
            entry.number += take()
            let shared = take()
            let added = take()
            entry.path.removeSubrange(shared...)
            entry.path.append(contentsOf: bytes[position..<(position + added)])
            position += added
            entry.target.removeAll(keepingCapacity: true)
            if entry.kind == .hardLink || entry.kind == .symbolicLink {
                let count = take()
                entry.target.append(contentsOf: bytes[position..<(position + count)])
                position += count
            }
            return entry
        }

        private mutating func take() -> Int {
            var value: UInt = 0
            var shift: UInt = 0
            while true {
                let byte = bytes[position]
                position += 1
                value |= UInt(byte & 0x7F) << shift
                if byte < 0x80 { return Int(bitPattern: value) }
                shift += 7
            }
        }
    }
}
