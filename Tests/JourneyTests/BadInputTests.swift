// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaTesting
import Foundation
import Testing

/// What is broken, lying or too large gets a clear error on its own channel, and the server goes on.
@Suite("Bad input", .serialized)
struct BadInputTests {
    /// The server answers, and scans the next good image.
    private static func goesOn(_ server: RunningServer, _ name: String) async throws {
        #expect(try await Web.send(.get, "\(server.http)/healthz").status == 200)
        let digest = try await server.push(SampleImage.debian(mark: name), to: "team/good", tag: "1")
        let discovery = try await server.scanned(digest)["discovery"]
        #expect(discovery["analysisStatus"].string == "FINISHED_SUCCESS", "after \(name): \(discovery)")
    }

    private static func stanzas(_ count: Int) -> String {
        ImageBuilder.debianStanza("curl", "7.88.1-10+deb12u1") + String(repeating: " x\n", count: count)
    }

    /// An image of one layer with an os-release, and what `fill` adds.
    private static func image(
        _ fill: (inout TarWriter) -> Void, change: (([UInt8]) -> [UInt8])? = nil
    ) throws -> ImageWriter {
        var archive = TarWriter()
        archive.addFile("etc/os-release", Array(ImageBuilder.osRelease("debian", "12").utf8))
        fill(&archive)
        var builder = ImageBuilder()
        if let change {
            let whole = try LayerWriter.layer(of: archive.finished())
            try builder.addLayer(archive: change(whole.blob), as: .plain, mediaType: MediaType.ociLayerGzip)
        } else {
            try builder.addLayer(archive: archive.finished())
        }
        return try builder.image()
    }

