// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import CISAL
import Glibc

/// Reads a zip archive by its central directory: stored and deflated members, with zip64 sizes
/// (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT).
///
/// Members are read one at a time, from a file by position or from memory; memory is the directory and the member that
/// is read. One archive is read by one task.
public final class ZipReader {
    /// A member, as the central directory has it.
    public struct Entry: Sendable, Hashable {
        /// The name as the archive has it: neither normalised nor checked.
        public let name: String
        /// How many bytes the member has unpacked.
        public let size: UInt64
        /// How many bytes it has in the archive.
        public let compressedSize: UInt64
        /// Whether it is a directory.
        public var isDirectory: Bool { name.hasSuffix("/") }

        let method: UInt16
        let flags: UInt16
        let checksum: UInt32
        let headerOffset: UInt64
    }

    private enum Source {
        case memory([UInt8])
        case file(Int32, size: UInt64)
    }

    private let source: Source
    private let limits: ArchiveLimits
    private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
    private let output = OutputBuffer()
    private var unpacked: UInt64 = 0
    /// The members, in the order of the central directory.
    public private(set) var entries: [Entry] = []

    /// Opens an archive in memory.
    ///
    /// - Throws: `dataLoss` when it is no zip archive or its directory is damaged, `resourceExhausted` for too many
    ///   entries.
    public convenience init(_ bytes: [UInt8], limits: ArchiveLimits = ArchiveLimits()) throws(BullaError) {
        try self.init(.memory(bytes), limits)
    }

