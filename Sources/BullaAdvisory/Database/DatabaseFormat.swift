// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// The form of the advisory database: a header, and sections of records of fixed width that name each other by number.
///
/// All numbers are little-endian. A text is named by its place in the section of strings, where its length (32 bits)
/// precedes it; equal texts are one. Packages of an ecosystem are sorted by the hash of their names, so that one is
/// found by halving: n packages cost log n reads of 24 bytes. Versions are held as keys of `BullaVersion`, which are
/// compared and never parsed. Nothing is read when a database is opened but the header and the short lists of
/// ecosystems and sources, and nothing in it is trusted: each number is checked where it is used.
///
/// | section | a record holds |
/// |---|---|
/// | strings | texts and keys |
/// | ecosystems | name, version scheme, packages from and count, advisories |
/// | packages | hash of the name, name, affected from and count |
/// | affected | advisory, intervals from and count, versions from and count, status, severity |
/// | intervals | introduced and its key, end and its key, kind of end |
/// | versions | keys of enumerated versions, those that the intervals hold left out, sorted |
/// | lists | aliases, flaws upstream, references |
/// | advisories | id, source, texts, lists, severity, score, times, digest of the content |
/// | sources | name, licence, advisories, withdrawn ones, latest change |
enum DatabaseFormat {
    /// The first eight bytes.
    static let magic: [UInt8] = Array("BULLAADV".utf8)
    /// The version of the form; a database of another is refused and must be imported anew.
    static let version: UInt32 = 1
    /// How long the header is.
    static let headerLength = 256
    /// Where the header's own checksum begins, the first 8 bytes of the SHA-256 of all before.
    static let checksumOffset = 248
    /// A number that names nothing.
    static let none: UInt32 = .max
    /// The first byte of what stands for an enumerated version that its scheme cannot read; no key begins with it.
    static let rawVersionMark: UInt8 = 0xFE

    /// A section; the raw value is its place in the header's table.
    enum Section: Int, CaseIterable {
        case strings, ecosystems, packages, affected, intervals, versions, lists, advisories, sources

        /// How long a record is.
        var width: Int {
            switch self {
            case .strings: 1
            case .ecosystems: 20
            case .packages, .affected: 24
            case .intervals: 20
            case .versions, .lists: 4
            case .advisories: 112
            case .sources: 24
            }
        }

        /// Where the header says from where and how long it is.
        var headerOffset: Int { 64 + rawValue * 16 }
    }

    /// FNV-1a in 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/).
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash
    }

    /// The checksum of a header.
    static func checksum(of header: some Collection<UInt8>) -> [UInt8] {
        Array(Digest(of: Array(header.prefix(checksumOffset))).rawBytes.prefix(8))
    }
}

/// Builds records of fixed width.
struct RecordWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(contentsOf other: [UInt8]) { bytes.append(contentsOf: other) }
}
