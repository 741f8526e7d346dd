// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaHTTP
import BullaRegistry
import BullaServer
import BullaTesting
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Testing

/// A registry on a loopback port, its blobs in a folder that is gone with it.
private struct LoopbackRegistry: Sendable {
    let folder: TemporaryFolder
    let manifests = InMemoryManifestStore()
    let service: RegistryService

    init(maximumBlobSize: Int64 = 64 << 20) throws {
        folder = try TemporaryFolder()
        service = RegistryService(
            blobs: try FileBlobStore(folder: folder.url.path, maximumSize: maximumBlobSize), manifests: manifests)
    }

    /// Serves while `body` runs.
    func serve(_ body: @escaping @Sendable (Caller) async throws -> Void) async throws {
        let router = Router(context: ConnectionContext.self)
        RegistryRoutes(service).add(to: router)
        let (ports, found) = AsyncStream<Int>.makeStream()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in found.yield(channel.localAddress?.port ?? 0) }, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            defer { group.cancelAll() }
            for await port in ports {
                try await AsyncHTTPClientTransport.with { transport in
                    try await body(Caller(transport: transport, authority: "127.0.0.1:\(port)"))
                }
                break
            }
        }
    }
}

/// An answer whose body was read.
private struct Answer: Sendable {
    let head: HTTPResponse
    let bytes: [UInt8]

    var status: HTTPResponse.Status { head.status }
    var headers: HTTPFields { head.headerFields }
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The code of the first error in the body.
    var errorCode: String? {
        struct Body: Decodable {
            struct Entry: Decodable { var code: String }
            var errors: [Entry]
        }
        return (try? JSONDecoder().decode(Body.self, from: Data(bytes)))?.errors.first?.code
    }
}

/// Sends single requests.
private struct Caller: Sendable {
    let transport: AsyncHTTPClientTransport
    let authority: String

    func callAsFunction(
        _ method: HTTPRequest.Method, _ path: String, _ fields: HTTPFields = [:], _ body: [UInt8]? = nil
    ) async throws -> Answer {
        let request = HTTPRequest(
            method: method, scheme: "http", authority: authority, path: path, headerFields: fields)
        let reply = try await transport.send(
            request, body: body.map { .bytes($0) } ?? .none, timeout: .seconds(30))
        return Answer(head: reply.head, bytes: try await reply.bytes(upTo: 64 << 20, of: path))
    }

    /// Pushes a blob in one request.
    func push(_ bytes: [UInt8], to repository: String) async throws -> Digest {
        let digest = Digest(of: bytes)
        let reply = try await self(.post, "/v2/\(repository)/blobs/uploads/?digest=\(digest)", [:], bytes)
        #expect(reply.status == .created)
        return digest
    }

    /// Pushes an image of one config and answers its manifest.
    func pushImage(
        to repository: String, _ name: String, config: [UInt8] = [1], subject: Descriptor? = nil, type: String? = nil
    ) async throws -> (bytes: [UInt8], reply: Answer) {
        let digest = try await push(config, to: repository)
        let manifest = ImageManifest(
            artifactType: type,
            config: Descriptor(mediaType: MediaType.ociConfig, digest: digest, size: Int64(config.count)), layers: [],
            subject: subject)
        let bytes = Array(try JSONEncoder().encode(manifest))
        let place = name.isEmpty ? "\(Digest(of: bytes))" : name
        let reply = try await self(
            .put, "/v2/\(repository)/manifests/\(place)", [.contentType: MediaType.ociManifest], bytes)
        return (bytes, reply)
    }
}

extension HTTPFields {
    fileprivate subscript(named name: String) -> String? { HTTPField.Name(name).flatMap { self[$0] } }
}

@Suite("RegistryRoutes")
struct RegistryRoutesTests {
    private let zeros = "sha256:" + String(repeating: "0", count: 64)

    @Test("says that it is a registry")
    func root() async throws {
        try await LoopbackRegistry().serve { call in
            let reply = try await call(.get, "/v2/")
            #expect(reply.status == .ok)
            #expect(reply.headers[named: "Docker-Distribution-API-Version"] == "registry/2.0")
        }
    }

