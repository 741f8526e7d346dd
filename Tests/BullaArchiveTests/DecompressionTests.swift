// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaTesting
import Foundation
import Testing

@Suite("Decompression")
struct DecompressionTests {
    /// Text that compresses, with some that does not.
    static let sample: [UInt8] = {
        var generator = SeededGenerator(seed: 1)
        var bytes: [UInt8] = []
        for line in 0..<6000 {
            bytes += Array("line \(line) of a file that repeats itself\n".utf8)
            if line.isMultiple(of: 7) {
                bytes += (0..<40).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            }
        }
        return bytes
    }()

    static func unpack(
        _ bytes: [UInt8], chunk: Int = 65_536, limits: ArchiveLimits = ArchiveLimits()
    ) throws(BullaError) -> (bytes: [UInt8], format: Decompression.Format?) {
        let stream = Decompression(limits: limits)
        var result: [UInt8] = []
        func take(_ piece: UnsafeRawBufferPointer) throws(BullaError) { result += piece }
        var start = 0
        while start < bytes.count {
            let end = min(start + chunk, bytes.count)
            try stream.push(Array(bytes[start..<end]), into: take)
            start = end
        }
        try stream.finish(into: take)
        return (result, stream.format)
    }

    @Test(
        "unpacks what it packed, in chunks of any size",
        arguments: [.plain, .gzip, .zstd] as [Decompression.Format], [1, 7, 512, 4096, 1 << 20])
    func roundTrip(format: Decompression.Format, chunk: Int) throws {
        let source = chunk == 1 ? Array(Self.sample.prefix(20_000)) : Self.sample
        let result = try Self.unpack(try LayerWriter.compress(source, as: format), chunk: chunk)
        #expect(result.bytes == source)
        #expect(result.format == format)
    }

    @Test("takes an empty and a very short stream as they are", arguments: [[], [0x1F], [1, 2, 3]] as [[UInt8]])
    func short(bytes: [UInt8]) throws {
        #expect(try Self.unpack(bytes).bytes == bytes)
    }

    @Test(
        "reads what gzip, Python and zstd write: members, header fields, frames and skippable frames",
        arguments: [
            "import gzip,sys; d=bytes(range(256))*50; sys.stdout.buffer.write(gzip.compress(d)+gzip.compress(d,1))",
            """
            import zlib,struct,sys; d=bytes(range(256))*50; d+=d
            c=zlib.compressobj(9,zlib.DEFLATED,-15); b=c.compress(d)+c.flush()
            h=b'\\x1f\\x8b\\x08\\x1e\\0\\0\\0\\0\\0\\3'+b'\\5\\0extra'+b'name\\0'+b'comment\\0'
            h+=struct.pack('<H',zlib.crc32(h)&0xffff)
            sys.stdout.buffer.write(h+b+struct.pack('<II',zlib.crc32(d),len(d))+bytes(700))
            """,
            """
            import subprocess,sys; d=bytes(range(256))*50
            z=lambda b:subprocess.run(['zstd','-c','--check'],input=b,capture_output=True,check=True).stdout
            sys.stdout.buffer.write(b'\\x53\\x2a\\x4d\\x18\\4\\0\\0\\0skip'+z(d)+b'\\x50\\x2a\\x4d\\x18\\0\\0\\0\\0'+z(d))
            """,
        ], [1, 13, 100_000])
    func outside(script: String, chunk: Int) throws {
        let packed = try OutsideTool.run(["python3", "-c", script])
        let once = (0..<50).flatMap { _ in UInt8.min ... .max }
        #expect(try Self.unpack(packed, chunk: chunk).bytes == once + once)
    }

    @Test(
        "names what it does not read",
        arguments: [[0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], [0x42, 0x5A, 0x68, 0x39]] as [[UInt8]])
    func unsupported(bytes: [UInt8]) {
        let error = #expect(throws: BullaError.self) { try Self.unpack(bytes) }
        #expect(error?.reason == ArchiveReason.unsupported)
    }

    @Test("refuses a stream that is cut anywhere", arguments: [.gzip, .zstd] as [Decompression.Format])
    func truncated(format: Decompression.Format) throws {
        let packed = try LayerWriter.compress(Array(Self.sample.prefix(3000)), as: format)
        for count in 4..<packed.count {
            let error = #expect(throws: BullaError.self) { try Self.unpack(Array(packed.prefix(count)), chunk: 100) }
            #expect(error?.reason == ArchiveReason.truncated)
            #expect(error?.code == .dataLoss)
        }
    }

    @Test("refuses bytes after the end", arguments: [.gzip, .zstd] as [Decompression.Format])
    func rubbish(format: Decompression.Format) throws {
        let packed = try LayerWriter.compress([1, 2, 3], as: format)
        let error = #expect(throws: BullaError.self) { try Self.unpack(packed + Array("rubbish".utf8)) }
        #expect(error?.reason == ArchiveReason.corrupt)
    }

    @Test("stops a bomb by its ratio and by its size", arguments: [.gzip, .zstd] as [Decompression.Format])
    func bomb(format: Decompression.Format) throws {
        let packed = try LayerWriter.compress([UInt8](repeating: 0, count: 8 << 20), as: format)
        for limits in [ArchiveLimits(ratio: 50, ratioFloor: 1 << 20), ArchiveLimits(unpackedBytes: 4 << 20)] {
            let error = #expect(throws: BullaError.self) { try Self.unpack(packed, limits: limits) }
            #expect(error?.code == .resourceExhausted)
            #expect(error?.reason == ArchiveReason.limit)
        }
        // A small file of zeros is none.
        #expect(try Self.unpack(packed).bytes.count == 8 << 20)
    }

    @Test(
        "finds every damage that a checksum covers, and never traps",
        arguments: [.gzip, .zstd] as [Decompression.Format])
    func mutated(format: Decompression.Format) throws {
        let source = Array(Self.sample.prefix(5000))
        // libzstd writes no checksum by default; zstd's damage may pass, but must not trap.
        let packed = try LayerWriter.compress(source, as: format)
        var generator = SeededGenerator(seed: 42)
        for _ in 0..<4000 {
            let damaged = generator.mutated(packed)
            guard let result = try? Self.unpack(damaged, chunk: 700, limits: ArchiveLimits(unpackedBytes: 1 << 22)),
                result.format == .gzip
            else { continue }
            #expect(result.bytes == source)
        }
    }
}
