// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import CISAL

/// gzip members, one after the other, by ISA-L.
///
/// The member's header is read here and not by ISA-L, which forgets the flags of a header that is split between two
/// chunks. The trailer's checksum and length are checked by ISA-L.
final class GzipStream {
    private enum Position {
        /// Between members: a header, zeros or the end may follow.
        case start
        /// In a header's fixed part, so many of its ten bytes seen.
        case fixed(Int)
        case extraLength(Int)
        case extra
        case name
        case comment
        case headerChecksum(Int)
        case deflate
        /// Zeros after the last member, as tapes and some registries leave them.
        case padding
    }

    private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
    private let output = OutputBuffer()
    private var position = Position.start
    private var flags: UInt8 = 0
    private var extraLength = 0
    private var headerBytes = 0
    private var members = 0
    private var offset: UInt64 = 0

    init() {
        isal_inflate_init(state)
        state.pointee.crc_flag = UInt32(ISAL_GZIP_NO_HDR_VER)
    }

    deinit { state.deallocate() }

    /// Whether the stream may end here.
    var isComplete: Bool {
        switch position {
        case .start: members > 0
        case .padding: true
        default: false
        }
    }

    func push(_ chunk: UnsafeRawBufferPointer, into sink: Decompression.Sink) throws(BullaError) {
        var rest = chunk
        while !rest.isEmpty {
            if case .deflate = position {
                let used = try inflate(rest, into: sink)
                offset &+= UInt64(used)
                rest = UnsafeRawBufferPointer(rebasing: rest[used...])
            } else {
                try header(rest[0])
                offset &+= 1
                rest = UnsafeRawBufferPointer(rebasing: rest[1...])
            }
        }
    }

    private func header(_ byte: UInt8) throws(BullaError) {
        headerBytes += 1
        guard headerBytes <= 128 << 10 else { throw .limit("the gzip header is larger than 128 KiB", at: offset) }
        switch position {
        case .start:
            if byte == 0x1F {
                headerBytes = 1
                position = .fixed(1)
            } else if byte == 0, members > 0 {
                position = .padding
            } else {
                throw .corrupt("the gzip stream goes on with something that is no gzip member", at: offset)
            }
        case .fixed(let count):
            switch count {
            case 1 where byte != 0x8B, 2 where byte != 8:
                throw .corrupt("the gzip header is malformed", at: offset)
            case 3:
                guard byte & 0xE0 == 0 else { throw .corrupt("the gzip header has reserved flags", at: offset) }
                flags = byte
            default: break
            }
            if count == 9 { advance(from: 0) } else { position = .fixed(count + 1) }
        case .extraLength(let count):
            extraLength |= Int(byte) << (8 * count)
            if count == 0 {
                position = .extraLength(1)
            } else if extraLength > 0 {
                position = .extra
            } else {
                advance(from: 1)
            }
        case .extra:
            extraLength -= 1
            if extraLength == 0 { advance(from: 1) }
        case .name: if byte == 0 { advance(from: 2) }
        case .comment: if byte == 0 { advance(from: 3) }
        case .headerChecksum(let count): if count == 1 { advance(from: 4) } else { position = .headerChecksum(1) }
        case .padding:
            headerBytes = 0
            guard byte == 0 else { throw .corrupt("bytes follow the end of the gzip stream", at: offset) }
        case .deflate: break
        }
    }

    /// Goes to the first optional part of the header, at or after `part`, that the flags name, else to the data.
    private func advance(from part: Int) {
        if part <= 0, flags & 4 != 0 {
            extraLength = 0
            position = .extraLength(0)
        } else if part <= 1, flags & 8 != 0 {
            position = .name
        } else if part <= 2, flags & 16 != 0 {
            position = .comment
        } else if part <= 3, flags & 2 != 0 {
            position = .headerChecksum(0)
        } else {
            isal_inflate_reset(state)
            state.pointee.crc_flag = UInt32(ISAL_GZIP_NO_HDR_VER)
            position = .deflate
        }
    }

    /// Inflates until the chunk or the member ends, and says how much of the chunk was used.
    private func inflate(_ chunk: UnsafeRawBufferPointer, into sink: Decompression.Sink) throws(BullaError) -> Int {
        let piece = UnsafeRawBufferPointer(rebasing: chunk.prefix(1 << 30))
        guard let start = piece.baseAddress else { return 0 }
        let used = try state.inflate(start, piece.count, at: offset, output: output, into: sink)
        if state.pointee.block_state == ISAL_BLOCK_FINISH {
            members += 1
            headerBytes = 0
            position = .start
        }
        return used
    }
}

extension UnsafeMutablePointer<inflate_state> {
    /// Inflates until the input or the stream ends, and says how much of the input was used.
    func inflate(
        _ start: UnsafeRawPointer, _ count: Int, at offset: UInt64, output: OutputBuffer, into sink: Decompression.Sink
    ) throws(BullaError) -> Int {
        // ISA-L does not write to its input; its header only lacks the const.
        pointee.next_in = UnsafeMutableRawPointer(mutating: start).assumingMemoryBound(to: UInt8.self)
        pointee.avail_in = UInt32(count)
        repeat {
            pointee.next_out = output.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            pointee.avail_out = UInt32(output.bytes.count)
            let result = isal_inflate(self)
            // After a malformed block ISA-L's counts may lead back before the chunk.
            let rest = Int(pointee.avail_in)
            guard result == ISAL_DECOMP_OK, rest <= count else {
                let what =
                    switch result {
                    case ISAL_INCORRECT_CHECKSUM: "the checksum of a DEFLATE stream is wrong"
                    case ISAL_INVALID_LOOKBACK: "a DEFLATE block refers to bytes before its start"
                    default: "a DEFLATE block is malformed"
                    }
                throw .corrupt(what, at: offset &+ UInt64(max(0, count - rest)))
            }
            try sink(output.prefix(output.bytes.count - Int(pointee.avail_out)))
            if pointee.block_state == ISAL_BLOCK_FINISH { break }
        } while pointee.avail_in > 0 || pointee.avail_out == 0
        return count - Int(pointee.avail_in)
    }
}
