// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaKubernetes
import BullaPolicy
import Foundation
import Testing

@Suite("Policy resources")
struct PolicyResourceTests {
    /// Base64 of a text that looks like an armored key.
    static let armor = Data("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nx\n-----END PGP PUBLIC KEY BLOCK-----\n".utf8)
        .base64EncodedString()

    static let whole = """
        apiVersion: kritis.grafeas.io/v1beta1
        kind: AttestationAuthority
        metadata:
          name: built-by-ci
          namespace: prod
        spec:
          noteReference: v1beta1/projects/p/notes/built-by-ci
          publicKeys:
          - keyType: PGP
            keyId: ABCD
            asciiArmoredPgpPublicKey: \(armor)
          - KeyType: PKIX
            keyId: ni:///sha-256;x
            pkixPublicKey:
              publicKeyPem: |
                -----BEGIN PUBLIC KEY-----
                x
                -----END PUBLIC KEY-----
              signatureAlgorithm: ECDSA_P256_SHA256
        ---
        apiVersion: kritis.grafeas.io/v1beta1
        kind: GenericAttestationPolicy
        metadata:
          name: signed
          namespace: prod
        spec:
          admissionAllowlistPatterns:
          - namePattern: gcr.io/base/*
          - namePattern: 'nginx'
          attestationAuthorityNames: [built-by-ci]
        ---
        apiVersion: kritis.grafeas.io/v1beta1
        kind: ImageSecurityPolicy
        metadata:
          name: limits
          namespace: prod
        spec:
          imageAllowlist: [gcr.io/base/tool:1]
          packageVulnerabilityRequirements:
            maximumSeverity: HIGH
            maximumFixUnavailableSeverity: BLOCK_ALL
            unknownSeverity: HIGH
            allowlistCVEs:
            - projects/goog-vulnz/notes/CVE-2020-1
            - CVE-2020-2
          attestationAuthorityName: built-by-ci
          privateKeySecretName: ci-key
        ---
        apiVersion: kritis.grafeas.io/v1beta1
        kind: VulnzSigningPolicy
        metadata:
          name: sign
        spec:
          imageVulnerabilityRequirements:
            maximumFixableSeverity: MEDIUM
        ---
        apiVersion: kritis.grafeas.io/v1beta1
        kind: KritisConfig
        metadata: {name: kritis-config}
        spec: {metadataBackend: grafeas, cronInterval: 1h, serverAddr: ":443", grafeas: {addr: "x:1"}}
        ---
        apiVersion: kritis.grafeas.io/v1beta1
        kind: BuildPolicy
        metadata: {name: build, namespace: prod}
        spec:
          attestationAuthorityName: built-by-ci
          privateKeySecretName: k
          buildRequirements: {builtFrom: "https://example.com/.*"}
        """

    private static func resources(_ text: String) throws -> [PolicyResource] {
        try PolicyResource.read(Array(text.utf8), file: "p.yaml")
    }

