// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaTesting
import Foundation
import Testing

/// The webhook, asked as a cluster asks it.
@Suite("Admission", .serialized)
struct AdmissionTests {
    private struct Pod {
        var name = "web"
        var namespace = "prod"
        var images: [String]
        var initial: [String] = []
        var annotations: [String: String] = [:]

        var json: String {
            func containers(_ images: [String], _ prefix: String) -> String {
                images.enumerated().map { #"{"name":"\#(prefix)\#($0.offset)","image":"\#($0.element)"}"# }
                    .joined(separator: ",")
            }
            let marks = annotations.map { "\"\($0.key)\":\"\($0.value)\"" }.joined(separator: ",")
            return """
                {"apiVersion":"v1","kind":"Pod","metadata":{"name":"\(name)","namespace":"\(namespace)","annotations":\
                {\(marks)}},"spec":{"initContainers":[\(containers(initial, "i"))],"containers":[\
                \(containers(images, "c"))]}}
                """
        }

        func review(version: String = "v1", isDryRun: Bool = false, uid: String = UUID().uuidString) -> String {
            """
            {"apiVersion":"admission.k8s.io/\(version)","kind":"AdmissionReview","request":{"uid":"\(uid)","kind":\
            {"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},\
            "name":"\(name)","namespace":"\(namespace)","operation":"CREATE","dryRun":\(isDryRun),"userInfo":\
            {"username":"ada@example.com"},"object":\(json)}}
            """
        }
    }

    private static func ask(_ server: RunningServer, _ body: String) async throws -> Web.Answer {
        try await Web.send(.post, server.webhook + "/admit", body, trusting: server.authorityFile)
    }

    private static func deployments(_ server: RunningServer) async throws -> [JSON] {
        try await server.occurrences(of: "team", "kind=\"DEPLOYMENT\"")
    }

    /// A server under policies for namespace `prod`: sealed by `release`, and nothing critical inside.
    private static func withPolicies(
        _ body: (RunningServer, TemporaryFolder, SigningKeys) async throws -> Void
    ) async throws {
        let keyFolder = try TemporaryFolder()
        let keys = SigningKeys(folder: keyFolder.url)
        try await keys.makeEC("release")
        let pem = try keys.text("release.pub.pem")
        try await RunningServer.with(
            advisories: SampleImage.advisories,
            prepare: { folder in
                let policies =
                    SamplePolicy.authority("release", in: "prod", publicKey: pem)
                    + SamplePolicy.attested("sealed", in: "prod", by: ["release"])
                    + SamplePolicy.security("no-critical", in: "prod", maximum: "HIGH")
                try folder.write("policies/prod.yaml", policies.utf8)
                return ["--policies", folder.url.appending(path: "policies").path]
            }
        ) { server, folder in
            try await body(server, folder, keys)
        }
    }

    private static func attest(_ server: RunningServer, _ name: String, _ keys: SigningKeys) async throws {
        let answer = try await server.bulla(
            "attest", name, "--attestor", "projects/team/notes/release", "--pkix-key", keys.path("release.pem"))
        #expect(answer.status == 0, "\(answer.errors)")
    }

