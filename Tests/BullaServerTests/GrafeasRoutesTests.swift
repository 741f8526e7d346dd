// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaServer
import BullaTesting
import GrafeasMessages
import HTTPTypes
import SwiftProtobuf
import Testing

@Suite("Grafeas over HTTP")
struct GrafeasRoutesTests {
    /// A call, and the request that the service must see, as `message: JSON`.
    struct Call: Sendable, CustomTestStringConvertible {
        let verb: HTTPRequest.Method
        let target: String
        let body: String
        let request: String

        init(_ verb: HTTPRequest.Method, _ target: String, _ request: String) {
            self.init(verb, target, "", request)
        }

        init(_ verb: HTTPRequest.Method, _ target: String, _ body: String, _ request: String) {
            self.verb = verb
            self.target = target
            self.body = body
            self.request = request
        }

        var testDescription: String { "\(verb) \(target)" }
    }

    @Test(
        "reaches every method in both forms of its path",
        arguments: [
            Call(.get, "/v1/@/occurrences/o", #"GetOccurrence {"name":"@/occurrences/o"}"#),
            Call(
                .get, "/v1/@/occurrences?filter=kind%3D%22BUILD%22+AND+x&pageSize=7&pageToken=t%2B",
                #"ListOccurrences {"parent":"@","filter":"kind=\"BUILD\" AND x","pageSize":7,"pageToken":"t+"}"#),
            Call(
                .get, "/v1/@/occurrences?page_size=7&returnPartialSuccess=true",
                #"ListOccurrences {"parent":"@","pageSize":7,"returnPartialSuccess":true}"#),
            Call(.delete, "/v1/@/occurrences/o", #"DeleteOccurrence {"name":"@/occurrences/o"}"#),
            Call(
                .post, "/v1/@/occurrences", #"{"noteName":"n","resource_uri":"r","build":{}}"#,
                #"CreateOccurrence {"parent":"@","occurrence":{"resourceUri":"r","noteName":"n","build":{}}}"#),
            Call(
                .post, "/v1/@/occurrences:batchCreate", #"{"parent":"other","occurrences":[{"noteName":"n"}]}"#,
                #"BatchCreateOccurrences {"parent":"@","occurrences":[{"noteName":"n"}]}"#),
            Call(
                .patch, "/v1/@/occurrences/o?updateMask=resourceUri%2Cbuild.inTotoSlsaProvenanceV1",
                #"{"resourceUri":"r"}"#,
                #"UpdateOccurrence {"name":"@/occurrences/o","occurrence":{"resourceUri":"r"},"#
                    + #""updateMask":"resourceUri,build.inTotoSlsaProvenanceV1"}"#),
            Call(
                .patch, "/v1/@/occurrences/o", "{}", #"UpdateOccurrence {"name":"@/occurrences/o","occurrence":{}}"#),
            Call(.get, "/v1/@/occurrences/o/notes", #"GetOccurrenceNote {"name":"@/occurrences/o"}"#),
            Call(.get, "/v1/@/notes/n", #"GetNote {"name":"@/notes/n"}"#),
            Call(.get, "/v1/@/notes?pageSize=2", #"ListNotes {"parent":"@","pageSize":2}"#),
            Call(.delete, "/v1/@/notes/n", #"DeleteNote {"name":"@/notes/n"}"#),
            Call(
                .post, "/v1/@/notes?noteId=n", #"{"attestation":{"hint":{"humanReadableName":"x"}}}"#,
                #"CreateNote {"parent":"@","noteId":"n","note":{"attestation":{"hint":{"humanReadableName":"x"}}}}"#),
            Call(
                .post, "/v1/@/notes:batchCreate", #"{"notes":{"b":{},"a":{"shortDescription":"s"}}}"#,
                #"BatchCreateNotes {"parent":"@","notes":{"a":{"shortDescription":"s"},"b":{}}}"#),
            Call(
                .patch, "/v1/@/notes/n?update_mask=short_description", #"{"shortDescription":"s"}"#,
                #"UpdateNote {"name":"@/notes/n","note":{"shortDescription":"s"},"updateMask":"shortDescription"}"#),
            Call(
                .get, "/v1/@/notes/n/occurrences?pageSize=2&filter=a",
                #"ListNoteOccurrences {"name":"@/notes/n","filter":"a","pageSize":2}"#),
        ], ["projects/p", "projects/p/locations/us"])
    func reaches(call: Call, parent: String) async throws {
        let api = RecordingAPI()
        let answer = await GrafeasRoutes(api: api).answer(
            call.verb, call.target.replacing("@", with: parent), body: Array(call.body.utf8))
        #expect(answer.status == .ok, "\(text(answer))")
        let asked = try #require(api.asked.first)
        var options = JSONEncodingOptions()
        options.useDeterministicOrdering = true
        let name = type(of: asked).protoMessageName.replacing("grafeas.v1.", with: "")
        let seen = "\(name.replacing("Request", with: "")) \(try asked.jsonString(options: options))"
        #expect(seen == call.request.replacing("@", with: parent))
    }

    @Test(
        "cuts names from the path as it was sent",
        arguments: [
            ("/v1/projects/p/notes/a:b", "projects/p/notes/a:b"),
            ("/v1/projects/p/notes/a%3Ab", "projects/p/notes/a:b"),
            ("/v1/projects/p/notes/n:batchCreate", "projects/p/notes/n:batchCreate"),
            ("/v1/projects/p/notes/a+b%20c", "projects/p/notes/a+b c"),
            ("/v1/projects/p/notes/%C3%A9", "projects/p/notes/é"),
            ("/v1/projects/locations/notes/n", "projects/locations/notes/n"),
            ("/v1/projects/p/locations/l/notes/..", "projects/p/locations/l/notes/.."),
            ("/v1/projects/p/notes/n?", "projects/p/notes/n"),
        ])
    func cutsNames(target: String, name: String) async throws {
        let api = RecordingAPI()
        let answer = await GrafeasRoutes(api: api).answer(.get, target)
        #expect(answer.status == .ok, "\(text(answer))")
        #expect((api.asked.first as? Grafeas_V1_GetNoteRequest)?.name == name)
    }

    @Test(
        "refuses what is no path of the API",
        arguments: [
            ("GET", "", 404), ("GET", "/", 404), ("GET", "/v1", 404), ("GET", "/v1/projects/p", 404),
            ("GET", "/v2/projects/p/notes", 404), ("GET", "/v1/projects//notes", 404),
            ("GET", "/v1//projects/p/notes", 404), ("GET", "/v1/projects/p/notes/", 404),
            ("GET", "/v1/projects/p/notes/n/", 404), ("GET", "/v1/projects/p/notes/n/notes", 404),
            ("GET", "/v1/projects/p/locations", 404), ("GET", "/v1/projects/p/locations/l", 404),
            ("GET", "/v1/projects/p/locations/l/locations/l/notes", 404),
            ("GET", "/v1/projects/p/notes/n/occurrences/o", 404), ("PUT", "/v1/projects/p/notes/n", 404),
            ("POST", "/v1/projects/p/notes:destroy", 404), ("GET", "/v1/projects/p/notes:batchCreate", 404),
            ("POST", "/v1/projects/p/notes/n", 404), ("GET", "/v1/projects/p/notes/a/b/c/d/e/f/g/h/i/j/k/l/m", 404),
            ("GET", "/v1/projects/p/notes/a%2Fb", 400), ("GET", "/v1/projects/p%2Flocations%2Fl/notes/n", 400),
            ("GET", "/v1/projects/p/notes/%", 400), ("GET", "/v1/projects/p/notes/%zz", 400),
            ("GET", "/v1/projects/p/notes/%ff", 400), ("GET", "/v1/projects/p/notes/a%00", 400),
        ])
    func refusesPaths(verb: String, target: String, status: Int) async throws {
        let api = RecordingAPI()
        let answer = await GrafeasRoutes(api: api).answer(try #require(.init(verb)), target)
        #expect(answer.status.code == status, "\(text(answer))")
        #expect(text(answer).hasPrefix(#"{"error":{"code":\#(status),"#))
        #expect(api.asked.isEmpty)
    }

    @Test(
        "ignores the parameters of every Google API, and refuses all others that the method lacks",
        arguments: [
            ("alt=json", true), ("%24alt=json%3Benum-encoding%3Dint", true), ("$alt=json;enum-encoding=int", true),
            ("prettyPrint=false&key=k&fields=*&quotaUser=u&%24.xgafv=1&$userProject=p&access_token=t", true),
            ("", true), ("&&", true), ("pageSize=-1", true), ("pageSize=2147483647", true),
            ("alt=proto", false), ("pagesize=1", false), ("updateMask=a", false), ("noteId=a", false),
            ("pageSize=2147483648", false), ("pageSize=x", false), ("pageSize=", false), ("pageSize", false),
            ("pageSize=1&page_size=2", false), ("filter=%zz", false), ("returnPartialSuccess=1", false),
            ("name=projects/q", false), ("parent=projects/q", false),
        ])
    func parameters(query: String, taken: Bool) async throws {
        let api = RecordingAPI()
        let answer = await GrafeasRoutes(api: api).answer(.get, "/v1/projects/p/occurrences?" + query)
        #expect(answer.status == (taken ? .ok : .badRequest), "\(text(answer))")
        #expect(api.asked.isEmpty != taken)
    }

    @Test(
        "refuses a body that is not the message",
        arguments: [
            ("{", "it ends too early"), ("[]", "not JSON"), ("nonsense", "not JSON"),
            (#"{"noSuchField":1}"#, "unknown field 'noSuchField'"),
            (#"{"build":{"provenance":{"whatever":1}}}"#, "unknown field 'whatever'"),
            (#"{"kind":"NO_SUCH_KIND"}"#, "no such value"), (#"{"resourceUri":7}"#, "string"),
            (#"{"createTime":"yesterday"}"#, "RFC 3339"), (#"{"build":{},"package":{}}"#, "only one"),
            ("{} {}", "follows its end"), ("\u{FEFF}{}", "JSON"),
            (#"{"secret":{"data":{"@type":"type.googleapis.com/no.Such","x":1}}}"#, "no.Such"),
        ])
    func refusesBodies(body: String, reason: String) async throws {
        let api = RecordingAPI()
        let answer = await GrafeasRoutes(api: api).answer(
            .post, "/v1/projects/p/occurrences", body: Array(body.utf8))
        #expect(answer.status == .badRequest)
        #expect(text(answer).contains(reason), "\(text(answer))")
        #expect(api.asked.isEmpty)
    }

    @Test("bounds how much a body may hold, and how deep")
    func boundsBodies() async throws {
        let api = RecordingAPI()
        let routes = GrafeasRoutes(api: api)
        let many = "{\"occurrences\":[" + String(repeating: "{},", count: 500_000) + "{}]}"
        let deep = "{\"build\":{\"inTotoSlsaProvenanceV1\":{\"predicate\":{\"buildDefinition\":{\"externalParameters\":"
        let nested = deep + String(repeating: "{\"a\":", count: 100_000)
        for (path, body) in [("occurrences:batchCreate", many), ("occurrences", nested)] {
            let answer = await routes.answer(.post, "/v1/projects/p/" + path, body: Array(body.utf8))
            #expect(answer.status == .badRequest, "\(text(answer).prefix(300))")
        }
        #expect(api.asked.isEmpty)
    }

    @Test("answers anything with an error of Google's form, whatever the bytes", arguments: 0..<40)
    func survivesNonsense(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let routes = GrafeasRoutes(api: RecordingAPI())
        let valid = Array(
            #"{"resourceUri":"r","kind":6,"build":{"provenance":{"createTime":"2020-01-01T00:00:00Z","buildOptions":{"a":"b"}}}}"#
                .utf8)
        for _ in 0..<200 {
            var body = valid
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                body[Int.random(in: 0..<body.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            body.removeLast(Int.random(in: 0..<body.count, using: &generator))
            let answer = await routes.answer(.post, "/v1/projects/p/occurrences", body: body)
            #expect([200, 400].contains(answer.status.code))
            let target = "/v1/projects/" + String(decoding: body.prefix(40), as: UTF8.self) + "?" + "a"
            #expect(await routes.answer(.get, target).status.code >= 400)
        }
    }

    @Test("writes an occurrence as Google does")
    func writesOccurrence() async throws {
        let occurrence = Grafeas_V1_Occurrence.with {
            $0.name = "projects/p/occurrences/o"
            $0.resourceUri = "https://registry.example/a@sha256:0"
            $0.noteName = "projects/v/notes/CVE-2024-1"
            $0.kind = .vulnerability
            $0.createTime = .init(seconds: 1_700_000_000, nanos: 123_000_000)
            $0.vulnerability = .with {
                $0.effectiveSeverity = .high
                $0.cvssScore = 7.5
                $0.packageIssue = [
                    .with {
                        $0.affectedCpeUri = "cpe:/o:debian:debian_linux:12"
                        $0.affectedPackage = "zlib"
                        $0.affectedVersion = .with {
                            $0.kind = .normal
                            $0.name = "1.2"
                        }
                        $0.fixedVersion = .with { $0.kind = .maximum }
                    }
                ]
            }
        }
        let routes = GrafeasRoutes(api: RecordingAPI(occurrence: occurrence))
        let names = await routes.answer(.get, "/v1/projects/p/occurrences/o")
        #expect(
            text(names) == #"{"name":"projects/p/occurrences/o","resourceUri":"https://registry.example/a@sha256:0","#
                + #""noteName":"projects/v/notes/CVE-2024-1","kind":"VULNERABILITY","createTime":"2023-11-14T22:13:20.123Z","#
                + #""vulnerability":{"cvssScore":7.5,"packageIssue":[{"affectedCpeUri":"cpe:/o:debian:debian_linux:12","#
                + #""affectedPackage":"zlib","affectedVersion":{"name":"1.2","kind":"NORMAL"},"fixedVersion":{"kind":"MAXIMUM"}}],"#
                + #""effectiveSeverity":"HIGH"}}"#)
        let numbers = await routes.answer(.get, "/v1/projects/p/occurrences?$alt=json;enum-encoding=int")
        #expect(text(numbers).contains(#""kind":1,"#))
        #expect(text(numbers).contains(#""effectiveSeverity":4"#))
        #expect(text(numbers).hasSuffix(#"],"nextPageToken":"next"}"#))
    }

    @Test("takes enumerations by name and by number, and keeps a number that has no name yet")
    func enumerations() async throws {
        let routes = GrafeasRoutes(api: RecordingAPI())
        for (sent, kept) in [(#""HIGH""#, #""HIGH""#), ("4", #""HIGH""#), ("99", "99")] {
            let body = #"{"vulnerability":{"effectiveSeverity":\#(sent)}}"#
            let answer = await routes.answer(.post, "/v1/projects/p/occurrences", body: Array(body.utf8))
            #expect(text(answer) == #"{"vulnerability":{"effectiveSeverity":\#(kept)}}"#)
        }
    }

    @Test("writes in-toto's _type, and takes it by either name", arguments: ["_type", "type"])
    func statementType(name: String) async throws {
        let body = #"{"build":{"intotoStatement":{"\#(name)":"https://in-toto.io/Statement/v0.1"}}}"#
        let answer = await GrafeasRoutes(api: RecordingAPI()).answer(
            .post, "/v1/projects/p/occurrences", body: Array(body.utf8))
        #expect(text(answer) == #"{"build":{"intotoStatement":{"_type":"https://in-toto.io/Statement/v0.1"}}}"#)
    }

    @Test("writes an Any of an unknown type as its bytes, and takes it back")
    func unknownAny() async throws {
        var occurrence = Grafeas_V1_Occurrence()
        occurrence.secret.data.typeURL = "type.googleapis.com/no.Such"
        occurrence.secret.data.value.append(contentsOf: [8, 1])
        let routes = GrafeasRoutes(api: RecordingAPI(occurrence: occurrence))
        let json = #"{"secret":{"data":{"@type":"type.googleapis.com/no.Such","value":"CAE="}}}"#
        #expect(text(await routes.answer(.get, "/v1/projects/p/occurrences/o")) == json)
        #expect(text(await routes.answer(.get, "/v1/projects/p/notes/n/occurrences")).contains(json))

        let api = RecordingAPI()
        let answer = await GrafeasRoutes(api: api).answer(
            .post, "/v1/projects/p/occurrences", body: Array(json.utf8))
        #expect(text(answer) == json)
        #expect((api.asked.first as? Grafeas_V1_CreateOccurrenceRequest)?.occurrence == occurrence)
    }

    @Test("tells an error as Google does, with the fields at fault and without its cause")
    func errors() async throws {
        let failure = BullaError(
            .invalidArgument, "the note is \"bad\"", reason: "BAD_NOTE",
            violations: [.init(field: "note.build", description: "is required")],
            cause: BullaError(.internal, "secret"))
        let answer = await GrafeasRoutes(api: RecordingAPI(failure: failure)).answer(
            .get, "/v1/projects/p/notes/n")
        #expect(answer.status.code == 400)
        #expect(
            text(answer) == #"{"error":{"code":400,"details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","#
                + #""fieldViolations":[{"description":"is required","field":"note.build"}]},"#
                + #"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"bulla","reason":"BAD_NOTE"}],"#
                + #""message":"the note is \"bad\"","status":"INVALID_ARGUMENT"}}"#)
    }

    @Test("answers a deletion with an empty object")
    func deletes() async throws {
        let answer = await GrafeasRoutes(api: RecordingAPI()).answer(.delete, "/v1/projects/p/notes/n")
        #expect(answer.status == .ok)
        #expect(text(answer) == "{}")
    }

    private func text(_ answer: GrafeasRoutes.Answer) -> String { String(decoding: answer.json, as: UTF8.self) }
}
