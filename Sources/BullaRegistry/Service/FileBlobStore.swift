// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation
import Glibc
import Synchronization

/// Blobs as files under one folder: `blobs/sha256/ab/abcd…`, and uploads as `uploads/<name>/{repository,data}`.
///
/// The file's modification time is the time of last use, so that what a client has seen stays known over a restart. A
/// blob appears by rename, after its file and before its folder were flushed, and is acknowledged after both. What was
/// uploaded but not finished is not flushed: after a loss of power a client asks how far the upload stands, and the
/// digest at its end tells whether the bytes are right. The space of names grows with the number of blobs, the memory
/// with the number of uploads under way.
public final class FileBlobStore: BlobStore {
    /// What memory knows of an upload; everything but `isBusy` can be made anew from its file.
    private struct Progress {
        var isBusy = false
        var count: Int64 = 0
        var hasher: DigestHasher?
    }

    /// How many bytes are read, or gathered before they are written, at once.
    private static let chunkSize = 256 << 10

    private let root: String
    private let maximumSize: Int64
    private let disk: DiskThreads
    private let uploads = Mutex<[UUID: Progress]>([:])
    /// Held while a name is given, renewed or taken away: what the collector saw is still so when it removes.
    private let naming = Mutex<Void>(())

    /// Opens the store in a folder, which is made when missing.
    ///
    /// - Parameters:
    ///   - folder: The folder.
    ///   - maximumSize: How many bytes a blob may have.
    /// - Throws: `unavailable` when the folder cannot be made.
    public init(folder: String, maximumSize: Int64 = 10 << 30) throws(BullaError) {
        root = folder
        self.maximumSize = maximumSize
        disk = DiskThreads()
        try Folder.make("\(folder)/blobs/sha256")
        // All of them at once, and flushed at every start: a blob's folder then never is what a crash could lose.
        for shard in 0...255 {
            let name = String(shard, radix: 16)
            try Folder.make("\(folder)/blobs/sha256/\(name.count == 1 ? "0" : "")\(name)", durably: false)
        }
        try Folder.flush("\(folder)/blobs/sha256")
        try Folder.make("\(folder)/uploads")
    }

    private func shard(of digest: Digest) -> String { "\(root)/blobs/sha256/\(digest.hexadecimal.prefix(2))" }

    private func path(of digest: Digest) -> String { "\(shard(of: digest))/\(digest.hexadecimal)" }

    private func folder(of id: UUID) -> String { "\(root)/uploads/\(id.uuidString.lowercased())" }

    private func data(of id: UUID) -> String { "\(folder(of: id))/data" }
}

// MARK: Blobs

extension FileBlobStore {
    /// The size of a blob, or nil when the store does not have it.
    ///
    /// - Throws: `unavailable` when the disk does not answer.
    public func size(of digest: Digest) async throws(BullaError) -> Int64? {
        let path = path(of: digest)
        return try await disk.run { () throws(BullaError) in try Folder.facts(of: path)?.size }
    }

    /// Sets the time of last use of those blobs that are there, and answers their sizes.
    ///
    /// - Throws: `unavailable` when the disk does not answer.
    public func renew(_ digests: [Digest], at time: Date) async throws(BullaError) -> [Digest: Int64] {
        try await disk.run { [self] () throws(BullaError) in
            var sizes: [Digest: Int64] = [:]
            for digest in digests {
                let path = path(of: digest)
                let size = try naming.withLock { _ throws(BullaError) -> Int64? in
                    guard let facts = try Folder.facts(of: path) else { return nil }
                    // A minute's difference is nothing to an hour's grace, and spares the disk.
                    if facts.used < time.addingTimeInterval(-60) { try Folder.setUsed(path, at: time) }
                    return facts.size
                }
                if let size { sizes[digest] = size }
            }
            return sizes
        }
    }

