// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Foundation
import Glibc

/// An open file that is closed with the last reference to it.
///
/// Every method blocks; they belong on `DiskThreads`.
final class OpenFile: Sendable {
    private let descriptor: CInt
    private let path: String

    /// Opens a file.
    ///
    /// - Throws: `notFound` when there is none, `unavailable` for every other reason.
    init(_ path: String, _ flags: CInt, mode: mode_t = 0o640) throws(BullaError) {
        descriptor = Glibc.open(path, flags | O_CLOEXEC, mode)
        self.path = path
        guard descriptor >= 0 else {
            throw BullaError(errno == ENOENT ? .notFound : .unavailable, "cannot open '\(path)': \(Self.reason)")
        }
    }

    deinit { if descriptor >= 0 { _ = Glibc.close(descriptor) } }

    /// The number of bytes in the file.
    func size() throws(BullaError) -> Int64 {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw failure("look at") }
        return Int64(facts.st_size)
    }

    /// Reads up to `count` bytes at `offset`: fewer only at the file's end.
    func read(count: Int, at offset: Int64) throws(BullaError) -> [UInt8] {
        var problem: BullaError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let number = Glibc.pread(
                    descriptor, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(offset) + off_t(filled))
                if number > 0 {
                    filled += number
                } else if number == 0 {
                    break
                } else if errno != EINTR {
                    problem = failure("read")
                    break
                }
            }
        }
        if let problem { throw problem }
        return bytes
    }

    /// Writes all bytes at `offset`.
    func write(_ bytes: [UInt8], at offset: Int64) throws(BullaError) {
        var problem: BullaError?
        bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let number = Glibc.pwrite(
                    descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written,
                    off_t(offset) + off_t(written))
                if number > 0 {
                    written += number
                } else if errno != EINTR {
                    problem = failure("write")
                    break
                }
            }
        }
        if let problem { throw problem }
    }

    /// Awaits that everything written has reached the disk.
    func flush() throws(BullaError) {
        guard fsync(descriptor) == 0 else { throw failure("flush") }
    }

    private func failure(_ verb: String) -> BullaError {
        BullaError(errno == ENOSPC ? .resourceExhausted : .unavailable, "cannot \(verb) '\(path)': \(Self.reason)")
    }

    /// What the system says of the last failure.
    static var reason: String { String(cString: strerror(errno)) }
}

/// Folders and names of files; every function blocks and belongs on `DiskThreads`.
enum Folder {
    /// Makes a folder and those above it; what it newly made is flushed into its parent if it shall outlast a crash.
    static func make(_ path: String, durably: Bool = true) throws(BullaError) {
        let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        if mkdir(path, 0o750) != 0 {
            if errno == EEXIST { return }
            guard errno == ENOENT, !parent.isEmpty else { throw failure("make", path) }
            try make(parent, durably: durably)
            guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw failure("make", path) }
        }
        if durably { try flush(parent.isEmpty && path.hasPrefix("/") ? "/" : parent) }
    }

    /// Awaits that the folder's list of names has reached the disk.
    static func flush(_ path: String) throws(BullaError) {
        try OpenFile(path.isEmpty ? "." : path, O_RDONLY | O_DIRECTORY).flush()
    }

    /// The names in a folder, but for those that begin with a dot; none when there is no such folder.
    static func names(in path: String) throws(BullaError) -> [String] {
        guard let folder = opendir(path) else {
            if errno == ENOENT { return [] }
            throw failure("list", path)
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    /// Gives a file a new name, in place of what had it.
    static func move(_ from: String, to: String) throws(BullaError) {
        guard rename(from, to) == 0 else {
            throw BullaError(.unavailable, "cannot move '\(from)' to '\(to)': \(OpenFile.reason)")
        }
    }

    /// Removes a file.
    ///
    /// - Returns: Whether it was there.
    @discardableResult
    static func removeFile(_ path: String) throws(BullaError) -> Bool {
        if unlink(path) == 0 { return true }
        guard errno == ENOENT else { throw failure("remove", path) }
        return false
    }

    /// Removes an empty folder, if it is there.
    static func removeFolder(_ path: String) throws(BullaError) {
        guard rmdir(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
    }

    /// The size of a file and when it was last used, or nil when there is none.
    static func facts(of path: String) throws(BullaError) -> (size: Int64, used: Date)? {
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failure("look at", path)
        }
        let seconds = Double(facts.st_mtim.tv_sec) + Double(facts.st_mtim.tv_nsec) / 1e9
        return (Int64(facts.st_size), Date(timeIntervalSince1970: seconds))
    }

    /// Sets the time of a file's last use.
    static func setUsed(_ path: String, at time: Date) throws(BullaError) {
        let seconds = max(0, time.timeIntervalSince1970)
        let whole = seconds.rounded(.down)
        let moment = timespec(tv_sec: Int(whole), tv_nsec: Int((seconds - whole) * 1e9))
        let times = [moment, moment]
        guard utimensat(AT_FDCWD, path, times, 0) == 0 else { throw failure("touch", path) }
    }

    private static func failure(_ verb: String, _ path: String) -> BullaError {
        BullaError(errno == ENOSPC ? .resourceExhausted : .unavailable, "cannot \(verb) '\(path)': \(OpenFile.reason)")
    }
}