    @Test("only what is named by digest, sealed and scanned is admitted, and leaves its deployments")
    func verdicts() async throws {
        try await Self.withPolicies { server, _, keys in
            let bad = try await server.push(SampleImage.debian(), to: "team/app", tag: "bad")
            let good = try await server.push(SampleImage.alpine(), to: "team/app", tag: "good")
            _ = try await server.scanned(bad)
            _ = try await server.scanned(good)
            let app = server.image("team/app")
            let goodName = "\(app)@\(good)"
            let badName = "\(app)@\(bad)"

            for version in ["v1", "v1beta1"] {
                let byTag = try await Self.ask(server, Pod(images: ["\(app):good"]).review(version: version, uid: "u1"))
                #expect(byTag.status == 200)
                #expect(byTag.json["apiVersion"].string == "admission.k8s.io/\(version)")
                let response = byTag.json["response"]
                #expect(response["uid"].string == "u1" && response["allowed"] == .flag(false))
                let message = response["status"]["message"].string
                #expect(message.contains("not named by a digest") && message.contains("\(good)"), "\(message)")
            }

            let both = try await Self.ask(server, Pod(images: [goodName], initial: [badName]).review())
            let denial = both.json["response"]["status"]["message"].string
            #expect(both.json["response"]["allowed"] == .flag(false))
            #expect(denial.contains("spec.containers[0]: \(goodName): not attested by release"), "\(denial)")
            #expect(denial.contains("spec.initContainers[0]: \(badName): not attested by release"), "\(denial)")
            #expect(denial.contains("CVE-2999-0001 (CRITICAL) in curl exceeds HIGH"), "\(denial)")
            #expect(denial.contains("bulla attest \(goodName)") && denial.utf8.count <= 8192)

            try await Self.attest(server, goodName, keys)
            let dry = try await Self.ask(server, Pod(images: [goodName]).review(isDryRun: true))
            #expect(dry.json["response"]["allowed"].isTrue, "\(dry.text)")
            let pod = Pod(images: [goodName, goodName])
            let admitted = try await Self.ask(server, pod.review())
            #expect(admitted.json["response"]["allowed"].isTrue, "\(admitted.text)")
            let deployments = try await eventually("the deployment") { () -> [JSON]? in
                let found = try await Self.deployments(server)
                return found.isEmpty ? nil : found
            }
            #expect(deployments.count == 1, "one for the image, none for the dry run")
            #expect(deployments[0]["resourceUri"].string == "https://\(goodName)")
            #expect(deployments[0]["noteName"].string == "projects/team/notes/deployment")
            #expect(deployments[0]["deployment"]["userEmail"].string == "ada@example.com")

            // Sealed, and still vulnerable.
            try await Self.attest(server, badName, keys)
            let vulnerable = try await Self.ask(server, Pod(images: [badName]).review())
            let reasons = vulnerable.json["response"]["status"]["message"].string
            #expect(reasons.contains("CVE-2999-0001") && !reasons.contains("not attested"), "\(reasons)")

            // Someone breaks the glass: it is allowed and told, and leaves a deployment.
            for (value, isAllowed) in [("false", false), ("true", true)] {
                let glass = Pod(
                    name: "glass", images: [badName], annotations: ["alpha.image-policy.k8s.io/break-glass": value])
                let answer = try await Self.ask(server, glass.review())
                #expect(answer.json["response"]["allowed"] == .flag(isAllowed), "\(answer.text)")
                if isAllowed {
                    #expect(answer.json["response"]["auditAnnotations"]["decision"].string == "break-glass")
                    #expect(answer.json["response"]["warnings"][0].string.contains("break-glass"))
                }
            }
            try await eventually("the deployment by break-glass") {
                try await Self.deployments(server).contains { $0["resourceUri"].string == "https://\(badName)" }
                    ? () : nil
            }
            #expect(try await Self.deployments(server).count == 2)

            // Where no policy is, everything passes; so does what runs nothing.
            let elsewhere = try await Self.ask(server, Pod(namespace: "dev", images: ["\(app):bad"]).review())
            #expect(elsewhere.json["response"]["allowed"].isTrue)
            let other = """
                {"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","kind":{"group":"",\
                "version":"v1","kind":"ConfigMap"},"namespace":"prod","operation":"CREATE","object":{"apiVersion":"v1",\
                "kind":"ConfigMap","data":{}}}}
                """
            #expect(try await Self.ask(server, other).json["response"]["allowed"].isTrue)
            for body in ["", "{}", "no review", #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#] {
                let answer = try await Self.ask(server, body)
                #expect(
                    answer.status == 400 && !answer.json["error"]["message"].string.isEmpty, "\(body): \(answer.text)")
            }
            let malformed =
                #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u9","kind":{"group":"","version":"v1","kind":"Pod"},"namespace":"prod","operation":"CREATE","object":{"spec":{"containers":7}}}}"#
            let denied = try await Self.ask(server, malformed)
            #expect(denied.status == 200 && denied.json["response"]["allowed"] == .flag(false), "\(denied.text)")
            #expect(denied.json["response"]["uid"].string == "u9")
        }
    }

    @Test("a workload is judged by its template")
    func workload() async throws {
        try await Self.withPolicies { server, folder, keys in
            let good = try await server.push(SampleImage.alpine(), to: "team/app", tag: "good")
            _ = try await server.scanned(good)
            let name = server.image("team/app@\(good)")
            func deployment(_ image: String) -> String {
                """
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: web, namespace: prod}
                spec:
                  template:
                    spec:
                      containers:
                      - {name: web, image: "\(image)"}

                """
            }
            try folder.write("deployment.yaml", deployment(name).utf8)
            let before = try await server.bulla("admit", "-f", "deployment.yaml", "-o", "json")
            #expect(before.status == 1 && before.json["allowed"] == .flag(false), "\(before)")
            #expect(before.json["images"][0]["path"].string == "spec.template.spec.containers[0]", "\(before.text)")
            #expect("\(before.json["images"][0]["reasons"])".contains("not attested by release"))
            try await Self.attest(server, name, keys)
            let after = try await server.bulla("admit", "-f", "-", input: deployment(name))
            #expect(after.status == 0 && after.text.hasPrefix("allowed"), "\(after)")
            let other = try await server.bulla(
                "admit", "-f", "deployment.yaml", "--policies", folder.url.appending(path: "policies").path)
            #expect(other.status == 0, "\(other)")
            let review = try await server.bulla("admit", "-f", "-", input: Pod(images: [name]).review())
            #expect(review.status == 0, "\(review)")
            for (input, flags) in [("{", []), ("no: object", []), (deployment(name), ["--policies", "/nosuch"])] {
                let answer = try await OutsideCommand.run(
                    [OutsideCommand.bulla, "admit", "-f", "-", "--server", server.http] + flags, input: input)
                #expect(answer.status == 2 && !answer.errors.isEmpty, "\(input): \(answer)")
            }
            // Rehearsals record nothing; the next decision, which does, comes after all that they could have left.
            let recorded = try await Self.ask(server, Pod(name: "last", images: [name]).review())
            #expect(recorded.json["response"]["allowed"].isTrue)
            try await eventually("the only deployment") {
                try await Self.deployments(server).isEmpty ? nil : ()
            }
            #expect(try await Self.deployments(server).map { $0["deployment"]["address"].string } == ["prod/last"])
        }
    }

