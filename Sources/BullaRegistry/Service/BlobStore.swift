// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation

/// Where the bytes of blobs are kept, by digest, and where those still on their way are gathered.
///
/// A blob that was acknowledged is on the disk, whole, and has its digest. The store knows nothing of repositories; who
/// may read what is the `RegistryService`'s business.
///
/// **Collection.** Every blob has a time of last use. Whoever is about to rely on a blob (a `HEAD` before a push, a
/// mount, a manifest that names it) calls `renew(_:at:)`, which sets that time, before it looks further. A collector
/// lists the blobs that were last used before some instant (`unused(since:)`), then asks the manifest store which of them
/// nothing refers to, and at last calls `remove(_:unusedSince:)`, which looks at the time again in the same step that
/// removes the file. A blob renewed at any moment before that step stays, so a push can never lose what it has seen.
public protocol BlobStore: Sendable {
    /// The size of a blob, or nil when the store does not have it.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    func size(of digest: Digest) async throws(BullaError) -> Int64?

    /// Notes that blobs are about to be relied on: none of them is collected within the grace period from `time`.
    ///
    /// - Returns: The sizes of those that are there.
    /// - Throws: `unavailable` or `internal` when the store cannot read or write.
    func renew(_ digests: [Digest], at time: Date) async throws(BullaError) -> [Digest: Int64]

    /// The bytes of a blob, or of a part of it.
    ///
    /// The file is open when this returns, so that a blob removed meanwhile is still read to its end.
    ///
    /// - Parameters:
    ///   - digest: The blob.
    ///   - range: The part, clamped to the blob; nil for all of it.
    /// - Returns: The bytes, which can be read more than once.
    /// - Throws: `notFound` (`BLOB_UNKNOWN`) when the store does not have it.
    func open(_ digest: Digest, range: Range<Int64>?) async throws(BullaError) -> ByteStream

    /// Keeps a small blob that is in memory whole, and answers its digest once it is on the disk.
    ///
    /// - Throws: `resourceExhausted` when it is larger than a blob may be; `unavailable` when it cannot be written.
    func put(_ bytes: [UInt8], at time: Date) async throws(BullaError) -> Digest

    /// Removes a blob, whoever uses it.
    ///
    /// - Returns: Whether it was there.
    /// - Throws: `unavailable` when it cannot be removed.
    func remove(_ digest: Digest) async throws(BullaError) -> Bool

    /// The blobs last used before `time`.
    ///
    /// - Throws: `unavailable` when the store cannot be listed.
    func unused(since time: Date) async throws(BullaError) -> [Digest]

    /// Removes a blob, unless it was used at `time` or later.
    ///
    /// - Returns: Whether it was removed.
    /// - Throws: `unavailable` when it cannot be removed.
    func remove(_ digest: Digest, unusedSince time: Date) async throws(BullaError) -> Bool

    /// Begins an upload.
    ///
    /// - Returns: Its name, which cannot be guessed.
    /// - Throws: `unavailable` when it cannot be written.
    func beginUpload(to repository: String, at time: Date) async throws(BullaError) -> UploadSession

    /// Finds an upload that was begun, perhaps by a server that has been restarted since.
    ///
    /// - Throws: `notFound` (`BLOB_UPLOAD_UNKNOWN`) when there is none of that name in that repository.
    func upload(_ id: UUID, in repository: String) async throws(BullaError) -> UploadSession

    /// Appends what `stream` brings to an upload, hashing on the way.
    ///
    /// What arrived before an error stays, so that the client can go on from there.
    ///
    /// - Parameters:
    ///   - stream: The bytes.
    ///   - upload: The upload, as `upload(_:in:)` found it.
    ///   - start: Where the client believes the upload stands, if it says so.
    /// - Returns: The upload afterwards.
    /// - Throws: `outOfRange` (`BLOB_UPLOAD_INVALID`) when `start` is not where it stands; `resourceExhausted`
    ///   (`SIZE_INVALID`) when it grows past what a blob may be; `aborted` when another request is writing to it.
    func append(_ stream: ByteStream, to upload: UploadSession, from start: Int64?) async throws(BullaError)
        -> UploadSession

    /// Turns an upload into a blob: checks the digest, flushes the file, moves it to its place, flushes the folder.
    ///
    /// - Throws: `invalidArgument` (`DIGEST_INVALID`) when the bytes have another digest, which ends the upload.
    func finish(_ upload: UploadSession, as digest: Digest, at time: Date) async throws(BullaError) -> Int64

    /// Gives an upload up.
    ///
    /// - Throws: `unavailable` when its file cannot be removed.
    func cancel(_ upload: UploadSession) async throws(BullaError)

    /// Removes the uploads that nobody has written to since `time`.
    ///
    /// - Returns: How many there were.
    /// - Throws: `unavailable` when they cannot be listed.
    func expireUploads(idleSince time: Date) async throws(BullaError) -> Int
}
