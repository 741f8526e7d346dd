// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaLog
import BullaRegistry
import BullaStore
import Foundation
import Testing

@Suite("SQLManifestStore")
struct SQLManifestStoreTests {
    private let time = Date(timeIntervalSince1970: 1_700_000_000)

    private static func blob(_ name: String) -> Digest { Digest(of: Array(name.utf8)) }

    private static func manifest(
        _ text: String, in repository: String = "team/app", subject: Digest? = nil, type: String? = nil,
        kind: ManifestKind = .image, manifests: [Digest] = []
    ) -> ManifestRecord {
        ManifestRecord(
            repository: repository, digest: blob(text), mediaType: "application/vnd.oci.image.manifest.v1+json",
            bytes: Array(text.utf8), kind: kind, artifactType: type, subject: subject,
            annotations: ["é\"": "\u{1}"], blobs: [blob("config"), blob("layer")], manifests: manifests)
    }

    @Test("keeps a manifest byte for byte, by tag and digest, and announces it once")
    func puts() async throws {
        let place = try await Workplace()
        let store = place.store.manifests
        let record = Self.manifest(
            "one", subject: Self.blob("zero"), type: "application/x", manifests: [Self.blob("child")])
        try await store.put(record, tag: "v1", at: time)
        try await store.put(record, tag: "v1", at: time)
        #expect(try await store.manifest(in: "team/app", tag: "v1") == record)
        #expect(try await store.manifest(in: "team/app", digest: record.digest) == record)
        #expect(try await store.manifest(in: "team/other", digest: record.digest) == nil)
        #expect(try await store.manifest(in: "team/app", tag: "v2") == nil)
        let entries = try await place.store.log.entries(after: 0, limit: 10)
        #expect(entries.count == 1)
        let entry = try #require(entries.first)
        #expect(entry.kind == .imagePushed && entry.digest == record.digest && entry.time == time)
        #expect(entry.subject == "team/app@\(record.digest)")
        let payload = try JSONDecoder().decode([String: String].self, from: Data(entry.payload))
        #expect(
            payload == [
                "repository": "team/app", "digest": record.digest.description, "mediaType": record.mediaType,
                "kind": "image", "tag": "v1", "subject": Self.blob("zero").description,
            ])
        try await store.put(record, tag: "v2", at: time)
        try await store.put(Self.manifest("two"), tag: "v1", at: time)
        let log = try await place.logged()
        #expect(log.count == 3)
        #expect(try await store.manifest(in: "team/app", tag: "v1")?.digest == Self.blob("two"))
        #expect(
            try await store.manifests(in: "team/app", among: [record.digest, Self.blob("two"), Self.blob("x")])
                == [record.digest, Self.blob("two")])
    }

    @Test("deletes tags and manifests, and announces a manifest that comes back")
    func deletes() async throws {
        let place = try await Workplace()
        let store = place.store.manifests
        let record = Self.manifest("one")
        try await store.put(record, tag: "v1", at: time)
        try await store.put(record, tag: "v2", at: time)
        #expect(try await store.deleteTag("v1", in: "team/app", at: time))
        #expect(try await !store.deleteTag("v1", in: "team/app", at: time))
        #expect(try await store.deleteManifest(record.digest, in: "team/app", at: time))
        #expect(try await !store.deleteManifest(record.digest, in: "team/app", at: time))
        #expect(try await store.manifest(in: "team/app", tag: "v2") == nil)
        #expect(try await store.referencedBlobs(among: record.blobs).isEmpty)
        try await store.put(record, tag: nil, at: time)
        let kinds = try await place.logged().map { $0.split(separator: " ")[0] }
        #expect(kinds == ["image.pushed", "image.pushed", "image.untagged", "image.deleted", "image.pushed"])
    }

    @Test("pages through tags, repositories, manifests and referrers in the order of their bytes")
    func pages() async throws {
        let place = try await Workplace()
        let store = place.store.manifests
        #expect(try await store.tags(of: "team/app", after: nil, limit: 10) == nil)
        try await store.linkBlob(Self.blob("layer"), to: "team/app", at: time)
        #expect(try await store.tags(of: "team/app", after: nil, limit: 10) == [])
        for tag in ["b", "a", "B", "c", "_"] { try await store.put(Self.manifest("one"), tag: tag, at: time) }
        #expect(try await store.tags(of: "team/app", after: nil, limit: 10) == ["B", "_", "a", "b", "c"])
        #expect(try await store.tags(of: "team/app", after: "_", limit: 2) == ["a", "b"])
        #expect(try await store.tags(of: "team/app", after: "aa", limit: 1) == ["b"])
        for repository in ["z", "a/b", "a"] {
            for text in ["one", "two", "three"] {
                try await store.put(Self.manifest(text, in: repository), tag: nil, at: time)
            }
        }
        #expect(try await store.repositories(after: nil, limit: 10) == ["a", "a/b", "team/app", "z"])
        #expect(try await store.repositories(after: "a", limit: 2) == ["a/b", "team/app"])
        var keys: [ManifestKey] = []
        while true {
            let page = try await store.everyManifest(after: keys.last, limit: 3)
            if page.isEmpty { break }
            keys += page
        }
        #expect(keys.count == 10 && Set(keys).count == 10)
        #expect(keys == keys.sorted { ($0.repository, $0.digest) < ($1.repository, $1.digest) })
        let subject = Self.blob("one")
        for number in 0..<5 {
            try await store.put(
                Self.manifest("r\(number)", subject: subject, type: number % 2 == 0 ? "sig" : nil, kind: .artifact),
                tag: nil, at: time)
        }
        let all = try await store.referrers(to: subject, in: "team/app", artifactType: nil, after: nil, limit: 10)
        #expect(all.count == 5 && all.map(\.digest) == all.map(\.digest).sorted())
        #expect(all.first?.size == 2 && all.first?.annotations == ["é\"": "\u{1}"])
        let rest = try await store.referrers(
            to: subject, in: "team/app", artifactType: nil, after: all[1].digest, limit: 2)
        #expect(rest == Array(all[2...3]))
        let signatures = try await store.referrers(
            to: subject, in: "team/app", artifactType: "sig", after: nil, limit: 10)
        #expect(signatures.count == 3 && signatures.allSatisfy { $0.artifactType == "sig" })
        #expect(try await store.referrers(to: subject, in: "z", artifactType: nil, after: nil, limit: 10).isEmpty)
    }

    @Test("links blobs to repositories and forgets old links")
    func links() async throws {
        let place = try await Workplace()
        let store = place.store.manifests
        let (old, new) = (Self.blob("old"), Self.blob("new"))
        try await store.linkBlob(old, to: "a", at: time)
        try await store.linkBlob(old, to: "b", at: time)
        try await store.linkBlob(new, to: "a", at: time)
        try await store.linkBlob(old, to: "b", at: time.addingTimeInterval(100))
        #expect(try await store.linkedBlobs(in: "a", among: [old, new, Self.blob("x")]) == [old, new])
        #expect(try await store.isLinkedAnywhere(old))
        try await store.removeLinks(to: [old], madeBefore: time.addingTimeInterval(1))
        #expect(try await store.linkedBlobs(in: "a", among: [old, new]) == [new])
        #expect(try await store.linkedBlobs(in: "b", among: [old]) == [old])
        #expect(try await store.unlinkBlob(old, from: "b"))
        #expect(try await !store.unlinkBlob(old, from: "b"))
        #expect(try await !store.isLinkedAnywhere(old))
        try await store.put(Self.manifest("one", in: "a"), tag: nil, at: time)
        #expect(
            try await store.referencedBlobs(among: [Self.blob("layer"), Self.blob("config"), old])
                == [Self.blob("layer"), Self.blob("config")])
    }
}
