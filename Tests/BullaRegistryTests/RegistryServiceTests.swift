// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaRegistry
import BullaTesting
import Foundation
import Synchronization
import Testing

@Suite("RegistryService")
struct RegistryServiceTests {
    private let folder: TemporaryFolder
    private let manifests = InMemoryManifestStore()
    private let service: RegistryService
    private let clock = Clock()

    private final class Clock: Sendable {
        private let time = Mutex(Date(timeIntervalSince1970: 1_700_000_000))
        var now: Date { time.withLock { $0 } }
        func advance(_ seconds: TimeInterval) { time.withLock { $0 += seconds } }
    }

    init() throws {
        folder = try TemporaryFolder()
        service = RegistryService(
            blobs: try FileBlobStore(folder: folder.url.path), manifests: manifests, now: { [clock] in clock.now })
    }

    private func push(_ bytes: [UInt8], to repository: String) async throws -> Descriptor {
        let upload = try await service.append(ByteStream(bytes), to: try await service.beginUpload(to: repository))
        try await service.finish(upload, as: Digest(of: bytes))
        return Descriptor(
            mediaType: "application/octet-stream", digest: Digest(of: bytes), size: Int64(bytes.count))
    }

    private func manifest(
        _ config: Descriptor, _ layers: [Descriptor] = [], subject: Descriptor? = nil, artifactType: String? = nil
    ) throws -> [UInt8] {
        Array(
            try JSONEncoder().encode(
                ImageManifest(
                    artifactType: artifactType,
                    config: Descriptor(mediaType: MediaType.ociConfig, digest: config.digest, size: config.size),
                    layers: layers, subject: subject)))
    }

    @Test("keeps a manifest, announces it once in the same step, and finds it by tag and digest")
    func keeps() async throws {
        let config = try await push([1], to: "team/app")
        let bytes = try manifest(config)
        let record = try await service.putManifest(
            bytes, mediaType: MediaType.ociManifest, as: .tag("v1"), in: "team/app")
        #expect(record.kind == .image)
        #expect(manifests.announced == ["image.pushed team/app:v1 \(record.digest)"])
        #expect(try await service.manifest(.tag("v1"), in: "team/app").bytes == bytes)
        #expect(try await service.manifest(.digest(record.digest), in: "team/app") == record)
        #expect(try await service.tags(of: "team/app", after: nil, limit: 10).tags == ["v1"])
    }

