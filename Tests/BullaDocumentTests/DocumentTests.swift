// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaDocument
import Foundation
import Testing

/// A report with something of everything, its arrays in a given order.
func report(isReversed: Bool = false, isEmpty: Bool = false) throws -> ScanReport {
    let layer = try Digest("sha256:" + String(repeating: "ab", count: 32))
    func package(_ name: String, _ version: String) -> Package {
        Package(
            name: name, version: version, type: "deb",
            purl: PackageURL(type: "deb", namespace: "debian", name: name, version: version),
            source: Package.Source(name: name, version: version),
            locations: [
                Package.Location(path: "var/lib/dpkg/status", layer: layer), Package.Location(path: "a", layer: nil),
            ])
    }
    var wheel = Package(
        name: "Evil\u{1B}[2J\"", version: "1", type: "pypi", purl: PackageURL(type: "pypi", name: "evil", version: "1"),
        license: "MIT", locations: [])
    wheel.owner = package("curl", "1").purl
    var packages = [package("openssl", "3.0.9-1"), package("curl", "7.88.1-10"), wheel]
    var findings = [
        Finding(
            id: "CVE-2023-0464", aliases: ["B", "A"], advisories: ["DSA-2", "DSA-1"], severity: .high,
            package: packages[0], fixedVersion: "3.0.9-1+deb12u1", status: .fixed),
        Finding(
            id: "CVE-2023-38545", advisories: ["CVE-2023-38545"], severity: .critical, cvss: "CVSS:3.1/AV:N",
            package: packages[1], status: .willNotFix),
        Finding(id: "CVE-2023-27534", advisories: ["X"], severity: .high, package: packages[1], status: .affected),
        Finding(id: "CVE-2020-1", advisories: ["Y"], severity: .unspecified, package: wheel, status: .affected),
    ]
    var unjudged = [
        ScanReport.Unjudged(purl: wheel.purl, reason: "owned by curl"),
        ScanReport.Unjudged(purl: packages[0].purl, reason: "no feed"),
    ]
    var problems = [Inventory.Problem(path: "z", reason: "cut"), Inventory.Problem(path: "a", reason: "too large")]
    if isReversed {
        packages.reverse()
        findings.reverse()
        unjudged.reverse()
        problems.reverse()
    }
    return ScanReport(
        image: ScanReport.Image(
            reference: "registry/app:1", digest: layer, platform: Platform(os: "linux", architecture: "arm64")),
        inventory: Inventory(
            distribution: Distribution(id: "debian", version: "12"), packages: isEmpty ? [] : packages,
            problems: isEmpty ? [] : problems),
        findings: isEmpty ? [] : findings, judged: 2, unjudged: isEmpty ? [] : unjudged,
        advisories: isEmpty
            ? nil : ScanReport.AdvisorySet(digest: layer, built: Date(timeIntervalSince1970: 1_700_000_000)))
}

@Suite("JSONDocument")
struct JSONDocumentTests {
    @Test("gives the same bytes whatever the order, and valid JSON with sorted keys", arguments: [true, false])
    func stable(isPretty: Bool) throws {
        let bytes = JSONDocument.bytes(of: try report(), isPretty: isPretty)
        #expect(bytes == JSONDocument.bytes(of: try report(isReversed: true), isPretty: isPretty))
        let object = try JSONSerialization.jsonObject(with: Data(bytes))
        let again = try JSONSerialization.data(
            withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
        // Foundation's own writer, told to sort, agrees on the compact form but for the escapes of control characters.
        let ours = String(decoding: JSONDocument.bytes(of: try report(), isPretty: false).dropLast(), as: UTF8.self)
        #expect(ours.lowercased() == String(decoding: again, as: UTF8.self).lowercased())
    }

    @Test("has the members of bulla.scan/v1")
    func members() throws {
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(JSONDocument.bytes(of: try report()))) as? [String: Any])
        #expect(
            object.keys.sorted() == [
                "advisories", "coverage", "distribution", "errors", "findings", "image", "packages", "schema",
            ])
        #expect(object["schema"] as? String == "bulla.scan/v1")
        let advisories = try #require(object["advisories"] as? [String: String])
        #expect(advisories["built"] == "2023-11-14T22:13:20Z")
        let findings = try #require(object["findings"] as? [[String: Any]])
        #expect(
            findings.compactMap { $0["id"] as? String }
                == ["CVE-2020-1", "CVE-2023-0464", "CVE-2023-27534", "CVE-2023-38545"])
        #expect(findings[1]["aliases"] as? [String] == ["A", "B"])
        #expect(findings[1]["fixedVersion"] as? String == "3.0.9-1+deb12u1")
        #expect(findings[1]["severity"] as? String == "HIGH")
        #expect(findings[2]["fixedVersion"] is NSNull)
        let packages = try #require(object["packages"] as? [[String: Any]])
        #expect(packages.compactMap { $0["name"] as? String } == ["curl", "openssl", "Evil\u{1B}[2J\""])
        #expect(packages[0]["source"] as? [String: String] == ["name": "curl", "version": "7.88.1-10"])
        let locations = try #require(packages[0]["locations"] as? [[String: Any]])
        #expect(locations.compactMap { $0["path"] as? String } == ["a", "var/lib/dpkg/status"])
    }

    @Test("says null where nothing is known")
    func empty() throws {
        let text = String(decoding: JSONDocument.bytes(of: try report(isEmpty: true), isPretty: false), as: UTF8.self)
        #expect(
            text.hasPrefix(#"{"advisories":null,"coverage":{"judged":2,"unjudged":[]},"distribution":{"id":"debian""#))
        #expect(text.hasSuffix(#""packages":[],"schema":"bulla.scan/v1"}"# + "\n"))
    }
}

@Suite("TableDocument")
struct TableDocumentTests {
    @Test("puts first what to do first")
    func order() throws {
        let text = TableDocument.text(of: try report())
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(
            Array(lines[2...6]) == [
                "ID              SEVERITY  PACKAGE    INSTALLED  FIXED",
                "CVE-2023-38545  CRITICAL  curl       7.88.1-10  will not fix",
                "CVE-2023-0464   HIGH      openssl    3.0.9-1    3.0.9-1+deb12u1",
                "CVE-2023-27534  HIGH      curl       7.88.1-10  -",
                "CVE-2020-1      UNKNOWN   Evil?[2J\"  1          -",
            ])
        #expect(text.contains("4 findings: 1 critical, 2 high, 1 unknown; 1 with a fix"))
        #expect(text.contains("2 packages not judged:"))
        #expect(text.contains("  a: too large"))
        #expect(text == TableDocument.text(of: try report(isReversed: true)))
        #expect(!text.contains("\u{1B}"))
    }

    @Test("has colours only when asked, and none from names")
    func colours() throws {
        let text = TableDocument.text(of: try report(), isColoured: true)
        #expect(text.contains("\u{1B}[1;31mCRITICAL\u{1B}[0m"))
        #expect(!text.contains("\u{1B}[2J"))
    }

    @Test("says that nothing was judged without advisories")
    func empty() throws {
        #expect(TableDocument.text(of: try report(isEmpty: true)).contains("no advisories"))
    }
}
