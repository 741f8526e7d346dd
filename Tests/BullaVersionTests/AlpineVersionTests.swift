// SPDX-License-Identifier: Apache-2.0

import BullaVersion
import Testing

@Suite("Alpine versions")
struct AlpineVersionTests {
    @Test("ascend as apk-tools 2.14 orders them")
    func ascends() {
        VersionSchemeSuite.expectAscending(
            [
                "0.9", "1.0_alpha", "1.0_alpha1", "1.0_alpha2", "1.0_alpha10", "1.0_beta", "1.0_beta2_pre1",
                "1.0_beta2", "1.0_pre1", "1.0_rc1", "1.0_rc1-r1", "1.0", "1.0-r0", "1.0-r1", "1.0-r2", "1.0-r10",
                "1.0_cvs", "1.0_svn", "1.0_git", "1.0_git20240101", "1.0_hg", "1.0_p1", "1.0_p2", "1.0a", "1.0a-r1",
                "1.0b", "1.0.0", "1.0.1", "1.01", "1.05", "1.1", "1.5", "1.10", "2", "2.15.05", "2.15.4", "10.0",
            ], in: .apk)
    }

    @Test("order a part with leading zeros below every part without")
    func ordersLeadingZeros() {
        VersionSchemeSuite.expectAscending(["1.000", "1.00", "1.005", "1.0", "1.05", "1.09", "1.010", "1.1"], in: .apk)
    }

    @Test(
        "are equal where apk says so",
        arguments: [["05.1", "5.1"], ["1.0-r0", "1.0-r00", "1.0-r"], ["3.3.3p1", "3.3.3p01"]])
    func equals(texts: [String]) { VersionSchemeSuite.expectEqual(texts, in: .apk) }

    @Test("read letters with a patch level")
    func readsPatchLevels() {
        VersionSchemeSuite.expectAscending(["3.3.3o", "3.3.3p", "3.3.3p1-r2", "3.3.3p1-r3", "3.3.3p2"], in: .apk)
    }

    @Test(
        "are refused where apk-tools 2.14 refuses them",
        arguments: [
            "", "1.0bc", "1.0-1", "1.0_foo", "1.0-r1_p1", "1.0 ", "1:1.0", "1.0~1a2b", "1.0A", "1.0_p1a", "1.0_pfoo",
            "1.123456789012345678", "1.0a.1", "1.0-r1.1", "é",
        ])
    func refuses(text: String) { #expect(AlpineVersion(text) == nil) }

    @Test("are read or refused whatever is done to them")
    func survives() {
        VersionSchemeSuite.survivesMutation(of: ["1.02.3b_beta2_p20240101-r12", "1.0_", "1."], in: .apk)
    }
}
