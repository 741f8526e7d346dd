// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
import BullaArtifact
import BullaVersion
import Foundation
import Testing

/// A vector that scores 9.8.
private let worst = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
/// A vector that scores low.
private let mild = "CVSS:4.0/AV:L/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N"

@Suite("Matcher")
struct MatcherTests {
    private let bookworm = Distribution(id: "debian", version: "12")
    private let fixed = #"{"introduced":"0"},{"fixed":"7.88.1-10+deb12u4"}"#

    @Test("judges Debian packages by source name and source version")
    func judgesBySource() throws {
        let records = [osv("D-1", ecosystem: "Debian:12", package: "curl", events: fixed)]
        let old = package(
            "deb", "libcurl4", "7.88.1-10+deb12u3+b1", source: .init(name: "curl", version: "7.88.1-10+deb12u3"))
        let new = package(
            "deb", "libcurl4", "7.88.1-10+deb12u4", source: .init(name: "curl", version: "7.88.1-10+deb12u4"))
        let other = package("deb", "curl", "7.88.1-10+deb12u3", source: .init(name: "nocurl", version: "1"))
        let judgement = try judge([old, new, other], on: bookworm, by: records)
        #expect(judgement.findings.map(\.package.version) == ["7.88.1-10+deb12u3+b1"])
        #expect(judgement.findings.first?.fixedVersion == "7.88.1-10+deb12u4")
        #expect(judgement.findings.first?.status == .fixed)
        #expect(judgement.judged == 3 && judgement.unjudged.isEmpty)
    }

