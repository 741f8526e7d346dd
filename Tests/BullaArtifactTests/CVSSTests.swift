// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Testing

@Suite("CVSS")
struct CVSSTests {
    /// Scores by the PyPI package `cvss` 3.6; 45,913 more vectors, every one of versions 2 and 3 among them, were
    /// compared with it outside.
    @Test(
        "gives a vector the score of its specification",
        arguments: [
            ("AV:A/AC:L/Au:S/C:P/I:N/A:N", 2.7),
            ("AV:N/AC:H/Au:S/C:C/I:P/A:C", 6.8),
            ("AV:L/AC:M/Au:N/C:C/I:C/A:N", 6.3),
            ("AV:N/AC:M/Au:M/C:C/I:P/A:C", 7.5),
            ("AV:A/AC:H/Au:M/C:N/I:N/A:N", 0.0),
            ("AV:L/AC:L/Au:N/C:N/I:C/A:P", 5.6),
            ("AV:N/AC:H/Au:S/C:N/I:C/A:N", 4.9),
            ("AV:N/AC:M/Au:M/C:P/I:N/A:P", 4.3),
            ("(AV:N/AC:L/Au:N/C:C/I:C/A:C/E:U/RL:OF/RC:C)", 10.0),
            ("CVSS:3.0/AV:L/AC:H/PR:N/UI:N/S:U/C:L/I:H/A:L", 6.2),
            ("CVSS:3.0/AV:P/AC:L/PR:N/UI:N/S:C/C:N/I:H/A:N", 5.3),
            ("CVSS:3.0/AV:N/AC:L/PR:H/UI:N/S:U/C:L/I:H/A:H", 6.7),
            ("CVSS:3.0/AV:A/AC:L/PR:H/UI:N/S:C/C:N/I:H/A:L", 6.9),
            ("CVSS:3.0/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:N/A:N", 5.9),
            ("CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:N/I:N/A:H", 7.7),
            ("CVSS:3.0/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:L/A:N", 3.7),
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:C/C:H/I:L/A:H", 8.2),
            ("CVSS:3.1/AV:N/AC:H/PR:H/UI:R/S:U/C:L/I:H/A:H", 6.0),
            ("CVSS:3.1/AV:A/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:L", 3.4),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
            ("CVSS:3.1/AV:A/AC:L/PR:L/UI:N/S:U/C:L/I:N/A:L", 4.6),
            ("CVSS:3.1/AV:L/AC:L/PR:H/UI:R/S:U/C:N/I:L/A:H", 4.8),
            ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:N/I:H/A:H", 8.1),
            ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:L/VI:N/VA:H/SC:L/SI:L/SA:H/E:P/MSI:S/CR:L/MAV:L", 7.1),
            ("CVSS:4.0/AV:L/AC:L/AT:N/PR:H/UI:A/VC:L/VI:N/VA:H/SC:H/SI:L/SA:L", 6.9),
            ("CVSS:4.0/AV:A/AC:H/AT:N/PR:H/UI:A/VC:L/VI:N/VA:N/SC:L/SI:L/SA:H/E:A", 2.1),
            ("CVSS:4.0/AV:L/AC:L/AT:N/PR:H/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:L", 9.3),
            ("CVSS:4.0/AV:P/AC:H/AT:N/PR:N/UI:A/VC:L/VI:N/VA:L/SC:N/SI:H/SA:N/E:A/MSI:S/CR:L/MAV:L", 6.3),
            ("CVSS:4.0/AV:P/AC:H/AT:N/PR:H/UI:A/VC:N/VI:L/VA:H/SC:N/SI:H/SA:N", 5.6),
            ("CVSS:4.0/AV:A/AC:L/AT:N/PR:H/UI:P/VC:L/VI:H/VA:L/SC:N/SI:N/SA:H/E:U", 3.8),
            ("CVSS:4.0/AV:N/AC:H/AT:N/PR:L/UI:N/VC:L/VI:N/VA:N/SC:N/SI:L/SA:H", 5.1),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:P/VC:L/VI:N/VA:H/SC:H/SI:H/SA:H/E:U/MSI:S/CR:L/MAV:L", 5.9),
            ("CVSS:4.0/AV:A/AC:L/AT:N/PR:N/UI:P/VC:N/VI:L/VA:N/SC:N/SI:L/SA:H", 6.2),
            ("CVSS:4.0/AV:N/AC:H/AT:N/PR:L/UI:N/VC:L/VI:L/VA:N/SC:H/SI:L/SA:L/E:A", 5.3),
            ("CVSS:4.0/AV:N/AC:H/AT:N/PR:L/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 9.0),
            ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:A/VC:H/VI:L/VA:N/SC:N/SI:H/SA:L/E:U/MSI:S/CR:L/MAV:L", 3.9),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:L/UI:A/VC:N/VI:H/VA:H/SC:L/SI:L/SA:N", 6.9),
            ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:L/VI:L/VA:N/SC:H/SI:N/SA:H/E:U", 1.3),
            ("CVSS:4.0/AV:L/AC:L/AT:P/PR:N/UI:N/VC:L/VI:L/VA:H/SC:L/SI:H/SA:H", 7.2),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 10.0),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", 0.0),
        ])
    func scores(vector: String, score: Double) { #expect(CVSS(vector)?.baseScore == score) }

    @Test(
        "refuses what is no vector",
        arguments: [
            "", "CVSS:3.1", "CVSS:3.1/", "CVSS:9.9/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "AV:N/AC:L/Au:N/C:P/I:P",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:X", "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:S/SA:H",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H/Q:1", "CVSS:4.0/AV:N",
        ])
    func refuses(vector: String) { #expect(CVSS(vector) == nil) }

    @Test("knows the version and the step of the scale")
    func describes() {
        let vector = CVSS("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
        #expect(vector?.majorVersion == 3 && vector?.severity == .critical)
        #expect(CVSS("AV:N/AC:L/Au:N/C:N/I:N/A:N")?.severity == .minimal)
    }
}
