// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import CISAL
import CZstd

/// Packs tar archives as the layers of an image.
public enum LayerWriter {
    /// A layer as a registry keeps it.
    public struct Layer: Sendable, Hashable {
        /// The compressed bytes.
        public let blob: [UInt8]
        /// Their media type, digest and size.
        public let descriptor: Descriptor
        /// The digest of the archive before it was compressed.
        public let diffID: Digest
    }

    /// Compresses an archive and names it.
    ///
    /// - Parameters:
    ///   - archive: The tar archive.
    ///   - format: How to compress it.
    ///   - mediaType: What the descriptor says; by default the truth.
    /// - Returns: The layer with its digests.
    /// - Throws: `internal` when the compressor fails, which nothing in `archive` can cause.
    public static func layer(
        of archive: [UInt8], as format: Decompression.Format = .gzip, mediaType: String? = nil
    ) throws(BullaError) -> Layer {
        let blob = try compress(archive, as: format)
        let truth =
            switch format {
            case .plain: MediaType.ociLayer
            case .gzip: MediaType.ociLayerGzip
            case .zstd: MediaType.ociLayerZstd
            }
        return Layer(
            blob: blob,
            descriptor: Descriptor(
                mediaType: mediaType ?? truth, digest: Digest(of: blob), size: Int64(blob.count)),
            diffID: Digest(of: archive))
    }

    /// Compresses bytes in memory; the same bytes give the same result.
    ///
    /// - Throws: `internal` when the compressor fails, which nothing in `bytes` can cause.
    public static func compress(_ bytes: [UInt8], as format: Decompression.Format) throws(BullaError) -> [UInt8] {
        switch format {
        case .plain: bytes
        case .gzip: try gzip(bytes)
        case .zstd: try zstd(bytes)
        }
    }

    private static func gzip(_ bytes: [UInt8]) throws(BullaError) -> [UInt8] {
        let stream = UnsafeMutablePointer<isal_zstream>.allocate(capacity: 1)
        let levelBuffer = UnsafeMutablePointer<UInt8>.allocate(capacity: 1 << 20)
        defer {
            stream.deallocate()
            levelBuffer.deallocate()
        }
        isal_deflate_init(stream)
        stream.pointee.level = 1
        stream.pointee.level_buf = levelBuffer
        stream.pointee.level_buf_size = 1 << 20
        stream.pointee.gzip_flag = UInt16(IGZIP_GZIP)
        let output = OutputBuffer()
        var result: [UInt8] = []
        var status = COMP_OK
        bytes.withUnsafeBytes { source in
            var start = 0
            repeat {
                let count = min(source.count - start, 1 << 30)
                // ISA-L does not write to its input; its header only lacks the const.
                stream.pointee.next_in = UnsafeMutableRawPointer(
                    mutating: source.baseAddress.map { $0 + start })?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_in = UInt32(count)
                start += count
                stream.pointee.end_of_stream = start == source.count ? 1 : 0
                repeat {
                    stream.pointee.next_out = output.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.pointee.avail_out = UInt32(output.bytes.count)
                    status = isal_deflate(stream)
                    result.append(contentsOf: output.prefix(output.bytes.count - Int(stream.pointee.avail_out)))
                } while status == COMP_OK && stream.pointee.avail_out == 0
            } while status == COMP_OK && start < source.count
        }
        guard status == COMP_OK else { throw BullaError(.internal, "compressing \(bytes.count) bytes by gzip failed") }
        return result
    }

    private static func zstd(_ bytes: [UInt8]) throws(BullaError) -> [UInt8] {
        let capacity = ZSTD_compressBound(bytes.count)
        var code = 0
        let result = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            bytes.withUnsafeBytes {
                code = ZSTD_compress(buffer.baseAddress, capacity, $0.baseAddress, $0.count, 3)
            }
            count = ZSTD_isError(code) == 0 ? code : 0
        }
        guard ZSTD_isError(code) == 0 else {
            throw BullaError(.internal, "compressing \(bytes.count) bytes by zstd failed")
        }
        return result
    }
}
