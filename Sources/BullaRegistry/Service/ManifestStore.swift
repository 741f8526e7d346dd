// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation

/// A manifest as a repository keeps it, with everything that other requests ask about it.
///
/// The bytes are kept exactly as they came, because the digest is theirs; the other fields are read from them once, when
/// the manifest is taken, so that no query has to parse JSON.
public struct ManifestRecord: Sendable, Hashable {
    /// The repository, such as `team/app`, without the registry's name.
    public var repository: String
    /// The SHA-256 digest of `bytes`.
    public var digest: Digest
    /// The media type that the client sent, repeated in every answer.
    public var mediaType: String
    /// The manifest, byte for byte.
    public var bytes: [UInt8]
    /// What the manifest is: an image, an index of others, or something else (a signature, an SBOM).
    public var kind: ManifestKind
    /// The artifact type by the distribution specification's rule: `artifactType`, else the config's media type.
    public var artifactType: String?
    /// The digest of the manifest that this one is about, which need not exist.
    public var subject: Digest?
    /// The annotations, shown in the referrers listing.
    public var annotations: [String: String]
    /// The blobs that the manifest needs: config and layers, each once.
    public var blobs: [Digest]
    /// The manifests that an index needs, each once.
    public var manifests: [Digest]

    /// Makes a record of its parts.
    public init(
        repository: String, digest: Digest, mediaType: String, bytes: [UInt8], kind: ManifestKind,
        artifactType: String? = nil, subject: Digest? = nil, annotations: [String: String] = [:],
        blobs: [Digest] = [], manifests: [Digest] = []
    ) {
        self.repository = repository
        self.digest = digest
        self.mediaType = mediaType
        self.bytes = bytes
        self.kind = kind
        self.artifactType = artifactType
        self.subject = subject
        self.annotations = annotations
        self.blobs = blobs
        self.manifests = manifests
    }
}

/// What a manifest holds, as far as a registry can tell.
public enum ManifestKind: String, Sendable, Hashable, CaseIterable {
    /// A container image: its config is an image's.
    case image
    /// A list of other manifests.
    case index
    /// Anything else: a signature, an attestation, an SBOM, a chart.
    case artifact
}

/// One line of a referrers listing: a manifest whose subject is the one asked about.
///
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>
public struct Referrer: Sendable, Hashable {
    /// The referring manifest's media type.
    public var mediaType: String
    /// The referring manifest's digest.
    public var digest: Digest
    /// The number of its bytes.
    public var size: Int64
    /// Its artifact type, if it has one.
    public var artifactType: String?
    /// Its annotations.
    public var annotations: [String: String]

    /// Makes a line of its parts.
    public init(
        mediaType: String, digest: Digest, size: Int64, artifactType: String? = nil, annotations: [String: String] = [:]
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.artifactType = artifactType
        self.annotations = annotations
    }
}

/// A manifest by its place: the repository that holds it, its digest, and what it is.
public struct ManifestKey: Sendable, Hashable {
    /// The repository.
    public var repository: String
    /// The digest.
    public var digest: Digest
    /// What the manifest is.
    public var kind: ManifestKind

    /// Names a manifest.
    public init(repository: String, digest: Digest, kind: ManifestKind) {
        self.repository = repository
        self.digest = digest
        self.kind = kind
    }
}

/// What our own registry keeps besides the bytes of blobs: manifests, tags, and which repository may serve which blob.
///
/// Every method is one transaction, and a write has reached the disk when it returns. Repository names and tags were
/// checked by the caller. Blobs are not kept here; a *link* says that a repository may serve one, so that knowing a
/// digest is not enough to read another repository's layer.
public protocol ManifestStore: Sendable {
    /// Keeps a manifest, moves the tag to it, and announces it, in one transaction.
    ///
    /// The log entry `image.pushed` is written in the same transaction, with repository, digest, media type, kind, tag
    /// and subject, so that a push is never kept without being announced or announced without being kept. Putting the
    /// same bytes under the same tag again is not an error; whether it is announced again is the store's choice, as long
    /// as a manifest that was deleted in between is. Links of the record's blobs to the repository are left as they are.
    ///
    /// - Parameters:
    ///   - record: The manifest.
    ///   - tag: The tag that shall name it, or nil when it was put by digest.
    ///   - time: When it was put.
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    func put(_ record: ManifestRecord, tag: String?, at time: Date) async throws(BullaError)