    @Test("policies are read anew when they change; a broken set leaves the last good one in force and is told")
    func reload() async throws {
        try await Self.withPolicies { server, folder, keys in
            let good = try await server.push(SampleImage.alpine(), to: "team/app", tag: "good")
            _ = try await server.scanned(good)
            let name = server.image("team/app@\(good)")
            func isAllowed() async throws -> Bool {
                try await Self.ask(server, Pod(images: [name]).review(isDryRun: true)).json["response"]["allowed"]
                    .isTrue
            }
            #expect(try await !isAllowed())
            try folder.write(
                "policies/prod.yaml", SamplePolicy.security("no-critical", in: "prod", maximum: "HIGH").utf8)
            try await eventually("the lax policy") { try await isAllowed() ? () : nil }
            #expect(try await Web.send(.get, "\(server.http)/readyz").json["status"].string == "ready")

            try folder.write("policies/broken.yaml", "kind: ImageSecurityPolicy\nspec: {nosuch: 1}\n".utf8)
            let told = try await eventually("the broken set to be told") { () -> Web.Answer? in
                let answer = try await Web.send(.get, "\(server.http)/readyz")
                return answer.json["status"].string == "ready" ? nil : answer
            }
            #expect(told.status == 200 && told.json["status"].string == "degraded")
            #expect(told.json["policies"].string.contains("broken.yaml"), "\(told.text)")
            let metrics = try await Web.send(.get, "\(server.http)/metrics").text
            #expect(metrics.contains("\nbulla_policy_errors_total 1\n"))
            #expect(server.log.contains("broken.yaml"))
            #expect(try await isAllowed(), "the last good set stays")

            try FileManager.default.removeItem(at: folder.url.appending(path: "policies/broken.yaml"))
            try await eventually("the set to be whole again") {
                try await Web.send(.get, "\(server.http)/readyz").json["status"].string == "ready" ? () : nil
            }
            _ = keys
        }
    }

    @Test("what a policy promises to attest is attested after the answer, with the key of its secret")
    func promised() async throws {
        let keyFolder = try TemporaryFolder()
        let keys = SigningKeys(folder: keyFolder.url)
        try await keys.makeEC("release")
        let pem = try keys.text("release.pub.pem")
        let privateKey = try keys.text("release.pem")
        try await RunningServer.with(
            advisories: SampleImage.advisories,
            prepare: { folder in
                let policies =
                    SamplePolicy.authority("release", in: "prod", publicKey: pem)
                    + SamplePolicy.security(
                        "scanned", in: "prod", maximum: "HIGH",
                        further: ["attestationAuthorityName: release", "privateKeySecretName: release-key"])
                try folder.write("policies/prod.yaml", policies.utf8)
                try folder.write("keys/release-key/private", privateKey.utf8)
                try folder.write("keys/release-key/public", pem.utf8)
                return [
                    "--policies", folder.url.appending(path: "policies").path, "--keys",
                    folder.url.appending(path: "keys").path,
                ]
            }
        ) { server, folder in
            let good = try await server.push(SampleImage.alpine(), to: "team/app", tag: "good")
            let bad = try await server.push(SampleImage.debian(), to: "team/app", tag: "bad")
            _ = try await server.scanned(good)
            _ = try await server.scanned(bad)
            let denied = try await Self.ask(server, Pod(images: [server.image("team/app@\(bad)")]).review())
            #expect(denied.json["response"]["allowed"] == .flag(false))
            let name = server.image("team/app@\(good)")
            #expect(try await Self.ask(server, Pod(images: [name]).review()).json["response"]["allowed"].isTrue)
            let attestation = try await eventually("the promised attestation") {
                try await server.occurrences(of: "team", "kind=\"ATTESTATION\"").first
            }
            #expect(attestation["resourceUri"].string == "https://\(name)")
            #expect(attestation["noteName"].string == "projects/team/notes/release")
            let payload = try #require(Data(base64Encoded: attestation["attestation"]["serializedPayload"].string))
            let signature = try #require(
                Data(base64Encoded: attestation["attestation"]["signatures"][0]["signature"].string))
            try folder.write("payload", payload)
            try folder.write("signature", signature)
            try await OutsideCommand.succeed(
                [
                    "openssl", "dgst", "-sha256", "-verify", keys.path("release.pub.pem"), "-signature", "signature",
                    "payload",
                ], in: folder.url)
            // Vouched for, it passes; it is not attested twice.
            #expect(
                try await Self.ask(server, Pod(name: "two", images: [name]).review()).json["response"]["allowed"].isTrue
            )
            try await eventually("the second deployment") {
                try await Self.deployments(server).count == 2 ? () : nil
            }
            #expect(try await server.occurrences(of: "team", "kind=\"ATTESTATION\"").count == 1)
        }
    }
}
