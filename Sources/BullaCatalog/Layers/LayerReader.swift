// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact

/// Reads one layer in one stream: hashes it, unpacks it, hashes what was unpacked and walks the archive, chunk by chunk.
struct LayerReader {
    let catalog: Catalog

    /// Reads a layer for everything that catalogers want.
    ///
    /// - Throws: `dataLoss` when its bytes are not those that the descriptor or the configuration name, or damaged;
    ///   `resourceExhausted` when a limit is met; what opening and reading throw. The message names the layer.
    func read(_ input: LayerInput) async throws(BullaError) -> LayerContents {
        let (collector, diffID) = try await read(input, for: .everything)
        var contents = LayerContents(digest: input.descriptor.digest, diffID: diffID)
        contents.log = collector.log
        contents.log.finish()
        contents.files = collector.files
        contents.problems = collector.problems
        return contents
    }

    /// Reads a layer again for the content of some entries.
    ///
    /// - Throws: as `read(_:)`.
    func reread(
        _ input: LayerInput, for entries: [Int: (path: [UInt8], takers: PathMatcher.Takers)]
    ) async throws(BullaError) -> [Int: [LayerContents.File]] {
        try await read(input, for: .entries(entries)).0.files
    }

    private func read(
        _ input: LayerInput, for purpose: LayerCollector.Purpose
    ) async throws(BullaError) -> (LayerCollector, Digest) {
        let collector = LayerCollector(catalog, for: purpose)
        let decompression = Decompression(limits: catalog.limits.archive)
        let archive = TarReader(limits: catalog.limits.archive)
        var packedHash = DigestHasher()
        var unpackedHash = DigestHasher()
        let size = UInt64(max(0, input.descriptor.size))
        func unpack(_ bytes: UnsafeRawBufferPointer) throws(BullaError) {
            // What is not compressed has one digest only.
            if decompression.format != .plain { unpackedHash.update(bytes) }
            try archive.push(bytes) { (event) throws(BullaError) in try collector.take(event) }
        }
        do {
            for try await chunk in try await input.open() {
                try Task.checkCancellation()
                guard decompression.consumed &+ UInt64(chunk.count) <= size else {
                    throw BullaError(
                        .dataLoss, "it has more than the \(size) bytes that its descriptor states",
                        reason: ArchiveReason.corrupt)
                }
                packedHash.update(chunk)
                try decompression.push(chunk, into: unpack)
                // The pool's threads are few; whoever waits for one goes first.
                await Task.yield()
            }
            guard decompression.consumed == size else {
                throw BullaError(
                    .dataLoss,
                    "it ends at byte \(decompression.consumed) of the \(size) bytes that its descriptor states",
                    reason: ArchiveReason.truncated)
            }
            try decompression.finish(into: unpack)
            try archive.finish()
            let digest = packedHash.finalize()
            guard digest == input.descriptor.digest else {
                throw BullaError(.dataLoss, "its bytes have the digest \(digest)", reason: ArchiveReason.corrupt)
            }
            let diffID = decompression.format == .plain ? digest : unpackedHash.finalize()
            if let stated = input.diffID, stated != diffID {
                throw BullaError(
                    .dataLoss, "it unpacks to the digest \(diffID), but the configuration states \(stated)",
                    reason: ArchiveReason.corrupt)
            }
            return (collector, diffID)
        } catch {
            let inner = BullaError(wrapping: error, while: "reading")
            throw BullaError(
                inner.code, "layer \(input.descriptor.digest): \(inner.message)", reason: inner.reason,
                violations: inner.violations, cause: inner.cause)
        }
    }
}
