// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation

/// How a manifest is named in a request: by tag or by digest.
public enum ManifestName: Sendable, Hashable, CustomStringConvertible {
    /// A tag, which can move.
    case tag(String)
    /// A digest, which cannot.
    case digest(Digest)

    /// Reads a tag or a digest.
    ///
    /// - Throws: `invalidArgument`: `DIGEST_INVALID` for what has a colon and is no SHA-256 digest, `TAG_INVALID` for the
    ///   rest that is no tag.
    public init(_ text: String) throws(BullaError) {
        if text.contains(":") {
            self = .digest(try RegistryService.digest(text))
        } else {
            guard ImageReference.isTag(text) else {
                throw BullaError(.invalidArgument, "'\(text.prefix(140))' is not a tag", reason: "TAG_INVALID")
            }
            self = .tag(text)
        }
    }

    /// The tag or the digest.
    public var description: String {
        switch self {
        case .tag(let tag): tag
        case .digest(let digest): digest.description
        }
    }
}

/// Our own registry: the distribution specification's operations, without its HTTP.
///
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>. Failures carry the specification's error
/// code as their `reason`. Bytes go to the blob store, everything else to the manifest store, in an order that a crash
/// between the two leaves at worst a blob that nothing refers to, which is collected.
public struct RegistryService: Sendable {
    /// Where the bytes are.
    public let blobs: any BlobStore
    /// Where the rest is.
    public let manifests: any ManifestStore
    /// How long a blob stays after its last use when nothing refers to it.
    public let grace: TimeInterval
    private let now: @Sendable () -> Date

    /// Joins the two stores.
    ///
    /// - Parameters:
    ///   - blobs: Where the bytes are.
    ///   - manifests: Where the rest is.
    ///   - grace: How long a blob stays after its last use when nothing refers to it; also how long an upload may idle,
    ///     times 24.
    ///   - now: The clock.
    public init(
        blobs: any BlobStore, manifests: any ManifestStore, grace: TimeInterval = 3600,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.blobs = blobs
        self.manifests = manifests
        self.grace = grace
        self.now = now
    }

    /// Reads a digest as the registry's protocol words its faults.
    ///
    /// - Throws: `invalidArgument` (`DIGEST_INVALID`).
    public static func digest(_ text: String) throws(BullaError) -> Digest {
        do { return try Digest(text) } catch {
            throw BullaError(.invalidArgument, error.message, reason: "DIGEST_INVALID")
        }
    }

    /// Refuses what is no repository's name.
    ///
    /// - Throws: `invalidArgument` (`NAME_INVALID`).
    public static func check(repository: String) throws(BullaError) {
        guard ImageReference.isRepository(repository) else {
            throw BullaError(
                .invalidArgument, "'\(repository.prefix(300))' is not a repository name", reason: "NAME_INVALID")
        }
    }
}

// MARK: Blobs

extension RegistryService {
    /// The size of a blob that the repository may serve; asking keeps it from being collected for a while.
    ///
    /// - Throws: `notFound` (`BLOB_UNKNOWN`).
    public func blobSize(_ digest: Digest, in repository: String) async throws(BullaError) -> Int64 {
        let size = try await blobs.renew([digest], at: now())[digest]
        guard let size, try await manifests.linkedBlobs(in: repository, among: [digest]).contains(digest) else {
            throw BullaError(.notFound, "blob \(digest) is unknown in '\(repository)'", reason: "BLOB_UNKNOWN")
        }
        return size
    }

    /// Opens a blob that the repository may serve, or a part of it.
    ///
    /// - Throws: `notFound` (`BLOB_UNKNOWN`).
    public func openBlob(
        _ digest: Digest, in repository: String, range: Range<Int64>? = nil
    ) async throws(BullaError) -> ByteStream {
        guard try await manifests.linkedBlobs(in: repository, among: [digest]).contains(digest) else {
            throw BullaError(.notFound, "blob \(digest) is unknown in '\(repository)'", reason: "BLOB_UNKNOWN")
        }
        return try await blobs.open(digest, range: range)
    }

    /// Takes a blob from a repository; its bytes are collected later, if nothing else refers to them.
    ///
    /// - Throws: `notFound` (`BLOB_UNKNOWN`).
    public func deleteBlob(_ digest: Digest, in repository: String) async throws(BullaError) {
        guard try await manifests.unlinkBlob(digest, from: repository) else {
            throw BullaError(.notFound, "blob \(digest) is unknown in '\(repository)'", reason: "BLOB_UNKNOWN")
        }
    }

    /// Lets a repository serve a blob that another one has.
    ///
    /// - Parameters:
    ///   - digest: The blob.
    ///   - source: The repository that has it; nil to look in every one.
    ///   - repository: The repository that shall have it.
    /// - Returns: Whether it could be done; else the client uploads.
    /// - Throws: `unavailable` when a store does not answer.
    public func mount(
        _ digest: Digest, from source: String?, to repository: String
    ) async throws(BullaError) -> Bool {
        guard try await blobs.renew([digest], at: now())[digest] != nil else { return false }
        if let source {
            guard try await manifests.linkedBlobs(in: source, among: [digest]).contains(digest) else { return false }
        } else {
            guard try await manifests.isLinkedAnywhere(digest) else { return false }
        }
        try await manifests.linkBlob(digest, to: repository, at: now())
        return true
    }