    @Test(
        "answers faults with the specification's status and code",
        arguments: [
            (.get, "/v2/a/manifests/none", 404, "MANIFEST_UNKNOWN"), (.get, "/v2/a/manifests/.x", 400, "TAG_INVALID"),
            (.get, "/v2/a/manifests/sha256:0", 400, "DIGEST_INVALID"), (.get, "/v2/a/blobs/ZEROS", 404, "BLOB_UNKNOWN"),
            (.delete, "/v2/a/blobs/ZEROS", 404, "BLOB_UNKNOWN"), (.get, "/v2/A/tags/list", 400, "NAME_INVALID"),
            (.get, "/v2/a/tags/list", 404, "NAME_UNKNOWN"), (.get, "/v2/a/blobs/uploads/x", 404, "BLOB_UPLOAD_UNKNOWN"),
            (.patch, "/v2/a/blobs/uploads/6C0A0A43-7E2B-4A57-9F5B-1D9B9C7D0001", 404, "BLOB_UPLOAD_UNKNOWN"),
            (.post, "/v2/a/blobs/uploads/?digest=sha256:0", 400, "DIGEST_INVALID"),
            (.post, "/v2/a/blobs/uploads/?digest=ZEROS", 400, "DIGEST_INVALID"),
            (.put, "/v2/a/manifests/v1", 400, "MANIFEST_INVALID"), (.post, "/v2/a/tags/list", 405, "UNSUPPORTED"),
            (.get, "/v2/a", 404, "UNSUPPORTED"), (.get, "/v2/..%2F..%2Fetc/tags/list", 400, "NAME_INVALID"),
        ] as [(HTTPRequest.Method, String, Int, String)])
    func faults(method: HTTPRequest.Method, path: String, status: Int, code: String) async throws {
        let zeros = zeros
        try await LoopbackRegistry().serve { call in
            let reply = try await call(method, path.replacingOccurrences(of: "ZEROS", with: zeros))
            #expect(reply.status.code == status)
            #expect(reply.errorCode == code)
        }
    }

    @Test("takes a blob in one, two and many requests, and gives it back whole or in part")
    func uploads() async throws {
        try await LoopbackRegistry().serve { call in
            let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let digest = try await call.push(bytes, to: "one")

            let begun = try await call(.post, "/v2/two/blobs/uploads/")
            #expect(begun.status == .accepted)
            let place = try #require(begun.headers[.location])
            let ended = try await call(.put, "\(place)?digest=\(digest)", [:], bytes)
            #expect(ended.status == .created)
            #expect(ended.headers[.location] == "/v2/two/blobs/\(digest)")

            let many = try #require(try await call(.post, "/v2/many/blobs/uploads/").headers[.location])
            let first = try await call(.patch, many, [.contentRange: "0-399"], Array(bytes[..<400]))
            #expect(first.status == .accepted)
            #expect(first.headers[.range] == "0-399")
            let early = try await call(.patch, many, [.contentRange: "800-999"], Array(bytes[800...]))
            #expect(early.status == .rangeNotSatisfiable)
            #expect(early.headers[.range] == "0-399")
            #expect(early.headers[.location] == many)
            let standing = try await call(.get, many)
            #expect(standing.status == .noContent)
            #expect(standing.headers[.range] == "0-399")
            let unequal = try await call(.patch, many, [.contentRange: "400-499"], Array(bytes[400...]))
            #expect(unequal.status == .badRequest)
            let last = try await call(
                .put, "\(many)?digest=\(digest)", [.contentRange: "400-999"], Array(bytes[400...]))
            #expect(last.status == .created)

            for repository in ["one", "two", "many"] {
                let path = "/v2/\(repository)/blobs/\(digest)"
                let head = try await call(.head, path)
                #expect(head.status == .ok)
                #expect(head.headers[.contentLength] == "1000")
                #expect(head.headers[named: "Docker-Content-Digest"] == "\(digest)")
                let whole = try await call(.get, path)
                #expect(whole.bytes == bytes)
                let part = try await call(.get, path, [.range: "bytes=990-2000"])
                #expect(part.status == .partialContent)
                #expect(part.headers[.contentRange] == "bytes 990-999/1000")
                #expect(part.bytes == Array(bytes[990...]))
                let beyond = try await call(.get, path, [.range: "bytes=1000-"])
                #expect(beyond.status == .rangeNotSatisfiable)
                #expect(beyond.headers[.contentRange] == "bytes */1000")
            }
            #expect(try await call(.get, "/v2/none/blobs/\(digest)").status == .notFound)
        }
    }

    @Test("gives an upload up, and keeps nothing of one that was wrong")
    func cancels() async throws {
        let registry = try LoopbackRegistry()
        try await registry.serve { call in
            let place = try #require(try await call(.post, "/v2/a/blobs/uploads/").headers[.location])
            #expect(try await call(.delete, place).status == .noContent)
            #expect(try await call(.get, place).status == .notFound)
            let wrong = try await call(.post, "/v2/a/blobs/uploads/?digest=\(Digest(of: [9]))", [:], [1])
            #expect(wrong.status == .badRequest)
        }
        let uploads = registry.folder.url.appendingPathComponent("uploads").path
        #expect(try FileManager.default.contentsOfDirectory(atPath: uploads).isEmpty)
    }

