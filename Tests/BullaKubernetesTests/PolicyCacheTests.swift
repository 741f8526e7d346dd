// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaKubernetes
import BullaPolicy
import Foundation
import Synchronization
import Testing

/// What a loop told, for a test to look at.
private final class Told: Sendable {
    let results = Mutex<[Bool]>([])
}

@Suite("Policy cache")
final class PolicyCacheTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "policies-\(UUID())")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func write(_ text: String, to name: String = "a.yaml") throws {
        try Data(text.utf8).write(to: folder.appending(path: name), options: .atomic)
    }

    private static func limits(_ limit: String, name: String = "i") -> String {
        """
        apiVersion: kritis.grafeas.io/v1beta1
        kind: ImageSecurityPolicy
        metadata: {name: \(name), namespace: prod}
        spec: {packageVulnerabilityRequirements: {maximumSeverity: \(limit)}}

        """
    }

    private static func limit(of policy: Policy) -> SeverityLimit? {
        guard case .vulnerabilities(let requirement)? = policy.rule(in: "prod")?.requirements.first else { return nil }
        return requirement.maximumFixable
    }

    @Test("reads a folder whole")
    func reads() throws {
        try write(Self.limits("LOW"))
        try write(Self.limits("HIGH", name: "j"), to: "b.yml")
        try write("not: a policy", to: "README.txt")
        try write("not: a policy", to: ".hidden.yaml")
        let cache = try PolicyCache(folder: folder.path)
        #expect(cache.policy.rule(in: "prod")?.requirements.count == 2)
        #expect(cache.lastError == nil)
    }

    @Test("refuses a set that does not read whole, at the start")
    func start() throws {
        try write(Self.limits("LOW"))
        try write(Self.limits("BAD", name: "j"), to: "b.json")
        let error = #expect(throws: BullaError.self) { try PolicyCache(folder: self.folder.path) }
        #expect(error?.message.contains("b.json:4:60") == true, "\(error?.message ?? "")")
        #expect(throws: BullaError.self) { try PolicyCache(folder: "/nonexistent/policies") }
    }

    @Test("has no policy without a folder")
    func none() throws {
        let cache = try PolicyCache(folder: nil, options: PolicyOptions(fallback: .deny))
        #expect(cache.policy.rules.isEmpty)
        #expect(cache.policy.fallback == .deny)
        try cache.reload()
    }

    @Test("keeps the last good set, says what is wrong, and recovers")
    func keeps() throws {
        try write(Self.limits("LOW"))
        let cache = try PolicyCache(folder: folder.path)
        let revision = cache.policy.revision
        try write(Self.limits("BAD"))
        #expect(throws: BullaError.self) { try cache.reload() }
        #expect(cache.lastError?.message.contains("invalid max severity level 'BAD'") == true)
        #expect(cache.policy.revision == revision)
        try write(Self.limits("HIGH"))
        try cache.reload()
        #expect(cache.lastError == nil)
        #expect(cache.policy.revision != revision)
        #expect(Self.limit(of: cache.policy) == .atMost(.high))
        try write(Self.limits("LOW"))
        try cache.reload()
        #expect(cache.policy.revision == revision)
    }

    @Test("notices changes, tells each once, and ends when cancelled")
    func notices() async throws {
        try write(Self.limits("LOW"))
        let cache = try PolicyCache(folder: folder.path)
        let told = Told()
        @Sendable func wait(for count: Int) async throws {
            for _ in 0..<500 where told.results.withLock({ $0.count }) < count {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await cache.run(every: .milliseconds(5)) { result in
                    told.results.withLock { $0.append((try? result.get()) != nil) }
                }
            }
            try write(Self.limits("HIGH"))
            try await wait(for: 1)
            try write(Self.limits("BAD"))
            try await wait(for: 2)
            try await Task.sleep(for: .milliseconds(50))
            #expect(Self.limit(of: cache.policy) == .atMost(.high))
            try write(Self.limits("MEDIUM"))
            try await wait(for: 3)
            let aside = folder.appendingPathExtension("aside")
            try FileManager.default.moveItem(at: folder, to: aside)
            defer { try? FileManager.default.removeItem(at: aside) }
            try await wait(for: 4)
            #expect(cache.lastError?.code == .notFound)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try await wait(for: 5)
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(told.results.withLock { $0 } == [true, false, true, false, true])
        #expect(cache.lastError == nil)
    }

    @Test("follows the links of a mounted ConfigMap")
    func links() throws {
        let data = folder.appending(path: "..data")
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        try Data(Self.limits("LOW").utf8).write(to: data.appending(path: "a.yaml"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.appending(path: "a.yaml").path, withDestinationPath: "..data/a.yaml")
        #expect(Self.limit(of: try PolicyCache(folder: folder.path).policy) == .atMost(.low))
    }
}
