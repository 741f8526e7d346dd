// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaCatalog
import BullaTesting
import Foundation
import Testing

private func found(_ cataloger: some Cataloger, _ path: String, _ text: String) throws -> CatalogResult {
    try cataloger.catalog(CatalogFile(path: path, bytes: Array(text.utf8)))
}

@Suite("DebianCataloger")
struct DebianCatalogerTests {
    private static let status = "var/lib/dpkg/status"

    @Test(
        "reads source and version as Debian's policy has them",
        arguments: [
            ("1.2-3", nil, "p", "1.2-3"), ("1.2-3", "src", "src", "1.2-3"),
            ("1.2-3", "src (1:1.2-2)", "src", "1:1.2-2"),
            ("1.2-3+b1", nil, "p", "1.2-3"), ("1.2-3+b1", "src (1.2-3)", "src", "1.2-3"),
            ("1.2-3+b12", "src", "src", "1.2-3"), ("1.2+beta", nil, "p", "1.2+beta"), ("1.2-3+b", nil, "p", "1.2-3+b"),
        ] as [(String, String?, String, String)])
    func source(version: String, field: String?, name: String, sourceVersion: String) throws {
        let result = try found(
            DebianCataloger(), Self.status, ImageBuilder.debianStanza("p", version, source: field))
        #expect(result.packages.map(\.version) == [version])
        #expect(result.packages.map(\.sourceName) == [name])
        #expect(result.packages.map(\.sourceVersion) == [sourceVersion])
    }

    @Test(
        "counts only what is installed",
        arguments: [
            ("install ok installed", 1), ("hold ok installed", 1), ("install ok triggers-pending", 1),
            ("deinstall ok config-files", 0), ("purge ok not-installed", 0), ("install reinstreq half-installed", 0),
            ("installed", 0), ("", 0),
        ])
    func installed(status: String, count: Int) throws {
        let text = ImageBuilder.debianStanza("p", "1", status: status)
        #expect(try found(DebianCataloger(), Self.status, text).packages.count == count)
    }

    @Test("takes field names in any case, continuation lines, blanks, CRLF-free ends, and no status in status.d")
    func forms() throws {
        let text = "PACKAGE:p\nDescription: x\n Version: 9\n\tPackage: q\nversion:\t 1.0 \nArchitecture: arm64"
        #expect(try found(DebianCataloger(), Self.status, text).packages.isEmpty)
        let result = try found(DebianCataloger(), "var/lib/dpkg/status.d/p", text)
        #expect(result.packages.map(\.name) == ["p"])
        #expect(result.packages.map(\.version) == ["1.0"])
        #expect(result.packages.map(\.architecture) == ["arm64"])
    }

    @Test(
        "reports a package without a version or with rubbish in its name",
        arguments: [
            "Package: p\nStatus: install ok installed\n", "Status: install ok installed\nVersion: 1\n",
            "Package: a b\nStatus: install ok installed\nVersion: 1\n",
            "Package: \u{7}\nStatus: install ok installed\nVersion: 1\n",
        ])
    func problems(text: String) throws {
        let result = try found(DebianCataloger(), Self.status, text)
        #expect(result.packages.isEmpty)
        #expect(result.problems.count == 1)
    }

    @Test("finds what dpkg-query finds in this machine's database", .enabled(if: OutsideTool.isInstalled("dpkg-query")))
    func thisMachine() throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "/var/lib/dpkg/status")))
        let ours = try DebianCataloger().catalog(CatalogFile(path: Self.status, bytes: bytes)).packages.map {
            "\($0.name) \($0.version) \($0.architecture ?? "") \($0.sourceName ?? "") \($0.sourceVersion ?? "")"
        }
        #expect(ours.sorted() == (try Self.query([])).sorted())
        #expect(ours.count > 50)
    }

    @Test(
        "finds what dpkg-query finds in a database of many states", .enabled(if: OutsideTool.isInstalled("dpkg-query")))
    func crafted() throws {
        let folder = try TemporaryFolder()
        var text = ""
        for (index, status) in [
            "install ok installed", "deinstall ok config-files", "hold ok installed", "install ok unpacked",
            "install ok half-configured", "purge ok not-installed",
        ].enumerated() {
            text += ImageBuilder.debianStanza("p\(index)", "1:2.\(index)~rc1-1", status: status)
            text += ImageBuilder.debianStanza(
                "q\(index)", "3.\(index)+b1", source: "src (4.0-\(index))", status: status)
        }
        try folder.write("status", text.utf8)
        try folder.write("available", [])
        try folder.write("info/format", "1\n".utf8)
        try folder.write("updates/.keep", [])
        let ours = try found(DebianCataloger(), Self.status, text).packages.map {
            "\($0.name) \($0.version) \($0.architecture ?? "") \($0.sourceName ?? "") \($0.sourceVersion ?? "")"
        }
        #expect(ours.sorted() == (try Self.query(["--admindir=\(folder.url.path)"])).sorted())
    }

    private static func query(_ options: [String]) throws -> [String] {
        let format = "${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n"
        let output = try OutsideTool.run(["dpkg-query"] + options + ["-W", "-f", format])
        return String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { line in
            let state = line.prefix { $0 != " " }
            guard ["installed", "triggers-awaited", "triggers-pending"].contains(state) else { return nil }
            return String(line.dropFirst(state.count + 1))
        }
    }

    @Test("never traps on damaged databases")
    func mutated() throws {
        let text = (0..<5).map { ImageBuilder.debianStanza("p\($0)", "1.\($0)", source: "s (2)") }.joined()
        var generator = SeededGenerator(seed: 5)
        for index in 0..<3000 {
            let bytes = generator.mutated(Array(text.utf8))
            for path in [Self.status, "var/lib/dpkg/info/x.list", "var/lib/dpkg/status.d/x.md5sums"] {
                let result = try DebianCataloger().catalog(CatalogFile(path: path, bytes: bytes))
                #expect(result.packages.count <= 20, "case \(index)")
            }
        }
    }
}

