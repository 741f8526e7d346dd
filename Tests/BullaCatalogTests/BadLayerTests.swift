// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaCatalog
import BullaTesting
import Synchronization
import Testing

@Suite("LayerStack and bad layers")
struct BadLayerTests {
    private static func layer(_ format: Decompression.Format = .gzip) throws -> LayerWriter.Layer {
        var builder = ImageBuilder()
        return try builder.addLayer(as: format) {
            $0.addFile("var/lib/dpkg/status", Array(ImageBuilder.debianStanza("a", "1").utf8))
            $0.addFile("etc/passwd", [UInt8](repeating: 65, count: 3000))
        }
    }

    private static func read(_ inputs: LayerInput..., limits: CatalogLimits = CatalogLimits()) async throws -> Inventory
    {
        try await LayerStack(inputs, limits: limits).inventory()
    }

    @Test(
        "refuses a layer that is cut anywhere, and names it",
        arguments: [.plain, .gzip, .zstd] as [Decompression.Format])
    func truncated(format: Decompression.Format) async throws {
        let layer = try Self.layer(format)
        for count in stride(from: 0, to: layer.blob.count, by: 13) {
            let cut = input(layer, blob: Array(layer.blob.prefix(count)))
            let error = await #expect(throws: BullaError.self) { try await Self.read(cut) }
            #expect(error?.code == .dataLoss)
            #expect(error?.message.contains(layer.descriptor.digest.description) == true)
        }
    }

    @Test("refuses bytes that are not the descriptor's, and content that is not the configuration's")
    func digests() async throws {
        let layer = try Self.layer()
        let other = try LayerWriter.compress(
            {
                var writer = TarWriter(); writer.addFile("x", []); return writer.finished()
            }(), as: .gzip)
        let descriptor = Descriptor(
            mediaType: "", digest: layer.descriptor.digest, size: Int64(other.count))
        let lying = LayerInput(descriptor: descriptor, diffID: nil) { ByteStream(other) }
        let first = await #expect(throws: BullaError.self) { try await Self.read(lying) }
        #expect(first?.message.contains("have the digest \(Digest(of: other))") == true)
        let wrongDiffID = LayerInput(descriptor: layer.descriptor, diffID: layer.descriptor.digest) {
            ByteStream(layer.blob)
        }
        let second = await #expect(throws: BullaError.self) { try await Self.read(wrongDiffID) }
        #expect(second?.message.contains("unpacks to the digest \(layer.diffID)") == true)
        let endless = LayerInput(descriptor: layer.descriptor, diffID: nil) { ByteStream(layer.blob + [0]) }
        await #expect(throws: BullaError.self) { try await Self.read(endless) }
    }

