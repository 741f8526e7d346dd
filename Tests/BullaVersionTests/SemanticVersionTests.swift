// SPDX-License-Identifier: Apache-2.0

import BullaVersion
import Testing

@Suite("Semantic versions")
struct SemanticVersionTests {
    @Test("ascend as the specification says")
    func ascends() {
        VersionSchemeSuite.expectAscending(
            [
                "0.0.0-0", "0.0.0", "1.0.0-0", "1.0.0-1", "1.0.0-2", "1.0.0-11", "1.0.0--", "1.0.0-alpha",
                "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
                "1.0.0", "2.0.0", "2.1.0", "2.1.1", "2.10.0", "99999999999999999999999.0.0",
            ], in: .semver)
    }

    @Test("ignore build metadata")
    func ignoresBuild() {
        VersionSchemeSuite.expectEqual(["1.0.0", "1.0.0+1", "1.0.0+a.b-c.001"], in: .semver)
    }

    @Test(
        "are refused where the specification has no reading",
        arguments: [
            "", "1", "1.2", "v1.2.3", "01.2.3", "1.2.03", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+", "1.2.3-é",
            "1.2.3.4", "1.2.3 ",
        ])
    func refuses(text: String) { #expect(SemanticVersion(text) == nil) }

    @Test("of Go modules take a v and short forms")
    func readsGo() {
        VersionSchemeSuite.expectEqual(["v1", "1", "v1.0", "1.0.0", "v1.0.0+incompatible"], in: .go)
        VersionSchemeSuite.expectAscending(
            [
                "v0.0.0-20160722212129-ac0cc4484ad4", "v0.0.0-20200131131040-063a3fb69896", "v0.1.0", "1.9.9",
                "v1.10.0-0.20200101000000-abcdefabcdef", "v1.10.0-rc.1", "v1.10.0",
            ], in: .go)
        for text in ["(devel)", "", "v", "vv1.0.0", "v1.0-rc1", "v1.+x", "go1.21"] {
            #expect(GoVersion(text) == nil, "\(text)")
        }
    }

    @Test("are read or refused whatever is done to them", arguments: [VersionScheme.semver, .go])
    func survives(scheme: VersionScheme) {
        VersionSchemeSuite.survivesMutation(of: ["1.20.3-rc.4.five+build.6"], in: scheme)
    }
}
