// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaTesting
import Foundation
import Testing

/// A server that really runs: `bulla serve` on free ports, with its data in a temporary folder.
final class RunningServer: Sendable {
    /// What the ready file says.
    let ready: JSON
    /// The folder of everything: `data`, `ready.json`, `log`.
    let folder: URL
    private let process: Process

    /// The address of REST, registry and health.
    var http: String { ready["http"].string }
    /// Host and port of the registry.
    var authority: String { String(http.dropFirst("http://".count)) }
    /// The address of the webhook.
    var webhook: String { ready["webhook"].string }
    /// The file of the authority that the webhook's certificate is from.
    var authorityFile: String { ready["webhookCA"].string }
    /// The compiled advisory database.
    var advisories: String { Self.advisories(in: folder) }

    static func advisories(in folder: URL) -> String { folder.appending(path: "data/advisories.db").path }

    private init(_ process: Process, _ ready: JSON, _ folder: URL) {
        self.process = process
        self.ready = ready
        self.folder = folder
    }

    /// The server's own process, also where another watches over it.
    private var processIdentifier: Int32 { Int32(ready["pid"].int ?? 0) }

    deinit { if process.isRunning { killNow() } }

    /// What the server logged.
    var log: String {
        String(
            decoding: FileManager.default.contents(atPath: folder.appending(path: "log").path) ?? Data(), as: UTF8.self)
    }