    @Test("refuses a bomb by its ratio, its size and its number of paths")
    func bombs() async throws {
        var builder = ImageBuilder()
        let layer = try builder.addLayer {
            $0.addFile("zeros", [UInt8](repeating: 0, count: 4 << 20))
            for index in 0..<200 { $0.addFile("p\(index)", []) }
        }
        for limits in [
            CatalogLimits(archive: ArchiveLimits(ratio: 10, ratioFloor: 1 << 20)),
            CatalogLimits(archive: ArchiveLimits(unpackedBytes: 1 << 20)), CatalogLimits(paths: 100),
            CatalogLimits(archive: ArchiveLimits(entries: 100)),
        ] {
            let error = await #expect(throws: BullaError.self) {
                try await Self.read(input(layer), limits: limits)
            }
            #expect(error?.code == .resourceExhausted)
        }
    }

    @Test("leaves out a package database that is too large, and says so")
    func largeDatabase() async throws {
        var builder = ImageBuilder()
        try builder.addLayer {
            $0.addFile("var/lib/dpkg/status", [UInt8](repeating: 10, count: 70 << 20))
            $0.addFile("lib/apk/db/installed", Array(ImageBuilder.alpineEntry("musl", "1").utf8))
        }
        let limits = CatalogLimits(archive: ArchiveLimits(ratio: 5000))
        let result = try await inventory(of: builder, limits: limits, chunk: 1 << 20)
        #expect(result.names == ["musl 1"])
        #expect(result.problems.map(\.path) == ["var/lib/dpkg/status"])
        #expect(result.problems.first?.reason.contains("73400320 bytes") == true)
    }

    @Test("stops paths of links upon links before they cost hours, and layers of too many facts")
    func costly() async throws {
        var builder = ImageBuilder()
        let target = String(repeating: "d/../", count: 800) + "d"
        try builder.addLayer(as: .zstd) {
            $0.addDirectory("d")
            for index in 0..<39 { $0.addSymbolicLink("l\(index)", to: target + "/../l\(index + 1)") }
            $0.addSymbolicLink("l39", to: "d")
            for index in 0..<4000 { $0.addFile("l0/x\(index % 2)/\(index)", []) }
        }
        let limits = CatalogLimits(archive: ArchiveLimits(ratio: 5000))
        // Without the bound on steps this ends after hours, so that it ends at all is the promise.
        await #expect(throws: BullaError.self) { try await inventory(of: builder, limits: limits, chunk: 1 << 20) }
        var many = ImageBuilder()
        let layer = try many.addLayer { for index in 0..<200 { $0.addFile("\(index).egg-info", []) } }
        let error = await #expect(throws: BullaError.self) {
            try await Self.read(input(layer), limits: CatalogLimits(facts: 100))
        }
        #expect(error?.code == .resourceExhausted)
    }

    @Test("passes on what opening a layer throws, and reports the lowest layer that fails")
    func opening() async throws {
        let layer = try Self.layer()
        let missing = LayerInput(descriptor: layer.descriptor, diffID: nil) {
            throw BullaError(.notFound, "no such blob", reason: "BLOB_UNKNOWN")
        }
        let error = await #expect(throws: BullaError.self) { try await Self.read(missing) }
        #expect(error?.code == .notFound)
        #expect(error?.reason == "BLOB_UNKNOWN")
    }

    @Test("reads a layer that is known by its digest not at all, and one that comes twice once")
    func reuse() async throws {
        let layer = try Self.layer()
        let opened = Mutex(0)
        let learned = Mutex<[LayerContents]>([])
        func counted() -> LayerInput {
            LayerInput(descriptor: layer.descriptor, diffID: layer.diffID) {
                opened.withLock { $0 += 1 }
                return ByteStream(layer.blob)
            }
        }
        let first = try await LayerStack([counted(), counted()]).inventory(
            learned: { contents in learned.withLock { $0.append(contents) } })
        #expect(opened.withLock { $0 } == 1)
        let known = learned.withLock { $0 }
        #expect(known.map(\.digest) == [layer.descriptor.digest])
        let second = try await LayerStack([counted(), counted()]).inventory(
            known: { digest in known.first { $0.digest == digest } })
        #expect(opened.withLock { $0 } == 1)
        #expect(first == second)
        #expect(first.names == ["a 1"])
    }

    @Test("never traps on damaged archives, and gives the same answer twice", arguments: 0..<4)
    func mutated(seed: UInt64) async throws {
        var writer = TarWriter()
        writer.addFile("etc/os-release", Array(ImageBuilder.osRelease("debian", "12").utf8))
        writer.addSymbolicLink("lib", to: "usr/lib")
        writer.addFile("lib/apk/db/installed", Array(ImageBuilder.alpineEntry("musl", "1").utf8))
        writer.addFile("var/lib/dpkg/status", Array(ImageBuilder.debianStanza("a", "1").utf8))
        writer.addHardLink("var/lib/dpkg/status.d/x", to: "usr/lib/apk/db/installed")
        writer.addFile("usr/lib/y.egg-info", Array("Name: y\nVersion: 2\n".utf8))
        writer.addWhiteout(of: "var/lib/gone")
        writer.addOpaqueMarker(in: "opt")
        let archive = writer.finished()
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<400 {
            var builder = ImageBuilder()
            for _ in 0..<2 {
                var bytes = generator.mutated(archive)
                // Every header gets a right sum, so that names and kinds can be damaged too.
                for start in stride(from: 0, to: bytes.count - 511, by: 512) where bytes[start + 257] == 0x75 {
                    bytes.replaceSubrange((start + 148)..<(start + 156), with: [UInt8](repeating: 32, count: 8))
                    let sum = String(bytes[start..<(start + 512)].reduce(0) { $0 + Int($1) }, radix: 8)
                    bytes.replaceSubrange((start + 148)..<(start + 148 + sum.utf8.count), with: Array(sum.utf8))
                }
                try builder.addLayer(archive: bytes, as: .plain)
            }
            let first = try? await inventory(of: builder)
            let second = try? await inventory(of: builder, chunk: 100)
            #expect(first == second)
        }
    }
}