    @Test("layers that are broken, lie or unpack to too much fail the scan with a reason")
    func layers() async throws {
        func status(_ archive: inout TarWriter) {
            archive.addFile("var/lib/dpkg/status", Array(Self.stanzas(10).utf8))
        }
        // What is incompressible, so that cutting it cuts content.
        var generator = SeededGenerator(seed: 7)
        let noise = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let rows: [(name: String, status: String, reason: String, image: ImageWriter)] = [
            (
                "truncated", "FINISHED_FAILED", "",
                try Self.image(
                    {
                        status(&$0)
                        $0.addFile("noise", noise)
                    }, change: { Array($0.prefix($0.count / 2)) })
            ),
            (
                "no gzip", "FINISHED_FAILED", "", try Self.image(status, change: { _ in Array("no layer at all".utf8) })
            ),
            ("another content than promised", "FINISHED_FAILED", "", try Self.image(status, change: { $0 })),
            (
                "bomb", "FINISHED_FAILED", "",
                try Self.image {
                    status(&$0)
                    $0.addFile("zeros", [UInt8](repeating: 0, count: 96 << 20))
                }
            ),
            (
                "large database", "FINISHED_FAILED", "var/lib/dpkg/status",
                try Self.image {
                    var text = Array(Self.stanzas(1).utf8)
                    text += (0..<(66 << 20)).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) | 0x20 }
                    $0.addFile("var/lib/dpkg/status", text)
                }
            ),
            ("nothing inside", "FINISHED_UNSUPPORTED", "no package database", try SampleImage.empty()),
        ]
        try await RunningServer.with(["--max-ratio", "100"], advisories: SampleImage.advisories) { server, _ in
            for row in rows {
                let digest = try await server.push(row.image, to: "team/bad", tag: "x")
                let discovery = try await server.scanned(digest)["discovery"]
                #expect(discovery["analysisStatus"].string == row.status, "\(row.name): \(discovery)")
                let reason = discovery["analysisStatusError"]["message"].string
                #expect(
                    !reason.isEmpty && (row.reason.isEmpty || reason.contains(row.reason)), "\(row.name): \(reason)")
                let checked = try await server.bulla("check", server.image("team/bad@\(digest)"))
                #expect(checked.status == 2, "\(row.name): \(checked.text)")
                let remote = try await server.bulla("scan", server.image("team/bad@\(digest)"), "--remote")
                #expect(remote.status == 2 && remote.errors.contains(row.status))
                try await Self.goesOn(server, row.name)
            }
        }
    }

    @Test("an unknown distribution is unsupported, and paths that climb out stay inside")
    func distributions() async throws {
        try await RunningServer.with(advisories: SampleImage.advisories) { server, _ in
            var unknown = ImageBuilder()
            try unknown.addLayer { archive in
                archive.addFile("etc/os-release", Array(ImageBuilder.osRelease("plan9", "4").utf8))
                archive.addFile("var/lib/dpkg/status", Array(ImageBuilder.debianStanza("curl", "1").utf8))
            }
            let first = try await server.push(unknown.image(), to: "team/bad", tag: "unknown")
            let discovery = try await server.scanned(first)["discovery"]
            #expect(discovery["analysisStatus"].string == "FINISHED_UNSUPPORTED", "\(discovery)")
            #expect(discovery["analysisStatusError"]["message"].string.contains("plan9"), "\(discovery)")

            let outside = FileManager.default.temporaryDirectory.appending(path: "bulla-climbed-out")
            let climbing = try Self.image { archive in
                let up = String(repeating: "../", count: 12)
                archive.addFile(up + outside.path.dropFirst(), Array("out".utf8))
                archive.addFile("/" + up + "etc/bulla-climbed-out", Array("out".utf8))
                archive.addSymbolicLink("var/lib/dpkg", to: up + "etc")
                archive.addFile("var/lib/dpkg/status", Array(Self.stanzas(1).utf8))
            }
            let second = try await server.push(climbing, to: "team/bad", tag: "climbing")
            let outcome = try await server.scanned(second)["discovery"]
            #expect(outcome["analysisStatus"].string.hasPrefix("FINISHED_"), "\(outcome)")
            #expect(!FileManager.default.fileExists(atPath: outside.path))
            #expect(!FileManager.default.fileExists(atPath: "/etc/bulla-climbed-out"))
            try await Self.goesOn(server, "climbing")
        }
    }

    @Test("the registry refuses in its own words")
    func registry() async throws {
        let image = try SampleImage.debian()
        try await RunningServer.with(["--max-blob-size", "1MiB"], advisories: SampleImage.advisories) { server, _ in
            func refused(
                _ what: String, _ answer: Web.Answer, _ status: Int, _ code: String
            ) async throws {
                #expect(answer.status == status, "\(what): \(answer.status) \(answer.text)")
                #expect(answer.json["errors"][0]["code"].string == code, "\(what): \(answer.text)")
                #expect(!answer.json["errors"][0]["message"].string.isEmpty)
                try await Self.goesOn(server, what)
            }
            try await refused(
                "missing blobs", server.push(manifest: image.manifest, to: "team/app", as: "1"), 400,
                "MANIFEST_BLOB_UNKNOWN")
            try await refused(
                "wrong digest", server.push(blob: [1, 2, 3], to: "team/app", as: Digest(of: [4])), 400, "DIGEST_INVALID"
            )
            #expect(
                try await Web.send(.head, "\(server.http)/v2/team/app/blobs/\(Digest(of: [4]))").status == 404)
            try await refused(
                "large manifest",
                server.push(manifest: [UInt8](repeating: 0x20, count: (4 << 20) + 1), to: "team/app", as: "1"), 413,
                "SIZE_INVALID")
            try await refused(
                "large blob", server.push(blob: [UInt8](repeating: 0, count: (1 << 20) + 1), to: "team/app"), 413,
                "SIZE_INVALID")
            try await refused(
                "no manifest", server.push(manifest: Array("{".utf8), to: "team/app", as: "1"), 400, "MANIFEST_INVALID")
            try await refused(
                "wrong name", server.push(blob: [1], to: "Team/APP"), 400, "NAME_INVALID")
            try await refused(
                "unknown manifest", Web.send(.get, "\(server.http)/v2/team/app/manifests/nosuch"), 404,
                "MANIFEST_UNKNOWN")
            try await refused(
                "a digest that is none", Web.send(.get, "\(server.http)/v2/team/app/blobs/sha256:xyz"), 400,
                "DIGEST_INVALID")
        }
    }

    @Test("the metadata API refuses as Google's does")
    func metadata() async throws {
        try await RunningServer.with(advisories: SampleImage.advisories) { server, _ in
            let rows: [(path: String, body: String?, status: Int, word: String)] = [
                ("/v1/projects/p/notes?noteId=n", "{", 400, "INVALID_ARGUMENT"),
                ("/v1/projects/p/notes?noteId=n", #"{"nosuch":1}"#, 400, "INVALID_ARGUMENT"),
                ("/v1/projects/p/notes?noteId=n", "{}", 400, "INVALID_ARGUMENT"),
                ("/v1/projects/p/occurrences", #"{"noteName":"x"}"#, 400, "INVALID_ARGUMENT"),
                ("/v1/projects/p/occurrences?filter=(((", nil, 400, "INVALID_ARGUMENT"),
                ("/v1/projects/p/notes/nosuch", nil, 404, "NOT_FOUND"),
                ("/bulla/v1/report?image=%20", nil, 400, "INVALID_ARGUMENT"),
            ]
            for row in rows {
                let answer = try await Web.send(row.body == nil ? .get : .post, server.http + row.path, row.body)
                #expect(answer.status == row.status, "\(row): \(answer.text)")
                #expect(answer.json["error"]["status"].string == row.word, "\(row): \(answer.text)")
                #expect(!answer.json["error"]["message"].string.isEmpty)
            }
            try await Self.goesOn(server, "metadata")
        }
    }

    @Test("noise on every port harms nobody")
    func noise() async throws {
        try await RunningServer.with(advisories: SampleImage.advisories) { server, _ in
            var generator = SeededGenerator(seed: 11)
            let ports = [server.http, server.ready["grpc"].string, server.webhook].compactMap {
                Int($0.split(separator: ":").last ?? "")
            }
            #expect(ports.count == 3)
            let openings = [
                "", "GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "POST /v2/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            ]
            for round in 0..<30 {
                for port in ports {
                    let size = Int.random(in: 0...5_000, using: &generator)
                    let noise = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
                    Self.send(Array(openings[round % openings.count].utf8) + noise, to: port)
                }
            }
            try await Self.goesOn(server, "noise")
            #expect(server.isRunning)
        }
    }

    /// Sends bytes to a port and hangs up.
    private static func send(_ bytes: [UInt8], to port: Int) {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { return }
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port)).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { return }
        _ = bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    @Test("what cannot be served is refused at the start, naming the fault")
    func startup() async throws {
        let folder = try TemporaryFolder()
        try folder.write("unknown.yaml", "datta: x\n".utf8)
        try folder.write("policies/a.yaml", "kind: GenericAttestationPolicy\n".utf8)
        let rows: [(flags: [String], word: String)] = [
            (["--http", "0.0.0.0:0"], "loopback"), (["--config", "unknown.yaml"], "datta"),
            (["--max-ratio", "none"], "max-ratio"), (["--policies", "policies"], "a.yaml"),
            (["--policies", "nosuchfolder"], "nosuchfolder"), (["--tls-cert", "x"], "tls-key"),
        ]
        for row in rows {
            let answer = try await OutsideCommand.run(
                [OutsideCommand.bulla, "serve", "--data", "data", "--grpc", "127.0.0.1:0", "--webhook", "127.0.0.1:0"]
                    + (row.flags.contains("--http") ? [] : ["--http", "127.0.0.1:0"]) + row.flags,
                in: folder.url, within: 20)
            #expect(answer.status == 2 && answer.errors.contains(row.word), "\(row): \(answer)")
        }
    }
}
