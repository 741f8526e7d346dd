// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaRegistry
import BullaTesting
import Foundation
import Testing

/// An image written in every form that a source reads.
private struct Forms {
    let folder: TemporaryFolder
    let image: ImageWriter

    init() throws {
        folder = try TemporaryFolder()
        var builder = ImageBuilder()
        try builder.addLayer { $0.addFile("etc/one", Array("1".utf8)) }
        try builder.addLayer { $0.addFile("etc/two", Array("22".utf8)) }
        image = try builder.image()
    }

    func path(_ name: String) -> String { folder.url.appendingPathComponent(name).path }

    func layout() throws -> String {
        try image.writeLayout(to: path("layout"), tag: "v1")
        return path("layout")
    }

    /// The layout as one tar archive.
    func layoutArchive(_ change: (inout [(String, [UInt8])]) -> Void = { _ in }) throws -> String {
        var files: [(String, [UInt8])] = []
        let base = try layout()
        for name in try FileManager.default.subpathsOfDirectory(atPath: base).sorted() {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: "\(base)/\(name)", isDirectory: &isFolder), !isFolder.boolValue
            else { continue }
            files.append((name, Array(try Data(contentsOf: URL(fileURLWithPath: "\(base)/\(name)")))))
        }
        change(&files)
        var tar = TarWriter()
        for (name, bytes) in files { tar.addFile("./\(name)", bytes) }
        try folder.write("layout.tar", tar.finished())
        return path("layout.tar")
    }

    /// What `docker save` wrote before it wrote layouts: plain layers, some of them by symbolic links.
    func dockerArchive(isPacked: Bool = false, hasLinks: Bool = true) throws -> String {
        var tar = TarWriter()
        var names: [String] = []
        for (number, layer) in image.layers.enumerated() {
            let name = "layer\(number)/layer.tar"
            names.append(name)
            tar.addFile(hasLinks ? "real\(number)" : name, isPacked ? layer.blob : try unpacked(layer.blob))
            if hasLinks { tar.addSymbolicLink(name, to: "../real\(number)") }
        }
        tar.addFile("config.json", image.config)
        let entry: [String: Any] = ["Config": "config.json", "RepoTags": ["team/app:v1"], "Layers": names]
        tar.addFile("manifest.json", Array(try JSONSerialization.data(withJSONObject: [entry])))
        try folder.write("docker.tar", tar.finished())
        return path("docker.tar")
    }

    private func unpacked(_ blob: [UInt8]) throws -> [UInt8] {
        let decompression = Decompression()
        var bytes: [UInt8] = []
        try decompression.push(blob) { (chunk) throws(BullaError) in bytes.append(contentsOf: chunk) }
        try decompression.finish { (chunk) throws(BullaError) in bytes.append(contentsOf: chunk) }
        return bytes
    }
}

extension ImageSource {
    /// Reads everything, and answers how many bytes the layers have.
    fileprivate func readAll() async throws -> (image: ResolvedImage, count: Int) {
        let image = try await resolve(platform: nil)
        _ = try await configuration(of: image)
        var count = 0
        for layer in image.manifest.layers {
            for try await chunk in try await blob(layer) { count += chunk.count }
        }
        return (image, count)
    }
}

@Suite("OCILayout")
struct OCILayoutTests {
    private let forms: Forms

    init() throws { forms = try Forms() }

    @Test("reads a folder and an archive alike", arguments: [nil, "v1"] as [String?])
    func reads(tag: String?) async throws {
        let expected = forms.image.layers.map(\.blob.count).reduce(0, +)
        let folder = try await OCILayout(folder: try forms.layout(), tag: tag).readAll()
        let archive = try await OCILayout(archive: try forms.layoutArchive(), tag: tag).readAll()
        #expect(folder.count == expected)
        #expect(archive.count == expected)
        #expect(folder.image == archive.image)
        #expect(folder.image.digest == forms.image.descriptor.digest)
    }

    @Test("says which images there are when the one asked for is not")
    func unknownTag() async throws {
        let layout = try forms.layout()
        let error = await #expect(throws: BullaError.self) { try await OCILayout(folder: layout, tag: "v2") }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("v1") == true)
        await #expect(throws: BullaError.self) { try await OCILayout(folder: forms.path("none")) }
    }

