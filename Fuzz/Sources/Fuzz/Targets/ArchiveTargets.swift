// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact

/// Archives and compression.
enum ArchiveTargets {
    /// Limits that a fuzzer can meet within its patience.
    static let limits = ArchiveLimits(unpackedBytes: 4 << 20, entries: 10_000)

    /// A tar archive as it is and with its checksums mended, whole and in pieces.
    static func tar(_ input: [UInt8]) {
        for bytes in [input, withChecksums(input)] {
            let whole = trace(of: bytes, piece: max(1, bytes.count))
            let pieces = trace(of: bytes, piece: 1 + Int(input.first ?? 0) * 3)
            require(whole == pieces, "a tar archive reads the same whole and in pieces")
        }
    }

    /// A compressed stream, whole and in pieces.
    static func decompression(_ input: [UInt8]) {
        let whole = unpacked(input, piece: max(1, input.count))
        let pieces = unpacked(input, piece: 1 + Int(input.last ?? 0))
        require(whole == pieces, "a stream unpacks to the same whole and in pieces")
    }

    /// A zip archive and all its members.
    static func zip(_ input: [UInt8]) {
        guard let archive = try? ZipReader(input, limits: limits) else { return }
        for entry in archive.entries.prefix(64) {
            guard let contents = try? archive.contents(of: entry, limit: 1 << 20) else { continue }
            require(UInt64(contents.count) == entry.size, "a zip member is as large as it says")
        }
    }

    /// The archive with the checksum of each header made right, for no mutation would get past them otherwise.
    static func withChecksums(_ input: [UInt8]) -> [UInt8] {
        var bytes = input
        var offset = 0
        while offset + 512 <= bytes.count {
            for index in 148..<156 { bytes[offset + index] = 0x20 }
            let sum = bytes[offset..<(offset + 512)].reduce(0) { $0 + Int($1) }
            let digits = Array(String(sum, radix: 8).utf8)
            let field = [UInt8](repeating: 0x30, count: max(0, 6 - digits.count)) + digits + [0, 0x20]
            for (index, digit) in field.prefix(8).enumerated() { bytes[offset + 148 + index] = digit }
            var size = 0
            for byte in bytes[(offset + 124)..<(offset + 135)] where (0x30...0x37).contains(byte) {
                size = size << 3 | Int(byte - 0x30)
            }
            offset += 512 + (min(size, bytes.count) + 511) / 512 * 512
        }
        return bytes
    }

    /// What reading gave: a digest of the events, and the error's reason.
    private struct Trace: Equatable {
        var digest: Digest
        var reason: String?
    }

    private static func trace(of bytes: [UInt8], piece: Int) -> Trace {
        let reader = TarReader(limits: limits)
        var hasher = DigestHasher()
        var left: UInt64 = 0
        let sink = { (event: TarEvent) throws(BullaError) in
            switch event {
            case .entry(let entry):
                hasher.update(Array("\(entry.kind) \(entry.path) \(entry.linkTarget) \(entry.size)".utf8))
                require(entry.path.count <= limits.pathBytes, "a path keeps its limit")
                require(entry.offset <= UInt64(bytes.count), "an entry lies within the archive")
                left = entry.kind == .file ? entry.size : 0
            case .content(let content):
                hasher.update(content)
                require(UInt64(content.count) <= left, "an entry's content is no longer than its size")
                left -= UInt64(content.count)
            case .hole(let count):
                require(count <= left, "an entry's holes are no longer than its size")
                left -= count
                hasher.update(Array("hole \(count)".utf8))
            case .end: require(left == 0, "an entry's content is as long as its size")
            }
        }
        do throws(BullaError) {
            try inPieces(bytes, piece) { (chunk) throws(BullaError) in try reader.push(chunk, into: sink) }
            try reader.finish()
            return Trace(digest: hasher.finalize())
        } catch {
            // How much content came before the error may differ; what the error is may not.
            return Trace(digest: Digest(of: []), reason: error.reason)
        }
    }

    private static func unpacked(_ bytes: [UInt8], piece: Int) -> Trace {
        let decompression = Decompression(limits: limits)
        var hasher = DigestHasher()
        let sink = { (chunk: UnsafeRawBufferPointer) throws(BullaError) in hasher.update(chunk) }
        do throws(BullaError) {
            try inPieces(bytes, piece) { (chunk) throws(BullaError) in try decompression.push(chunk, into: sink) }
            try decompression.finish(into: sink)
            require(decompression.consumed == UInt64(bytes.count), "all of a good stream is consumed")
            return Trace(digest: hasher.finalize())
        } catch {
            require(decompression.produced <= limits.unpackedBytes + (1 << 20), "unpacking keeps its limit")
            return Trace(digest: Digest(of: []), reason: "refused")
        }
    }

    private static func inPieces(
        _ bytes: [UInt8], _ piece: Int, _ body: (UnsafeRawBufferPointer) throws(BullaError) -> Void
    ) throws(BullaError) {
        try bytes.withUnsafeBufferPointer { (buffer) throws(BullaError) in
            let raw = UnsafeRawBufferPointer(buffer)
            var start = 0
            while start < raw.count {
                let end = min(raw.count, start + piece)
                try body(UnsafeRawBufferPointer(rebasing: raw[start..<end]))
                start = end
            }
        }
    }
}