    @Test("refuses a manifest whose blob is missing, of another repository, or of another size")
    func refusesIncomplete() async throws {
        let config = try await push([1], to: "team/app")
        let elsewhere = try await push([2], to: "team/other")
        let missing = Descriptor(mediaType: MediaType.ociLayer, digest: Digest(of: [9]), size: 1)
        let lying = Descriptor(mediaType: MediaType.ociLayer, digest: config.digest, size: 2)
        for (layer, reason) in [
            (missing, "MANIFEST_BLOB_UNKNOWN"), (elsewhere, "MANIFEST_BLOB_UNKNOWN"), (lying, "MANIFEST_INVALID"),
        ] {
            let error = await #expect(throws: BullaError.self) {
                try await service.putManifest(
                    try manifest(config, [layer]), mediaType: MediaType.ociManifest, as: .tag("v1"), in: "team/app")
            }
            #expect(error?.reason == reason)
        }
        #expect(manifests.announced.isEmpty)
    }

    @Test("takes layers that live elsewhere, and a subject that is not there yet")
    func takesAbsent() async throws {
        let config = try await push([1], to: "a")
        let foreign = Descriptor(mediaType: MediaType.dockerForeignLayer, digest: Digest(of: [7]), size: 7)
        let subject = Descriptor(mediaType: MediaType.ociManifest, digest: Digest(of: [8]), size: 8)
        let record = try await service.putManifest(
            try manifest(config, [foreign], subject: subject, artifactType: "text/x"), mediaType: nil,
            as: .tag("v1"), in: "a")
        #expect(record.subject == subject.digest)
        #expect(record.kind == .artifact)
        let found = try await service.referrers(
            to: subject.digest, in: "a", artifactType: "text/x", after: nil, limit: 10)
        #expect(found.referrers.map(\.digest) == [record.digest])
        let none = try await service.referrers(
            to: subject.digest, in: "a", artifactType: "text/y", after: nil, limit: 10)
        #expect(none.referrers.isEmpty)
    }

    @Test("wants the manifests that an index lists")
    func indexes() async throws {
        let config = try await push([1], to: "a")
        let child = try manifest(config)
        let entry = Descriptor(
            mediaType: MediaType.ociManifest, digest: Digest(of: child), size: Int64(child.count))
        let index = Array(try JSONEncoder().encode(ImageIndex(manifests: [entry])))
        let error = await #expect(throws: BullaError.self) {
            try await service.putManifest(index, mediaType: MediaType.ociIndex, as: .tag("all"), in: "a")
        }
        #expect(error?.reason == "MANIFEST_BLOB_UNKNOWN")
        try await service.putManifest(
            child, mediaType: MediaType.ociManifest, as: .digest(Digest(of: child)), in: "a")
        let record = try await service.putManifest(index, mediaType: nil, as: .tag("all"), in: "a")
        #expect(record.kind == .index)
        #expect(record.manifests == [Digest(of: child)])
    }

    @Test(
        "refuses what is no manifest",
        arguments: [
            ("", MediaType.ociManifest), ("{}", MediaType.ociManifest), ("[]", nil), ("{\"schemaVersion\":2}", nil),
            ("{\"schemaVersion\":1,\"manifests\":[]}", MediaType.ociIndex), ("{}", "text/plain"),
            (String(repeating: "[", count: 100_000), MediaType.ociManifest),
        ])
    func refuses(text: String, mediaType: String?) async {
        let error = await #expect(throws: BullaError.self) {
            try await service.putManifest(Array(text.utf8), mediaType: mediaType, as: .tag("v1"), in: "a")
        }
        #expect(error?.reason == "MANIFEST_INVALID")
    }

    @Test("refuses a media type that the document contradicts, a wrong digest, and more than 4 MiB")
    func refusesContradictions() async throws {
        let config = try await push([1], to: "a")
        let bytes = try manifest(config)
        let cases: [([UInt8], String, ManifestName, String)] = [
            (bytes, MediaType.dockerManifest, .tag("v"), "MANIFEST_INVALID"),
            (bytes, MediaType.ociManifest, .digest(Digest(of: [5])), "DIGEST_INVALID"),
            (Array(repeating: 32, count: (4 << 20) + 1), MediaType.ociManifest, .tag("v"), "SIZE_INVALID"),
        ]
        for (bytes, type, name, reason) in cases {
            let error = await #expect(throws: BullaError.self) {
                try await service.putManifest(bytes, mediaType: type, as: name, in: "a")
            }
            #expect(error?.reason == reason)
        }
    }

    @Test("survives truncated and mutated manifests")
    func mutated() async throws {
        let config = try await push([1], to: "a")
        let bytes = try manifest(config, [config])
        for count in 0..<bytes.count {
            await #expect(throws: BullaError.self) {
                try await service.putManifest(
                    Array(bytes[..<count]), mediaType: MediaType.ociManifest, as: .tag("v"), in: "a")
            }
        }
        var random = SeededGenerator(seed: 7)
        for _ in 0..<2000 {
            let damaged = random.mutated(bytes)
            do throws(BullaError) {
                let record = try await service.putManifest(damaged, mediaType: nil, as: .tag("v"), in: "a")
                #expect(record.bytes == damaged)
            } catch {
                #expect(error.reason != nil)
            }
        }
    }

    @Test("mounts a blob from a repository that has it, or from any, and from no other")
    func mounts() async throws {
        let blob = try await push([1], to: "a")
        #expect(try await service.mount(blob.digest, from: "nobody", to: "b") == false)
        await #expect(throws: BullaError.self) { try await service.blobSize(blob.digest, in: "b") }
        #expect(try await service.mount(blob.digest, from: "a", to: "b"))
        #expect(try await service.blobSize(blob.digest, in: "b") == 1)
        #expect(try await service.mount(blob.digest, from: nil, to: "c"))
        #expect(try await service.mount(Digest(of: [9]), from: nil, to: "c") == false)
    }

    @Test("serves a blob only where it was pushed, and no longer where it was deleted")
    func links() async throws {
        let blob = try await push([1, 2], to: "a")
        #expect(try await service.openBlob(blob.digest, in: "a").collect(upTo: 2, of: "it") == [1, 2])
        await #expect(throws: BullaError.self) { try await service.openBlob(blob.digest, in: "b") }
        try await service.deleteBlob(blob.digest, in: "a")
        await #expect(throws: BullaError.self) { try await service.blobSize(blob.digest, in: "a") }
        let error = await #expect(throws: BullaError.self) { try await service.deleteBlob(blob.digest, in: "a") }
        #expect(error?.reason == "BLOB_UNKNOWN")
    }

    @Test("deletes a tag alone, a manifest with its tags")
    func deletes() async throws {
        let config = try await push([1], to: "a")
        let record = try await service.putManifest(try manifest(config), mediaType: nil, as: .tag("one"), in: "a")
        try await service.putManifest(record.bytes, mediaType: nil, as: .tag("two"), in: "a")
        try await service.deleteManifest(.tag("one"), in: "a")
        #expect(try await service.manifest(.digest(record.digest), in: "a").digest == record.digest)
        try await service.deleteManifest(.digest(record.digest), in: "a")
        let error = await #expect(throws: BullaError.self) { try await service.manifest(.tag("two"), in: "a") }
        #expect(error?.reason == "MANIFEST_UNKNOWN")
        #expect(try await service.tags(of: "a", after: nil, limit: 10).tags.isEmpty)
    }

    @Test("pages tags in the order of their bytes")
    func pagesTags() async throws {
        let config = try await push([1], to: "a")
        for tag in ["b", "a", "B", "_", "10", "9"] {
            try await service.putManifest(try manifest(config), mediaType: nil, as: .tag(tag), in: "a")
        }
        let first = try await service.tags(of: "a", after: nil, limit: 4)
        #expect(first.tags == ["10", "9", "B", "_"])
        #expect(first.hasMore)
        let rest = try await service.tags(of: "a", after: "_", limit: 4)
        #expect(rest.tags == ["a", "b"])
        #expect(!rest.hasMore)
        let none = try await service.tags(of: "a", after: "zzz", limit: 4)
        #expect(none.tags.isEmpty)
        let error = await #expect(throws: BullaError.self) {
            try await service.tags(of: "nobody", after: nil, limit: 4)
        }
        #expect(error?.reason == "NAME_UNKNOWN")
    }

    @Test("collects what nothing refers to, an hour after its last use at the earliest")
    func collects() async throws {
        let kept = try await push([1], to: "a")
        let lost = try await push([2], to: "a")
        try await service.putManifest(try manifest(kept), mediaType: nil, as: .tag("v"), in: "a")
        clock.advance(3500)
        #expect(try await service.collect() == 0)
        #expect(try await service.blobSize(lost.digest, in: "a") == 1)
        clock.advance(3500)
        #expect(try await service.collect() == 0, "it was asked for since")
        clock.advance(3700)
        #expect(try await service.collect() == 1)
        await #expect(throws: BullaError.self) { try await service.blobSize(lost.digest, in: "a") }
        #expect(try await service.blobSize(kept.digest, in: "a") == 1)
    }

    @Test("never loses a blob to a collection beside a push", arguments: 1...20)
    func collectsBesidePushes(seed: UInt64) async throws {
        let service = self.service
        let blobs = try await (0..<8).asyncMap { try await push([UInt8($0), UInt8(seed)], to: "a") }
        clock.advance(7200)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await service.collect() }
            for blob in blobs {
                group.addTask {
                    // What a client does: ask, upload what is missing, then name it in a manifest.
                    if (try? await service.blobSize(blob.digest, in: "a")) == nil {
                        let bytes = [UInt8(blobs.firstIndex(of: blob) ?? 0), UInt8(seed)]
                        let upload = try await service.append(
                            ByteStream(bytes), to: try await service.beginUpload(to: "a"))
                        try await service.finish(upload, as: blob.digest)
                    }
                    let record = try await service.putManifest(
                        try manifest(blob), mediaType: nil, as: .tag("t"), in: "a")
                    #expect(record.blobs == [blob.digest])
                }
            }
            try await group.waitForAll()
        }
        for blob in blobs { #expect(try await service.blobSize(blob.digest, in: "a") == 2) }
    }

    @Test("is a source of its own images")
    func source() async throws {
        let config = try await push(
            Array(#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#.utf8), to: "a")
        let layer = try await push([1, 2, 3], to: "a")
        let record = try await service.putManifest(
            try manifest(config, [layer]), mediaType: nil, as: .tag("v"), in: "a")
        let source = service.source("a", .digest(record.digest))
        let image = try await source.resolve(platform: nil)
        #expect(image.digest == record.digest)
        #expect(try ImageConfig(await source.configuration(of: image)).platform == Platform("linux/amd64"))
        #expect(try await source.blob(layer).collect(upTo: 3, of: "it") == [1, 2, 3])
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
