// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
import BullaArtifact
import Foundation
import Testing

@Suite("Embedded advisories")
final class EmbeddedAdvisoriesTests {
    private let folder: TemporaryFolder
    private let database: AdvisoryDatabase
    private let report: ImportReport

    init() throws {
        folder = try TemporaryFolder()
        report = try EmbeddedAdvisories.write(to: folder.path + "/a.db", built: Date(timeIntervalSince1970: 0))
        database = try AdvisoryDatabase(path: folder.path + "/a.db")
    }

    @Test("are all kept, with nothing left out")
    func areKept() {
        #expect(report.kept >= 12 && report.kept == report.read)
        #expect(report.ignoredParts.isEmpty)
    }

    @Test(
        "judge well-known versions as they should be",
        arguments: [
            ("debian", "12", "deb", "glibc", "2.36-9+deb12u1", ["CVE-2023-4911", "CVE-2024-2961"]),
            ("debian", "12", "deb", "glibc", "2.36-9+deb12u3", ["CVE-2024-2961"]),
            ("debian", "12", "deb", "glibc", "2.36-9+deb12u10", []),
            ("debian", "11", "deb", "glibc", "2.31-13+deb11u6", ["CVE-2023-4911"]),
            ("debian", "12", "deb", "curl", "7.88.1-10+deb12u1", ["CVE-2023-38545"]),
            ("alpine", "3.16.0", "apk", "zlib", "1.2.12-r1", ["CVE-2022-37434"]),
            ("alpine", "3.16.0", "apk", "zlib", "1.2.12-r3", []),
            ("alpine", "3.19.1", "apk", "busybox", "1.36.1-r15", ["CVE-2023-42366"]),
            ("alpine", "3.19.1", "pypi", "Flask", "2.3.0", ["CVE-2023-30861"]),
            ("alpine", "3.19.1", "pypi", "urllib3", "1.26.18", []),
        ])
    func judge(id: String, version: String, type: String, name: String, installed: String, flaws: [String]) throws {
        let judgement = try Matcher(database: database).judge(
            Inventory(distribution: Distribution(id: id, version: version), packages: [package(type, name, installed)]))
        #expect(judgement.judged == 1)
        #expect(judgement.findings.map(\.id) == flaws)
        for finding in judgement.findings {
            #expect(finding.severity != .unspecified && finding.status == .fixed)
            #expect(finding.references.count >= 2 && finding.summary != nil)
        }
    }
}