    @Test("finds a blob that is not what its name says", arguments: [0, 1])
    func damagedBlob(layer: Int) async throws {
        let descriptor = forms.image.layers[layer].descriptor
        for damage in [[], [UInt8](repeating: 1, count: Int(descriptor.size)), forms.image.layers[layer].blob + [0]] {
            let path = try forms.layout()
            try forms.folder.write("layout/blobs/sha256/\(descriptor.digest.hexadecimal)", damage)
            let error = await #expect(throws: BullaError.self) { try await OCILayout(folder: path).readAll() }
            #expect(error?.code == .dataLoss)
        }
    }

    @Test("finds a manifest that is not what its name says")
    func damagedManifest() async throws {
        let path = try forms.layout()
        try forms.folder.write("layout/blobs/sha256/\(forms.image.descriptor.digest.hexadecimal)", Array("{}".utf8))
        let error = await #expect(throws: BullaError.self) { try await OCILayout(folder: path).readAll() }
        #expect(error?.code == .dataLoss)
    }

    @Test("ends with an error on every truncated archive, never with other bytes")
    func truncated() async throws {
        let path = try forms.layoutArchive()
        let whole = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        for count in stride(from: 0, to: whole.count - 1024, by: 509) {
            try forms.folder.write("cut.tar", whole[..<count])
            do throws(BullaError) {
                let layout = try await OCILayout(archive: forms.path("cut.tar"))
                // Only the padding of the last member is missing.
                #expect(whole.count - 1024 - count < 512)
                #expect(try await layout.resolve(platform: nil).digest == forms.image.descriptor.digest)
            } catch {
                #expect([.dataLoss, .notFound].contains(error.code))
            }
        }
    }

    @Test("takes mutated archives without a trap, and trusts no byte of them")
    func mutated() async throws {
        let path = try forms.layoutArchive()
        let whole = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        var random = SeededGenerator(seed: 11)
        for _ in 0..<300 {
            try forms.folder.write("odd.tar", random.mutated(whole))
            do throws(BullaError) {
                let source = try await OCILayout(archive: forms.path("odd.tar"))
                #expect(try await source.resolve(platform: nil).manifest.config.size >= 0)
            } catch {
                #expect(!error.message.isEmpty)
            }
        }
    }

    @Test("leads nobody out of an archive")
    func climbs() async throws {
        let path = try forms.layoutArchive { files in files.append(("../../outside", [1])) }
        #expect(try await OCILayout(archive: path).readAll().image.digest == forms.image.descriptor.digest)
    }
}

@Suite("DockerArchive")
struct DockerArchiveTests {
    private let forms: Forms

    init() throws { forms = try Forms() }

    @Test("reads what docker save wrote, links and packed layers included", arguments: [false, true])
    func reads(isPacked: Bool) async throws {
        let source = try await DockerArchive(try forms.dockerArchive(isPacked: isPacked))
        let (image, count) = try await source.readAll()
        #expect(image.mediaType == MediaType.dockerManifest)
        #expect(image.manifest.config.digest == Digest(of: forms.image.config))
        #expect(image.manifest.layers.count == 2)
        #expect(count > 0)
        if !isPacked { #expect(image.manifest.layers.map(\.digest) == forms.image.layers.map(\.diffID)) }
    }

    @Test("keeps the digest of an archive that is a layout too")
    func hybrid() async throws {
        let path = try forms.layoutArchive { files in files.append(("manifest.json", Array("[]".utf8))) }
        #expect(try await DockerArchive(path).readAll().image.digest == forms.image.descriptor.digest)
    }

    @Test("chooses by tag")
    func choosesByTag() async throws {
        let path = try forms.dockerArchive()
        #expect(try await DockerArchive(path, tag: "v1").readAll().image.manifest.layers.count == 2)
        #expect(try await DockerArchive(path, tag: "team/app:v1").readAll().image.manifest.layers.count == 2)
        let error = await #expect(throws: BullaError.self) { try await DockerArchive(path, tag: "v2") }
        #expect(error?.code == .notFound)
    }

    @Test("refuses what is no archive")
    func refuses() async throws {
        try forms.folder.write("text", Array("hello".utf8))
        await #expect(throws: BullaError.self) { try await DockerArchive(forms.path("text")) }
        await #expect(throws: BullaError.self) { try await DockerArchive(forms.path("none")) }
    }

    @Test("gives the image the digest that skopeo gives it", .enabled(if: OutsideTool.isInstalled("skopeo")))
    func agreesWithSkopeo() async throws {
        // Of a layer behind a link skopeo takes the link's size for the layer's.
        let path = try forms.dockerArchive(hasLinks: false)
        let output = try OutsideTool.run([
            "skopeo", "--insecure-policy", "inspect", "--format", "{{.Digest}}", "docker-archive:\(path)",
        ])
        let digest = String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(try await DockerArchive(path).readAll().image.digest.description == digest)
    }
}

@Suite("ImageSource.resolve")
struct ResolveTests {
    /// Documents by digest.
    private struct Documents: ImageSource {
        var root: ManifestDocument
        var others: [Digest: ManifestDocument] = [:]

