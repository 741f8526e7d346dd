// SPDX-License-Identifier: Apache-2.0

import BullaHTTP
import Testing

@Suite("AuthenticationChallenge")
struct AuthenticationChallengeTests {
    @Test("reads a token server's challenge")
    func readsBearer() {
        let found = AuthenticationChallenge.parse(
            #"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#)
        #expect(
            found == [
                AuthenticationChallenge(
                    scheme: "bearer",
                    parameters: [
                        "realm": "https://auth.example/token", "service": "registry.example",
                        "scope": "repository:a/b:pull,push",
                    ])
            ])
    }

    @Test("reads several challenges of one field")
    func readsSeveral() {
        let found = AuthenticationChallenge.parse(#"Basic realm="a, \"b\"" , Negotiate, bearer Realm = x"#)
        #expect(found.map(\.scheme) == ["basic", "negotiate", "bearer"])
        #expect(found.first?.parameters["realm"] == #"a, "b""#)
        #expect(found.last?.parameters == ["realm": "x"])
    }

    @Test(
        "finds nothing where there is nothing, and ends",
        arguments: ["", ",,,", "=", "\"", "Basic realm=\"unclosed", "a=a=a=a=a=,=a"])
    func endsOnMalformed(text: String) {
        #expect(AuthenticationChallenge.parse(text).allSatisfy { $0.parameters.count < 4096 })
    }

    @Test("takes every prefix of a challenge without a trap")
    func takesPrefixes() {
        let text = #"Bearer realm="https://a/t",service=s, Basic realm="\"""#
        for count in 0...text.count { _ = AuthenticationChallenge.parse(String(text.prefix(count))) }
    }
}