    /// Opens an archive in a file.
    ///
    /// - Throws: `notFound` when it cannot be opened, and as `init(_:limits:)`.
    public convenience init(path: String, limits: ArchiveLimits = ArchiveLimits()) throws(BullaError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw BullaError(.notFound, "opening '\(path)': \(String(cString: strerror(errno)))")
        }
        let size = lseek(descriptor, 0, SEEK_END)
        try self.init(.file(descriptor, size: UInt64(max(0, size))), limits)
    }

    private init(_ source: Source, _ limits: ArchiveLimits) throws(BullaError) {
        self.source = source
        self.limits = limits
        isal_inflate_init(state)
        entries = try readDirectory()
    }

    deinit {
        state.deallocate()
        if case .file(let descriptor, _) = source { close(descriptor) }
    }

    /// Reads and unpacks a member.
    ///
    /// - Throws: `dataLoss` when it is damaged or its checksum wrong, `resourceExhausted` when it is larger than
    ///   `limit` or all members read so far are larger than the archive's limits allow, `unimplemented` for an encrypted
    ///   one or another method.
    public func contents(of entry: Entry, limit: Int = 256 << 20) throws(BullaError) -> [UInt8] {
        let offset = entry.headerOffset
        guard entry.size <= UInt64(limit) else {
            throw .limit("zip member '\(entry.name.prefix(200))' is larger than \(limit) bytes", at: offset)
        }
        guard entry.size <= limits.ratioFloor || entry.size / limits.ratio <= entry.compressedSize else {
            throw .limit("a zip member unpacks to more than \(limits.ratio) times its size", at: offset)
        }
        unpacked &+= entry.size
        guard unpacked <= limits.unpackedBytes else {
            throw .limit("the zip archive unpacks to more than \(limits.unpackedBytes) bytes", at: offset)
        }
        guard entry.flags & 1 == 0, entry.method == 0 || entry.method == 8 else {
            throw BullaError(
                .unimplemented, "zip member '\(entry.name.prefix(200))' is encrypted or of method \(entry.method)",
                reason: ArchiveReason.unsupported)
        }
        let header = try read(at: offset, 30)
        guard header.word(0) == 0x0403_4B50 else { throw .corrupt("a zip member has no header", at: offset) }
        let start = offset &+ 30 &+ UInt64(header.half(26)) &+ UInt64(header.half(28))
        let packed = try read(at: start, entry.compressedSize)
        let bytes = entry.method == 0 ? packed : try inflate(packed, size: Int(entry.size), at: start)
        guard bytes.count == Int(entry.size) else {
            throw .corrupt("a zip member has another size than its directory entry", at: offset)
        }
        let sum = bytes.withUnsafeBufferPointer { crc32_gzip_refl(0, $0.baseAddress, UInt64($0.count)) }
        guard sum == entry.checksum else { throw .corrupt("a zip member has a wrong checksum", at: offset) }
        return bytes
    }

    private func inflate(_ packed: [UInt8], size: Int, at offset: UInt64) throws(BullaError) -> [UInt8] {
        isal_inflate_reset(state)
        state.pointee.crc_flag = UInt32(ISAL_DEFLATE)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        try packed.withRawBytes { (input) throws(BullaError) in
            guard let start = input.baseAddress, input.count < 1 << 31 else { return }
            _ = try state.inflate(start, input.count, at: offset, output: output) { (piece) throws(BullaError) in
                guard piece.count <= size - bytes.count else {
                    throw .corrupt("a zip member is larger than its directory entry", at: offset)
                }
                bytes.append(contentsOf: piece)
            }
        }
        guard state.pointee.block_state == ISAL_BLOCK_FINISH else { throw .truncated("a zip member", at: offset) }
        return bytes
    }

    // MARK: Directory

    private func readDirectory() throws(BullaError) -> [Entry] {
        let length = self.length
        // The end record is followed by a comment of at most 65,535 bytes.
        let tailStart = length - min(length, 65_557)
        let tail = try read(at: tailStart, length - tailStart)
        guard tail.count >= 22,
            let end = stride(from: tail.count - 22, through: 0, by: -1).first(where: {
                tail.word($0) == 0x0605_4B50 && $0 + 22 + Int(tail.half($0 + 20)) <= tail.count
            })
        else { throw .corrupt("the file is no zip archive, for it has no end record", at: length) }
        var count = UInt64(tail.half(end + 10))
        var size = UInt64(tail.word(end + 12))
        var start = UInt64(tail.word(end + 16))
        if end >= 20, tail.word(end - 20) == 0x0706_4B50 {
            let record = try read(at: tail.long(end - 20 + 8), 56)
            guard record.word(0) == 0x0606_4B50 else { throw .corrupt("the zip64 end record is damaged", at: length) }
            count = record.long(32)
            size = record.long(40)
            start = record.long(48)
        }
        guard count <= UInt64(limits.entries) else {
            throw .limit("the zip archive has more than \(limits.entries) entries", at: start)
        }
        guard size <= 1 << 30 else { throw .limit("the zip directory is larger than 1 GiB", at: start) }
        let directory = try read(at: start, size)
        var entries: [Entry] = []
        entries.reserveCapacity(Int(min(count, size / 46)))
        var position = 0
        for _ in 0..<count {
            guard position + 46 <= directory.count, directory.word(position) == 0x0201_4B50 else {
                throw .corrupt("the zip directory is damaged", at: start &+ UInt64(position))
            }
            let next =
                position + 46 + Int(directory.half(position + 28)) + Int(directory.half(position + 30))
                + Int(directory.half(position + 32))
            guard next <= directory.count else {
                throw .truncated("the zip directory", at: start &+ UInt64(position))
            }
            entries.append(try entry(directory, position, at: start))
            position = next
        }
        return entries
    }

    private func entry(_ directory: [UInt8], _ start: Int, at offset: UInt64) throws(BullaError) -> Entry {
        let nameEnd = start + 46 + Int(directory.half(start + 28))
        let extraEnd = nameEnd + Int(directory.half(start + 30))
        var sizes = [
            UInt64(directory.word(start + 24)), UInt64(directory.word(start + 20)), UInt64(directory.word(start + 42)),
        ]
        // A field of all ones has its value in the zip64 extra field, in this order.
        var field = nameEnd
        while sizes.contains(0xFFFF_FFFF), field + 4 <= extraEnd {
            let fieldEnd = field + 4 + Int(directory.half(field + 2))
            guard fieldEnd <= extraEnd else { break }
            if directory.half(field) == 1 {
                var position = field + 4
                for index in sizes.indices where sizes[index] == 0xFFFF_FFFF {
                    guard position + 8 <= fieldEnd else {
                        throw .corrupt("a zip64 field is too short", at: offset &+ UInt64(start))
                    }
                    sizes[index] = directory.long(position)
                    position += 8
                }
                break
            }
            field = fieldEnd
        }
        return Entry(
            name: String(decoding: directory[(start + 46)..<nameEnd], as: UTF8.self), size: sizes[0],
            compressedSize: sizes[1], method: directory.half(start + 10), flags: directory.half(start + 8),
            checksum: directory.word(start + 16), headerOffset: sizes[2])
    }

    // MARK: Bytes

    private var length: UInt64 {
        switch source {
        case .memory(let bytes): UInt64(bytes.count)
        case .file(_, let size): size
        }
    }

    private func read(at offset: UInt64, _ count: UInt64) throws(BullaError) -> [UInt8] {
        guard offset <= length, count <= length - offset else {
            throw .truncated("the zip archive", at: length)
        }
        switch source {
        case .memory(let bytes): return Array(bytes[Int(offset)..<Int(offset + count)])
        case .file(let descriptor, _):
            var failed = false
            let bytes = [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, filled in
                while filled < Int(count), !failed, let base = buffer.baseAddress {
                    let got = pread(descriptor, base + filled, Int(count) - filled, off_t(offset) + off_t(filled))
                    if got > 0 { filled += got } else { failed = got == 0 || errno != EINTR }
                }
            }
            guard !failed else { throw .truncated("the zip archive", at: offset) }
            return bytes
        }
    }
}

extension [UInt8] {
    /// A little-endian number of 16 bits; the caller has checked the bounds.
    fileprivate func half(_ index: Int) -> UInt16 { UInt16(self[index]) | UInt16(self[index + 1]) << 8 }

    /// A little-endian number of 32 bits.
    fileprivate func word(_ index: Int) -> UInt32 { UInt32(half(index)) | UInt32(half(index + 2)) << 16 }

    /// A little-endian number of 64 bits.
    fileprivate func long(_ index: Int) -> UInt64 { UInt64(word(index)) | UInt64(word(index + 4)) << 32 }
}
