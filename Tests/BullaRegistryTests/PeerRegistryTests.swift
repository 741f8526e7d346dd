// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaHTTP
import BullaRegistry
import BullaTesting
import Foundation
import Glibc
import Testing

/// Docker's own registry on a loopback port, which lets in one user.
private final class PeerRegistry {
    static let command = "docker-registry"
    let authority: String
    private let process = Process()

    init(in folder: TemporaryFolder) throws {
        let port = try Self.freePort()
        authority = "127.0.0.1:\(port)"
        // The password is "s3cret".
        let user = "bulla:$2y$05$/KCLEHSTIgeUFXB9stb7e.Mr.dTVlmUdSV5msisZfxs/UlSvcXnN6\n"
        try folder.write("htpasswd", Array(user.utf8))
        let configuration = """
            version: 0.1
            log: {level: error, accesslog: {disabled: true}}
            storage: {filesystem: {rootdirectory: \(folder.url.path)/peer}, delete: {enabled: true}}
            http: {addr: "\(authority)"}
            auth: {htpasswd: {realm: peer, path: \(folder.url.path)/htpasswd}}
            """
        try folder.write("peer.yml", Array(configuration.utf8))
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [Self.command, "serve", "\(folder.url.path)/peer.yml"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let found = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(found)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

@Suite("RegistryClient with Docker's registry", .enabled(if: OutsideTool.isInstalled(PeerRegistry.command)))
struct PeerRegistryTests {
    @Test("pushes and pulls with a basic credential, in one piece or in chunks", arguments: [nil, 40_000])
    func roundTrip(chunkSize: Int?) async throws {
        let folder = try TemporaryFolder()
        let peer = try PeerRegistry(in: folder)
        var random = SeededGenerator(seed: 5)
        let noise = (0..<100_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        var builder = ImageBuilder()
        try builder.addLayer { $0.addFile("noise", noise) }
        let image = try builder.image()
        let layout = folder.url.appendingPathComponent("layout").path
        try image.writeLayout(to: layout)
        let digest = image.descriptor.digest
        let place = try ImageReference("\(peer.authority)/team/app:v1")

        try await AsyncHTTPClientTransport.with { transport in
            // It takes a moment to start.
            let patient = RetryPolicy(attempts: 50, firstPause: .milliseconds(100), longestPause: .milliseconds(200))
            let options = RegistryClient.Options(usesPlainHTTP: true, retries: patient, chunkSize: chunkSize)
            let stranger = RegistryClient(transport: transport, options: options)
            let refused = await #expect(throws: BullaError.self) { try await stranger.resolve(place) }
            #expect(refused?.code == .unauthenticated)

            let credentials = Credentials([peer.authority: Credential(user: "bulla", password: "s3cret")])
            let client = RegistryClient(transport: transport, credentials: credentials, options: options)
            let copied = try await client.copy(try await OCILayout(folder: layout), to: place)
            #expect(copied == digest)
            #expect(try await client.resolve(place) == digest)
            #expect(try await client.tags(of: place) == ["v1"])
            let source = RegistrySource(client, place)
            let found = try await source.resolve(platform: nil)
            #expect(found.manifest.layers.map(\.digest) == image.layers.map(\.descriptor.digest))
            for layer in found.manifest.layers {
                let bytes = try await source.blob(layer).collect(upTo: 1 << 20, of: "a layer")
                #expect(Int64(bytes.count) == layer.size)
            }
            // It has no referrers API; the tag in its place does not exist either.
            #expect(try await client.referrers(to: digest, of: place).isEmpty)
            try await client.deleteManifest(place.at(digest))
            let gone = await #expect(throws: BullaError.self) { try await client.resolve(place) }
            #expect(gone?.code == .notFound)
        }
    }
}
