// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import Foundation
import Synchronization

/// A name and its secret for one registry; it prints as redacted.
public struct Credential: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The user's name; empty with an identity token.
    public let user: String
    /// The password.
    public let password: String
    /// A token that is exchanged for access tokens in the password's stead.
    public let identityToken: String?

    /// Makes a credential of its parts.
    public init(user: String, password: String, identityToken: String? = nil) {
        self.user = user
        self.password = password
        self.identityToken = identityToken
    }

    /// The user's name alone.
    public var description: String { "\(user):<redacted>" }

    /// The user's name alone.
    public var debugDescription: String { description }

    /// The value of an `Authorization` field in the basic scheme (https://www.rfc-editor.org/rfc/rfc7617.html).
    var basic: String { "Basic " + Data("\(user):\(password)".utf8).base64EncodedString() }
}

/// Who we are to registries: given outright, or as Docker's `config.json` says.
///
/// A registry is looked up when it first asks; credential helpers are programs named by the file, started then with no
/// shell between and ten seconds to answer.
public final class Credentials: Sendable {
    /// As much of Docker's configuration as names credentials.
    private struct File: Decodable {
        struct Entry: Decodable {
            var auth: String?
            var username: String?
            var password: String?
            var identitytoken: String?
        }

        var auths: [String: Entry]?
        var credHelpers: [String: String]?
        var credsStore: String?
    }

    private let given: [String: Credential]
    private let path: String?
    private let helpers = DiskThreads(count: 1)
    private let file = Mutex<File?>(nil)

    /// Nobody.
    public static let none = Credentials([:])

    /// Takes credentials by registry, such as `["ghcr.io": …]`.
    public init(_ given: [String: Credential]) {
        self.given = given
        path = nil
    }

    /// Reads a `config.json` when a registry asks; a missing file holds nothing.
    public init(file path: String) {
        given = [:]
        self.path = path
    }

    /// The user's own: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`.
    public static func ofUser(environment: [String: String]? = nil) -> Credentials {
        let environment = environment ?? ProcessInfo.processInfo.environment
        if let folder = environment["DOCKER_CONFIG"], !folder.isEmpty {
            return Credentials(file: "\(folder)/config.json")
        }
        guard let home = environment["HOME"], !home.isEmpty else { return .none }
        return Credentials(file: "\(home)/.docker/config.json")
    }

    /// The credential for a registry, or nil when there is none.
    ///
    /// - Throws: `failedPrecondition` when the file is malformed or a helper fails.
    public func credential(for registry: String) async throws(BullaError) -> Credential? {
        if let credential = given[registry] { return credential }
        guard path != nil else { return nil }
        let file = try await contents()
        let names = Self.spellings(of: registry)
        let helper = names.compactMap { file.credHelpers?[$0] }.first ?? file.credsStore
        if let helper, !helper.isEmpty {
            for name in names {
                if let credential = try await ask(helper, about: name) { return credential }
            }
        }
        let entries = Dictionary(
            (file.auths ?? [:]).map { (Self.host(of: $0.key), $0.value) }, uniquingKeysWith: { first, _ in first })
        for name in names {
            if let entry = entries[Self.host(of: name)], let credential = try Self.credential(entry, for: registry) {
                return credential
            }
        }
        return nil
    }

    /// The names under which Docker's file keeps a registry.
    private static func spellings(of registry: String) -> [String] {
        guard registry == "index.docker.io" else { return [registry, "https://\(registry)", "http://\(registry)"] }
        return ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"]
    }

    /// A key without its scheme and path.
    private static func host(of key: String) -> String {
        var rest = Substring(key)
        for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        return String(rest.prefix { $0 != "/" })
    }

    private static func credential(_ entry: File.Entry, for registry: String) throws(BullaError) -> Credential? {
        var (user, password) = (entry.username ?? "", entry.password ?? "")
        if let auth = entry.auth, !auth.isEmpty {
            let text = Data(base64Encoded: auth).flatMap { String(validating: $0, as: UTF8.self) }
            guard let text, let colon = text.firstIndex(of: ":") else {
                throw BullaError(
                    .failedPrecondition, "the credential for '\(registry)' in Docker's config.json is malformed")
            }
            user = String(text[..<colon])
            password = String(text[text.index(after: colon)...].prefix { $0 != "\0" })
        }
        let token = entry.identitytoken.flatMap { $0.isEmpty ? nil : $0 }
        guard !user.isEmpty || token != nil else { return nil }
        return Credential(user: user, password: password, identityToken: token)
    }

    private func contents() async throws(BullaError) -> File {
        if let file = file.withLock({ $0 }) { return file }
        guard let path else { return File() }
        let read = try await helpers.run { () throws(BullaError) -> File in
            guard try Folder.facts(of: path) != nil else { return File() }
            let bytes = try OpenFile(path, 0).read(count: 4 << 20, at: 0)
            guard JSONDepth.isAtMost(16, in: bytes), let file = try? JSONDecoder().decode(File.self, from: Data(bytes))
            else { throw BullaError(.failedPrecondition, "'\(path)' is not Docker's configuration") }
            return file
        }
        file.withLock { $0 = read }
        return read
    }

    // MARK: Helpers

    private struct Answer: Decodable {
        var Username: String?
        var Secret: String?
    }

    /// Asks a credential helper (https://github.com/docker/docker-credential-helpers).
    private func ask(_ helper: String, about server: String) async throws(BullaError) -> Credential? {
        guard helper.utf8.allSatisfy({ $0 != UInt8(ascii: "/") && $0 != 0 }) else {
            throw BullaError(.failedPrecondition, "'\(helper.prefix(80))' is no credential helper's name")
        }
        let program = "docker-credential-\(helper)"
        return try await helpers.run { () throws(BullaError) -> Credential? in
            let output = try Self.run(program, "get", input: server)
            guard let output else { return nil }
            guard let answer = try? JSONDecoder().decode(Answer.self, from: output), let secret = answer.Secret else {
                throw BullaError(.failedPrecondition, "'\(program)' answered no credential for '\(server)'")
            }
            let user = answer.Username ?? ""
            guard user == "<token>" else { return Credential(user: user, password: secret) }
            return Credential(user: "", password: "", identityToken: secret)
        }
    }

    /// Runs a helper; nil when it says that it knows no credential.
    private static func run(_ program: String, _ verb: String, input: String) throws(BullaError) -> Data? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program, verb]
        let (incoming, outgoing) = (Pipe(), Pipe())
        process.standardInput = incoming
        process.standardOutput = outgoing
        process.standardError = FileHandle.nullDevice
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        do {
            try process.run()
            try incoming.fileHandleForWriting.write(contentsOf: Data(input.utf8))
            try incoming.fileHandleForWriting.close()
        } catch { throw BullaError(.failedPrecondition, "'\(program)' cannot be started", cause: error) }
        // A helper's answer is smaller than a pipe, so it can end before it is read.
        guard ended.wait(timeout: .now() + 10) == .success else {
            process.terminate()
            throw BullaError(.deadlineExceeded, "'\(program)' did not answer within 10 seconds")
        }
        let output = outgoing.fileHandleForReading.readData(ofLength: 64 << 10)
        if process.terminationStatus == 0 { return output }
        if String(decoding: output, as: UTF8.self).contains("credentials not found") { return nil }
        throw BullaError(.failedPrecondition, "'\(program)' failed with status \(process.terminationStatus)")
    }
}