    /// The manifest that a tag names.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    func manifest(in repository: String, tag: String) async throws(BullaError) -> ManifestRecord?

    /// The manifest with a digest, if the repository holds it.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    func manifest(in repository: String, digest: Digest) async throws(BullaError) -> ManifestRecord?

    /// Those of the given digests that are manifests of the repository.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    func manifests(in repository: String, among digests: [Digest]) async throws(BullaError) -> Set<Digest>

    /// Removes a tag and leaves its manifest, with the log entry `image.untagged`.
    ///
    /// - Returns: Whether there was such a tag.
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    func deleteTag(_ tag: String, in repository: String, at time: Date) async throws(BullaError) -> Bool

    /// Removes a manifest and every tag that names it, with the log entry `image.deleted`.
    ///
    /// - Returns: Whether there was such a manifest.
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    func deleteManifest(_ digest: Digest, in repository: String, at time: Date) async throws(BullaError) -> Bool

    /// A page of a repository's tags in the order of their bytes.
    ///
    /// - Parameters:
    ///   - repository: The repository.
    ///   - last: Tags up to and including this one are left out; it need not exist.
    ///   - limit: How many tags at most.
    /// - Returns: The tags, or nil when the repository is unknown: it has no manifest, no tag and no link.
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    func tags(of repository: String, after last: String?, limit: Int) async throws(BullaError) -> [String]?

    /// A page of the names of all repositories with at least one manifest, in the order of their bytes.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    func repositories(after last: String?, limit: Int) async throws(BullaError) -> [String]

    /// A page of every manifest of every repository, in the order of repository and digest; what a start and a new
    /// advisory database go through.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    func everyManifest(after last: ManifestKey?, limit: Int) async throws(BullaError) -> [ManifestKey]

    /// A page of the manifests of a repository whose subject is `digest`, in the order of their digests.
    ///
    /// - Parameters:
    ///   - digest: The subject, which need not exist.
    ///   - repository: The repository.
    ///   - artifactType: Only those of this artifact type, if given.
    ///   - last: Those up to and including this digest are left out.
    ///   - limit: How many at most.
    /// - Returns: The manifests; none is no error.
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    func referrers(
        to digest: Digest, in repository: String, artifactType: String?, after last: Digest?, limit: Int
    ) async throws(BullaError) -> [Referrer]

    /// Lets a repository serve a blob; repeated, it renews the link's time.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    func linkBlob(_ digest: Digest, to repository: String, at time: Date) async throws(BullaError)

    /// Takes a blob away from a repository.
    ///
    /// - Returns: Whether the repository had it.
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    func unlinkBlob(_ digest: Digest, from repository: String) async throws(BullaError) -> Bool

    /// Those of the given digests that the repository may serve.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    func linkedBlobs(in repository: String, among digests: [Digest]) async throws(BullaError) -> Set<Digest>

    /// Whether any repository may serve the blob: what a mount without a source asks.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    func isLinkedAnywhere(_ digest: Digest) async throws(BullaError) -> Bool

    /// Those of the given digests that some manifest of some repository needs, or that anything else kept by the store
    /// names as a blob of its own (a scan's whole report).
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot read.
    func referencedBlobs(among digests: [Digest]) async throws(BullaError) -> Set<Digest>

    /// Removes every link to the given blobs that was made or renewed before `time`.
    ///
    /// - Throws: `unavailable` or `internal` when the store cannot write.
    func removeLinks(to digests: [Digest], madeBefore time: Date) async throws(BullaError)
}