    @Test("refuses a blob past the limit and a manifest past 4 MiB with 413")
    func limits() async throws {
        try await LoopbackRegistry(maximumBlobSize: 1000).serve { call in
            let bytes = [UInt8](repeating: 1, count: 1001)
            let blob = try await call(.post, "/v2/a/blobs/uploads/?digest=\(Digest(of: bytes))", [:], bytes)
            #expect(blob.status == .contentTooLarge)
            #expect(blob.errorCode == "SIZE_INVALID")
            let large = [UInt8](repeating: 32, count: (4 << 20) + 1)
            let manifest = try await call(
                .put, "/v2/a/manifests/v1", [.contentType: MediaType.ociManifest], large)
            #expect(manifest.status == .contentTooLarge)
        }
    }

    @Test("mounts a blob of another repository, and begins an upload when it cannot")
    func mounts() async throws {
        let zeros = zeros
        try await LoopbackRegistry().serve { call in
            let digest = try await call.push([1, 2, 3], to: "a")
            let mounted = try await call(.post, "/v2/b/blobs/uploads/?mount=\(digest)&from=a")
            #expect(mounted.status == .created)
            #expect(mounted.headers[.location] == "/v2/b/blobs/\(digest)")
            #expect(try await call(.post, "/v2/c/blobs/uploads/?mount=\(digest)").status == .created)
            for query in ["mount=\(digest)&from=none", "mount=\(zeros)&from=a", "mount=nonsense"] {
                let begun = try await call(.post, "/v2/d/blobs/uploads/?\(query)")
                #expect(begun.status == .accepted)
                #expect(begun.headers[.location]?.hasPrefix("/v2/d/blobs/uploads/") == true)
            }
        }
    }

    @Test("keeps manifests byte for byte, by tag and digest, and says what they are about")
    func manifests() async throws {
        let zeros = zeros
        try await LoopbackRegistry().serve { call in
            let subject = Descriptor(mediaType: MediaType.ociManifest, digest: try Digest(zeros), size: 5)
            let (bytes, put) = try await call.pushImage(to: "team/app", "v1", subject: subject, type: "text/x")
            let digest = Digest(of: bytes)
            #expect(put.status == .created)
            #expect(put.headers[named: "OCI-Subject"] == zeros)
            #expect(put.headers[.location] == "/v2/team/app/manifests/\(digest)")
            for name in ["v1", "\(digest)"] {
                let got = try await call(.get, "/v2/team/app/manifests/\(name)")
                #expect(got.bytes == bytes)
                #expect(got.headers[.contentType] == MediaType.ociManifest)
                #expect(got.headers[named: "Docker-Content-Digest"] == "\(digest)")
                let head = try await call(.head, "/v2/team/app/manifests/\(name)")
                #expect(head.headers[.contentLength] == "\(bytes.count)")
                let same = try await call(
                    .get, "/v2/team/app/manifests/\(name)", [.ifNoneMatch: got.headers[.eTag] ?? ""])
                #expect(same.status == .notModified)
            }
            let listed = try await call(.get, "/v2/team/app/referrers/\(zeros)?artifactType=text/x")
            #expect(listed.headers[.contentType] == MediaType.ociIndex)
            #expect(listed.headers[named: "OCI-Filters-Applied"] == "artifactType")
            #expect(try ImageIndex(listed.bytes).manifests.map(\.digest) == [digest])
            let none = try await call(.get, "/v2/team/app/referrers/\(zeros)?artifactType=text/y")
            #expect(try ImageIndex(none.bytes).manifests.isEmpty)

            #expect(try await call(.delete, "/v2/team/app/manifests/v1").status == .accepted)
            #expect(try await call(.get, "/v2/team/app/manifests/v1").status == .notFound)
            #expect(try await call(.get, "/v2/team/app/manifests/\(digest)").status == .ok)
            #expect(try await call(.delete, "/v2/team/app/manifests/\(digest)").status == .accepted)
            #expect(try await call(.get, "/v2/team/app/manifests/\(digest)").status == .notFound)
        }
    }

    @Test("refuses a manifest whose blob it does not have")
    func missingBlob() async throws {
        try await LoopbackRegistry().serve { call in
            let manifest = ImageManifest(
                config: Descriptor(mediaType: MediaType.ociConfig, digest: Digest(of: [7]), size: 1), layers: [])
            let reply = try await call(
                .put, "/v2/a/manifests/v1", [.contentType: MediaType.ociManifest],
                Array(try JSONEncoder().encode(manifest)))
            #expect(reply.status == .badRequest)
            #expect(reply.errorCode == "MANIFEST_BLOB_UNKNOWN")
        }
    }

