// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import Glibc
import Synchronization

/// The lock on a data folder, held until it is given back or the object goes: two servers never share one.
///
/// The kernel gives it back when the process ends, however it ends.
final class DataLock: Sendable {
    private let descriptor: Mutex<Int32?>

    /// Takes the lock.
    ///
    /// - Throws: `failedPrecondition` when another process holds it, `unavailable` when the file cannot be made.
    init(path: String) throws(BullaError) {
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw BullaError(.unavailable, "the lock \(path) cannot be made: \(reason())") }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            var bytes = [UInt8](repeating: 0, count: 20)
            let count = read(opened, &bytes, bytes.count)
            let owner = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).filter(\.isNumber)
            close(opened)
            throw BullaError(
                .failedPrecondition,
                "the data folder is in use by another server\(owner.isEmpty ? "" : ", process \(owner)"): \(path)")
        }
        let owner = Array("\(getpid())\n".utf8)
        if ftruncate(opened, 0) == 0 { _ = write(opened, owner, owner.count) }
        descriptor = Mutex(opened)
    }

    deinit { giveBack() }

    /// Gives the lock back; a second time does nothing.
    func giveBack() {
        let held = descriptor.withLock { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
        if let held { close(held) }
    }
}

/// What the last call of the system said.
func reason() -> String { String(cString: strerror(errno)) }

/// Writes a small file that only its owner may read: whole and on the disk, or not there.
///
/// - Throws: `unavailable` when it cannot be written.
func writeSecret(_ bytes: [UInt8], to path: String) throws(BullaError) {
    let temporary = path + ".new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw BullaError(.unavailable, "\(path) cannot be written: \(reason())") }
    let isWritten = write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
    close(descriptor)
    guard isWritten, rename(temporary, path) == 0 else {
        throw BullaError(.unavailable, "\(path) cannot be written: \(reason())")
    }
}

/// Flushes a folder, so that the names in it are on the disk.
///
/// - Throws: `unavailable` when it cannot be flushed.
func flushFolder(_ path: String) throws(BullaError) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw BullaError(.unavailable, "\(path) cannot be opened: \(reason())") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw BullaError(.unavailable, "\(path) cannot be flushed: \(reason())") }
}
