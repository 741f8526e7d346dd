// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
import BullaArtifact
import Foundation
import Testing

/// Real advisories, where the machine has them: `BULLA_ADVISORIES`, or `../shared/advisories` beside the repository.
@Suite("Real advisories")
final class SharedAdvisoriesTests {
    private let folder: TemporaryFolder
    private let source: String?

    init() throws {
        folder = try TemporaryFolder()
        let places = [
            ProcessInfo.processInfo.environment["BULLA_ADVISORIES"],
            FileManager.default.currentDirectoryPath + "/../shared/advisories",
        ]
        source = places.compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0 + "/pypi.osv.jsonl.zst") }
    }

    @Test("are kept but for what the report names, and judge well-known versions")
    func judges() throws {
        guard let source else { return print("skipped: no real advisories here (BULLA_ADVISORIES)") }
        var builder = DatabaseBuilder()
        for name in ["debian-changelog", "pypi", "go", "npm", "crates.io", "rubygems"] {
            try builder.add(file: "\(source)/\(name).osv.jsonl.zst")
        }
        let report = builder.report
        #expect(report.read == 9094)
        #expect(report.kept + report.withdrawn + report.refusedCount + report.superseded == report.read)
        // RubyGems has no version order yet, and two PyPI records name no range that PEP 440 reads.
        #expect(report.refusedCount == 811 && report.withdrawn == 26)
        try builder.write(to: folder.path + "/a.db", built: Date())
        let database = try AdvisoryDatabase(path: folder.path + "/a.db")
        #expect(database.digest == builder.digest)
        let packages = [
            package("deb", "libssl3", "3.0.9-1", source: .init(name: "openssl", version: "3.0.9-1")),
            package("deb", "libcurl4", "7.88.1-10+deb12u4", source: .init(name: "curl", version: "7.88.1-10+deb12u4")),
            package("pypi", "requests", "2.30.0"), package("pypi", "requests", "2.31.0"),
            package("golang", "github.com/gin-gonic/gin", "v1.5.0"), package("cargo", "openssl", "0.8.0"),
        ]
        let judgement = try Matcher(database: database).judge(
            Inventory(distribution: Distribution(id: "debian", version: "12"), packages: packages))
        func flaws(_ name: String, _ version: String) -> [String] {
            judgement.findings.filter { $0.package.name == name && $0.package.version == version }.map(\.id)
        }
        #expect(flaws("libssl3", "3.0.9-1").contains("CVE-2023-5363"))
        #expect(!flaws("libssl3", "3.0.9-1").contains("CVE-2022-0778"))
        #expect(!flaws("libcurl4", "7.88.1-10+deb12u4").contains("CVE-2023-38545"))
        #expect(flaws("libcurl4", "7.88.1-10+deb12u4").contains("CVE-2024-2398"))
        #expect(flaws("requests", "2.30.0").contains("CVE-2023-32681"))
        #expect(!flaws("requests", "2.31.0").contains("CVE-2023-32681"))
        #expect(flaws("github.com/gin-gonic/gin", "v1.5.0").contains("CVE-2020-36567"))
        #expect(flaws("openssl", "0.8.0").contains("CVE-2016-10931"))
        #expect(judgement.judged == packages.count)
    }
}
