// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// The 512 bytes before a member, read in place.
struct TarHeader {
    let block: UnsafeRawBufferPointer
    let offset: UInt64

    var type: UInt8 { block[156] }

    var kind: TarEntry.Kind {
        switch type {
        case UInt8(ascii: "1"): .hardLink
        case UInt8(ascii: "2"): .symbolicLink
        case UInt8(ascii: "3"), UInt8(ascii: "4"), UInt8(ascii: "6"): .special
        case UInt8(ascii: "5"): .directory
        default: .file
        }
    }

    var isZero: Bool {
        var bits: UInt64 = 0
        for index in stride(from: 0, to: TarReader.blockSize, by: 8) {
            bits |= block.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        }
        return bits == 0
    }

    /// Checks the header's sum, of unsigned or, as some old writers have it, of signed bytes.
    func checkSum() throws(BullaError) {
        let stated = try number(148, 8, "checksum")
        var unsigned: UInt32 = 0
        var negative: UInt32 = 0
        for byte in block {
            unsigned &+= UInt32(byte)
            negative &+= UInt32(byte >> 7)
        }
        for byte in block[148..<156] {
            unsigned &-= UInt32(byte)
            negative &-= UInt32(byte >> 7)
        }
        unsigned &+= 8 * 32
        let signed = Int64(unsigned) - 256 * Int64(negative)
        guard stated == UInt64(unsigned) || Int64(exactly: stated) == signed else {
            throw .corrupt("a tar header has a wrong checksum", at: offset)
        }
    }

    func size() throws(BullaError) -> UInt64 { try number(124, 12, "size") }

    var mode: UInt32 {
        (try? number(100, 8, "mode")).map { UInt32(truncatingIfNeeded: $0) & 0o7777 } ?? 0
    }

    var path: [UInt8] {
        let name = text(0, 100)
        // GNU's own format has times where ustar has the prefix; star's has times at the end of it.
        guard block[257...].starts(with: "ustar\0".utf8) else { return name }
        let prefix = text(345, block[508...].starts(with: "tar\0".utf8) ? 131 : 155)
        return prefix.isEmpty ? name : prefix + [UInt8(ascii: "/")] + name
    }

    var linkTarget: [UInt8] { text(157, 100) }

    private func text(_ start: Int, _ count: Int) -> [UInt8] {
        var end = start
        while end < start + count, block[end] != 0 { end += 1 }
        return Array(block[start..<end])
    }

    func number(_ start: Int, _ count: Int, _ what: String) throws(BullaError) -> UInt64 {
        try Self.number(block, start, count, what, at: offset)
    }

    /// Reads an octal number, or a binary one where the first bit is set (GNU's form for what octal cannot hold).
    static func number(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ count: Int, _ what: @autoclosure () -> String,
        at offset: UInt64
    ) throws(BullaError) -> UInt64 {
        var value: UInt64 = 0
        if bytes[start] & 0x80 != 0 {
            guard bytes[start] == 0x80 else {
                throw .corrupt("a tar header has a negative or too large \(what())", at: offset)
            }
            for byte in bytes[(start + 1)..<(start + count)] {
                guard value >> 55 == 0 else { throw .corrupt("a tar header has a too large \(what())", at: offset) }
                value = value << 8 | UInt64(byte)
            }
            return value
        }
        var digits = bytes[start..<(start + count)]
        while digits.first == 32 || digits.first == 0 { digits = digits.dropFirst() }
        while digits.last == 32 || digits.last == 0 { digits = digits.dropLast() }
        for byte in digits {
            // The text ends at the first space or zero; some writers leave rubbish after it.
            if byte == 32 || byte == 0 { break }
            guard byte >= 48, byte < 56 else { throw .corrupt("a tar header has a malformed \(what())", at: offset) }
            value = value << 3 | UInt64(byte - 48)
        }
        return value
    }
}
