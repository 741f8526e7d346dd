// SPDX-License-Identifier: Apache-2.0

import BullaTesting
import Foundation
import Testing

/// The story that the README tells.
@Suite("Demo", .serialized)
struct DemoTests {
    /// Runs the demo with a temporary folder of its own, in which nothing may be left.
    private func demo(_ arguments: [String] = [], under wrapper: [String] = []) async throws -> OutsideCommand.Answer {
        let folder = try TemporaryFolder()
        let answer = try await OutsideCommand.run(
            wrapper + [OutsideCommand.bulla, "demo"] + arguments, environment: ["TMPDIR": folder.url.path])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [], "nothing is left")
        #expect(try Self.servers(in: folder.url.path) == [], "nothing is running")
        return answer
    }

    /// The processes that were started with this temporary folder.
    private static func servers(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
            guard Int32(name) != nil, let bytes = FileManager.default.contents(atPath: "/proc/\(name)/environ") else {
                return false
            }
            return String(decoding: bytes, as: UTF8.self).contains(folder)
        }
    }

    @Test("tells exactly what the README shows")
    func readme() async throws {
        let answer = try await demo()
        #expect(answer.status == 0, "\(answer.errors)")
        #expect(answer.errors.isEmpty, "\(answer.errors)")
        let file = OutsideCommand.repository.appending(path: "README.md")
        let text = String(decoding: FileManager.default.contents(atPath: file.path) ?? Data(), as: UTF8.self)
        let start = try #require(text.range(of: "./demo"), "the README shows ./demo")
        let open = try #require(text.range(of: "```text\n", range: start.upperBound..<text.endIndex))
        let close = try #require(text.range(of: "\n```", range: open.upperBound..<text.endIndex))
        #expect(answer.text == String(text[open.upperBound..<close.lowerBound]) + "\n")
    }

    @Test("tells another story when one version changes: the finding goes and the verdict turns")
    func changed() async throws {
        let before = try await demo()
        #expect(before.text.contains("CVE-2023-38545") && before.text.contains("denied    registry.demo/shop/web:1.0"))
        let after = try await demo(["--with", "curl=7.88.1-10+deb12u15"])
        #expect(after.status == 0, "\(after.errors)")
        #expect(!after.text.contains("CVE-2023-38545") && !after.text.contains("CRITICAL"))
        #expect(after.text.contains("admitted  registry.demo/shop/web:1.0"))
        #expect(after.text.contains("admitted  registry.demo/shop/web:1.1"))
        #expect(try await demo(["--with", "nosuch=1"]).status == 2)
        #expect(try await demo(["--with", "nonsense"]).status == 2)
    }

    /// Whether this user may make a network namespace.
    private static let mayUnshare: Bool = {
        guard OutsideTool.isInstalled("unshare"), OutsideTool.isInstalled("ip") else { return false }
        return (try? OutsideTool.run(["unshare", "-n", "true"])) != nil
    }()

    @Test("runs where there is nothing but loopback", .enabled(if: mayUnshare))
    func loopback() async throws {
        let answer = try await demo(under: ["unshare", "-n", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
        #expect(answer.status == 0, "\(answer.errors)")
        #expect(answer.text.contains("admitted  registry.demo/shop/web:1.1"))
    }

    @Test("keeps its data where it was asked to")
    func keep() async throws {
        let folder = try TemporaryFolder()
        let kept = folder.url.appending(path: "kept").path
        let answer = try await demo(["--keep", kept])
        #expect(answer.status == 0)
        #expect(FileManager.default.fileExists(atPath: kept + "/data/bulla.db"))
        #expect(!FileManager.default.fileExists(atPath: kept + "/ready.json"))
    }
}
