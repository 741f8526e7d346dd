// SPDX-License-Identifier: Apache-2.0

import BullaVersion
import Testing

@Suite("Debian versions")
struct DebianVersionTests {
    @Test("ascend as the policy says")
    func ascends() {
        // The policy's own example of tildes, then epochs, letters before other signs, numbers as numbers.
        VersionSchemeSuite.expectAscending(
            [
                "0~~", "0~~a", "0~", "0", "0a", "0+", "0.", "1~rc1-1", "1-0ubuntu1~", "1-0ubuntu1", "1-1~deb12u1",
                "1-1",
                "1-1+b1", "1-1+deb12u1", "1-2", "1-10", "1.0", "1.0-1", "1.0a", "1.0+dfsg", "1.0.1", "1.9", "1.10",
                "1.10-1-1", "2.36-9+deb12u1", "2.36-9+deb12u3", "2.36-9+deb12u10", "9999999999999999999999",
                "10000000000000000000000", "1:0", "1:0.1", "2:0",
            ], in: .deb)
    }

    @Test(
        "are equal however zeros are written",
        arguments: [
            ["1", "0:1", "1-0", "01", "0:01-00"], ["1.0", "1.00", "1.0-0"], ["1a", "1a0"], ["1-1a", "1-1a0"],
        ])
    func equals(texts: [String]) { VersionSchemeSuite.expectEqual(texts, in: .deb) }

    @Test(
        "are refused where dpkg refuses them",
        arguments: [
            "", ":1", "a:1", "1:", "1-", "-1", "a1", "1_0", "1 0", "1.0-1_2", "1-1:2", "2147483648:1", "1:-1", "é",
            "1é",
        ])
    func refuses(text: String) { #expect(DebianVersion(text) == nil) }

    @Test("agree with dpkg on random pairs")
    func agrees() throws {
        try VersionSchemeSuite.expectAgreement(
            with: .dpkg, in: .deb,
            pieces: [
                "0", "1", "2", "9", "10", "00", "1.", ".", "+", "~", "-", "-1", "a", "b", "Z", "rc", "deb12u1", "+b1",
                "1:", "99",
            ], upTo: 7, pairs: 100_000, seed: 1)
    }

    @Test("agree with the dpkg program on numbers of any length")
    func agreesOnLongNumbers() throws {
        try VersionSchemeSuite.expectAgreement(
            with: .dpkgProgram, in: .deb,
            pieces: ["1", "0", "a", "~", "1234567890123456789012345", "999999999999999999"],
            upTo: 6, pairs: 150, seed: 4)
    }

    @Test("are read or refused whatever is done to them")
    func survives() { VersionSchemeSuite.survivesMutation(of: ["1:2.3~rc1+dfsg-4.5+deb12u6"], in: .deb) }
}
