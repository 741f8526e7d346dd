// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BullaArtifact
import BullaDocument
import BullaFlow
import BullaGrafeas
import BullaHTTP
import BullaKubernetes
import BullaPolicy
import BullaRegistry
import BullaSeal
import BullaServer
import Crypto
import Foundation
import GrafeasMessages
import HTTPTypes
import SwiftProtobuf

/// The whole chain on this machine: build, push, scan, record, attest, admit; every step is read back from the server.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Run the whole chain on a server of its own and show what it says.")

    @Option(help: "Keep the server's data in this folder (a temporary one, removed).") var keep: String?
    @Option(name: .customLong("with"), help: "NAME=VERSION: change a package of the outdated image; may repeat.")
    var changes: [String] = []

    func run() async throws {
        try await Command.run {
            let folder = keep ?? NSTemporaryDirectory() + "/bulla-demo-" + UUID().uuidString
            defer { if keep == nil { try? FileManager.default.removeItem(atPath: folder) } }
            var outdated = DemoImage.Versions.outdated
            for change in changes {
                let parts = change.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2 else {
                    throw BullaError(.invalidArgument, "--with '\(change)' is not NAME=VERSION")
                }
                outdated = try outdated.with(parts[0], parts[1])
            }
            try await Demo(folder: folder, expectsDenial: changes.isEmpty).run(
                outdated: try DemoImage(outdated), current: try DemoImage(.current))
        }
    }
}

/// The story of the demo, step by step.
private struct Demo: Sendable {
    static let registryName = "registry.demo"
    let folder: String
    /// Whether the outdated image must be refused, as it must while nobody changed it.
    let expectsDenial: Bool

    /// One of the two images, and what became of it.
    struct Subject: Sendable {
        let image: DemoImage
        let name: ImageReference
        var digest: BullaArtifact.Digest { image.document.digest }
        var reference: ImageReference { name.at(digest) }
    }

