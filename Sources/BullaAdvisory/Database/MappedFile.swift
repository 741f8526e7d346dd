// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Glibc

/// A file as memory: opened in constant time, read page by page when it is touched, shared by all processes that map
/// it.
///
/// The file must not change while it is mapped. Bulla never writes to one: a new database takes its place by rename,
/// and the old one lives until the last mapping ends.
final class MappedFile: Sendable {
    /// Points to memory that is mapped read-only from `init` to `deinit` and never written, so any thread may read it.
    private nonisolated(unsafe) let start: UnsafeRawPointer?
    private let count: Int

    /// Maps a file.
    ///
    /// - Throws: `notFound` when there is none, `unavailable` when it cannot be mapped.
    init(path: String) throws(BullaError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code: BullaError.Code = errno == ENOENT ? .notFound : .unavailable
            throw BullaError(code, "opening '\(path)': \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw BullaError(.invalidArgument, "'\(path)' is no regular file")
        }
        count = Int(status.st_size)
        guard count > 0 else {
            start = nil
            return
        }
        let memory = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let memory, memory != MAP_FAILED else {
            throw BullaError(.unavailable, "mapping '\(path)': \(String(cString: strerror(errno)))")
        }
        start = UnsafeRawPointer(memory)
    }

    deinit {
        if let start { munmap(UnsafeMutableRawPointer(mutating: start), count) }
    }

    /// The bytes, valid as long as this object.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
}
