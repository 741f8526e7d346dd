// SPDX-License-Identifier: Apache-2.0

/// Bytes that arrive in chunks: a layer from a registry, a blob from the disk, the body of a request.
///
/// The reader pulls, so that a slow reader slows the writer and no more than a chunk or two is ever in memory. A stream
/// that was made from a sequence which can be read again can be read again; one from the network is read once.
public struct ByteStream: AsyncSequence, Sendable {
    /// A chunk, never empty.
    public typealias Element = [UInt8]
    /// Anything: the reader of a network stream sees the network's errors.
    public typealias Failure = any Error

    private let start: @Sendable () -> AsyncIterator

    /// Makes a stream of the chunks of any sequence.
    public init<Chunks: AsyncSequence & Sendable>(_ chunks: Chunks) where Chunks.Element == [UInt8] {
        start = {
            var iterator = chunks.makeAsyncIterator()
            return AsyncIterator { try await iterator.next() }
        }
    }

    /// Makes a stream from a closure that starts a reading and returns what pulls the next chunk, or nil at the end.
    public init(starting start: @escaping @Sendable () -> () async throws -> [UInt8]?) {
        self.start = { AsyncIterator(pull: start()) }
    }

    /// Makes a stream of bytes in memory.
    public init(_ bytes: [UInt8]) {
        start = {
            var rest: [UInt8]? = bytes
            return AsyncIterator {
                defer { rest = nil }
                return rest
            }
        }
    }

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator { start() }

    /// One reading of a stream.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let pull: () async throws -> [UInt8]?

        /// The next chunk, or nil at the end.
        ///
        /// - Throws: What the source of the bytes throws.
        public mutating func next() async throws -> [UInt8]? {
            while let chunk = try await pull() {
                if !chunk.isEmpty { return chunk }
            }
            return nil
        }
    }

    /// Reads the stream to its end into memory.
    ///
    /// - Parameters:
    ///   - limit: How many bytes at most.
    ///   - what: What is read, for the message.
    /// - Returns: All bytes.
    /// - Throws: `resourceExhausted` when there are more, and what the source of the bytes throws.
    public func collect(upTo limit: Int, of what: String) async throws -> [UInt8] {
        var whole: [UInt8] = []
        for try await chunk in self {
            guard chunk.count <= limit - whole.count else {
                throw BullaError(.resourceExhausted, "\(what) is larger than \(limit) bytes")
            }
            if whole.isEmpty { whole = chunk } else { whole.append(contentsOf: chunk) }
        }
        return whole
    }
}
