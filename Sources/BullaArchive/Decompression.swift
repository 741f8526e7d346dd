// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// Unpacks a stream that arrives in chunks, by what its first bytes say and not by what its name or media type says.
///
/// gzip (https://www.rfc-editor.org/rfc/rfc1952, several members too), zstd (https://www.rfc-editor.org/rfc/rfc8878,
/// several and skippable frames too) and anything else as it is. Bytes are pushed in and come out in pieces of at most
/// 256 KiB that live until the sink returns, so a hash and a tar reader can work on them without a copy. One stream is
/// used by one task.
public final class Decompression {
    /// How a stream is compressed.
    public enum Format: String, Sendable {
        /// Not at all.
        case plain
        /// DEFLATE in gzip members.
        case gzip
        /// Zstandard frames.
        case zstd
    }

    /// Takes unpacked bytes, which are valid only during the call.
    public typealias Sink = (UnsafeRawBufferPointer) throws(BullaError) -> Void

    private enum Stage {
        case sniffing([UInt8])
        case plain
        case gzip(GzipStream)
        case zstd(ZstdStream)
    }

    private let limits: ArchiveLimits
    private var stage = Stage.sniffing([])
    /// How many compressed bytes were pushed in.
    public private(set) var consumed: UInt64 = 0
    /// How many unpacked bytes came out.
    public private(set) var produced: UInt64 = 0

    /// Starts a stream.
    public init(limits: ArchiveLimits = ArchiveLimits()) { self.limits = limits }

    /// The compression, once the first four bytes have been seen.
    public var format: Format? {
        switch stage {
        case .sniffing: nil
        case .plain: .plain
        case .gzip: .gzip
        case .zstd: .zstd
        }
    }

    /// Names the compression that `prefix`, four bytes or the whole of a shorter stream, shows.
    ///
    /// - Throws: `unimplemented` for xz and bzip2, which are recognised so that they are not taken for plain bytes.
    public static func format(of prefix: [UInt8]) throws(BullaError) -> Format {
        func starts(_ magic: UInt8...) -> Bool { prefix.starts(with: magic) }
        if starts(0x1F, 0x8B) { return .gzip }
        if starts(0x28, 0xB5, 0x2F, 0xFD) { return .zstd }
        if prefix.count >= 4, prefix[0] & 0xF0 == 0x50, prefix[1...3] == [0x2A, 0x4D, 0x18] { return .zstd }
        for (name, magic) in [("xz", [0xFD, 0x37, 0x7A, 0x58] as [UInt8]), ("bzip2", [0x42, 0x5A, 0x68])]
        where prefix.starts(with: magic) {
            throw BullaError(
                .unimplemented, "the stream is compressed by \(name), which is not read",
                reason: ArchiveReason.unsupported)
        }
        return .plain
    }

    /// Unpacks the next chunk into `sink`.
    ///
    /// - Throws: `dataLoss` for corrupt bytes, `resourceExhausted` when a limit is met, both with the offset, and what
    ///   `sink` throws.
    public func push(_ chunk: UnsafeRawBufferPointer, into sink: Sink) throws(BullaError) {
        consumed &+= UInt64(chunk.count)
        guard case .sniffing(var prefix) = stage else { return try unpack(chunk, into: sink) }
        prefix.append(contentsOf: chunk)
        stage = .sniffing(prefix)
        if prefix.count >= 4 { try decide(prefix, into: sink) }
    }

    /// Unpacks the next chunk into `sink`.
    ///
    /// - Throws: as the other `push`.
    public func push(_ chunk: [UInt8], into sink: Sink) throws(BullaError) {
        try chunk.withRawBytes { (bytes) throws(BullaError) in try push(bytes, into: sink) }
    }

    /// Ends the stream.
    ///
    /// - Throws: `dataLoss` when the stream stops in the middle of a member or frame.
    public func finish(into sink: Sink) throws(BullaError) {
        if case .sniffing(let prefix) = stage { try decide(prefix, into: sink) }
        switch stage {
        case .gzip(let stream) where !stream.isComplete: throw .truncated("the gzip stream", at: consumed)
        case .zstd(let stream) where !stream.isComplete: throw .truncated("the zstd stream", at: consumed)
        default: return
        }
    }

    private func decide(_ prefix: [UInt8], into sink: Sink) throws(BullaError) {
        switch try Self.format(of: Array(prefix.prefix(4))) {
        case .plain: stage = .plain
        case .gzip: stage = .gzip(GzipStream())
        case .zstd: stage = .zstd(try ZstdStream())
        }
        try prefix.withRawBytes { (bytes) throws(BullaError) in try unpack(bytes, into: sink) }
    }

    private func unpack(_ chunk: UnsafeRawBufferPointer, into sink: Sink) throws(BullaError) {
        switch stage {
        case .sniffing: return
        case .plain: try count(chunk, sink)
        case .gzip(let stream):
            try stream.push(chunk) { (bytes) throws(BullaError) in try self.count(bytes, sink) }
        case .zstd(let stream):
            try stream.push(chunk) { (bytes) throws(BullaError) in try self.count(bytes, sink) }
        }
    }

    private func count(_ bytes: UnsafeRawBufferPointer, _ sink: Sink) throws(BullaError) {
        guard !bytes.isEmpty else { return }
        produced &+= UInt64(bytes.count)
        guard produced <= limits.unpackedBytes else {
            throw .limit("the stream unpacks to more than \(limits.unpackedBytes) bytes", at: consumed)
        }
        guard produced <= limits.ratioFloor || produced / limits.ratio <= consumed else {
            throw .limit("the stream unpacks to more than \(limits.ratio) times its size", at: consumed)
        }
        try sink(bytes)
    }
}

/// The memory that a decompressor writes to, freed with its owner.
final class OutputBuffer {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)

    deinit { bytes.deallocate() }

    /// The first `count` bytes.
    func prefix(_ count: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[..<count]) }
}
