// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// What PAX records and GNU's long names say about the members that follow.
struct TarExtensions {
    /// A part of a sparse file that is not a hole.
    struct Segment {
        var offset: UInt64
        var count: UInt64
    }

    /// A sparse file's true size and map.
    struct SparseForm {
        var size: UInt64
        var segments: [Segment]
        var mapIsInContent: Bool
    }

    var path: [UInt8]?
    var linkPath: [UInt8]?
    var size: UInt64?
    var sparseName: [UInt8]?
    /// Whether a record was read whose member has not come yet.
    var pending = false
    private var sparseMajor: UInt64?
    private var sparseMinor: UInt64?
    private var sparseSize: UInt64?
    private var sparseNumbers: [UInt64] = []
    private var isSparse = false

    var isEmpty: Bool { !pending }

    /// These extensions, and those of the whole archive where these say nothing.
    func over(_ archive: TarExtensions) -> TarExtensions {
        var result = self
        result.path = path ?? archive.path
        result.linkPath = linkPath ?? archive.linkPath
        result.size = size ?? archive.size
        return result
    }

    /// Reads the records of a PAX header: `LENGTH KEY=VALUE` and a line feed, the length counting all of it.
    mutating func read(_ record: [UInt8], at offset: UInt64) throws(BullaError) {
        var rest = record[...]
        while !rest.isEmpty {
            // Some writers pad the last record with zeros.
            if rest.allSatisfy({ $0 == 0 }) { return }
            var length = 0
            var digits = 0
            while let byte = rest.dropFirst(digits).first, byte >= 48, byte < 58, digits < 9 {
                length = length * 10 + Int(byte - 48)
                digits += 1
            }
            guard digits > 0, rest.dropFirst(digits).first == UInt8(ascii: " "), length > digits + 2,
                length <= rest.count, rest[rest.startIndex + length - 1] == UInt8(ascii: "\n")
            else { throw .corrupt("a PAX record has a wrong length", at: offset) }
            let line = rest[(rest.startIndex + digits + 1)..<(rest.startIndex + length - 1)]
            rest = rest.dropFirst(length)
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")), equals > line.startIndex else {
                throw .corrupt("a PAX record has no key", at: offset)
            }
            try set(String(decoding: line[..<equals], as: UTF8.self), line[(equals + 1)...], at: offset)
        }
    }

    private mutating func set(_ key: String, _ value: ArraySlice<UInt8>, at offset: UInt64) throws(BullaError) {
        // An empty value takes back what an earlier record said.
        switch key {
        case "path": path = value.isEmpty ? nil : Array(value)
        case "linkpath": linkPath = value.isEmpty ? nil : Array(value)
        case "size": size = value.isEmpty ? nil : try Self.number(value, at: offset)
        case "GNU.sparse.name": sparseName = value.isEmpty ? nil : Array(value)
        case "GNU.sparse.major": sparseMajor = try Self.number(value, at: offset)
        case "GNU.sparse.minor": sparseMinor = try Self.number(value, at: offset)
        case "GNU.sparse.size", "GNU.sparse.realsize": sparseSize = try Self.number(value, at: offset)
        case "GNU.sparse.offset", "GNU.sparse.numbytes":
            isSparse = true
            sparseNumbers.append(try Self.number(value, at: offset))
        case "GNU.sparse.map":
            isSparse = true
            for number in value.split(separator: UInt8(ascii: ",")) {
                sparseNumbers.append(try Self.number(number, at: offset))
            }
        case "GNU.sparse.numblocks": isSparse = true
        default: break
        }
    }

    /// How the member is sparse, if it is.
    func sparseForm(at offset: UInt64) throws(BullaError) -> SparseForm? {
        let isNewest = sparseMajor == 1
        guard isSparse || isNewest else { return nil }
        guard let sparseSize else { throw .corrupt("a sparse file has no real size", at: offset) }
        if isNewest {
            guard sparseMinor ?? 0 == 0 else {
                throw BullaError(
                    .unimplemented, "a sparse file of an unknown form is at byte \(offset)",
                    reason: ArchiveReason.unsupported)
            }
            return SparseForm(size: sparseSize, segments: [], mapIsInContent: true)
        }
        return SparseForm(
            size: sparseSize, segments: try Self.segments(sparseNumbers[...], at: offset), mapIsInContent: false)
    }

    /// Reads the map at the start of a sparse file of form 1.0, a block at a time.
    struct SparseMap {
        private var numbers: [UInt64] = []
        private var line: [UInt8] = []

        /// Reads the next block.
        ///
        /// - Returns: the segments once the map is complete; what follows in the block is padding.
        mutating func read(_ block: UnsafeRawBufferPointer, at offset: UInt64) throws(BullaError) -> [Segment]? {
            for byte in block {
                if byte != UInt8(ascii: "\n") {
                    line.append(byte)
                    guard line.count < 20 else { throw .corrupt("the map of a sparse file is malformed", at: offset) }
                    continue
                }
                numbers.append(try TarExtensions.number(line[...], at: offset))
                line.removeAll(keepingCapacity: true)
                // The first number says how many pairs follow.
                guard let count = numbers.first, count < 1 << 32 else {
                    throw .corrupt("the map of a sparse file is malformed", at: offset)
                }
                if UInt64(numbers.count) > count * 2 { return try TarExtensions.segments(numbers[1...], at: offset) }
            }
            return nil
        }
    }

    private static func segments(_ numbers: ArraySlice<UInt64>, at offset: UInt64) throws(BullaError) -> [Segment] {
        guard numbers.count.isMultiple(of: 2) else { throw .corrupt("the map of a sparse file is odd", at: offset) }
        return stride(from: numbers.startIndex, to: numbers.endIndex, by: 2).map {
            Segment(offset: numbers[$0], count: numbers[$0 + 1])
        }
    }

    private static func number(_ text: ArraySlice<UInt8>, at offset: UInt64) throws(BullaError) -> UInt64 {
        var value: UInt64 = 0
        guard !text.isEmpty, text.count < 20 else { throw .corrupt("a PAX record has a malformed number", at: offset) }
        for byte in text {
            guard byte >= 48, byte < 58, value < UInt64(Int64.max) / 10 else {
                throw .corrupt("a PAX record has a malformed number", at: offset)
            }
            value = value * 10 + UInt64(byte - 48)
        }
        return value
    }
}