    @Test(
        "chooses the feed of the release, or says why there is none",
        arguments: [
            (Distribution(id: "debian", version: "12.5"), "deb", nil),
            (Distribution(id: "debian", version: "13"), "deb", "no advisories for Debian:13 are loaded"),
            (Distribution(id: "debian", version: nil), "deb", "the distribution debian states no version"),
            (Distribution(id: "ubuntu", version: "22.04"), "deb", nil),
            (Distribution(id: "alpine", version: "3.20.1"), "apk", nil),
            (
                Distribution(id: "alpine", version: "3.21.0_alpha20240807"), "apk",
                "no advisory source for Alpine 3.21.0_alpha20240807, which is no release"
            ),
            (
                Distribution(id: "raspbian", version: "12", idLike: ["debian"]), "deb",
                "no advisory source for the distribution raspbian 12"
            ),
            (nil, "deb", "no file names the distribution"),
            (nil, "gem", "no advisory source for packages of type gem"),
            (nil, "golang", "no advisories for Go are loaded"),
        ] as [(Distribution?, String, String?)])
    func choosesFeed(distribution: Distribution?, type: String, reason: String?) throws {
        let records = ["Debian:12", "Ubuntu:22.04:LTS", "Alpine:v3.20"].map {
            osv("X-\($0)", ecosystem: $0, package: "p", events: #"{"introduced":"0"}"#)
        }
        let judgement = try judge([package(type, "p", "1.0-r0")], on: distribution, by: records)
        #expect(judgement.unjudged.first?.reason == reason)
        #expect(judgement.findings.count == (reason == nil ? 1 : 0))
        #expect(judgement.judged == (reason == nil ? 1 : 0))
    }

    @Test("leaves a language package to the distribution package that owns it")
    func respectsOwner() throws {
        let owner = PackageURL(type: "deb", namespace: "debian", name: "python3-requests", version: "2.28.1+dfsg-1")
        let records = [
            osv("P-1", package: "requests", events: #"{"introduced":"0"},{"fixed":"2.31.0"}"#),
            osv("D-1", ecosystem: "Debian:12", package: "curl", events: fixed),
        ]
        let free = package("pypi", "requests", "2.28.1")
        let owned = package("pypi", "requests", "2.28.1", owner: owner)
        #expect(try judge([free], on: bookworm, by: records).findings.count == 1)
        let judgement = try judge([owned], on: bookworm, by: records)
        #expect(judgement.findings.isEmpty && judgement.judged == 1)
        let unknown = try judge([owned], on: Distribution(id: "debian", version: "13"), by: records)
        #expect(unknown.unjudged.first?.reason.hasPrefix("owned by pkg:deb/debian/python3-requests") == true)
    }

    @Test("compares PyPI names as PEP 503 does", arguments: ["Foo.Bar_baz", "foo-bar-baz", "FOO--BAR.baz"])
    func normalises(name: String) throws {
        let records = [osv("P-1", package: "foo_bar.Baz")]
        #expect(try judge([package("pypi", name, "1.0")], by: records).findings.count == 1)
    }

    @Test("takes enumerated versions, even those that no scheme reads")
    func enumerates() throws {
        let records = [
            osv("P-1", events: #"{"introduced":"5.0"},{"fixed":"6.0"}"#, inAffected: #""versions":["1.0","2004d"],"#)
        ]
        for (version, count) in [("1", 1), ("1.0.0", 1), ("1.1", 0), ("5.5", 1), ("2004d", 1), ("2004e", 0)] {
            let judgement = try judge([package("pypi", "example", version)], by: records)
            #expect(judgement.findings.count == count, "\(version)")
            let isReadable = !version.hasPrefix("2004")
            #expect(judgement.unjudged.isEmpty == isReadable)
            if !isReadable { #expect(judgement.unjudged.first?.reason == "'\(version)' is no version of PyPI") }
        }
    }

    @Test("never matches a withdrawn advisory")
    func ignoresWithdrawn() throws {
        let records = [osv("P-1", more: #""withdrawn":"2024-02-01T00:00:00Z","#), osv("P-2")]
        #expect(try judge([package("pypi", "example", "1.0")], by: records).findings.map(\.id) == ["P-2"])
    }

    @Test("folds advisories of one flaw, prefers the CVE and finds the fix that clears all")
    func folds() throws {
        let records = [
            osv("PYSEC-1", events: #"{"introduced":"0"},{"fixed":"1.5"}"#, more: #""aliases":["CVE-2024-10"],"#),
            osv(
                "GHSA-1", events: #"{"introduced":"0"},{"fixed":"1.4"},{"introduced":"1.5"},{"fixed":"1.6"}"#,
                more: #""aliases":["CVE-2024-10","OTHER-1"],"database_specific":{"severity":"MODERATE"},"#),
            osv("X-1", more: #""aliases":["CVE-2024-9"],"#),
        ]
        let findings = try judge([package("pypi", "example", "1.0")], by: records).findings
        #expect(findings.map(\.id) == ["CVE-2024-10", "CVE-2024-9"])
        #expect(findings.first?.aliases == ["GHSA-1", "OTHER-1", "PYSEC-1"])
        #expect(findings.first?.advisories == ["GHSA-1", "PYSEC-1"])
        #expect(findings.first?.fixedVersion == "1.6")
        #expect(findings.first?.severity == .medium)
    }

    @Test("lists a bundle with every flaw that it names")
    func unbundles() throws {
        func record(_ id: String, _ upstream: String) -> String {
            osv(
                id, ecosystem: "Debian:12", package: "p", events: #"{"introduced":"0"},{"fixed":"2"}"#,
                more: #""upstream":[\#(upstream)],"#)
        }
        let records = [
            record("DSA-1", #""CVE-2024-1","CVE-2024-2""#), record("DEBIAN-CVE-2024-1", #""CVE-2024-1""#),
            record("DSA-2", #""CVE-2024-3""#),
        ]
        let findings = try judge([package("deb", "p", "1")], on: bookworm, by: records).findings
        #expect(findings.map(\.id) == ["CVE-2024-1", "CVE-2024-2", "CVE-2024-3"])
        #expect(findings.map(\.advisories) == [["DEBIAN-CVE-2024-1", "DSA-1"], ["DSA-1"], ["DSA-2"]])
        #expect(findings.allSatisfy { $0.aliases.isEmpty })
    }

    @Test("keeps a flaw to itself that a negative record denies")
    func respectsNegatives() throws {
        let folder = try TemporaryFolder()
        let debian = try #require(Ecosystem("Debian:12"))
        func advisory(_ id: String, _ status: Advisory.Status) -> Advisory {
            Advisory(
                id: id, upstream: ["CVE-2024-1"],
                affected: [.init(ecosystem: debian, name: "p", ranges: [[.introduced("0")]], status: status)])
        }
        for (denied, count) in [(Advisory.Status.notAffected, 0), (.willNotFix, 1)] {
            var builder = DatabaseBuilder()
            try builder.add(advisory("D-1", .affected))
            try builder.add(advisory("D-2", denied))
            try builder.write(to: folder.path + "/a.db", built: Date())
            let matcher = Matcher(database: try AdvisoryDatabase(path: folder.path + "/a.db"))
            let judgement = try matcher.judge(Inventory(distribution: bookworm, packages: [package("deb", "p", "1")]))
            #expect(judgement.findings.count == count)
            if count == 1 { #expect(judgement.findings.first?.status == .willNotFix) }
        }
    }

    @Test(
        "takes the vendor's word before a score, and the newest system's score",
        arguments: [
            (
                #""severity":[{"type":"CVSS_V3","score":"\#(worst)"}],"#, "",
                Severity.critical
            ),
            (
                #""severity":[{"type":"CVSS_V3","score":"\#(worst)"}],"# + #""database_specific":{"severity":"LOW"},"#,
                "", .low
            ),
            (#""database_specific":{"severity":"LOW"},"#, #""ecosystem_specific":{"urgency":"high**"},"#, .high),
            ("", #""ecosystem_specific":{"urgency":"unimportant"},"#, .minimal),
            ("", #""ecosystem_specific":{"urgency":"not yet assigned","severity":"Medium"},"#, .medium),
            (
                #""severity":[{"type":"CVSS_V3","score":"\#(worst)"},{"type":"CVSS_V4","score":"\#(mild)"}],"#,
                "", .low
            ),
            (#""severity":[{"type":"Ubuntu","score":"negligible"}],"#, "", .minimal),
            (#""database_specific":{"cvss_v3":7.5},"#, "", .high),
            (#""severity":[{"type":"CVSS_V3","score":"rubbish"}],"#, "", .unspecified),
        ])
    func weighs(record: String, entry: String, severity: Severity) throws {
        let records = [osv("P-1", more: record, inAffected: entry)]
        #expect(try judge([package("pypi", "example", "1.0")], by: records).findings.first?.severity == severity)
    }

    @Test("sorts findings and gives the same judgement whatever the order of packages")
    func sorts() throws {
        let records = [osv("P-2", package: "b"), osv("P-1", package: "b"), osv("P-3", package: "a")]
        let packages = [
            package("pypi", "b", "1"), package("pypi", "a", "1"), package("gem", "z", "1"), package("gem", "y", "1"),
        ]
        let judgement = try judge(packages, by: records)
        #expect(judgement.findings.map(\.id) == ["P-3", "P-1", "P-2"])
        #expect(judgement.unjudged.map(\.purl.name) == ["y", "z"])
        #expect(try judge(packages.reversed(), by: records) == judgement)
    }

    @Test("judges nothing without a database")
    func withoutDatabase() throws {
        let judgement = try Matcher(database: nil).judge(Inventory(packages: [package("pypi", "a", "1")]))
        #expect(judgement.judged == 0 && judgement.advisories == nil)
        #expect(judgement.unjudged.map(\.reason) == ["no advisory database"])
    }
}
