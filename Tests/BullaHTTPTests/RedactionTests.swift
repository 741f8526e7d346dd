// SPDX-License-Identifier: Apache-2.0

import BullaHTTP
import Foundation
import Testing

@Suite("Redaction")
struct RedactionTests {
    @Test("takes passwords and the values of queries out of URLs")
    func redactsURL() {
        let text = Redaction.url(URL(string: "https://user:secret@host.example/path?X-Signature=secret&list"))
        #expect(text == "https://host.example/path?X-Signature=<redacted>&list")
        #expect(Redaction.url(nil) == "(no URL)")
    }

    @Test(
        "hides the fields that carry credentials",
        arguments: ["Authorization", "Proxy-Authorization", "Set-Cookie", "cookie"])
    func redactsField(name: String) {
        #expect(Redaction.value(ofField: name, "secret") == Redaction.mark)
    }

    @Test("leaves other fields, but for signed locations")
    func leavesOthers() {
        #expect(Redaction.value(ofField: "Content-Type", "text/plain") == "text/plain")
        #expect(Redaction.value(ofField: "Location", "https://h/p?sig=secret") == "https://h/p?sig=<redacted>")
    }
}
