// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaTesting
import Foundation
import Testing

/// From a report to a seal: policies, exit codes, signatures in both directions, provenance.
@Suite("Check and sign", .serialized)
struct CheckAndSignTests {
    private static func signatures(_ occurrence: JSON) -> [(key: String, bytes: Data)] {
        occurrence["attestation"]["signatures"].items.compactMap { signature in
            Data(base64Encoded: signature["signature"].string).map { (signature["publicKeyId"].string, $0) }
        }
    }

    private static func attestations(_ server: RunningServer) async throws -> [JSON] {
        try await server.occurrences(of: "team", "kind=\"ATTESTATION\"")
    }

    @Test("check says pass, fail or no answer, each by its exit code")
    func exitCodes() async throws {
        try await RunningServer.with(advisories: SampleImage.advisories) { server, folder in
            let bad = try await server.push(SampleImage.debian(), to: "team/app", tag: "bad")
            try await server.push(
                SampleImage.debian(curl: "7.88.1-10+deb12u15", requests: "2.32.5"), to: "team/app", tag: "good")
            try await server.push(SampleImage.empty(), to: "team/app", tag: "empty")
            try folder.write("strict.yaml", SamplePolicy.security("strict", in: "prod", maximum: "LOW").utf8)
            try folder.write("lax.yaml", SamplePolicy.security("lax", in: "prod", maximum: "CRITICAL").utf8)
            try folder.write("signing.yaml", SamplePolicy.signing("signing", fixable: "HIGH").utf8)
            try folder.write(
                "allowed.yaml", SamplePolicy.signing("allowed", fixable: "HIGH", allowed: ["CVE-2999-0001"]).utf8)
            try folder.write("broken.yaml", "kind: [".utf8)
            let never = "team/app@sha256:\(String(repeating: "0", count: 64))"
            let rows: [(image: String, flags: [String], status: Int32, reason: String)] = [
                ("team/app:bad", [], 1, "CVE-2999-0001"),
                ("team/app:good", [], 0, ""),
                ("team/app@\(bad)", [], 1, "CVE-2999-0001"),
                ("team/app:bad", ["--policy", "strict.yaml"], 1, "CVE-2999-0002"),
                ("team/app:bad", ["--policy", "lax.yaml"], 0, ""),
                ("team/app:bad", ["--policy", "signing.yaml"], 1, "CVE-2999-0001"),
                ("team/app:bad", ["--policy", "allowed.yaml"], 0, ""),
                ("team/app:good", ["--policy", "strict.yaml"], 0, ""),
                ("team/app:good", ["--max-scan-age", "1h"], 0, ""),
                ("team/app:empty", [], 2, ""),
                (never, [], 2, "never scanned"),
                ("team/app:nosuchtag", [], 2, ""),
                ("team/app:good", ["--policy", "broken.yaml"], 2, ""),
                ("team/app:good", ["--policy", "nosuchfile.yaml"], 2, ""),
                ("team/app:good", ["--server", "http://127.0.0.1:1"], 2, ""),
                ("team/app:good", ["--no-such-flag"], 64, ""),
                ("team/app:good", ["--attest-with", "release"], 64, ""),
            ]
            for row in rows {
                let answer = try await OutsideCommand.run(
                    [OutsideCommand.bulla, "check", server.image(row.image), "-o", "json"] + row.flags,
                    in: folder.url, environment: ["BULLA_SERVER": server.http])
                #expect(answer.status == row.status, "\(row): \(answer.text) \(answer.errors)")
                #expect(
                    row.reason.isEmpty || (answer.text + answer.errors).contains(row.reason), "\(row): \(answer.text)")
                let verdict = ["pass", "fail", "unknown"]
                if answer.json["schema"].string == "bulla.check/v1", row.status < 3 {
                    #expect(answer.json["verdict"].string == verdict[Int(row.status)])
                }
            }

            // A scan of the past is too old for a limit that it has outlived.
            _ = try await eventually("the scan to be a second old") {
                let answer = try await server.bulla("check", server.image("team/app:good"), "--max-scan-age", "1s")
                return answer.status == 2 && answer.text.contains("older than 1s") ? answer : nil
            }
        }
    }

    @Test("check decides a scan that failed, and a source without a server")
    func failedAndLocal() async throws {
        let image = try SampleImage.debian()
        try await RunningServer.with(advisories: SampleImage.advisories) { server, folder in
            var builder = ImageBuilder()
            let whole = try LayerWriter.layer(of: TarWriter().finished())
            builder.addLayer(whole)
            var broken = TarWriter()
            broken.addFile("var/lib/dpkg/status", Array(ImageBuilder.debianStanza("curl", "1").utf8))
            try builder.addLayer(archive: Array(broken.bytes.prefix(560)))
            try await server.push(builder.image(), to: "team/app", tag: "broken")
            let failed = try await server.bulla("check", server.image("team/app:broken"))
            #expect(failed.status == 2 && failed.text.contains("failed"), "\(failed.text)")

            let layout = folder.url.appending(path: "layout").path
            try image.writeLayout(to: layout)
            let local = try await server.bulla("check", "--local", "oci-dir:\(layout)", "--db", server.advisories)
            #expect(local.status == 1 && local.text.contains("CVE-2999-0001"), "\(local)")
            let bare = try await server.bulla("check", "--local", "oci-dir:\(layout)", "--db", "/nonexistent.db")
            #expect(bare.status == 2, "\(bare)")
            for (flags, status): ([String], Int32) in [
                (["--fail-on", "critical"], 1), (["--fail-on", "critical", "--ignore-unfixed"], 1), ([], 0),
            ] {
                let answer = try await OutsideCommand.run(
                    [OutsideCommand.bulla, "scan", "oci-dir:\(layout)", "--db", server.advisories] + flags)
                #expect(answer.status == status, "\(flags): \(answer.errors)")
            }
            let unjudged = try await server.bulla(
                "scan", "oci-dir:\(layout)", "--db", "/nonexistent.db", "--fail-on", "low")
            #expect(unjudged.status == 2, "\(unjudged)")

            // A package database that cannot be read must not pass for an image without findings.
            let root = folder.url.appending(path: "root")
            let package = root.appending(path: "usr/lib/python3/dist-packages/flask-1.0.dist-info")
            for part in [package, root.appending(path: "var/lib/dpkg")] {
                try FileManager.default.createDirectory(at: part, withIntermediateDirectories: true)
            }
            try Data("Metadata-Version: 2.1\nName: flask\nVersion: 1.0\n\n".utf8)
                .write(to: package.appending(path: "METADATA"))
            let status = root.appending(path: "var/lib/dpkg/status")
            try Data().write(to: status)
            let file = try FileHandle(forWritingTo: status)
            try file.truncate(atOffset: 65 << 20)
            try file.close()
            for arguments in [["check", "--local"], ["scan", "--fail-on", "low"]] {
                let answer = try await OutsideCommand.run(
                    [OutsideCommand.bulla] + arguments + ["dir:\(root.path)", "--db", server.advisories])
                #expect(answer.status == 2 && answer.text.contains("var/lib/dpkg/status"), "\(answer)")
            }
        }
    }

    @Test(
        "gpg verifies what we sign with its key, and we take what gpg signed",
        .enabled(if: OutsideTool.isInstalled("gpg")))
    func openPGP() async throws {
        let keyFolder = try TemporaryFolder()
        let keys = SigningKeys(folder: keyFolder.url)
        let fingerprint = try await keys.makePGP()
        try await RunningServer.with(advisories: SampleImage.advisories) { server, folder in
            let digest = try await server.push(SampleImage.alpine(), to: "team/app", tag: "1")
            let name = server.image("team/app:1")
            let signed = try await server.bulla(
                "attest", name, "--attestor", "release", "--pgp-key", keys.path("pgp.asc"), "--passphrase-file",
                keys.path("passphrase"), "-o", "json")
            #expect(signed.status == 0, "\(signed.errors)")
            #expect(signed.json["digest"].string == digest.description)
            let occurrence = try await Web.send(.get, "\(server.http)/v1/\(signed.json["occurrence"].string)").json
            #expect(occurrence["noteName"].string == "projects/team/notes/release")
            let signature = try #require(Self.signatures(occurrence).first)
            #expect(signature.key == signed.json["keyId"].string)
            #expect(signature.key.uppercased().hasSuffix(fingerprint), "\(signature.key) \(fingerprint)")
            try folder.write("ours.sig", signature.bytes)
            let opened = try await keys.gpg(["--decrypt", folder.url.appending(path: "ours.sig").path])
            let payload = try #require(Data(base64Encoded: occurrence["attestation"]["serializedPayload"].string))
            #expect(opened.output == Array(payload), "what gpg verified is the payload")
            #expect(JSON(payload)["critical"]["image"]["docker-manifest-digest"].string == digest.description)

            // The other way: gpg signs the bytes that we print.
            let bytes = try await server.bulla("attest", name, "--payload-only")
            #expect(bytes.status == 0 && bytes.output == Array(payload))
            try folder.write("payload", bytes.output)
            try await keys.gpg([
                "--passphrase", SigningKeys.passphrase, "--sign", "--armor", "--output",
                folder.url.appending(path: "theirs.asc").path, folder.url.appending(path: "payload").path,
            ])
            let attached = try await server.bulla(
                "attest", name, "--attestor", "outside", "--signature", "theirs.asc", "--key-id", fingerprint, "-o",
                "json")
            #expect(attached.status == 0, "\(attached.errors)")
            #expect(attached.json["keyId"].string == fingerprint)

            // A wrong passphrase signs nothing.
            try folder.write("wrong", "not it\n".utf8)
            let refused = try await server.bulla(
                "attest", name, "--attestor", "other", "--pgp-key", keys.path("pgp.asc"), "--passphrase-file", "wrong")
            #expect(refused.status == 2, "\(refused)")
            #expect(try await Self.attestations(server).count == 2)
        }
        await keys.close()
    }

    @Test("OpenSSL verifies what we sign with its keys, and we take what OpenSSL signed", arguments: ["EC", "RSA"])
    func pkix(kind: String) async throws {
        let keyFolder = try TemporaryFolder()
        let keys = SigningKeys(folder: keyFolder.url)
        if kind == "EC" { try await keys.makeEC("key") } else { try await keys.makeRSA("key") }
        try await RunningServer.with(advisories: SampleImage.advisories) { server, folder in
            try await server.push(SampleImage.alpine(), to: "team/app", tag: "1")
            let name = server.image("team/app:1")
            let algorithm = kind == "EC" ? "ECDSA_P256_SHA256" : "RSA_SIGN_PKCS1_2048_SHA256"
            let signed = try await server.bulla(
                "attest", name, "--attestor", "projects/security/notes/qa", "--pkix-key", keys.path("key.pem"),
                "--algorithm", algorithm, "-o", "json")
            #expect(signed.status == 0, "\(signed.errors)")
            let occurrence = try await Web.send(.get, "\(server.http)/v1/\(signed.json["occurrence"].string)").json
            #expect(occurrence["noteName"].string == "projects/security/notes/qa")
            let signature = try #require(Self.signatures(occurrence).first)
            let payload = try #require(Data(base64Encoded: occurrence["attestation"]["serializedPayload"].string))
            try folder.write("payload", payload)
            try folder.write("ours.sig", signature.bytes)
            try await OutsideCommand.succeed(
                [
                    "openssl", "dgst", "-sha256", "-verify", keys.path("key.pub.pem"), "-signature", "ours.sig",
                    "payload",
                ], in: folder.url)

            try await OutsideCommand.succeed(
                ["openssl", "dgst", "-sha256", "-sign", keys.path("key.pem"), "-out", "theirs.sig", "payload"],
                in: folder.url)
            let attached = try await server.bulla(
                "attest", name, "--attestor", "outside", "--signature", "theirs.sig", "--key-id", signature.key, "-o",
                "json")
            #expect(attached.status == 0, "\(attached.errors)")
            #expect(try await Self.attestations(server).count == 2)
        }
    }

    @Test("a second attestation is kept, replaced or refused, as was asked")
    func ifExists() async throws {
        let keyFolder = try TemporaryFolder()
        let keys = SigningKeys(folder: keyFolder.url)
        try await keys.makeEC("key")
        try await RunningServer.with(advisories: SampleImage.advisories) { server, _ in
            try await server.push(SampleImage.alpine(), to: "team/app", tag: "1")
            let name = server.image("team/app:1")
            func attest(_ flags: [String]) async throws -> OutsideCommand.Answer {
                try await OutsideCommand.run(
                    [
                        OutsideCommand.bulla, "attest", name, "--attestor", "release", "--pkix-key",
                        keys.path("key.pem"),
                        "-o", "json", "--server", server.http,
                    ] + flags)
            }
            let first = try await attest([]).json["occurrence"].string
            #expect(!first.isEmpty)
            #expect(try await attest([]).json["occurrence"].string == first)
            #expect(try await attest(["--if-exists", "keep"]).json["occurrence"].string == first)
            let failed = try await attest(["--if-exists", "fail"])
            #expect(failed.status == 2 && failed.errors.contains(first), "\(failed)")
            #expect(try await Self.attestations(server).map { $0["name"].string } == [first])
            let second = try await attest(["--if-exists", "replace"]).json["occurrence"].string
            #expect(!second.isEmpty && second != first)
            #expect(try await Self.attestations(server).map { $0["name"].string } == [second])
            for flags in [
                ["attest", name], ["attest", name, "--attestor", "a", "--signature", "x"],
                ["attest", name, "--attestor", "a", "--if-exists", "never"], ["attest"], ["nonsense"], ["check"],
                ["provenance", name], ["admit"], ["db", "import"],
            ] {
                #expect(try await OutsideCommand.run([OutsideCommand.bulla] + flags).status == 64, "\(flags)")
            }
        }
    }

    @Test("check attests only what passes")
    func attestWith() async throws {
        let keyFolder = try TemporaryFolder()
        let keys = SigningKeys(folder: keyFolder.url)
        try await keys.makeEC("key")
        try await RunningServer.with(advisories: SampleImage.advisories) { server, _ in
            try await server.push(SampleImage.debian(), to: "team/app", tag: "bad")
            let good = try await server.push(
                SampleImage.debian(curl: "8.0", requests: nil), to: "team/app", tag: "good")
            try await server.push(SampleImage.empty(), to: "team/app", tag: "empty")
            for (tag, status): (String, Int32) in [("bad", 1), ("good", 0), ("empty", 2)] {
                let answer = try await server.bulla(
                    "check", server.image("team/app:\(tag)"), "--attest-with", "release", "--pkix-key",
                    keys.path("key.pem"))
                #expect(answer.status == status, "\(tag): \(answer)")
            }
            let attested = try await Self.attestations(server).map { $0["resourceUri"].string }
            #expect(attested == ["https://\(server.image("team/app@\(good)"))"])
        }
    }

    private static func statement(_ digest: Digest, version: String) -> String {
        let commit = String(repeating: "c", count: 40)
        let predicate =
            version == "v1"
            ? """
            {"buildDefinition":{"buildType":"https://ci.example/build/v1","externalParameters":{"source":\
            "git+https://git.example/app"},"resolvedDependencies":[{"uri":"git+https://git.example/app","digest":\
            {"gitCommit":"\(commit)"}}]},"runDetails":{"builder":{"id":"https://ci.example/runner"},"metadata":\
            {"invocationId":"17"}}}
            """
            : """
            {"builder":{"id":"https://ci.example/runner"},"buildType":"https://ci.example/build","invocation":\
            {"configSource":{"uri":"git+https://git.example/app","digest":{"sha1":"\(commit)"},"entryPoint":"build"}},\
            "metadata":{"buildInvocationId":"17"},"materials":[{"uri":"git+https://git.example/app","digest":{"sha1":\
            "\(commit)"}}]}
            """
        let type = version == "v1" ? "https://in-toto.io/Statement/v1" : "https://in-toto.io/Statement/v0.1"
        return """
            {"_type":"\(type)","subject":[{"name":"app","digest":{"sha256":"\(digest.hexadecimal)"}}],\
            "predicateType":"https://slsa.dev/provenance/\(version)","predicate":\(predicate)}
            """
    }

    @Test("provenance is recorded for the image that it names, and for no other", arguments: ["v0.2", "v1"])
    func provenance(version: String) async throws {
        try await RunningServer.with(advisories: SampleImage.advisories) { server, folder in
            let digest = try await server.push(SampleImage.alpine(), to: "team/app", tag: "1")
            let name = server.image("team/app:1")
            let statement = Self.statement(digest, version: version)
            try folder.write("statement.json", statement.utf8)
            let first = try await server.bulla("provenance", name, "--statement", "statement.json", "-o", "json")
            #expect(first.status == 0, "\(first.errors)")
            let build = try await Web.send(.get, "\(server.http)/v1/\(first.json["occurrence"].string)").json
            #expect(build["kind"].string == "BUILD")
            #expect(build["noteName"].string == "projects/team/notes/build")
            #expect(build["resourceUri"].string == "https://\(server.image("team/app@\(digest)"))")
            #expect("\(build)".contains("git.example/app") && "\(build)".contains("https://ci.example/runner"))
            #expect("\(build)".contains(String(repeating: "c", count: 40)))
            let again = try await server.bulla("provenance", name, "--statement", "statement.json")
            #expect(again.status == 0 && again.text.contains(first.json["occurrence"].string))

            let envelope = """
                {"payloadType":"application/vnd.in-toto+json","payload":"\(Data(statement.utf8).base64EncodedString())",\
                "signatures":[{"keyid":"k","sig":"\(Data("s".utf8).base64EncodedString())"}]}
                """
            let other = try await server.push(SampleImage.alpine(busybox: "1"), to: "team/app", tag: "2")
            let sealed = Self.statement(other, version: version)
            try folder.write(
                "envelope.json",
                envelope.replacing(
                    Data(statement.utf8).base64EncodedString(), with: Data(sealed.utf8).base64EncodedString()
                ).utf8)
            let enveloped = try await server.bulla(
                "provenance", server.image("team/app:2"), "--statement", "envelope.json", "-o", "json")
            #expect(enveloped.status == 0, "\(enveloped.errors)")
            let kept = try await Web.send(.get, "\(server.http)/v1/\(enveloped.json["occurrence"].string)").json
            #expect(kept["envelope"]["payloadType"].string == "application/vnd.in-toto+json")
            #expect(kept["envelope"]["payload"].string == Data(sealed.utf8).base64EncodedString())

            for (file, text) in [
                ("other.json", Self.statement(other, version: version)), ("no.json", "{}"), ("bad", "x"),
            ] {
                try folder.write(file, text.utf8)
                let refused = try await server.bulla("provenance", name, "--statement", file)
                #expect(refused.status == 2 && !refused.errors.isEmpty, "\(file): \(refused)")
            }
            #expect(try await server.occurrences(of: "team", "kind=\"BUILD\"").count == 2)
        }
    }
}
