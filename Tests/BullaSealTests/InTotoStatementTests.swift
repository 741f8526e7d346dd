// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaSeal
import Foundation
import Testing

@Suite("InTotoStatement")
struct InTotoStatementTests {
    static let zeroTwo = """
        {"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2",
         "subject":[{"name":"gcr.io/my-project/app","digest":{"sha256":"\(Sample.hexadecimal)"}},
                    {"name":"other","digest":{"sha512":"AB","dirHash":"h1:Ab="}}],
         "predicate":{
          "builder":{"id":"https://builds.example/worker@v1"},
          "buildType":"https://builds.example/steps@v1",
          "invocation":{
           "configSource":{"uri":"git+https://github.com/example/app@refs/heads/main",
                           "digest":{"sha1":"1234567890123456789012345678901234567890"},"entryPoint":"build.yaml"},
           "parameters":{"flag":true},"environment":{"github_actor":"octocat","n":1.50}},
          "buildConfig":{"steps":[
           {"name":"gcr.io/cloud-builders/docker","args":["build","-t","app","."],"env":["A=b"],
            "dir":"src","id":"build"},
           {"entryPoint":"#!/bin/sh","arguments":["-c","true"],"environment":{"container":"alpine"}}]},
          "metadata":{"buildInvocationId":"run-7","buildStartedOn":"2024-01-31T10:00:00Z",
                      "buildFinishedOn":"2024-01-31T11:00:30.5+01:00","reproducible":false,
                      "completeness":{"parameters":true}},
          "materials":[{"uri":"pkg:docker/alpine@3","digest":{"sha256":"\(Sample.hexadecimal)"}}]}}
        """

    static let one = """
        {"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1",
         "subject":[{"name":"app","digest":{"sha256":"\(Sample.hexadecimal)"}}],
         "predicate":{
          "buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1",
           "externalParameters":{"workflow":{"ref":"refs/heads/main","repository":"https://github.com/example/app",
                                             "path":".github/workflows/release.yml"}},
           "internalParameters":{"github":{"event_name":"push","actor":"octocat"}},
           "resolvedDependencies":[
            {"uri":"git+https://github.com/other/tool@refs/heads/main","digest":{"gitCommit":"ffff"}},
            {"uri":"git+https://github.com/example/app@refs/heads/main","digest":{"gitCommit":"abcdef"}}]},
          "runDetails":{"builder":{"id":"https://github.com/actions/runner","version":{"runner":"2.3"}},
           "metadata":{"invocationId":"https://github.com/example/app/actions/runs/1/attempts/1",
                       "startedOn":"2024-01-31T10:00:00Z","finishedOn":"2024-01-31T10:05:00Z"},
           "byproducts":[{"name":"log","digest":{"sha256":"\(Sample.hexadecimal)"}}]}}}
        """

    @Test("reads SLSA 0.2 in a statement of version 0.1")
    func readsZeroTwo() throws {
        let statement = try InTotoStatement(parsing: Array(Self.zeroTwo.utf8))
        #expect(statement.type == "https://in-toto.io/Statement/v0.1")
        #expect(statement.subjects.count == 2)
        #expect(statement.subjects.last?.digests == ["sha512": "ab", "dirHash": "h1:Ab="])
        let provenance = try #require(statement.provenance)
        #expect(provenance.version == .zeroTwo)
        #expect(provenance.builderID == "https://builds.example/worker@v1")
        #expect(provenance.buildType == "https://builds.example/steps@v1")
        #expect(provenance.sourceURI == "git+https://github.com/example/app@refs/heads/main")
        #expect(provenance.commit == "1234567890123456789012345678901234567890")
        #expect(provenance.entryPoint == "build.yaml")
        #expect(provenance.user == "octocat")
        #expect(provenance.invocationID == "run-7")
        #expect(provenance.startedOn == Date(timeIntervalSince1970: 1_706_695_200))
        #expect(provenance.finishedOn == Date(timeIntervalSince1970: 1_706_695_230.5))
        #expect(provenance.isReproducible == false)
        #expect(provenance.steps.map(\.id) == ["build", ""])
        #expect(provenance.steps.first?.arguments == ["build", "-t", "app", "."])
        #expect(provenance.steps.first?.environment == ["A=b"])
        #expect(provenance.steps.first?.directory == "src")
        #expect(provenance.steps.last?.entryPoint == "#!/bin/sh")
        #expect(provenance.steps.last?.name == "alpine")
        #expect(provenance.materials.map(\.uri) == ["pkg:docker/alpine@3"])
        #expect(provenance.environment == Data(#"{"github_actor":"octocat","n":1.50}"#.utf8))
    }

