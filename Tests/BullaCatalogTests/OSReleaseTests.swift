// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaCatalog
import BullaTesting
import Testing

@Suite("OSRelease")
struct OSReleaseTests {
    @Test(
        "takes off quotes as the shell does",
        arguments: [
            ("A=b", "b"), ("A=\"b c\"", "b c"), ("A='b \\c'", "b \\c"),
            ("A=\"b \\\"c\\\" \\$d \\x\"", "b \"c\" $d \\x"),
            ("A=b\\ c", "b c"), ("A=\"b\"'c'd", "bcd"), ("A=b c", "b"), ("A=", ""), ("A=\"\"", ""),
            ("A=first\nA=last", "last"),
            ("  A=b\r\n", "b"), ("#A=x\nA=b", "b"),
        ])
    func quotes(text: String, value: String) {
        #expect(OSRelease(text.utf8).values["A"] == value)
    }

    @Test(
        "agrees with the shell", .enabled(if: OutsideTool.isInstalled("sh")),
        arguments: [
            "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
            "ID='alpine'\nVERSION_ID=3.20.1\nPRETTY_NAME=\"a \\\"b\\\" \\\\ \\`c\\` \\$d\"\n",
            "ID=x\\ y\nVERSION_ID=1'2'\"3\"\nPRETTY_NAME='it'\\''s'\n",
        ])
    func shell(text: String) throws {
        let output = try OutsideTool.run([
            "sh", "-c", "\(text)\nprintf '%s|%s|%s' \"$ID\" \"$VERSION_ID\" \"$PRETTY_NAME\"",
        ])
        let values = OSRelease(text.utf8).values
        #expect(
            String(decoding: output, as: UTF8.self)
                == ["ID", "VERSION_ID", "PRETTY_NAME"].map { values[$0] ?? "" }.joined(separator: "|"))
    }

    @Test(
        "names the distribution from the first file there is",
        arguments: [
            ([("etc/os-release", "ID=a\nVERSION_ID=1"), ("usr/lib/os-release", "ID=b")], "a", "1"),
            ([("usr/lib/os-release", "ID=b\nVERSION_ID=2")], "b", "2"),
            ([("etc/os-release", "NAME=x")], "linux", nil),
            ([("etc/os-release", "ID=wolfi\nVERSION_ID=20230201")], "wolfi", "20230201"),
            (
                [("etc/os-release", "ID=debian\nVERSION_CODENAME=trixie"), ("etc/debian_version", "trixie/sid")],
                "debian", nil
            ),
            ([("etc/os-release", "ID=debian"), ("etc/debian_version", "13.1\n")], "debian", "13"),
            ([("etc/debian_version", "12.5\n")], "debian", "12"),
            ([("etc/debian_version", "trixie/sid\n")], "debian", nil),
            ([("etc/alpine-release", "3.19.1\n")], "alpine", "3.19.1"),
            ([], nil, nil),
        ] as [([(String, String)], String?, String?)])
    func distribution(files: [(String, String)], id: String?, version: String?) async throws {
        var builder = ImageBuilder()
        try builder.addLayer { for (path, text) in files { $0.addFile(path, Array(text.utf8)) } }
        let result = try await inventory(of: builder)
        #expect(result.distribution?.id == id)
        #expect(result.distribution?.version == version)
        // The usual link.
        guard files.first?.0 == "usr/lib/os-release" else { return }
        try builder.addLayer { $0.addSymbolicLink("etc/os-release", to: "../usr/lib/os-release") }
        #expect(try await inventory(of: builder).distribution?.id == id)
    }

    @Test("never traps on damaged files")
    func mutated() {
        var generator = SeededGenerator(seed: 8)
        for _ in 0..<5000 {
            _ = OSRelease(generator.mutated(Array("ID=\"a\\\"b\"\nVERSION_ID='1'\nX=y\\\n".utf8))).distribution
        }
    }
}
