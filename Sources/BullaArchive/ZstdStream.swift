// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import CZstd

/// Zstandard frames, one after the other; skippable frames are skipped and checksums checked.
final class ZstdStream {
    private let stream: OpaquePointer
    private let output = OutputBuffer()
    private var offset: UInt64 = 0
    /// Whether the stream may end here.
    private(set) var isComplete = false

    init() throws(BullaError) {
        guard let stream = ZSTD_createDStream() else {
            throw BullaError(.resourceExhausted, "no memory for a zstd stream")
        }
        self.stream = stream
        // A frame that asks for a window of more than 128 MiB is refused.
        _ = ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27)
    }

    deinit { ZSTD_freeDStream(stream) }

    func push(_ chunk: UnsafeRawBufferPointer, into sink: Decompression.Sink) throws(BullaError) {
        var input = ZSTD_inBuffer(src: chunk.baseAddress, size: chunk.count, pos: 0)
        var filled = false
        while input.pos < input.size || filled {
            var piece = ZSTD_outBuffer(dst: output.bytes.baseAddress, size: output.bytes.count, pos: 0)
            let result = ZSTD_decompressStream(stream, &piece, &input)
            guard ZSTD_isError(result) == 0 else {
                let name = String(cString: ZSTD_getErrorName(result))
                throw .corrupt("the zstd stream is malformed (\(name))", at: offset &+ UInt64(input.pos))
            }
            isComplete = result == 0
            filled = piece.pos == piece.size && result != 0
            try sink(output.prefix(piece.pos))
        }
        offset &+= UInt64(chunk.count)
    }
}