    @Test("reads all six kinds as they are written today")
    func six() throws {
        let resources = try Self.resources(Self.whole)
        #expect(
            resources.map(\.title) == [
                "AttestationAuthority prod/built-by-ci", "GenericAttestationPolicy prod/signed",
                "ImageSecurityPolicy prod/limits", "VulnzSigningPolicy default/sign",
                "KritisConfig default/kritis-config", "BuildPolicy prod/build",
            ])
        #expect(resources.map(\.place).prefix(2) == ["p.yaml:1", "p.yaml:21"])
        guard case .attestationAuthority(let authority) = resources[0].content else {
            Issue.record("no authority")
            return
        }
        #expect(authority.noteReference == "projects/p/notes/built-by-ci")
        #expect(authority.keys.map(\.format) == [.openPGP, .pkix(algorithm: "ECDSA_P256_SHA256")])
        #expect(authority.keys.map(\.id) == ["ABCD", "ni:///sha-256;x"])
        #expect(authority.keys[0].text.hasPrefix("-----BEGIN PGP PUBLIC KEY BLOCK-----"))
        let requirement = try #require(resources[2].requirement)
        #expect(requirement.maximumFixable == .atMost(.high))
        #expect(requirement.maximumUnfixable == .blockAll)
        #expect(requirement.unknownSeverity == .high)
        #expect(requirement.allowedIDs == ["CVE-2020-1", "CVE-2020-2"])
        #expect(resources[3].requirement?.maximumFixable == .atMost(.medium))
        #expect(resources[3].requirement?.maximumUnfixable == .allowAll)
    }

    @Test("joins them into the rule of a namespace")
    func joins() throws {
        let policy = try Policy(try Self.resources(Self.whole), revision: Digest(of: []))
        let rule = try #require(policy.rule(in: "prod"))
        #expect(rule.requirements.count == 2)
        #expect(policy.rule(in: "default") == nil)
        #expect(policy.notices.count == 3)
        let image = try ImageReference("gcr.io/p/app@\(Payload.digest)")
        #expect(rule.attestors(for: image).map(\.id) == ["prod/built-by-ci"])
        #expect(rule.attestors(for: image).first?.note == "projects/p/notes/built-by-ci")
        let tool = try ImageReference("gcr.io/base/tool:1")
        #expect(policy.evaluate(tool, in: "prod", on: Evidence(), at: .now).isAllowed)
        // Exempt from attestation, but not from the limits.
        let other = try ImageReference("docker.io/library/nginx")
        let verdict = policy.evaluate(other, in: "prod", on: Evidence(), at: .now)
        #expect(verdict.reasons.map(\.policy) == ["ImageSecurityPolicy prod/limits"])
        var evidence = Evidence(scan: .finished(at: .now, judged: true))
        let promised = try #require(policy.rule(in: "prod")).requirements[1].judge(image, on: evidence, at: .now)
        #expect(promised.promises.map(\.secret) == ["ci-key"])
        evidence.seals["prod/built-by-ci"] = [.init(occurrence: "o", keyID: "k")]
        #expect(policy.evaluate(image, in: "prod", on: evidence, at: .now).isAllowed)
    }

    @Test("keeps the authorities of two namespaces apart")
    func namespaces() throws {
        let text = """
            apiVersion: kritis.grafeas.io/v1beta1
            kind: AttestationAuthority
            metadata: {name: a, namespace: other}
            spec: {noteReference: projects/p/notes/a}
            ---
            apiVersion: kritis.grafeas.io/v1beta1
            kind: GenericAttestationPolicy
            metadata: {name: g, namespace: prod}
            spec: {attestationAuthorityNames: [a]}
            """
        let resources = try Self.resources(text)
        let error = #expect(throws: BullaError.self) { try Policy(resources, revision: Digest(of: [])) }
        #expect(
            error?.violations.map(\.field) == ["p.yaml:6"]
                && error?.message.contains("which namespace prod lacks") == true)
    }

    @Test("denies everything under a policy without attestors, and says so beforehand")
    func noAttestors() throws {
        let text = """
            apiVersion: kritis.grafeas.io/v1beta1
            kind: GenericAttestationPolicy
            metadata: {name: g}
            spec:
              admissionAllowlistPatterns:
              - namePattern: nginx
              attestationAuthorityNames: []
            """
        let policy = try Policy(try Self.resources(text), revision: Digest(of: []))
        #expect(policy.notices.count == 1)
        let verdict = policy.evaluate(try ImageReference("nginx"), in: "default", on: Evidence(), at: .now)
        #expect(verdict.reasons.map(\.code) == ["BROKEN_POLICY"])
    }

    @Test(
        "refuses with file, line and field",
        arguments: [
            ("spec:\n  maximumSeverity: HIGH", "p.yaml:5:3: spec.maximumSeverity: unknown field"),
            (
                "spec:\n  packageVulnerabilityRequirements:\n    maximumSeverity: high",
                "p.yaml:6:22: spec.packageVulnerabilityRequirements.maximumSeverity: invalid max severity level 'high'"
            ),
            (
                "spec:\n  packageVulnerabilityRequirements:\n    allowlistCVEs: CVE-1",
                "p.yaml:6:20: spec.packageVulnerabilityRequirements.allowlistCVEs: is not a list"
            ),
            (
                "spec:\n  packageVulnerabilityRequirements:\n    unknownSeverity: BAD",
                "p.yaml:6:22: spec.packageVulnerabilityRequirements.unknownSeverity: 'BAD' is not"
            ),
            ("spec: 7", "p.yaml:4:7: spec: is not a mapping"),
            ("spec:\n  imageAllowlist: [{a: b}]", "p.yaml:5:20: spec.imageAllowlist[0]: is not a string"),
            ("spec:\n  imageAllowlist: ['gcr.io/*']", "p.yaml:5:20: spec.imageAllowlist[0]: image reference"),
            ("extra: 1", "p.yaml:4:1: extra: unknown field"),
            ("spec:\n  imageAllowlist: []\n  imageAllowlist: []", "p.yaml:5:3: field 'imageAllowlist' is given twice"),
            ("spec: [", "p.yaml:"),
            ("spec: &a {x: *a}", "p.yaml:4: anchors and aliases are not taken"),
        ])
    func fields(body: String, message: String) {
        let text = """
            apiVersion: kritis.grafeas.io/v1beta1
            kind: ImageSecurityPolicy
            metadata: {name: i}
            \(body)
            """
        let error = #expect(throws: BullaError.self) { try Self.resources(text) }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test(
        "refuses lists and mappings as keys at once, for comparing nested ones takes years", .timeLimit(.minutes(1)),
        arguments: [("[", "]"), ("{? ", "}"), ("{", "}"), ("? ", "")], ["{", "{\n? ", "{a, "])
    func nestedKeys(brackets: (String, String), start: String) {
        func key(_ end: String) -> String {
            String(repeating: brackets.0, count: 50) + end + String(repeating: brackets.1, count: 50)
        }
        let text = start + [key("a"), key("a"), key("b"), key("b")].joined(separator: ", ") + "}"
        #expect(throws: BullaError.self) { try Self.resources(text) }
        let lines = [key("a"), key("a"), key("b"), key("b")].map { "? \($0)\n: 1\n" }.joined()
        let error = #expect(throws: BullaError.self) { try Self.resources(lines) }
        #expect(error?.message.contains("keys are texts") == true, "\(error?.message ?? "")")
    }

    @Test(
        "refuses documents that are none of Kritis'",
        arguments: [
            ("kind: Pod\napiVersion: v1\nmetadata: {name: x}", "'Pod' is no kind of Kritis"),
            ("kind: ImageSecurityPolicy\napiVersion: kritis.grafeas.io/v1\nmetadata: {name: x}", "apiVersion: is not"),
            ("kind: ImageSecurityPolicy\napiVersion: kritis.grafeas.io/v1beta1", "metadata.name: is missing"),
            ("- a", "is no policy document"), ("just text", "is no policy document"),
            ("kind: KritisConfig\napiVersion: kritis.grafeas.io/v1beta1\nmetadata: {name: x}\nspec: {a: 1}", "spec.a"),
        ])
    func documents(text: String, message: String) {
        let error = #expect(throws: BullaError.self) { try Self.resources(text) }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test(
        "refuses keys and notes that cannot be used",
        arguments: [
            ("noteReference: projects/p", "spec.noteReference: is not projects/PROJECT/notes/NOTE"),
            ("noteReference: v1beta1/projects/standalone", "spec.noteReference"),
            ("noteReference: projects/p/notes/n\n  publicKeys: [{keyType: RSA}]", "keyType is neither PGP nor PKIX"),
            (
                "noteReference: projects/p/notes/n\n  publicKeys: [{keyType: PGP}]",
                "asciiArmoredPgpPublicKey is missing"
            ),
            (
                "noteReference: projects/p/notes/n\n  publicKeys: [{keyType: PGP, asciiArmoredPgpPublicKey: '*?'}]",
                "is not the base64"
            ),
            (
                "noteReference: projects/p/notes/n\n  publicKeys: [{keyType: PGP, asciiArmoredPgpPublicKey: aGk=}]",
                "is not the base64 of an armored PGP public key"
            ),
            (
                "noteReference: projects/p/notes/n\n  publicKeys: [{keyType: PKIX, pkixPublicKey: {publicKeyPem: x}}]",
                "signatureAlgorithm is missing"
            ),
            (
                "noteReference: projects/p/notes/n\n  privateKeySecretName: x",
                "spec.privateKeySecretName: unknown field"
            ),
        ])
    func authorities(spec: String, message: String) {
        let text = """
            apiVersion: kritis.grafeas.io/v1beta1
            kind: AttestationAuthority
            metadata: {name: a}
            spec:
              \(spec)
            """
        let error = #expect(throws: BullaError.self) { try Self.resources(text) }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test("asks whether a key can be used, where it is told how")
    func keyCheck() {
        var options = PolicyOptions()
        options.checkKey = { $0.format == .openPGP ? "no key material" : nil }
        let error = #expect(throws: BullaError.self) {
            try PolicyResource.read(Array(Self.whole.utf8), file: "p.yaml", options: options)
        }
        #expect(
            error?.message.contains("p.yaml:9:5: spec.publicKeys[0]: the key cannot be used: no key material") == true)
    }

    @Test("refuses a name given twice")
    func duplicates() throws {
        let text = """
            apiVersion: kritis.grafeas.io/v1beta1
            kind: ImageSecurityPolicy
            metadata: {name: i}
            """
        let resources = try Self.resources(text + "\n---\n" + text)
        let error = #expect(throws: BullaError.self) { try Policy(resources, revision: Digest(of: [])) }
        #expect(error?.message.contains("is also at p.yaml:1") == true)
    }

    @Test("takes what kubectl prints: lists, JSON and the server's own fields")
    func kubectl() throws {
        let json = #"""
            {"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":""},"items":[
             {"apiVersion":"kritis.grafeas.io/v1beta1","kind":"ImageSecurityPolicy","metadata":{"name":"i",
              "namespace":"prod","uid":"1","generation":2,"creationTimestamp":"2026-01-01T00:00:00Z",
              "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"a\":1}\n"}},
              "spec":{"packageVulnerabilityRequirements":{"maximumSeverity":"LOW"}},"status":{}}]}
            """#
        let resources = try PolicyResource.read(Array(json.utf8), file: "p.json")
        #expect(resources.map(\.title) == ["ImageSecurityPolicy prod/i"])
        #expect(resources.first?.requirement?.maximumFixable == .atMost(.low))
    }

    @Test(
        "refuses what would cost more than it is worth",
        arguments: [
            String(repeating: "[", count: 100_000),
            String(repeating: "a: ", count: 10) + String(repeating: "{a: ", count: 900),
            String(repeating: "- ", count: 5000),
            "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]", "{\"a\":&a x}", "[&a x]", "\u{2028}&a x", "- !t &a x",
            String(repeating: " ", count: 1 << 20) + "a",
            "\u{FFFE}", "a: \u{7}", "%YAML 9.9\n---\na",
        ])
    func hostile(text: String) {
        #expect(throws: BullaError.self) { try Self.resources(text) }
    }

    @Test("survives 6,000 mutated and truncated files", arguments: [UInt64(3), 4])
    func mutations(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let whole = Array(Self.whole.utf8)
        var read = 0
        for round in 0..<3000 {
            let bytes = round < 500 ? Array(whole.prefix(round * 5)) : whole.mutated(by: &generator)
            do {
                read += try PolicyResource.read(bytes, file: "p.yaml").count
                _ = try ManifestFile.documents(in: bytes, file: "p.yaml")
            } catch {
                #expect(error.code == .invalidArgument)
            }
        }
        #expect(read > 0)
    }
}