        func manifest(_ digest: Digest?) async throws(BullaError) -> ManifestDocument {
            guard let digest else { return root }
            guard let found = others[digest] else { throw BullaError(.notFound, "no \(digest)") }
            return found
        }

        func blob(_ descriptor: Descriptor) async throws(BullaError) -> ByteStream {
            throw BullaError(.notFound, "no blobs")
        }
    }

    private func image(_ byte: UInt8) throws -> ManifestDocument {
        let config = Descriptor(mediaType: MediaType.ociConfig, digest: Digest(of: [byte]), size: 1)
        return ManifestDocument(
            mediaType: MediaType.ociManifest,
            bytes: Array(try JSONEncoder().encode(ImageManifest(config: config, layers: []))))
    }

    private func index(_ entries: [(ManifestDocument, Platform?)]) throws -> ManifestDocument {
        let list = entries.map { document, platform in
            Descriptor(
                mediaType: document.mediaType, digest: document.digest, size: Int64(document.bytes.count),
                platform: platform)
        }
        return ManifestDocument(
            mediaType: MediaType.ociIndex, bytes: Array(try JSONEncoder().encode(ImageIndex(manifests: list))))
    }

    @Test("finds the image for a platform and says which there are when it is missing")
    func platforms() async throws {
        let (amd, arm) = (try image(1), try image(2))
        let root = try index([(amd, try Platform("linux/amd64")), (arm, try Platform("linux/arm64"))])
        let source = Documents(root: root, others: [amd.digest: amd, arm.digest: arm])
        let found = try await source.resolve(platform: try Platform("linux/arm64"))
        #expect(found.digest == arm.digest)
        #expect(found.root == root.digest)
        #expect(found.platform == (try Platform("linux/arm64")))
        let error = await #expect(throws: BullaError.self) {
            try await source.resolve(platform: try Platform("linux/s390x"))
        }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("linux/amd64, linux/arm64") == true)
    }

    @Test("takes the only image of an index without a wish, attestations left aside")
    func onlyImage() async throws {
        let (odd, attestation) = (try image(1), try image(2))
        let root = try index([(attestation, try Platform("unknown/unknown")), (odd, try Platform("linux/riscv64"))])
        let source = Documents(root: root, others: [odd.digest: odd, attestation.digest: attestation])
        #expect(try await source.resolve(platform: nil).digest == odd.digest)
    }

    @Test("gives up on indexes that lead ever deeper")
    func deep() async throws {
        var document = try image(1)
        var others = [document.digest: document]
        for _ in 0..<6 {
            document = try index([(document, nil)])
            others[document.digest] = document
        }
        let source = Documents(root: document, others: others)
        let error = await #expect(throws: BullaError.self) { try await source.resolve(platform: nil) }
        #expect(error?.reason == "MANIFEST_INVALID")
    }
}

@Suite("ByteStream.verified")
struct VerifiedStreamTests {
    @Test(
        "passes true bytes in any chunks and fails on all others",
        arguments: [
            ([[1, 2], [3]], true), ([[1], [2], [3]], true), ([[1, 2, 3]], true), ([[1, 2]], false),
            ([[1, 2, 3, 4]], false), ([[1, 2, 3], [4]], false), ([[1, 2, 4]], false), ([], false),
        ] as [([[UInt8]], Bool)])
    func verifies(chunks: [[UInt8]], isTrue: Bool) async {
        let descriptor = Descriptor(mediaType: "", digest: Digest(of: [1, 2, 3]), size: 3)
        let stream = ByteStream {
            var rest = chunks[...]
            return { rest.popFirst() }
        }.verified(as: descriptor)
        do {
            let bytes = try await stream.collect(upTo: 10, of: "it")
            #expect(isTrue)
            #expect(bytes == [1, 2, 3])
        } catch {
            #expect(!isTrue)
            #expect((error as? BullaError)?.code == .dataLoss)
        }
    }

    @Test("takes an empty blob")
    func empty() async throws {
        let descriptor = Descriptor(mediaType: "", digest: Digest(of: []), size: 0)
        #expect(try await ByteStream([]).verified(as: descriptor).collect(upTo: 0, of: "it").isEmpty)
    }
}
