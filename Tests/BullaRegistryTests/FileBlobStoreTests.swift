// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaRegistry
import BullaTesting
import Foundation
import Testing

@Suite("FileBlobStore")
struct FileBlobStoreTests {
    private let folder: TemporaryFolder
    private let store: FileBlobStore
    private let now = Date(timeIntervalSince1970: 1_700_000_000)

    init() throws {
        folder = try TemporaryFolder()
        store = try FileBlobStore(folder: folder.url.path, maximumSize: 4 << 20)
    }

    private static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }

    private func reopened() throws -> FileBlobStore {
        try FileBlobStore(folder: folder.url.path, maximumSize: 4 << 20)
    }

    @Test("keeps what it was given, in one place per digest", arguments: [0, 1, 300_000, 1 << 20])
    func keeps(count: Int) async throws {
        let bytes = Self.bytes(count)
        let digest = try await store.put(bytes, at: now)
        #expect(digest == Digest(of: bytes))
        #expect(try await store.size(of: digest) == Int64(count))
        let back = try await store.open(digest, range: nil).collect(upTo: 4 << 20, of: "it")
        #expect(back == bytes)
        let path = "blobs/sha256/\(digest.hexadecimal.prefix(2))/\(digest.hexadecimal)"
        #expect(FileManager.default.fileExists(atPath: folder.url.appendingPathComponent(path).path))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/uploads").isEmpty)
    }

    @Test(
        "reads any part of a blob, clamped to it",
        arguments: [0..<1, 5..<300_005, 299_990..<900_000, 400_000..<500_000])
    func readsParts(range: Range<Int64>) async throws {
        let bytes = Self.bytes(300_000)
        let digest = try await store.put(bytes, at: now)
        let part = try await store.open(digest, range: range).collect(upTo: 4 << 20, of: "it")
        let clamped = range.clamped(to: 0..<300_000)
        #expect(part == Array(bytes[Int(clamped.lowerBound)..<Int(clamped.upperBound)]))
    }

    @Test("does not know what it does not have")
    func unknown() async throws {
        let digest = Digest(of: [1])
        #expect(try await store.size(of: digest) == nil)
        let error = await #expect(throws: BullaError.self) { _ = try await store.open(digest, range: nil) }
        #expect(error?.code == .notFound)
        #expect(error?.reason == "BLOB_UNKNOWN")
        #expect(try await store.remove(digest) == false)
    }

    @Test("takes an upload in chunks, over a restart")
    func chunks() async throws {
        let bytes = Self.bytes(700_000)
        let first = try await store.append(
            ByteStream(Array(bytes[..<300_000])), to: try await store.beginUpload(to: "team/app", at: now), from: 0)
        #expect(first.count == 300_000)

        let second = try reopened()
        let found = try await second.upload(first.id, in: "team/app")
        #expect(found.count == 300_000)
        let whole = try await second.append(ByteStream(Array(bytes[300_000...])), to: found, from: 300_000)
        #expect(try await second.finish(whole, as: Digest(of: bytes), at: now) == 700_000)
        #expect(try await store.size(of: Digest(of: bytes)) == 700_000)
        let gone = await #expect(throws: BullaError.self) { try await second.upload(first.id, in: "team/app") }
        #expect(gone?.reason == "BLOB_UPLOAD_UNKNOWN")
    }

    @Test("refuses a chunk that is out of order and keeps what it has", arguments: [0, 99, 101] as [Int64])
    func outOfOrder(start: Int64) async throws {
        let begun = try await store.beginUpload(to: "a", at: now)
        let upload = try await store.append(ByteStream(Self.bytes(100)), to: begun, from: 0)
        let error = await #expect(throws: BullaError.self) {
            try await store.append(ByteStream([1, 2, 3]), to: upload, from: start)
        }
        #expect(error?.code == .outOfRange)
        #expect(try await store.upload(upload.id, in: "a").count == 100)
    }

    @Test("keeps what arrived before a client broke off, and goes on from there")
    func breaksOff() async throws {
        struct Broken: Error {}
        let bytes = Self.bytes(500_000)
        let upload = try await store.beginUpload(to: "a", at: now)
        let broken = ByteStream {
            var calls = 0
            return {
                calls += 1
                if calls > 1 { throw Broken() }
                return Array(bytes[..<400_000])
            }
        }
        let error = await #expect(throws: BullaError.self) { try await store.append(broken, to: upload, from: 0) }
        #expect(error?.code == .unavailable)
        let standing = try await store.upload(upload.id, in: "a")
        #expect(standing.count == 400_000)
        let whole = try await store.append(ByteStream(Array(bytes[400_000...])), to: standing, from: nil)
        _ = try await store.finish(whole, as: Digest(of: bytes), at: now)
        #expect(try await store.open(Digest(of: bytes), range: nil).collect(upTo: 1 << 20, of: "it") == bytes)
    }

    @Test("ends an upload whose bytes have another digest")
    func wrongDigest() async throws {
        let upload = try await store.append(
            ByteStream([1, 2]), to: try await store.beginUpload(to: "a", at: now), from: 0)
        let error = await #expect(throws: BullaError.self) {
            try await store.finish(upload, as: Digest(of: [9]), at: now)
        }
        #expect(error?.reason == "DIGEST_INVALID")
        await #expect(throws: BullaError.self) { try await store.upload(upload.id, in: "a") }
        #expect(try await store.size(of: Digest(of: [9])) == nil)
    }

    @Test("finds damage of an upload's file that happened between two servers")
    func damagedBetween() async throws {
        let bytes = Self.bytes(1000)
        let upload = try await store.append(
            ByteStream(bytes), to: try await store.beginUpload(to: "a", at: now), from: 0)
        try folder.write("uploads/\(upload.id.uuidString.lowercased())/data", Self.bytes(1000, seed: 2))
        let second = try reopened()
        let found = try await second.upload(upload.id, in: "a")
        let error = await #expect(throws: BullaError.self) {
            try await second.finish(found, as: Digest(of: bytes), at: now)
        }
        #expect(error?.reason == "DIGEST_INVALID")
    }

    @Test("lets nobody grow a blob past the limit")
    func limit() async throws {
        let upload = try await store.beginUpload(to: "a", at: now)
        let error = await #expect(throws: BullaError.self) {
            try await store.append(ByteStream(Self.bytes((4 << 20) + 1)), to: upload, from: 0)
        }
        #expect(error?.code == .resourceExhausted)
    }

    @Test("shows an upload only in its own repository")
    func ownRepository() async throws {
        let upload = try await store.beginUpload(to: "team/app", at: now)
        let error = await #expect(throws: BullaError.self) { try await store.upload(upload.id, in: "team/other") }
        #expect(error?.reason == "BLOB_UPLOAD_UNKNOWN")
    }

    @Test("lets one request write to an upload at a time")
    func oneWriter() async throws {
        let upload = try await store.beginUpload(to: "a", at: now)
        let (started, start) = AsyncStream<Void>.makeStream()
        let (released, release) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            let slow = ByteStream {
                var isFirst = true
                return {
                    guard isFirst else { return nil }
                    isFirst = false
                    start.yield()
                    for await _ in released { break }
                    return [1]
                }
            }
            group.addTask { _ = try await store.append(slow, to: upload, from: 0) }
            for await _ in started { break }
            let error = await #expect(throws: BullaError.self) {
                try await store.append(ByteStream([2]), to: upload, from: 0)
            }
            #expect(error?.code == .aborted)
            release.yield()
            try await group.waitForAll()
        }
        #expect(try await store.upload(upload.id, in: "a").count == 1)
    }

    @Test("removes what was not used since, and nothing that was renewed")
    func collects() async throws {
        let old = try await store.put([1], at: now)
        let renewed = try await store.put([2], at: now)
        let later = now.addingTimeInterval(7200)
        #expect(try await store.renew([renewed, Digest(of: [3])], at: later) == [renewed: 1])
        let horizon = now.addingTimeInterval(3600)
        #expect(try await store.unused(since: horizon) == [old])
        #expect(try await store.remove(renewed, unusedSince: horizon) == false)
        #expect(try await store.remove(old, unusedSince: horizon))
        #expect(try await store.size(of: old) == nil)
        #expect(try await store.size(of: renewed) == 1)
    }

    @Test("reads a blob to its end though it is removed meanwhile")
    func readsRemoved() async throws {
        let bytes = Self.bytes(600_000)
        let digest = try await store.put(bytes, at: now)
        let stream = try await store.open(digest, range: nil)
        #expect(try await store.remove(digest))
        #expect(try await stream.collect(upTo: 1 << 20, of: "it") == bytes)
    }

    @Test("forgets uploads that were left alone")
    func expires() async throws {
        let upload = try await store.beginUpload(to: "a", at: now)
        #expect(try await store.expireUploads(idleSince: Date().addingTimeInterval(-60)) == 0)
        #expect(try await store.expireUploads(idleSince: Date().addingTimeInterval(60)) == 1)
        await #expect(throws: BullaError.self) { try await store.upload(upload.id, in: "a") }
    }
}