    /// Begins an upload.
    ///
    /// - Throws: `unavailable` when the store cannot write.
    public func beginUpload(to repository: String) async throws(BullaError) -> UploadSession {
        try await blobs.beginUpload(to: repository, at: now())
    }

    /// Finds an upload.
    ///
    /// - Throws: `notFound` (`BLOB_UPLOAD_UNKNOWN`).
    public func upload(_ id: String, in repository: String) async throws(BullaError) -> UploadSession {
        guard let uuid = UUID(uuidString: id) else {
            throw BullaError(
                .notFound, "upload '\(id.prefix(64))' is unknown in '\(repository)'", reason: "BLOB_UPLOAD_UNKNOWN")
        }
        return try await blobs.upload(uuid, in: repository)
    }

    /// Appends to an upload.
    ///
    /// - Throws: `outOfRange` (`BLOB_UPLOAD_INVALID`) when `start` is not where it stands; as the store.
    public func append(
        _ stream: ByteStream, to upload: UploadSession, from start: Int64? = nil
    ) async throws(BullaError) -> UploadSession {
        try await blobs.append(stream, to: upload, from: start)
    }

    /// Ends an upload: when this returns, the blob is on the disk and its repository may serve it.
    ///
    /// - Throws: `invalidArgument` (`DIGEST_INVALID`) when the bytes have another digest.
    public func finish(_ upload: UploadSession, as digest: Digest) async throws(BullaError) {
        _ = try await blobs.finish(upload, as: digest, at: now())
        try await manifests.linkBlob(digest, to: upload.repository, at: now())
    }

    /// Gives an upload up.
    ///
    /// - Throws: `unavailable` when the store cannot write.
    public func cancel(_ upload: UploadSession) async throws(BullaError) { try await blobs.cancel(upload) }
}

// MARK: Manifests

extension RegistryService {
    /// Takes a manifest: checks it, and that all it needs is there, and keeps it.
    ///
    /// - Parameters:
    ///   - bytes: The manifest.
    ///   - mediaType: What the client calls it; nil to let the document say.
    ///   - name: The tag or digest that it is put under.
    ///   - repository: The repository.
    /// - Returns: What was kept.
    /// - Throws: `invalidArgument`: `MANIFEST_INVALID`, `DIGEST_INVALID`, `SIZE_INVALID`, `MANIFEST_BLOB_UNKNOWN`.
    @discardableResult
    public func putManifest(
        _ bytes: [UInt8], mediaType: String?, as name: ManifestName, in repository: String
    ) async throws(BullaError) -> ManifestRecord {
        try Self.check(repository: repository)
        let draft = try ManifestDraft(bytes, mediaType: mediaType, repository: repository)
        if case .digest(let digest) = name, digest != draft.record.digest {
            throw BullaError(
                .invalidArgument, "the manifest has digest \(draft.record.digest), not \(digest)",
                reason: "DIGEST_INVALID")
        }
        try await checkNeeds(of: draft)
        var tag: String?
        if case .tag(let text) = name { tag = text }
        try await manifests.put(draft.record, tag: tag, at: now())
        return draft.record
    }

    /// Refuses a manifest whose blobs or manifests the repository does not have.
    private func checkNeeds(of draft: ManifestDraft) async throws(BullaError) {
        let record = draft.record
        let children = try await manifests.manifests(in: record.repository, among: record.manifests)
        if let missing = record.manifests.first(where: { !children.contains($0) }) {
            throw BullaError(
                .invalidArgument, "manifest \(missing) is unknown in '\(record.repository)'",
                reason: "MANIFEST_BLOB_UNKNOWN")
        }
        guard !record.blobs.isEmpty else { return }
        // Renewed before they are looked for: from here on none of them is collected.
        let sizes = try await blobs.renew(record.blobs, at: now())
        let linked = try await manifests.linkedBlobs(in: record.repository, among: record.blobs)
        for need in draft.needs {
            guard linked.contains(need.digest), let size = sizes[need.digest] else {
                throw BullaError(
                    .invalidArgument, "blob \(need.digest) is unknown in '\(record.repository)'",
                    reason: "MANIFEST_BLOB_UNKNOWN")
            }
            guard size == need.size else {
                throw BullaError(
                    .invalidArgument, "blob \(need.digest) has \(size) bytes, the manifest says \(need.size)",
                    reason: "MANIFEST_INVALID")
            }
        }
    }