@Suite("AlpineCataloger")
struct AlpineCatalogerTests {
    private static let path = "lib/apk/db/installed"

    @Test("reads name, version, architecture, origin and licence")
    func fields() throws {
        let text =
            "C:Q1abc=\nP:libcrypto3\nV:3.1.4-r5\nA:x86_64\nS:1\nL:Apache-2.0\no:openssl\nF:lib\nR:libcrypto.so.3\n"
            + "a:0:0:755\nZ:Q1\n\nP:musl\nV:1.2.4-r2\nA:x86_64\n"
        let packages = try found(AlpineCataloger(), Self.path, text).packages
        #expect(packages.map(\.name) == ["libcrypto3", "musl"])
        #expect(packages.map(\.version) == ["3.1.4-r5", "1.2.4-r2"])
        #expect(packages.map(\.sourceName) == ["openssl", "musl"])
        #expect(packages.map(\.license) == ["Apache-2.0", nil])
        let purl = AlpineCataloger().purl(of: packages[0], in: Distribution(id: "alpine", version: "3.18.5"))
        #expect(
            purl.description
                == "pkg:apk/alpine/libcrypto3@3.1.4-r5?arch=x86_64&distro=alpine-3.18.5&upstream=openssl")
    }

    @Test("reports entries without a version, and refuses apk 3's binary form")
    func refusals() throws {
        #expect(try found(AlpineCataloger(), Self.path, "P:a\n\nP:b\nV:1\n").problems.count == 1)
        #expect(throws: BullaError.self) { try found(AlpineCataloger(), Self.path, "ADBd....") }
    }

    @Test("never traps on damaged databases")
    func mutated() throws {
        let text = "P:a\nV:1\nA:x\no:b\nL:MIT\nF:usr/lib\nR:x.egg-info\nR:y\n\nP:c\nV:2\n\n"
        var generator = SeededGenerator(seed: 6)
        for _ in 0..<5000 {
            let bytes = generator.mutated(Array(text.utf8))
            _ = try? AlpineCataloger().catalog(CatalogFile(path: Self.path, bytes: bytes))
        }
    }
}

@Suite("PythonCataloger")
struct PythonCatalogerTests {
    @Test(
        "reads the header and not the description",
        arguments: [
            ("Name: A_b.C\nVersion: 1.0\n\nName: other\n", "A_b.C", "1.0", nil),
            ("Metadata-Version: 2.1\r\nName: a\r\nVersion: 2\r\nLicense: MIT\r\n\r\n", "a", "2", "MIT"),
            (
                "name:a\nVERSION:3\nLicense: long\n text\nLicense-Expression: MIT OR Apache-2.0\n", "a", "3",
                "MIT OR Apache-2.0"
            ),
            ("Name: a\nVersion: 1\nLicense: UNKNOWN\n", "a", "1", nil),
        ] as [(String, String, String, String?)])
    func fields(text: String, name: String, version: String, license: String?) throws {
        let package = try #require(try found(PythonCataloger(), "x.dist-info/METADATA", text).packages.first)
        #expect(package.name == name)
        #expect(package.version == version)
        #expect(package.license == license)
    }

    @Test(
        "refuses metadata without a name or a version",
        arguments: ["", "Name: a\n", "Version: 1\n", "\nName: a\nVersion: 1"])
    func refusals(text: String) {
        #expect(throws: BullaError.self) { try found(PythonCataloger(), "x.egg-info", text) }
    }

    @Test("finds what Python itself finds", .enabled(if: OutsideTool.isInstalled("python3")))
    func importlib() async throws {
        let folder = try TemporaryFolder()
        for (path, text) in [
            ("a-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: a\nVersion: 1.0\n"),
            ("b_x-2.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: b.X\nVersion: 2.0rc1\n\nText\n"),
            ("c-3.egg-info/PKG-INFO", "Metadata-Version: 1.1\nName: c\nVersion: 3\n"),
            ("d-4.egg-info", "Metadata-Version: 1.0\nName: D\nVersion: 4.0.post1\n"),
        ] { try folder.write(path, text.utf8) }
        let output = try OutsideTool.run([
            "python3", "-c",
            """
            import importlib.metadata as m,sys
            print('\\n'.join(sorted(d.metadata['Name']+' '+d.version for d in m.distributions(path=[sys.argv[1]]))))
            """, folder.url.path,
        ])
        #expect(
            try RootFolder(folder.url.path).inventory().names
                == String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init))
    }

    @Test("never traps on damaged metadata")
    func mutated() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<5000 {
            let bytes = generator.mutated(Array("Name: a\nVersion: 1\nLicense: MIT\n\ntext\n".utf8))
            _ = try? PythonCataloger().catalog(CatalogFile(path: "x.egg-info", bytes: bytes))
        }
    }
}