    /// The bytes of a blob, or of a part of it.
    ///
    /// - Throws: `notFound` (`BLOB_UNKNOWN`) when the store does not have it.
    public func open(_ digest: Digest, range: Range<Int64>?) async throws(BullaError) -> ByteStream {
        let path = path(of: digest)
        let (file, size): (OpenFile, Int64)
        do {
            (file, size) = try await disk.run { () throws(BullaError) in
                let file = try OpenFile(path, O_RDONLY)
                return (file, try file.size())
            }
        } catch {
            guard error.code == .notFound else { throw error }
            throw BullaError(.notFound, "blob \(digest) is unknown", reason: "BLOB_UNKNOWN")
        }
        let part = (range ?? 0..<size).clamped(to: 0..<size)
        return stream(file, part, of: path, on: disk)
    }

    /// Keeps a small blob that is in memory whole.
    ///
    /// - Throws: `resourceExhausted` when it is larger than a blob may be; `unavailable` when it cannot be written.
    public func put(_ bytes: [UInt8], at time: Date) async throws(BullaError) -> Digest {
        let digest = Digest(of: bytes)
        let upload = try await beginUpload(to: "", at: time)
        let whole = try await append(ByteStream(bytes), to: upload, from: 0)
        _ = try await finish(whole, as: digest, at: time)
        return digest
    }

    /// Removes a blob, whoever uses it.
    ///
    /// - Throws: `unavailable` when it cannot be removed.
    public func remove(_ digest: Digest) async throws(BullaError) -> Bool {
        try await remove(digest, unusedSince: .distantFuture)
    }

    /// The blobs last used before `time`; every name in the store is looked at.
    ///
    /// - Throws: `unavailable` when the store cannot be listed.
    public func unused(since time: Date) async throws(BullaError) -> [Digest] {
        var found: [Digest] = []
        for shard in try await disk.run({ [root] () throws(BullaError) in try Folder.names(in: "\(root)/blobs/sha256") }
        ) {
            found += try await disk.run { [root] () throws(BullaError) in
                let folder = "\(root)/blobs/sha256/\(shard)"
                var old: [Digest] = []
                for name in try Folder.names(in: folder) {
                    guard let digest = try? Digest(hexadecimal: name),
                        let facts = try Folder.facts(of: "\(folder)/\(name)"), facts.used < time
                    else { continue }
                    old.append(digest)
                }
                return old
            }
        }
        return found
    }

    /// Removes a blob, unless it was used at `time` or later.
    ///
    /// - Throws: `unavailable` when it cannot be removed.
    public func remove(_ digest: Digest, unusedSince time: Date) async throws(BullaError) -> Bool {
        let path = path(of: digest)
        return try await disk.run { [self] () throws(BullaError) in
            try naming.withLock { _ throws(BullaError) in
                guard let facts = try Folder.facts(of: path), facts.used < time else { return false }
                return try Folder.removeFile(path)
            }
        }
    }
}

// MARK: Uploads

extension FileBlobStore {
    /// Begins an upload.
    ///
    /// - Throws: `unavailable` when it cannot be written.
    public func beginUpload(to repository: String, at time: Date) async throws(BullaError) -> UploadSession {
        let id = UUID()
        try await disk.run { [self] () throws(BullaError) in
            try Folder.make(folder(of: id), durably: false)
            let owner = Array(repository.utf8)
            try OpenFile("\(folder(of: id))/repository", O_WRONLY | O_CREAT | O_EXCL).write(owner, at: 0)
            _ = try OpenFile(data(of: id), O_WRONLY | O_CREAT | O_EXCL)
        }
        uploads.withLock { $0[id] = Progress(hasher: DigestHasher()) }
        return UploadSession(id: id, repository: repository, count: 0)
    }