    @Test("pages tags and repositories with a link to the next page")
    func pages() async throws {
        try await LoopbackRegistry().serve { call in
            for tag in ["b", "a", "c"] { _ = try await call.pushImage(to: "x/y", tag) }
            _ = try await call.pushImage(to: "z", "v")
            let all = try await call(.get, "/v2/x/y/tags/list")
            #expect(all.text == #"{"name":"x/y","tags":["a","b","c"]}"#)
            let first = try await call(.get, "/v2/x/y/tags/list?n=2")
            #expect(first.text == #"{"name":"x/y","tags":["a","b"]}"#)
            #expect(first.headers[named: "Link"] == #"</v2/x/y/tags/list?n=2&last=b>; rel="next""#)
            let rest = try await call(.get, "/v2/x/y/tags/list?n=2&last=b")
            #expect(rest.text == #"{"name":"x/y","tags":["c"]}"#)
            #expect(rest.headers[named: "Link"] == nil)
            #expect(try await call(.get, "/v2/x/y/tags/list?n=0").text == #"{"name":"x/y","tags":[]}"#)
            #expect(try await call(.get, "/v2/x/y/tags/list?n=-1").status == .badRequest)
            let catalog = try await call(.get, "/v2/_catalog?n=1")
            #expect(catalog.text == #"{"repositories":["x/y"]}"#)
            #expect(catalog.headers[named: "Link"]?.contains("last=x%2Fy") == true)
        }
    }

    @Test("serves our own client: an image goes in and comes out, in one piece or in chunks", arguments: [nil, 70_000])
    func ownClient(chunkSize: Int?) async throws {
        let registry = try LoopbackRegistry()
        let image = try Self.sampleImage()
        let layout = registry.folder.url.appendingPathComponent("layout").path
        try image.writeLayout(to: layout, tag: "v1")
        let root = image.descriptor.digest
        try await registry.serve { call in
            do {
                let client = RegistryClient(
                    transport: call.transport, options: .init(usesPlainHTTP: true, chunkSize: chunkSize))
                let place = try ImageReference("\(call.authority)/team/app:v1")
                #expect(try await client.copy(try await OCILayout(folder: layout), to: place) == root)
                #expect(try await client.resolve(place) == root)
                #expect(try await client.tags(of: place) == ["v1"])
                let source = RegistrySource(client, place)
                let resolved = try await source.resolve(platform: nil)
                for layer in resolved.manifest.layers {
                    let bytes = try await source.blob(layer).collect(upTo: 8 << 20, of: "a layer")
                    #expect(Digest(of: bytes) == layer.digest)
                }
                let other = try ImageReference("\(call.authority)/other/app:v1")
                for layer in resolved.manifest.layers {
                    #expect(try await client.mount(layer.digest, from: "team/app", to: other))
                }
                #expect(try await client.copy(source, to: other) == root)
                try await client.deleteManifest(place)
                let gone = await #expect(throws: BullaError.self) { try await client.resolve(place) }
                #expect(gone?.code == .notFound)
            }
        }
    }

    @Test("serves skopeo: what it copies in it copies out again", .enabled(if: OutsideTool.isInstalled("skopeo")))
    func skopeo() async throws {
        let registry = try LoopbackRegistry()
        let image = try Self.sampleImage()
        let folder = registry.folder.url.path
        try image.writeLayout(to: "\(folder)/layout", tag: "v1")
        try await registry.serve { call in
            let place = "docker://\(call.authority)/team/app:v1"
            let (tool, flags) = (
                ["skopeo", "--insecure-policy"], ["--dest-tls-verify=false", "--src-tls-verify=false"]
            )
            _ = try OutsideTool.run(tool + ["copy"] + flags + ["oci:\(folder)/layout:v1", place])
            _ = try OutsideTool.run(tool + ["copy"] + flags + [place, "oci:\(folder)/again:v1"])
            _ = try OutsideTool.run(tool + ["copy"] + flags + [place, "docker-archive:\(folder)/image.tar:app:v1"])
            _ = try OutsideTool.run(
                tool + ["copy"] + flags + ["--format", "v2s2", "oci:\(folder)/layout:v1", "\(place)-docker"])
        }
        let again = try await OCILayout(folder: "\(folder)/again", tag: "v1").resolve(platform: nil)
        #expect(again.digest == image.descriptor.digest)
        #expect(try await DockerArchive("\(folder)/image.tar").resolve(platform: nil).manifest.layers.count == 2)
        let docker = try await registry.service.manifest(.tag("v1-docker"), in: "team/app")
        #expect(docker.mediaType == MediaType.dockerManifest)
        #expect(docker.kind == .image)
    }

    /// An image of a small layer and one of a few hundred kilobytes that do not compress.
    private static func sampleImage() throws -> ImageWriter {
        var random = SeededGenerator(seed: 3)
        let noise = (0..<300_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        var builder = ImageBuilder()
        try builder.addLayer { $0.addFile("etc/os-release", Array("ID=test\n".utf8)) }
        try builder.addLayer { $0.addFile("usr/noise", noise) }
        return try builder.image()
    }
}