    /// The manifest of a name.
    ///
    /// - Throws: `notFound` (`MANIFEST_UNKNOWN`).
    public func manifest(_ name: ManifestName, in repository: String) async throws(BullaError) -> ManifestRecord {
        let record =
            switch name {
            case .tag(let tag): try await manifests.manifest(in: repository, tag: tag)
            case .digest(let digest): try await manifests.manifest(in: repository, digest: digest)
            }
        guard let record else { throw Self.unknown(name, repository) }
        return record
    }

    /// Removes a tag, or a manifest with all its tags.
    ///
    /// - Throws: `notFound` (`MANIFEST_UNKNOWN`).
    public func deleteManifest(_ name: ManifestName, in repository: String) async throws(BullaError) {
        let found =
            switch name {
            case .tag(let tag): try await manifests.deleteTag(tag, in: repository, at: now())
            case .digest(let digest): try await manifests.deleteManifest(digest, in: repository, at: now())
            }
        guard found else { throw Self.unknown(name, repository) }
    }

    /// A page of a repository's tags, in the order of their bytes.
    ///
    /// - Returns: The tags, and whether there are more.
    /// - Throws: `notFound` (`NAME_UNKNOWN`).
    public func tags(
        of repository: String, after last: String?, limit: Int
    ) async throws(BullaError) -> (tags: [String], hasMore: Bool) {
        guard let tags = try await manifests.tags(of: repository, after: last, limit: limit &+ 1) else {
            throw BullaError(.notFound, "repository '\(repository)' is unknown", reason: "NAME_UNKNOWN")
        }
        return (Array(tags.prefix(limit)), tags.count > limit)
    }

    /// A page of the manifests that are about another one.
    ///
    /// - Returns: The manifests, and whether there are more.
    /// - Throws: `unavailable` when the store does not answer.
    public func referrers(
        to digest: Digest, in repository: String, artifactType: String?, after last: Digest?, limit: Int
    ) async throws(BullaError) -> (referrers: [Referrer], hasMore: Bool) {
        let found = try await manifests.referrers(
            to: digest, in: repository, artifactType: artifactType, after: last, limit: limit &+ 1)
        return (Array(found.prefix(limit)), found.count > limit)
    }

    /// A page of the names of all repositories.
    ///
    /// - Returns: The names, and whether there are more.
    /// - Throws: `unavailable` when the store does not answer.
    public func repositories(
        after last: String?, limit: Int
    ) async throws(BullaError) -> (names: [String], hasMore: Bool) {
        let names = try await manifests.repositories(after: last, limit: limit &+ 1)
        return (Array(names.prefix(limit)), names.count > limit)
    }

    private static func unknown(_ name: ManifestName, _ repository: String) -> BullaError {
        BullaError(.notFound, "manifest '\(name)' is unknown in '\(repository)'", reason: "MANIFEST_UNKNOWN")
    }
}

// MARK: Collection

extension RegistryService {
    /// Removes the blobs that nothing refers to and nobody has used for the grace period, and uploads long idle.
    ///
    /// The order is what makes it safe beside pushes: the candidates' last use lies a grace period back; only then is
    /// asked who refers to them; and the store looks at the last use again in the step that removes. A push renews a blob
    /// before it relies on it, so either its reference is seen here or its renewal is.
    ///
    /// - Returns: How many blobs were removed.
    /// - Throws: `unavailable` when a store does not answer; what was removed by then stays removed.
    @discardableResult
    public func collect() async throws(BullaError) -> Int {
        let start = now()
        let horizon = start.addingTimeInterval(-grace)
        _ = try await blobs.expireUploads(idleSince: start.addingTimeInterval(-24 * grace))
        let candidates = try await blobs.unused(since: horizon)
        var removed = 0
        for place in stride(from: 0, to: candidates.count, by: 500) {
            let batch = Array(candidates[place..<min(place + 500, candidates.count)])
            let needed = try await manifests.referencedBlobs(among: batch)
            var gone: [Digest] = []
            for digest in batch where !needed.contains(digest) {
                if try await blobs.remove(digest, unusedSince: horizon) { gone.append(digest) }
            }
            if !gone.isEmpty { try await manifests.removeLinks(to: gone, madeBefore: start) }
            removed += gone.count
        }
        return removed
    }
}

// MARK: As a source

extension RegistryService {
    /// One of our own images as a source, read without HTTP.
    public func source(_ repository: String, _ name: ManifestName) -> any ImageSource {
        StoredImageSource(service: self, repository: repository, name: name)
    }
}

/// An image in our own registry.
private struct StoredImageSource: ImageSource {
    let service: RegistryService
    let repository: String
    let name: ManifestName

    func manifest(_ digest: Digest?) async throws(BullaError) -> ManifestDocument {
        let record = try await service.manifest(digest.map { .digest($0) } ?? name, in: repository)
        return ManifestDocument(mediaType: record.mediaType, bytes: record.bytes)
    }

    func blob(_ descriptor: Descriptor) async throws(BullaError) -> ByteStream {
        // A blob that a kept manifest names is read whether or not the repository still has a link to it.
        try await service.blobs.open(descriptor.digest, range: nil).verified(as: descriptor)
    }
}