    /// Finds an upload that was begun.
    ///
    /// - Throws: `notFound` (`BLOB_UPLOAD_UNKNOWN`) when there is none of that name in that repository.
    public func upload(_ id: UUID, in repository: String) async throws(BullaError) -> UploadSession {
        try await disk.run { [self] () throws(BullaError) in
            let unknown = BullaError(
                .notFound, "upload \(id.uuidString.lowercased()) is unknown in '\(repository)'",
                reason: "BLOB_UPLOAD_UNKNOWN")
            let owner: [UInt8]
            let count: Int64
            do throws(BullaError) {
                owner = try OpenFile("\(folder(of: id))/repository", O_RDONLY).read(count: 4096, at: 0)
                count = try OpenFile(data(of: id), O_RDONLY).size()
            } catch {
                guard error.code == .notFound else { throw error }
                throw unknown
            }
            guard owner.elementsEqual(repository.utf8) else { throw unknown }
            return UploadSession(id: id, repository: repository, count: count)
        }
    }

    /// Appends what `stream` brings to an upload, hashing on the way.
    ///
    /// - Throws: `outOfRange` when `start` is not where the upload stands; `resourceExhausted` when it grows past what a
    ///   blob may be; `aborted` when another request is writing to it.
    public func append(
        _ stream: ByteStream, to upload: UploadSession, from start: Int64?
    ) async throws(BullaError) -> UploadSession {
        var progress = try claim(upload)
        defer { release(upload, progress) }
        let path = data(of: upload.id)
        let (file, size) = try await disk.run { () throws(BullaError) in
            let file = try OpenFile(path, O_WRONLY)
            return (file, try file.size())
        }
        if progress.count != size { progress = Progress(isBusy: true, count: size, hasher: nil) }
        guard start == nil || start == progress.count else {
            throw BullaError(
                .outOfRange, "the upload stands at byte \(progress.count), the chunk begins at \(start ?? 0)",
                reason: "BLOB_UPLOAD_INVALID")
        }
        var gathered: [UInt8] = []
        var iterator = stream.makeAsyncIterator()
        while true {
            let chunk: [UInt8]?
            do { chunk = try await iterator.next() } catch {
                try await write(gathered, to: file, &progress)
                if let error = error as? BullaError { throw error }
                throw BullaError(.unavailable, "the upload broke off at byte \(progress.count)", cause: error)
            }
            guard let chunk else { break }
            guard Int64(chunk.count) <= maximumSize - progress.count - Int64(gathered.count) else {
                throw BullaError(
                    .resourceExhausted, "a blob may have at most \(maximumSize) bytes", reason: "SIZE_INVALID")
            }
            if gathered.isEmpty { gathered = chunk } else { gathered.append(contentsOf: chunk) }
            if gathered.count >= Self.chunkSize {
                try await write(gathered, to: file, &progress)
                gathered = []
            }
        }
        try await write(gathered, to: file, &progress)
        return UploadSession(id: upload.id, repository: upload.repository, count: progress.count)
    }

    private func write(_ bytes: [UInt8], to file: OpenFile, _ progress: inout Progress) async throws(BullaError) {
        guard !bytes.isEmpty else { return }
        let (offset, hasher) = (progress.count, progress.hasher)
        progress.hasher = try await disk.run { () throws(BullaError) in
            try file.write(bytes, at: offset)
            var hasher = hasher
            hasher?.update(bytes)
            return hasher
        }
        progress.count += Int64(bytes.count)
    }