    /// Starts a server and waits until every port answers.
    ///
    /// - Throws: when it ends before, or is not ready in 30 seconds.
    static func start(
        in folder: URL, _ flags: [String] = [], ports: (http: Int, grpc: Int, webhook: Int) = (0, 0, 0),
        under wrapper: [String] = []
    ) async throws -> RunningServer {
        let readyFile = folder.appending(path: "ready.json").path
        // What a killed server left says nothing about the next one.
        try? FileManager.default.removeItem(atPath: readyFile)
        let process = Process()
        let command =
            wrapper + [
                OutsideCommand.bulla, "serve", "--data", folder.appending(path: "data").path,
                "--http", "127.0.0.1:\(ports.http)", "--grpc", "127.0.0.1:\(ports.grpc)",
                "--webhook", "127.0.0.1:\(ports.webhook)", "--ready-file", readyFile,
            ] + flags
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        let log = folder.appending(path: "log").path
        if !FileManager.default.fileExists(atPath: log) { try Data().write(to: URL(filePath: log)) }
        let output = try #require(FileHandle(forWritingAtPath: log))
        try output.seekToEnd()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            if let bytes = FileManager.default.contents(atPath: readyFile) {
                return RunningServer(process, JSON(bytes), folder)
            }
            guard process.isRunning, ContinuousClock.now < deadline else {
                kill(process.processIdentifier, SIGKILL)
                let said = FileManager.default.contents(atPath: log) ?? Data()
                throw OutsideCommand.Failure(
                    description: "the server is not ready: \(String(decoding: said, as: UTF8.self).suffix(2000))")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Runs `body` with a server that is stopped afterwards, and must then end with 0 and leave no ready file.
    static func with(
        _ flags: [String] = [], advisories: String? = nil,
        prepare: (TemporaryFolder) async throws -> [String] = { _ in [] },
        _ body: (RunningServer, TemporaryFolder) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        if let advisories {
            try folder.write("own.json", advisories.utf8)
            try await OutsideCommand.succeed([
                OutsideCommand.bulla, "db", "import", "--replace", "--db", Self.advisories(in: folder.url),
                folder.url.appending(path: "own.json").path,
            ])
        }
        let further = try await prepare(folder)
        let server = try await start(in: folder.url, flags + further)
        do {
            try await body(server, folder)
        } catch {
            server.killNow()
            throw error
        }
        try await server.stop()
    }

    /// Stops the server by SIGTERM: it drains, exits with 0 and takes its ready file along.
    func stop() async throws {
        kill(processIdentifier, SIGTERM)
        try await process.end(within: 30)
        #expect(process.terminationReason == .exit && process.terminationStatus == 0, "\(log.suffix(2000))")
        #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "ready.json").path))
    }

    /// Ends the server at once, as a power cut would.
    func killNow() {
        if process.isRunning { kill(processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// Whether the server still lives.
    var isRunning: Bool { process.isRunning }

    // MARK: - Asking

    /// Runs a command of ours against this server.
    func bulla(_ arguments: String..., input: String? = nil) async throws -> OutsideCommand.Answer {
        try await OutsideCommand.run(
            [OutsideCommand.bulla] + arguments, in: folder, environment: ["BULLA_SERVER": http], input: input)
    }

    /// The name of an image in this server's registry.
    func image(_ name: String) -> String { "\(authority)/\(name)" }

    /// All occurrences of a project.
    func occurrences(of project: String, _ filter: String = "") async throws -> [JSON] {
        let allowed = CharacterSet.alphanumerics
        let text = filter.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
        var found: [JSON] = []
        var token = ""
        repeat {
            let answer = try await Web.send(
                .get,
                "\(http)/v1/projects/\(project)/occurrences?pageSize=500&filter=\(text)"
                    + "&pageToken=\(token.addingPercentEncoding(withAllowedCharacters: allowed) ?? "")")
            guard answer.status == 200 || answer.status == 404 else {
                throw OutsideCommand.Failure(description: "listing occurrences: \(answer.status) \(answer.text)")
            }
            found += answer.json["occurrences"].items
            token = answer.json["nextPageToken"].string
        } while !token.isEmpty
        return found
    }

    /// The discovery occurrence of a digest, once the scan has ended.
    func scanned(_ digest: Digest, in project: String = "team") async throws -> JSON {
        try await eventually("the scan of \(digest)") {
            try await occurrences(of: project, "kind=\"DISCOVERY\"").first {
                $0["resourceUri"].string.hasSuffix("@\(digest)")
                    && $0["discovery"]["analysisStatus"].string.hasPrefix("FINISHED")
            }
        }
    }

    /// The ids of the vulnerabilities recorded about a digest.
    func vulnerabilities(of digest: Digest, in project: String = "team") async throws -> Set<String> {
        Set(
            try await occurrences(of: project, "kind=\"VULNERABILITY\"")
                .filter { $0["resourceUri"].string.hasSuffix("@\(digest)") }
                .map { $0["vulnerability"]["shortDescription"].string })
    }

    // MARK: - Pushing

    /// Uploads a blob in one request.
    @discardableResult
    func push(blob: [UInt8], to repository: String, as digest: Digest? = nil) async throws -> Web.Answer {
        try await Web.send(
            .post, "\(http)/v2/\(repository)/blobs/uploads/?digest=\(digest ?? Digest(of: blob))",
            type: "application/octet-stream", bytes: blob)
    }

    /// Uploads a manifest.
    @discardableResult
    func push(
        manifest: [UInt8], to repository: String, as name: String, type: String = MediaType.ociManifest
    ) async throws -> Web.Answer {
        try await Web.send(.put, "\(http)/v2/\(repository)/manifests/\(name)", type: type, bytes: manifest)
    }

    /// Pushes an image and returns its digest.
    @discardableResult
    func push(_ image: ImageWriter, to repository: String, tag: String? = nil) async throws -> Digest {
        for (digest, bytes) in image.blobs {
            let answer = try await push(blob: bytes, to: repository, as: digest)
            guard answer.status == 201 else {
                throw OutsideCommand.Failure(description: "pushing a blob: \(answer.status) \(answer.text)")
            }
        }
        let answer = try await push(
            manifest: image.manifest, to: repository, as: tag ?? image.descriptor.digest.description)
        guard answer.status == 201 else {
            throw OutsideCommand.Failure(description: "pushing a manifest: \(answer.status) \(answer.text)")
        }
        return image.descriptor.digest
    }
}
