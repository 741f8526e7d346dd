// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// A command of another project that judges ours from outside.
struct Tool: Sendable {
    let path: String

    /// Finds a command on the PATH.
    init?(_ name: String) {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        guard let path = folders.map({ "\($0)/\(name)" }).first(where: FileManager.default.isExecutableFile(atPath:))
        else { return nil }
        self.path = path
    }

    /// What a command answered.
    struct Answer {
        let status: Int32
        let output: Data
        let errors: String
    }

    /// Runs the command to its end; what it writes goes through files, so no pipe can fill.
    func run(_ arguments: [String], in folder: URL, environment: [String: String] = [:]) throws -> Answer {
        let name = UUID().uuidString
        let output = folder.appending(path: "out-\(name)")
        let errors = folder.appending(path: "err-\(name)")
        try Data().write(to: output)
        try Data().write(to: errors)
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        process.waitUntilExit()
        return Answer(
            status: process.terminationStatus, output: try Data(contentsOf: output),
            errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
    }

    static let gpg = Tool("gpg")
    static let openssl = Tool("openssl")
    /// A Python that has securesystemslib.
    static let secureSystems: Tool? = {
        guard let python = Tool("python3") else { return nil }
        let folder = FileManager.default.temporaryDirectory
        let answer = try? python.run(["-c", "import securesystemslib.dsse, cryptography"], in: folder)
        return answer?.status == 0 ? python : nil
    }()
}

/// A tool failed where the test needs it to succeed.
struct ToolFailure: Error {
    let message: String
}

/// A folder that lives as long as its owner.
final class TemporaryFolder: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "seal-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// The folders of values that live as long as the process, removed when it ends; gpg's agents end with theirs.
    private static let lasting = Mutex<[URL]>([])

    /// Removes the folder when the process ends, for an owner that is never freed.
    func removeAtExit() {
        let isFirst = Self.lasting.withLock { folders in
            folders.append(url)
            return folders.count == 1
        }
        guard isFirst else { return }
        atexit {
            // An agent that ends removes its sockets meanwhile, which can stop a removal half-way.
            for url in TemporaryFolder.lasting.withLock({ $0 }) {
                for _ in 0..<20 where FileManager.default.fileExists(atPath: url.path) {
                    try? FileManager.default.removeItem(at: url)
                }
            }
        }
    }

    func write(_ name: String, _ data: Data) throws -> String {
        let place = url.appending(path: name)
        try FileManager.default.createDirectory(
            at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: place)
        return place.path
    }

    func read(_ name: String) throws -> Data { try Data(contentsOf: url.appending(path: name)) }

    func text(_ name: String) throws -> String { String(decoding: try read(name), as: UTF8.self) }
}

/// OpenSSL in a folder.
extension TemporaryFolder {
    @discardableResult
    func openssl(_ arguments: String...) throws -> Data {
        guard let tool = Tool.openssl else { throw ToolFailure(message: "no openssl") }
        let answer = try tool.run(arguments, in: url)
        guard answer.status == 0 else { throw ToolFailure(message: answer.errors) }
        return answer.output
    }
}

/// A keyring of gpg's own, with its agent ended at the end.
final class GPGHome: Sendable {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    deinit {
        _ = try? Tool("gpgconf")?.run(["--kill", "all"], in: folder.url, environment: ["GNUPGHOME": folder.url.path])
    }

    @discardableResult
    func run(_ arguments: [String]) throws -> Data {
        let answer = try answer(arguments)
        guard answer.status == 0 else { throw ToolFailure(message: answer.errors) }
        return answer.output
    }

    func answer(_ arguments: [String]) throws -> Tool.Answer {
        guard let tool = Tool.gpg else { throw ToolFailure(message: "no gpg") }
        return try tool.run(
            ["--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback"] + arguments, in: folder.url,
            environment: ["GNUPGHOME": folder.url.path])
    }

    /// Makes a key and returns its fingerprint.
    func makeKey(
        _ user: String, _ algorithm: String, passphrase: String = "", expires: String = "0", extra: [String] = []
    ) throws -> String {
        try run(extra + ["--passphrase", passphrase, "--quick-gen-key", user, algorithm, "sign", expires])
        return try fingerprint(user)
    }

    func fingerprint(_ user: String) throws -> String {
        let lines = String(decoding: try run(["--with-colons", "--list-keys", user]), as: UTF8.self).split(
            separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("fpr:") }) else { throw ToolFailure(message: "no key") }
        return String(line.split(separator: ":", omittingEmptySubsequences: false)[9])
    }

    func publicKey(_ user: String) throws -> String {
        String(decoding: try run(["--armor", "--export", user]), as: UTF8.self)
    }

    func privateKey(_ user: String, passphrase: String = "", armor: Bool = true) throws -> [UInt8] {
        Array(try run(["--passphrase", passphrase] + (armor ? ["--armor"] : []) + ["--export-secret-keys", user]))
    }

    /// Signs a payload as `gpg --sign` does.
    func sign(_ payload: Data, as user: String, _ arguments: [String] = ["--armor", "--sign"]) throws -> Data {
        let name = UUID().uuidString
        _ = try folder.write(name, payload)
        return try run(["--passphrase", "x", "--local-user", user, "--output", "-"] + arguments + [name])
    }
}
