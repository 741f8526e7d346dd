// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaRegistry
public import Foundation
import Synchronization

/// A `ManifestStore` that forgets everything at the end: what the registry's own tests keep manifests in.
///
/// It does what the protocol promises, by the plainest means: every question walks over all that is kept.
public final class InMemoryManifestStore: ManifestStore {
    private struct Key: Hashable {
        var repository: String
        var digest: Digest
    }

    private struct State {
        var manifests: [Key: ManifestRecord] = [:]
        var tags: [String: [String: Digest]] = [:]
        var links: [Key: Date] = [:]
        var announced: [String] = []
    }

    private let state = Mutex(State())

    /// Makes an empty store.
    public init() {}

    /// What was announced, in order: `image.pushed app:1 sha256:…` and the like.
    public var announced: [String] { state.withLock { $0.announced } }

    /// Keeps a manifest.
    public func put(_ record: ManifestRecord, tag: String?, at time: Date) async throws(BullaError) {
        state.withLock { state in
            state.manifests[Key(repository: record.repository, digest: record.digest)] = record
            if let tag { state.tags[record.repository, default: [:]][tag] = record.digest }
            state.announced.append("image.pushed \(record.repository)\(tag.map { ":\($0)" } ?? "") \(record.digest)")
        }
    }

    /// The manifest that a tag names.
    public func manifest(in repository: String, tag: String) async throws(BullaError) -> ManifestRecord? {
        state.withLock { state in
            state.tags[repository]?[tag].flatMap { state.manifests[Key(repository: repository, digest: $0)] }
        }
    }

    /// The manifest with a digest.
    public func manifest(in repository: String, digest: Digest) async throws(BullaError) -> ManifestRecord? {
        state.withLock { $0.manifests[Key(repository: repository, digest: digest)] }
    }

    /// Those of the digests that are manifests of the repository.
    public func manifests(in repository: String, among digests: [Digest]) async throws(BullaError) -> Set<Digest> {
        state.withLock { state in
            Set(digests.filter { state.manifests[Key(repository: repository, digest: $0)] != nil })
        }
    }

    /// Removes a tag.
    public func deleteTag(_ tag: String, in repository: String, at time: Date) async throws(BullaError) -> Bool {
        state.withLock { state in
            guard state.tags[repository]?.removeValue(forKey: tag) != nil else { return false }
            state.announced.append("image.untagged \(repository):\(tag)")
            return true
        }
    }

    /// Removes a manifest and its tags.
    public func deleteManifest(_ digest: Digest, in repository: String, at time: Date) async throws(BullaError) -> Bool
    {
        state.withLock { state in
            guard state.manifests.removeValue(forKey: Key(repository: repository, digest: digest)) != nil else {
                return false
            }
            state.tags[repository] = state.tags[repository]?.filter { $0.value != digest }
            state.announced.append("image.deleted \(repository) \(digest)")
            return true
        }
    }

    /// A page of tags.
    public func tags(of repository: String, after last: String?, limit: Int) async throws(BullaError) -> [String]? {
        state.withLock { state in
            let known =
                state.manifests.keys.contains { $0.repository == repository }
                || state.links.keys.contains { $0.repository == repository }
            guard known || state.tags[repository] != nil else { return nil }
            return Self.page(Array((state.tags[repository] ?? [:]).keys), after: last, limit)
        }
    }

    /// A page of repositories.
    public func repositories(after last: String?, limit: Int) async throws(BullaError) -> [String] {
        state.withLock { Self.page(Array(Set($0.manifests.keys.map(\.repository))), after: last, limit) }
    }

    /// A page of all manifests.
    public func everyManifest(after last: ManifestKey?, limit: Int) async throws(BullaError) -> [ManifestKey] {
        state.withLock { state in
            let keys = state.manifests.values.map {
                ManifestKey(repository: $0.repository, digest: $0.digest, kind: $0.kind)
            }
            let sorted = keys.sorted { ($0.repository, $0.digest) < ($1.repository, $1.digest) }
            return Array(
                sorted.drop { key in last.map { (key.repository, key.digest) <= ($0.repository, $0.digest) } ?? false }
                    .prefix(limit))
        }
    }

    private static func page(_ names: [String], after last: String?, _ limit: Int) -> [String] {
        let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return Array(
            sorted.drop { name in last.map { !$0.utf8.lexicographicallyPrecedes(name.utf8) } ?? false }.prefix(limit))
    }

    /// A page of referrers.
    public func referrers(
        to digest: Digest, in repository: String, artifactType: String?, after last: Digest?, limit: Int
    ) async throws(BullaError) -> [Referrer] {
        state.withLock { state in
            state.manifests.values
                .filter { record in
                    record.repository == repository && record.subject == digest
                        && (artifactType == nil || record.artifactType == artifactType)
                        && (last.map { $0 < record.digest } ?? true)
                }
                .sorted { $0.digest < $1.digest }
                .prefix(limit)
                .map {
                    Referrer(
                        mediaType: $0.mediaType, digest: $0.digest, size: Int64($0.bytes.count),
                        artifactType: $0.artifactType, annotations: $0.annotations)
                }
        }
    }

    /// Links a blob.
    public func linkBlob(_ digest: Digest, to repository: String, at time: Date) async throws(BullaError) {
        state.withLock { $0.links[Key(repository: repository, digest: digest)] = time }
    }

    /// Unlinks a blob.
    public func unlinkBlob(_ digest: Digest, from repository: String) async throws(BullaError) -> Bool {
        state.withLock { $0.links.removeValue(forKey: Key(repository: repository, digest: digest)) != nil }
    }

    /// Those of the digests that the repository may serve.
    public func linkedBlobs(in repository: String, among digests: [Digest]) async throws(BullaError) -> Set<Digest> {
        state.withLock { state in
            Set(digests.filter { state.links[Key(repository: repository, digest: $0)] != nil })
        }
    }

    /// Whether any repository may serve the blob.
    public func isLinkedAnywhere(_ digest: Digest) async throws(BullaError) -> Bool {
        state.withLock { $0.links.keys.contains { $0.digest == digest } }
    }

    /// Those of the digests that some manifest needs.
    public func referencedBlobs(among digests: [Digest]) async throws(BullaError) -> Set<Digest> {
        state.withLock { state in
            let needed = Set(state.manifests.values.flatMap(\.blobs))
            return needed.intersection(digests)
        }
    }

    /// Removes old links.
    public func removeLinks(to digests: [Digest], madeBefore time: Date) async throws(BullaError) {
        let gone = Set(digests)
        state.withLock { state in
            state.links = state.links.filter { !(gone.contains($0.key.digest) && $0.value < time) }
        }
    }
}
