// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// Reads the parts of a mapped database, trusting none of its numbers.
struct DatabaseReader: Sendable {
    private let file: MappedFile
    private let path: String
    private let sections: [Range<Int>]

    /// Checks the header.
    ///
    /// - Throws: `dataLoss` when it is none, or the file is cut short; `failedPrecondition` for another form.
    init(_ file: MappedFile, path: String) throws(BullaError) {
        self.file = file
        self.path = path
        sections = try Self.sections(of: file.bytes, path)
    }

    /// All bytes of the file.
    var bytes: UnsafeRawBufferPointer { file.bytes }

    /// How many records a section holds.
    func count(of section: DatabaseFormat.Section) -> Int { sections[section.rawValue].count / section.width }

    /// A record of a section.
    ///
    /// - Throws: `dataLoss` when there is none of that number.
    func record(_ index: Int, of section: DatabaseFormat.Section) throws(BullaError) -> Record {
        let place = sections[section.rawValue]
        guard index >= 0, index < place.count / section.width else {
            throw corrupt("a number names no record of its section")
        }
        let start = place.lowerBound + index * section.width
        return Record(bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + section.width)]))
    }

    /// The text at a place in the section of strings.
    ///
    /// - Throws: `dataLoss` when there is none.
    func text(_ place: UInt32) throws(BullaError) -> UnsafeRawBufferPointer {
        let strings = sections[DatabaseFormat.Section.strings.rawValue]
        guard Int(place) + 4 <= strings.count else { throw corrupt("a text lies outside its section") }
        let start = strings.lowerBound + Int(place)
        let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
        guard length <= strings.upperBound - start - 4 else { throw corrupt("a text ends outside its section") }
        return UnsafeRawBufferPointer(rebasing: bytes[(start + 4)..<(start + 4 + length)])
    }

    /// The text at a place, as a string.
    ///
    /// - Throws: `dataLoss` when there is none.
    func string(_ place: UInt32) throws(BullaError) -> String {
        String(decoding: try text(place), as: UTF8.self)
    }

    /// The texts that entries of the section of lists name.
    ///
    /// - Throws: `dataLoss` when one names none.
    func strings(_ entries: Range<Int>) throws(BullaError) -> [String] {
        var texts: [String] = []
        for entry in entries { texts.append(try string(record(entry, of: .lists).word(0))) }
        return texts
    }

    /// So many records from one on.
    ///
    /// - Throws: `dataLoss` when they are not all within `total`.
    func range(_ first: UInt32, _ count: UInt32, within total: Int) throws(BullaError) -> Range<Int> {
        guard Int(first) + Int(count) <= total else { throw corrupt("a list reaches beyond its section") }
        return Int(first)..<(Int(first) + Int(count))
    }

    /// A number of the header.
    ///
    /// - Throws: `dataLoss` when the file ends before it.
    func number<Number: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as: Number.Type
    ) throws(BullaError) -> Number {
        guard offset >= 0, offset + MemoryLayout<Number>.size <= bytes.count else { throw corrupt("it is cut short") }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }

    /// The error for a file that cannot be what it says.
    func corrupt(_ what: String) -> BullaError { Self.corrupt(what, path) }

    /// A record of fixed width; offsets are those of the format and lie within it.
    struct Record {
        let bytes: UnsafeRawBufferPointer

        /// A number of 8 bits.
        func byte(_ offset: Int) -> UInt8 { offset < bytes.count ? bytes[offset] : 0 }

        /// A number of 32 bits.
        func word(_ offset: Int) -> UInt32 {
            guard offset + 4 <= bytes.count else { return DatabaseFormat.none }
            return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }

        /// A number of 64 bits.
        func unsigned(_ offset: Int) -> UInt64 {
            guard offset + 8 <= bytes.count else { return 0 }
            return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }

        /// A signed number of 64 bits.
        func long(_ offset: Int) -> Int64 { Int64(bitPattern: unsigned(offset)) }
    }

    private static func corrupt(_ what: String, _ path: String) -> BullaError {
        BullaError(
            .dataLoss, "the advisory database '\(path)' is corrupt: \(what)", reason: "ADVISORY_DATABASE_CORRUPT")
    }

    private static func sections(
        of bytes: UnsafeRawBufferPointer, _ path: String
    ) throws(BullaError) -> [Range<Int>] {
        guard bytes.starts(with: DatabaseFormat.magic) else {
            throw BullaError(.dataLoss, "'\(path)' is no advisory database", reason: "ADVISORY_DATABASE_CORRUPT")
        }
        func number(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        guard bytes.count >= DatabaseFormat.headerLength else { throw corrupt("it is cut short", path) }
        let version = UInt32(truncatingIfNeeded: number(8))
        guard version == DatabaseFormat.version else {
            throw BullaError(
                .failedPrecondition,
                "the advisory database '\(path)' has form \(version), this release reads \(DatabaseFormat.version): "
                    + "import the advisories anew")
        }
        guard
            bytes[DatabaseFormat.checksumOffset..<DatabaseFormat.headerLength].elementsEqual(
                DatabaseFormat.checksum(of: bytes.prefix(DatabaseFormat.checksumOffset)))
        else { throw corrupt("the header's checksum is wrong", path) }
        guard number(16) == UInt64(bytes.count) else { throw corrupt("it is cut short, or has grown", path) }
        var sections: [Range<Int>] = []
        for section in DatabaseFormat.Section.allCases {
            let start = number(section.headerOffset)
            let length = number(section.headerOffset + 8)
            guard start >= UInt64(DatabaseFormat.headerLength), start <= UInt64(bytes.count),
                length <= UInt64(bytes.count) - start, length % UInt64(section.width) == 0
            else { throw corrupt("a section lies outside the file", path) }
            sections.append(Int(start)..<Int(start + length))
        }
        return sections
    }
}
