// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaPolicy
import Foundation
import Glibc
import Synchronization

/// The policies of a folder, in memory, and read anew when the folder changes.
///
/// A set that does not read whole is refused: at the start with an error, later by keeping the last good one and
/// saying so in `lastError`. Reading costs one `stat` per file and look; a request costs one lock.
public final class PolicyCache: Sendable {
    private struct State {
        var policy: Policy
        var lastError: BullaError?
        /// What the folder looked like just before it was last read, for better or worse; `nil`: it was not readable.
        var look: [FileLook]?
    }

    private let folder: String?
    private let options: PolicyOptions
    private let state: Mutex<State>

    /// The most files of a folder.
    public static let maximumFiles = 2000

    /// Reads a folder's `*.yaml`, `*.yml` and `*.json`; without a folder there is no policy.
    ///
    /// - Throws: `invalidArgument` with every problem when the set does not read whole, `notFound` when the folder
    ///   cannot be read.
    public init(folder: String?, options: PolicyOptions = PolicyOptions()) throws(BullaError) {
        self.folder = folder
        self.options = options
        guard let folder else {
            let policy = Policy(rules: [:], fallback: options.fallback, revision: Digest(of: []))
            state = Mutex(State(policy: policy, lastError: nil, look: []))
            return
        }
        let (policy, look) = try Self.read(folder, options)
        state = Mutex(State(policy: policy, lastError: nil, look: look))
    }

    /// The policies in force, to be taken once per request.
    public var policy: Policy { state.withLock { $0.policy } }

    /// Why the folder as it is now is not in force; `nil` when it is.
    public var lastError: BullaError? { state.withLock { $0.lastError } }

    /// Reads the folder now, whether it looks changed or not.
    ///
    /// - Throws: what is wrong with it; the policies in force stay, and `lastError` keeps the error.
    public func reload() throws(BullaError) {
        guard let folder else { return }
        let before = try? FileLook.all(in: folder)
        do {
            let (policy, look) = try Self.read(folder, options)
            state.withLock { $0 = State(policy: policy, lastError: nil, look: look) }
        } catch {
            state.withLock {
                $0.lastError = error
                $0.look = before
            }
            throw error
        }
    }

    /// Looks at the folder again and again, until cancelled, and tells each time it was read.
    ///
    /// A change is read when two looks have found the same: an author who replaces files one by one, or removes the
    /// folder, is not taken at half his word.
    ///
    /// - Throws: nothing; being cancelled is its ordinary end.
    public func run(
        every interval: Duration = .milliseconds(500),
        report: @Sendable (Result<Policy, BullaError>) -> Void = { _ in }
    ) async throws {
        guard let folder else { return }
        var last = state.withLock { $0.look }
        while !Task.isCancelled {
            do { try await Task.sleep(for: interval) } catch { return }
            let look = try? FileLook.all(in: folder)
            defer { last = look }
            if look != last || look == state.withLock({ $0.look }) { continue }
            do {
                try reload()
                report(.success(policy))
            } catch {
                report(.failure(error))
            }
        }
    }

    private static func read(
        _ folder: String, _ options: PolicyOptions
    ) throws(BullaError) -> (policy: Policy, look: [FileLook]) {
        // A folder may change while it is read: what was read counts only if it looks the same afterwards.
        var tries = 0
        while true {
            let look = try FileLook.all(in: folder)
            var resources: [PolicyResource] = []
            var problems: [BullaError.Violation] = []
            var hasher = DigestHasher()
            hasher.update(Array("\(options.fallback) \(options.maximumScanAge ?? 0)\n".utf8))
            for file in look {
                let bytes = try file.read(in: folder)
                hasher.update(Array("\(file.name) \(bytes.count)\n".utf8))
                hasher.update(bytes)
                do {
                    resources += try PolicyResource.read(bytes, file: file.name, options: options)
                } catch {
                    let whole = BullaError.Violation(field: file.name, description: error.message)
                    problems += error.violations.isEmpty ? [whole] : error.violations
                }
            }
            tries += 1
            if try FileLook.all(in: folder) != look, tries < 5 { continue }
            guard problems.isEmpty else { throw PolicyResource.failure(problems) }
            return (try Policy(resources, options: options, revision: hasher.finalize()), look)
        }
    }
}

/// What tells one state of a file from another without reading it.
private struct FileLook: Hashable, Sendable {
    let name: String
    let size: Int64
    let inode: UInt64
    let modified: [Int]

    /// The policy files of a folder, by name.
    ///
    /// Links are followed, for a mounted ConfigMap is made of them.
    static func all(in folder: String) throws(BullaError) -> [FileLook] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw BullaError(.notFound, "the policy folder \(folder) cannot be read", cause: error)
        }
        var looks: [FileLook] = []
        for name in names.sorted() where !name.hasPrefix(".") {
            guard [".yaml", ".yml", ".json"].contains(where: name.hasSuffix) else { continue }
            var status = stat()
            guard stat(folder + "/" + name, &status) == 0 else {
                throw BullaError(.notFound, "the policy file \(name) cannot be read")
            }
            guard status.st_mode & S_IFMT == S_IFREG else { continue }
            guard status.st_size <= YAMLText.maximumSize else {
                throw BullaError(.invalidArgument, "\(name): is larger than \(YAMLText.maximumSize >> 20) MiB")
            }
            let modified = [
                status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
            ]
            looks.append(
                FileLook(name: name, size: Int64(status.st_size), inode: UInt64(status.st_ino), modified: modified))
            guard looks.count <= PolicyCache.maximumFiles else {
                throw BullaError(.invalidArgument, "\(folder) holds more than \(PolicyCache.maximumFiles) policy files")
            }
        }
        return looks
    }

    /// The file's bytes, at most the limit and one.
    func read(in folder: String) throws(BullaError) -> [UInt8] {
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: folder + "/" + name))
            defer { try? handle.close() }
            return Array(try handle.read(upToCount: YAMLText.maximumSize + 1) ?? Data())
        } catch {
            throw BullaError(.notFound, "the policy file \(name) cannot be read", cause: error)
        }
    }
}