    func run(outdated: DemoImage, current: DemoImage) async throws {
        let key = P256.Signing.PrivateKey()
        try write(policies(trusting: key), to: "policies/demo.yaml")
        let readyFile = folder + "/ready.json"
        let configuration = try Configuration(flags: [
            "data": folder + "/data", "http": "127.0.0.1:0", "grpc": "127.0.0.1:0", "webhook": "127.0.0.1:0",
            "ready-file": readyFile, "policies": folder + "/policies", "registry-name": Self.registryName,
            "log-level": "warning",
        ])
        let (told, tell) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await Server(configuration).run { for await _ in told {} }
            }
            group.addTask {
                defer { tell.finish() }
                try await self.tell(readyFile, key, outdated, current)
            }
            try await group.waitForAll()
        }
    }

    private func tell(
        _ readyFile: String, _ key: P256.Signing.PrivateKey, _ outdated: DemoImage, _ current: DemoImage
    ) async throws {
        let ready = try await Patience.wait(for: "the server") { () -> ReadyServer? in
            guard let bytes = FileManager.default.contents(atPath: readyFile) else { return nil }
            return try JSONDecoder().decode(ReadyServer.self, from: bytes)
        }
        guard let url = URL(string: ready.http), let webhook = URL(string: ready.webhook + "/admit") else {
            throw BullaError(.internal, "the ready file names no URL")
        }
        try await AsyncHTTPClientTransport.with { transport in
            let server = ServerClient(url: url, token: nil, transport: transport)
            let names = try await server.names()
            let subjects = [
                Subject(image: outdated, name: try ImageReference("\(Self.registryName)/shop/web:1.0")),
                Subject(image: current, name: try ImageReference("\(Self.registryName)/shop/web:1.1")),
            ]
            say("Two images of one application: 1.0 as of Debian 12's release, 1.1 up to date.")
            for subject in subjects { try await push(subject, to: server) }
            for subject in subjects { try await recordBuild(subject, names, server) }
            var passed: Set<BullaArtifact.Digest> = []
            for subject in subjects where try await check(subject, names, server) {
                passed.insert(subject.digest)
                try await attest(subject, with: key, names, server)
            }
            try require(passed.contains(current.document.digest), "the current image does not meet the policy")
            try require(
                !expectsDenial || !passed.contains(outdated.document.digest), "the outdated image meets the policy")
            try await admit(subjects, passed, ready, webhook, names, server)
        }
    }

    // MARK: - Steps

    private func push(_ subject: Subject, to server: ServerClient) async throws {
        let target = ImageReference(
            registry: server.authority, repository: subject.name.repository, tag: subject.name.tag)
        let client = Registries.client(for: target, transport: server.transport)
        _ = try await client.copy(subject.image, to: target)
        let stored = try await client.resolve(target)
        try require(stored == subject.digest, "the registry names \(stored) what was pushed as \(subject.digest)")
        say("\npushed    \(subject.name)\n          \(subject.digest)")
    }

    private func recordBuild(_ subject: Subject, _ names: RecordNames, _ server: ServerClient) async throws {
        let commit =
            subject.name.tag == "1.0"
            ? "5f1d7e0a3c9b42d68e7f0a1b2c3d4e5f60718293" : "c0ffee254729296a45a3885639ac7e10f9d54979"
        let statement = """
            {"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"\(subject.name.name)","digest":{"sha256":\
            "\(subject.digest.hexadecimal)"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{\
            "buildDefinition":{"buildType":"https://ci.demo/build/v1","externalParameters":{"source":\
            "git+https://git.demo/shop/web"},"internalParameters":{"user":"ada@shop.demo"},"resolvedDependencies":[\
            {"uri":"git+https://git.demo/shop/web","digest":{"gitCommit":"\(commit)"}}]},"runDetails":{"builder":\
            {"id":"https://ci.demo/runners/1"},"metadata":{"invocationId":"\(subject.name.tag ?? "")"}}}}
            """
        let flow = RecordBuildFlow(names: names, metadata: server.metadata)
        let name = try await flow.record(Array(statement.utf8), of: subject.name, subject.digest)
        let record = try await server.metadata.getOccurrence(.with { $0.name = name }).build.provenance
        let source = record.sourceProvenance.context.git
        try require(source.revisionID == commit, "the record's commit is '\(source.revisionID)', not '\(commit)'")
        say("recorded  \(subject.name.tag ?? ""): built from \(source.url) at \(source.revisionID.prefix(12))")
        say("          by \(record.builderVersion) for \(record.creator.isEmpty ? "nobody named" : record.creator)")
    }

    /// Awaits the scan, shows the findings, and says whether the image meets the policy.
    private func check(_ subject: Subject, _ names: RecordNames, _ server: ServerClient) async throws -> Bool {
        let gatherer = EvidenceGatherer(names: names, metadata: server.metadata)
        let evidence = try await Patience.wait(for: "the scan of \(subject.name)") { () -> Evidence? in
            let evidence = try await gatherer.evidence(
                of: subject.reference, needsScan: true, attestors: [], at: Date())
            switch evidence.scan {
            case .never, .pending, .scanning: return nil
            default: return evidence
            }
        }
        let bytes = try await server.call(
            .get, "/bulla/v1/report", query: [URLQueryItem(name: "image", value: subject.reference.description)])
        let report = try JSONDocument.report(from: bytes)
        say("\nscanned   \(subject.name): \(report.inventory.packages.count) packages")
        say(TableDocument.text(of: report, isColoured: Command.outputIsTerminal))
        let requirement = VulnerabilityRequirement(policy: "demo/no-critical", maximumFixable: .atMost(.high))
        let result = requirement.check(subject.reference, on: evidence, at: Date())
        say("checked   \(subject.name.tag ?? ""): \(result.verdict.rawValue), \(result.reason)")
        return result.verdict == .pass
    }

    private func attest(
        _ subject: Subject, with key: P256.Signing.PrivateKey, _ names: RecordNames, _ server: ServerClient
    ) async throws {
        let signer = try SigningKey(Array(key.pemRepresentation.utf8))
        let payload = SimpleSigning(subject.name, subject.digest).payload
        let project = try names.project(of: subject.name)
        let note = try AttestationRecord.note(of: "release", in: project)
        let record = AttestationRecord(names: names, metadata: server.metadata)
        try await record.ensure(note)
        let outcome = try await record.record(
            payload: payload, signature: try signer.sign(payload, at: Date()), keyID: signer.keyID, of: subject.name,
            subject.digest, under: note, in: project, ifExists: .keep)
        let stored = try await server.metadata.getOccurrence(.with { $0.name = outcome.occurrence })
        try require(stored.attestation.serializedPayload == payload, "the stored attestation has another payload")
        say("attested  \(subject.name.tag ?? ""): sealed by \(note)")
    }

    private func admit(
        _ subjects: [Subject], _ passed: Set<BullaArtifact.Digest>, _ ready: ReadyServer, _ webhook: URL,
        _ names: RecordNames,
        _ server: ServerClient
    ) async throws {
        let trust = TLSTrust(authorityFile: ready.webhookCA)
        for subject in subjects {
            let review = """
                {"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"\(UUID().uuidString)",\
                "kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},\
                "namespace":"demo","operation":"CREATE","userInfo":{"username":"ada@shop.demo"},"object":{"apiVersion":\
                "v1","kind":"Pod","metadata":{"name":"web","namespace":"demo"},"spec":{"containers":[{"name":"web",\
                "image":"\(subject.reference)"}]}}}}
                """
            let answer = try await AsyncHTTPClientTransport.with(trust: trust) { transport in
                guard var request = HTTPRequest(.post, to: webhook) else {
                    throw BullaError(.internal, "the webhook's address is no URL")
                }
                request.headerFields[.contentType] = "application/json"
                let reply = try await transport.send(request, body: .bytes(Array(review.utf8)), timeout: .seconds(10))
                let bytes = try await reply.bytes(upTo: 1 << 20, of: "the webhook's answer")
                return try JSONDecoder().decode(ReviewAnswer.self, from: Data(bytes)).response
            }
            let isExpected = passed.contains(subject.digest)
            try require(
                answer.allowed == isExpected,
                "the webhook \(answer.allowed ? "admits" : "denies") \(subject.reference): \(answer.status?.message ?? "")"
            )
            say("\n\(answer.allowed ? "admitted " : "denied   ") \(subject.name)")
            if answer.allowed {
                try await deployed(subject, names, server)
                say("          scan and seal hold; the deployment is recorded")
            } else {
                say(indented(answer.status?.message ?? ""))
            }
        }
    }

    private func deployed(_ subject: Subject, _ names: RecordNames, _ server: ServerClient) async throws {
        let project = try names.project(of: subject.name)
        let filter = "kind=\"DEPLOYMENT\" AND resourceUrl=\"\(ResourceURI(subject.name, subject.digest))\""
        _ = try await Patience.wait(for: "the deployment's record") { () -> Grafeas_V1_Occurrence? in
            try await server.metadata.listOccurrences(
                .with {
                    $0.parent = project.description
                    $0.filter = filter
                }
            ).occurrences.first
        }
    }

    // MARK: - Words and files

    private func policies(trusting key: P256.Signing.PrivateKey) -> String {
        let pem = key.publicKey.pemRepresentation.split(separator: "\n").map { "        \($0)" }.joined(separator: "\n")
        return """
            apiVersion: kritis.grafeas.io/v1beta1
            kind: AttestationAuthority
            metadata: {name: release, namespace: demo}
            spec:
              noteReference: projects/shop/notes/release
              publicKeys:
              - keyType: PKIX
                pkixPublicKey:
                  signatureAlgorithm: ECDSA_P256_SHA256
                  publicKeyPem: |
            \(pem)
            ---
            apiVersion: kritis.grafeas.io/v1beta1
            kind: GenericAttestationPolicy
            metadata: {name: sealed, namespace: demo}
            spec:
              attestationAuthorityNames: [release]
            ---
            apiVersion: kritis.grafeas.io/v1beta1
            kind: ImageSecurityPolicy
            metadata: {name: no-critical, namespace: demo}
            spec:
              packageVulnerabilityRequirements:
                maximumSeverity: HIGH
                maximumFixUnavailableSeverity: ALLOW_ALL

            """
    }

    private func write(_ text: String, to name: String) throws {
        let file = URL(filePath: folder).appending(path: name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    private func require(_ condition: Bool, _ message: String) throws(BullaError) {
        if !condition { throw BullaError(.failedPrecondition, "demo: \(message)") }
    }

    private func say(_ text: String) { Command.result(text) }

    private func indented(_ text: String) -> String {
        text.split(separator: "\n").map { "          \($0)" }.joined(separator: "\n")
    }
}

/// The part of the ready file that the demo needs.
private struct ReadyServer: Decodable, Sendable {
    var http: String
    var webhook: String
    var webhookCA: String?
}

/// The part of an admission response that the demo shows.
private struct ReviewAnswer: Decodable, Sendable {
    struct Response: Decodable, Sendable {
        struct Status: Decodable, Sendable {
            var message: String?
        }
        var allowed: Bool
        var status: Status?
    }
    var response: Response
}

/// Waits for what takes a moment.
enum Patience {
    /// Asks again and again until there is an answer.
    ///
    /// - Throws: `deadlineExceeded` after 60 seconds, and what `ask` throws.
    static func wait<Answer>(for what: String, until ask: () async throws -> Answer?) async throws -> Answer {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if let answer = try await ask() { return answer }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw BullaError(.deadlineExceeded, "waiting for \(what) took more than 60 seconds")
    }
}
