// SPDX-License-Identifier: Apache-2.0

import BullaServer
import BullaStore
import BullaTesting
import Dispatch
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Hummingbird
import Logging
import Testing

/// Google's Python client and the definitions inside it, as judges from outside.
@Suite("Google's Grafeas client")
struct GrafeasClientTests {
    /// The Python that has `grafeas` from PyPI; `Scripts/check` makes it.
    static let python = ProcessInfo.processInfo.environment["BULLA_PYTHON"]

    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func script(_ name: String) -> String {
        repository.appending(path: "Tests/JourneyTests/python/\(name)").path
    }

    @Test("does everything over gRPC and REST, each reading what the other wrote", .enabled(if: python != nil))
    func journey() async throws {
        let python = try #require(Self.python)
        let folder = try TemporaryFolder()
        let store = try await Store.open(directory: folder.url.appending(path: "data").path)
        let api = store.metadata()

        let router = Router()
        GrafeasRoutes(api: api).add(to: router)
        let (ports, port) = AsyncStream<Int>.makeStream()
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let http = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in port.yield(channel.localAddress?.port ?? 0) }, logger: logger)
        let grpc = GRPCServer(
            transport: .http2NIOPosix(address: .ipv4(host: "127.0.0.1", port: 0), transportSecurity: .plaintext),
            services: [GrafeasService(api: api, logger: logger)])

        let said = try await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask {
                try await http.run()
                return nil
            }
            group.addTask {
                try await grpc.serve()
                return nil
            }
            group.addTask {
                let httpPort = try #require(await ports.first { _ in true })
                let grpcPort = try #require(await grpc.listeningAddress?.ipv4?.port)
                return try await Self.run([
                    python, Self.script("grafeas_client.py"), "--http", "http://127.0.0.1:\(httpPort)",
                    "--grpc", "127.0.0.1:\(grpcPort)", "--project", "journey",
                ])
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            return ""
        }
        #expect(said == "grpc: as expected\nrest: as expected\n")
        await store.close()
    }

    @Test(
        "has the same messages, fields and paths",
        .enabled(if: python != nil && OutsideTool.isInstalled("protoc")))
    func definitions() async throws {
        let folder = try TemporaryFolder()
        let set = folder.url.appending(path: "ours").path
        let protos = Self.repository.appending(path: "Protos")
        let files = try ["grafeas/v1", "google/rpc"].flatMap { name in
            try FileManager.default.contentsOfDirectory(atPath: protos.appending(path: name).path)
                .filter { $0.hasSuffix(".proto") }.sorted().map { "\(name)/\($0)" }
        }
        _ = try await Self.run(
            ["protoc", "-I", protos.path, "-I", "/usr/include", "--include_imports", "--descriptor_set_out", set]
                + files)
        let said = try await Self.run([try #require(Self.python), Self.script("compare_descriptors.py"), set])
        #expect(said.hasSuffix("9 differences, 0 unexpected\n"), "\(said)")
    }

    /// Runs a tool on a thread of its own: the server that it talks to needs the pool's.
    private static func run(_ command: [String]) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result { String(decoding: try OutsideTool.run(command), as: UTF8.self) })
            }
        }
    }
}