    /// Turns an upload into a blob.
    ///
    /// - Throws: `invalidArgument` (`DIGEST_INVALID`) when the bytes have another digest, which ends the upload.
    public func finish(
        _ upload: UploadSession, as digest: Digest, at time: Date
    ) async throws(BullaError) -> Int64 {
        let progress = try claim(upload)
        defer { release(upload, progress) }
        let (size, actual) = try await disk.run { [self] () throws(BullaError) -> (Int64, Digest) in
            let file = try OpenFile(data(of: upload.id), O_RDWR)
            let size = try file.size()
            let actual: Digest
            if let hasher = progress.hasher, progress.count == size {
                actual = hasher.finalize()
            } else {
                actual = try Self.hash(file, size: size)
            }
            guard actual == digest else { return (size, actual) }
            try file.flush()
            try naming.withLock { _ throws(BullaError) in
                try Folder.setUsed(data(of: upload.id), at: time)
                try Folder.move(data(of: upload.id), to: path(of: digest))
            }
            try Folder.flush(shard(of: digest))
            try Folder.removeFile("\(folder(of: upload.id))/repository")
            try Folder.removeFolder(folder(of: upload.id))
            return (size, actual)
        }
        guard actual == digest else {
            try await discard(upload.id)
            throw BullaError(
                .invalidArgument, "the \(size) bytes uploaded have digest \(actual), not \(digest)",
                reason: "DIGEST_INVALID")
        }
        uploads.withLock { $0[upload.id] = nil }
        return size
    }

    private static func hash(_ file: OpenFile, size: Int64) throws(BullaError) -> Digest {
        var hasher = DigestHasher()
        var place: Int64 = 0
        while place < size {
            let chunk = try file.read(count: 4 * chunkSize, at: place)
            if chunk.isEmpty { break }
            hasher.update(chunk)
            place += Int64(chunk.count)
        }
        return hasher.finalize()
    }

    /// Gives an upload up.
    ///
    /// - Throws: `unavailable` when its file cannot be removed; `aborted` when a request is writing to it.
    public func cancel(_ upload: UploadSession) async throws(BullaError) {
        let progress = try claim(upload)
        defer { release(upload, progress) }
        try await discard(upload.id)
    }

    /// Removes the uploads that nobody has written to since `time`.
    ///
    /// - Throws: `unavailable` when they cannot be listed.
    public func expireUploads(idleSince time: Date) async throws(BullaError) -> Int {
        var count = 0
        let names = try await disk.run { [root] () throws(BullaError) in try Folder.names(in: "\(root)/uploads") }
        for name in names {
            guard let id = UUID(uuidString: name) else { continue }
            let path = data(of: id)
            let folder = folder(of: id)
            let used = try await disk.run { () throws(BullaError) in
                // An upload that was interrupted while it began or ended has no data; its folder's time counts.
                if let facts = try Folder.facts(of: path) { return facts.used as Date? }
                return try Folder.facts(of: folder)?.used
            }
            let upload = UploadSession(id: id, repository: "", count: 0)
            guard let used, used < time, let progress = try? claim(upload) else { continue }
            defer { release(upload, progress) }
            try await discard(id)
            count += 1
        }
        return count
    }

    private func discard(_ id: UUID) async throws(BullaError) {
        try await disk.run { [self] () throws(BullaError) in
            try Folder.removeFile(data(of: id))
            try Folder.removeFile("\(folder(of: id))/repository")
            try Folder.removeFolder(folder(of: id))
        }
        uploads.withLock { $0[id] = nil }
    }

    /// Takes an upload for one request; a second one at the same time is refused.
    private func claim(_ upload: UploadSession) throws(BullaError) -> Progress {
        let progress = uploads.withLock { uploads -> Progress? in
            var progress = uploads[upload.id] ?? Progress(count: upload.count)
            guard !progress.isBusy else { return nil }
            progress.isBusy = true
            uploads[upload.id] = progress
            return progress
        }
        guard let progress else {
            throw BullaError(
                .aborted, "another request is writing to upload \(upload.id.uuidString.lowercased())",
                reason: "BLOB_UPLOAD_INVALID")
        }
        return progress
    }

    /// Gives an upload back with how far it has come; one that has ended is forgotten.
    private func release(_ upload: UploadSession, _ progress: Progress) {
        uploads.withLock { uploads in
            guard uploads[upload.id] != nil else { return }
            var progress = progress
            progress.isBusy = false
            uploads[upload.id] = progress
        }
    }
}
