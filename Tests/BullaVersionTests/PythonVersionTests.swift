// SPDX-License-Identifier: Apache-2.0

import BullaVersion
import Testing

@Suite("Python versions")
struct PythonVersionTests {
    @Test("ascend as PEP 440 says")
    func ascends() {
        VersionSchemeSuite.expectAscending(
            [
                "1.dev0", "1.0.dev456", "1.0a1", "1.0a2.dev456", "1.0a12.dev456", "1.0a12", "1.0b1.dev456", "1.0b2",
                "1.0b2.post345.dev456", "1.0b2.post345", "1.0rc1.dev456", "1.0rc1", "1.0", "1.0+abc.5", "1.0+abc.7",
                "1.0+5", "1.0.post456.dev34", "1.0.post456", "1.0.15", "1.1.dev1", "1.10", "2013.10",
                "99999999999999999999", "1!0.1", "2!0",
            ], in: .pep440)
    }

    @Test(
        "are normalised",
        arguments: [
            ["1.1rc1", "1.1RC1", "1.1c1", "1.1.rc1", "1.1-rc-1", "1.1_pre_1", "1.1preview1", "v1.1rc1", " 1.1rc1\n"],
            ["1.2a0", "1.2a", "1.2alpha", "1.2-ALPHA"], ["1.2.post2", "1.2-2", "1.2-post2", "1.2r2", "1.2.rev2"],
            ["1.2.post0", "1.2.post", "1.2post"], ["1.2.dev0", "1.2dev", "1.2-dev", "1.2.DEV"],
            ["1", "1.0", "1.0.0", "01", "0!1"], ["1.0+ubuntu.1", "1.0+ubuntu-1", "1.0+Ubuntu_01"],
            ["0", "0.0", "0.0.0"],
        ])
    func normalises(texts: [String]) { VersionSchemeSuite.expectEqual(texts, in: .pep440) }

    @Test(
        "are refused where PEP 440 has no reading",
        arguments: [
            "", "final", "1.0-final", "2.0.0-foo", "1.0+", "1.0+a+b", "1.0+a..b", "1..0", "1.0.", "!1", "1!", "1.0al",
            "1.0.dev1.dev2", "1.0\n1", "é",
        ])
    func refuses(text: String) { #expect(PythonVersion(text) == nil) }

    @Test("agree with packaging on random pairs")
    func agrees() throws {
        try VersionSchemeSuite.expectAgreement(
            with: .packaging, in: .pep440,
            pieces: [
                "0", "1", "2", "10", "1.0", ".1", ".0", ".", "-", "a1", "b", "rc2", ".post1", ".dev0", "dev", "-1",
                "+1",
                "+abc", ".x", "1!", "v1", "c", "A", "12345678901234567890",
            ], upTo: 5, pairs: 60_000, seed: 2)
    }

    @Test("are read or refused whatever is done to them")
    func survives() { VersionSchemeSuite.survivesMutation(of: ["1!2.3.4rc5.post6.dev7+local.8"], in: .pep440) }
}