    @Test("reads SLSA 1 in a statement of version 1, with the commit of its own repository")
    func readsOne() throws {
        let statement = try InTotoStatement(parsing: Array(Self.one.utf8))
        let provenance = try #require(statement.provenance)
        #expect(provenance.version == .one)
        #expect(provenance.builderID == "https://github.com/actions/runner")
        #expect(provenance.builderVersion == ["runner": "2.3"])
        #expect(provenance.sourceURI == "https://github.com/example/app@refs/heads/main")
        #expect(provenance.commit == "abcdef")
        #expect(provenance.entryPoint == ".github/workflows/release.yml")
        #expect(provenance.user == "octocat")
        #expect(provenance.invocationID.hasSuffix("attempts/1"))
        #expect(provenance.materials.count == 2)
        #expect(provenance.byproducts.map(\.uri) == ["log"])
        #expect(provenance.finishedOn == Date(timeIntervalSince1970: 1_706_695_500))
    }

    @Test("never takes another repository's commit for the source's")
    func ownCommit() throws {
        let text = Self.one.replacing("https://github.com/example/app\"", with: "https://github.com/example/third\"")
        #expect(try InTotoStatement(parsing: Array(text.utf8)).provenance?.commit == nil)
    }

    @Test("finds the subject with a digest, and no other")
    func findsSubject() throws {
        let statement = try InTotoStatement(parsing: Array(Self.zeroTwo.utf8))
        #expect(try statement.subject(with: Sample.digest)?.name == "gcr.io/my-project/app")
        let other = try BullaArtifact.Digest("sha256:" + String(repeating: "0", count: 64))
        #expect(statement.subject(with: other) == nil)
    }

    @Test("keeps the predicate as JSON that says the same")
    func keepsPredicate() throws {
        let statement = try InTotoStatement(parsing: Array(Self.one.utf8))
        let wrapped = Data("{\"predicate\":".utf8) + statement.predicate + Data("}".utf8)
        let kept = try JSONSerialization.jsonObject(with: wrapped) as? NSDictionary
        let whole = try JSONSerialization.jsonObject(with: Data(Self.one.utf8)) as? NSDictionary
        #expect(kept?["predicate"] as? NSDictionary == whole?["predicate"] as? NSDictionary)
    }

    @Test("reads a statement with another predicate, without provenance")
    func readsOther() throws {
        let text = Self.one.replacing("https://slsa.dev/provenance/v1", with: "https://cyclonedx.org/bom")
        #expect(try InTotoStatement(parsing: Array(text.utf8)).provenance == nil)
    }

    @Test(
        "refuses what is missing or malformed, and says where",
        arguments: [
            (#""_type":"https://in-toto.io/Statement/v1""#, #""_type":"x""#, "_type"),
            (#""predicateType""#, #""type""#, "predicateType"), (#""subject""#, #""sub""#, "subject"),
            (#""sha256":"0123"#, #""sha256":"zz23"#, "subject[0].digest.sha256"),
            (#""buildType""#, #""buildtype""#, "buildDefinition.buildType"),
            (#""id":"https://github.com/actions/runner""#, #""id":"""#, "runDetails.builder.id"),
            (#""startedOn":"2024-01-31T10:00:00Z""#, #""startedOn":"yesterday""#, "runDetails.metadata.startedOn"),
            (#""predicate":{"#, #""predicate":7,"rest":{"#, "predicate"),
            (#""resolvedDependencies":["#, #""resolvedDependencies":{},"rest":["#, "resolvedDependencies"),
        ])
    func refuses(part: String, replacement: String, place: String) {
        let text = Self.one.replacing(part, with: replacement)
        #expect(text != Self.one)
        let error = #expect(throws: BullaError.self) { try InTotoStatement(parsing: Array(text.utf8)) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(place) == true)
    }

    @Test("survives damaged statements", arguments: [Self.zeroTwo, Self.one])
    func mutated(text: String) {
        for bytes in mutations(of: Array(text.utf8), seed: 2, count: 5_000) {
            _ = try? InTotoStatement(parsing: bytes)
        }
    }
}
