// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaPolicy
import Foundation
import Testing

/// Values that the suites of this target share.
enum Sample {
    static let digest = "sha256:" + String(repeating: "a", count: 64)
    static let now = Date(timeIntervalSince1970: 1_800_000_000)

    static func image(_ text: String = "gcr.io/p/app@" + digest) throws -> ImageReference { try ImageReference(text) }

    static func attestor(_ name: String, keys: Int = 1) -> Attestor {
        let key = Attestor.Key(format: .openPGP, text: "armor")
        return Attestor(
            id: "prod/\(name)", name: name, note: "projects/p/notes/\(name)",
            keys: Array(repeating: key, count: keys))
    }

    static func seals(_ names: String..., until: Date? = nil) -> [String: [Evidence.Seal]] {
        var seals: [String: [Evidence.Seal]] = [:]
        for name in names {
            seals["prod/\(name)"] = [.init(occurrence: "projects/p/occurrences/\(name)", keyID: "K", until: until)]
        }
        return seals
    }

    static func scanned(_ vulnerabilities: Evidence.Vulnerability...) -> Evidence {
        Evidence(scan: .finished(at: now.addingTimeInterval(-60), judged: true), vulnerabilities: vulnerabilities)
    }

    static func vulnerability(
        _ id: String, _ severity: Severity, fixed: String? = nil
    ) -> Evidence.Vulnerability {
        .init(id: id, severity: severity, hasFix: fixed != nil, fixedVersion: fixed, package: "openssl")
    }
}

@Suite("Attestation requirement")
struct AttestationRequirementTests {
    private let both = AttestationRequirement(alternatives: [
        .init(policy: "G", attestors: [Sample.attestor("a"), Sample.attestor("b")])
    ])

    @Test("asks for every attestor of a policy")
    func all() throws {
        let image = try Sample.image()
        let allowed = both.judge(image, on: Evidence(seals: Sample.seals("a", "b")), at: Sample.now)
        #expect(allowed.isAllowed)
        #expect(allowed.until == .distantFuture)
        let denied = both.judge(image, on: Evidence(seals: Sample.seals("a")), at: Sample.now)
        #expect(denied.outcome == .deny)
        #expect(denied.reasons.map(\.description) == ["not attested by b (G)"])
    }

    @Test("is satisfied by any one of several policies, and a denial names each")
    func anyPolicy() throws {
        let requirement = AttestationRequirement(alternatives: [
            .init(policy: "G", attestors: [Sample.attestor("a")]),
            .init(policy: "H", attestors: [Sample.attestor("b")]),
        ])
        let image = try Sample.image()
        let allowed = requirement.judge(image, on: Evidence(seals: Sample.seals("b")), at: Sample.now)
        #expect(allowed.grounds == [.attested(by: ["b"], policy: "H")])
        let denied = requirement.judge(image, on: Evidence(), at: Sample.now)
        #expect(denied.reasons.map(\.policy) == ["G", "H"])
    }

    @Test("denies everything under a policy without attestors, exempt images too")
    func empty() throws {
        let requirement = AttestationRequirement(
            exemptions: try Allowlist(["gcr.io/p/*"]),
            alternatives: [
                .init(policy: "G", attestors: []), .init(policy: "H", attestors: [Sample.attestor("a")]),
            ])
        let verdict = requirement.judge(try Sample.image(), on: Evidence(seals: Sample.seals("a")), at: Sample.now)
        #expect(verdict.reasons.map(\.code) == ["BROKEN_POLICY"])
    }

    @Test("admits an exempt image by tag, and no other")
    func tags() throws {
        let requirement = AttestationRequirement(
            exemptions: try Allowlist(["gcr.io/base/*"]), alternatives: both.alternatives)
        #expect(requirement.judge(try Sample.image("gcr.io/base/x:1"), on: Evidence(), at: Sample.now).isAllowed)
        let known = try Digest(Sample.digest)
        let verdict = requirement.judge(
            try Sample.image("gcr.io/p/app:1"), on: Evidence(seals: Sample.seals("a", "b"), digestOfTag: known),
            at: Sample.now)
        #expect(verdict.reasons.map(\.code) == ["NOT_BY_DIGEST"])
        #expect(
            verdict.reasons.first?.remedy(for: try Sample.image("gcr.io/p/app:1"))
                == "use gcr.io/p/app@\(Sample.digest)")
    }

    @Test("judges a tag with a digest by the digest")
    func tagAndDigest() throws {
        let image = try Sample.image("gcr.io/p/app:1@\(Sample.digest)")
        #expect(both.judge(image, on: Evidence(seals: Sample.seals("a", "b")), at: Sample.now).isAllowed)
    }

    @Test("lets go of a seal when its key has expired, and says until when it holds")
    func expiry() throws {
        let end = Sample.now.addingTimeInterval(60)
        let evidence = Evidence(seals: Sample.seals("a", "b", until: end))
        let image = try Sample.image()
        #expect(both.judge(image, on: evidence, at: Sample.now).until == end)
        #expect(!both.judge(image, on: evidence, at: end).isAllowed)
    }

    @Test("trusts no seal of an attestor without keys")
    func noKeys() throws {
        let requirement = AttestationRequirement(alternatives: [
            .init(policy: "G", attestors: [Sample.attestor("a", keys: 0)])
        ])
        let verdict = requirement.judge(try Sample.image(), on: Evidence(seals: Sample.seals("a")), at: Sample.now)
        #expect(verdict.reasons.first?.message == "attestor a has no key, so it can attest nothing")
    }

    @Test("says why an attestation that is there does not hold, and how to mend it")
    func rejected() throws {
        let evidence = Evidence(rejectedSeals: [
            "prod/a": [.init(occurrence: "o", keyID: "BEEF", reason: "no trusted key has this id")]
        ])
        let image = try Sample.image()
        let verdict = both.judge(image, on: evidence, at: Sample.now)
        let reason = try #require(verdict.reasons.first)
        #expect(
            reason.description
                == "not attested by a: an attestation by key BEEF does not hold: no trusted key has this id (G)")
        #expect(
            reason.remedy(for: image)
                == "bulla attest \(image) --attestor projects/p/notes/a --pgp-key FILE")
    }
}

@Suite("Vulnerability requirement")
struct VulnerabilityRequirementTests {
    @Test(
        "compares severities as Kritis does",
        arguments: [
            // limit, severity, accepted
            ("BLOCK_ALL", Severity.minimal, false), ("BLOCK_ALL", .unspecified, false),
            ("ALLOW_ALL", .critical, true), ("SEVERITY_UNSPECIFIED", .minimal, false),
            ("SEVERITY_UNSPECIFIED", .unspecified, true), ("MINIMAL", .minimal, true), ("MINIMAL", .low, false),
            ("LOW", .low, true), ("LOW", .medium, false), ("MEDIUM", .medium, true), ("MEDIUM", .high, false),
            ("HIGH", .high, true), ("HIGH", .critical, false), ("CRITICAL", .critical, true),
            ("LOW", .unspecified, true),
        ])
    func limits(limit: String, severity: Severity, accepted: Bool) throws {
        let limit = try #require(SeverityLimit(limit))
        #expect(limit.accepts(severity) == accepted)
    }

    @Test("knows no other word for a limit", arguments: ["", "high", "High", "NONE", "SEVERE"])
    func words(text: String) { #expect(SeverityLimit(text) == nil) }

    @Test("holds fixable and unfixable vulnerabilities to limits of their own")
    func fixable() throws {
        let requirement = VulnerabilityRequirement(
            policy: "I", maximumFixable: .atMost(.low), maximumUnfixable: .atMost(.high))
        let evidence = Sample.scanned(
            Sample.vulnerability("CVE-1", .high), Sample.vulnerability("CVE-2", .medium, fixed: "1.2"),
            Sample.vulnerability("CVE-3", .critical), Sample.vulnerability("CVE-4", .low, fixed: "1.2"))
        let verdict = requirement.judge(try Sample.image(), on: evidence, at: Sample.now)
        #expect(
            verdict.reasons.map(\.message) == [
                "CVE-3 (CRITICAL) in openssl exceeds HIGH", "CVE-2 (MEDIUM) in openssl exceeds LOW",
            ])
        #expect(verdict.reasons.map { $0.remedy(for: nil) } == [nil, "upgrade openssl to 1.2"])
    }

    @Test("has Kritis' defaults: all that has a fix up to critical, all that has none")
    func defaults() throws {
        let evidence = Sample.scanned(
            Sample.vulnerability("CVE-1", .critical), Sample.vulnerability("CVE-2", .critical, fixed: "1"))
        #expect(
            VulnerabilityRequirement(policy: "I").judge(try Sample.image(), on: evidence, at: Sample.now).isAllowed)
    }

    @Test(
        "compares the last segment of allowed names",
        arguments: ["CVE-1", "projects/goog-vulnz/notes/CVE-1", "providers/goog-vulnz/notes/CVE-1"])
    func allowed(name: String) throws {
        let requirement = VulnerabilityRequirement(
            policy: "I", maximumFixable: .blockAll, maximumUnfixable: .blockAll, allowedIDs: [name])
        let image = try Sample.image()
        #expect(
            requirement.judge(image, on: Sample.scanned(Sample.vulnerability("CVE-1", .high)), at: Sample.now).isAllowed
        )
        #expect(
            !requirement.judge(image, on: Sample.scanned(Sample.vulnerability("CVE-11", .high)), at: Sample.now)
                .isAllowed)
    }

    @Test("lets an unknown severity pass with a warning, or takes it for what the policy says")
    func unknownSeverity() throws {
        var requirement = VulnerabilityRequirement(
            policy: "I", maximumFixable: .atMost(.low), maximumUnfixable: .atMost(.low))
        let evidence = Sample.scanned(
            Sample.vulnerability("CVE-2", .unspecified), Sample.vulnerability("CVE-1", .unspecified))
        let image = try Sample.image()
        let lax = requirement.judge(image, on: evidence, at: Sample.now)
        #expect(lax.isAllowed)
        #expect(lax.warnings == ["CVE-1 and 1 more: severity unknown, passed; see unknownSeverity"])
        requirement.unknownSeverity = .high
        #expect(requirement.judge(image, on: evidence, at: Sample.now).reasons.count == 2)
    }

    @Test(
        "tells every scan that is of no use apart",
        arguments: [
            (Evidence.Scan.never, "NEVER_SCANNED"), (.pending, "SCAN_PENDING"), (.scanning, "SCAN_RUNNING"),
            (.failed("no layer"), "SCAN_FAILED"), (.unsupported("a signature"), "SCAN_UNSUPPORTED"),
            (.finished(at: Sample.now, judged: false), "NEVER_SCANNED"),
            (.finished(at: Sample.now.addingTimeInterval(-3601), judged: true), "SCAN_TOO_OLD"),
        ])
    func scans(scan: Evidence.Scan, code: String) throws {
        let requirement = VulnerabilityRequirement(policy: "I", maximumScanAge: 3600)
        let verdict = requirement.judge(try Sample.image(), on: Evidence(scan: scan), at: Sample.now)
        #expect(verdict.outcome == .unknown)
        #expect(verdict.reasons.map(\.code) == [code])
        let check = requirement.check(try Sample.image(), on: Evidence(scan: scan), at: Sample.now)
        #expect(check.verdict == .unknown)
        #expect(!check.reason.isEmpty)
    }

    @Test("knows when a scan will be too old")
    func age() throws {
        let requirement = VulnerabilityRequirement(policy: "I", maximumScanAge: 3600)
        let verdict = requirement.judge(try Sample.image(), on: Sample.scanned(), at: Sample.now)
        #expect(verdict.until == Sample.now.addingTimeInterval(3540))
    }

    @Test("lets an image that was attested earlier pass whatever is known now")
    func sticky() throws {
        let requirement = VulnerabilityRequirement(
            policy: "I", maximumFixable: .blockAll, maximumUnfixable: .blockAll, attestor: Sample.attestor("a"))
        var evidence = Sample.scanned(Sample.vulnerability("CVE-1", .critical))
        #expect(!requirement.judge(try Sample.image(), on: evidence, at: Sample.now).isAllowed)
        evidence.seals = Sample.seals("a")
        #expect(requirement.judge(try Sample.image(), on: evidence, at: Sample.now).isAllowed)
    }

    @Test("promises an attestation only for what passed by its scan, and only with a secret")
    func promises() throws {
        var requirement = VulnerabilityRequirement(policy: "I", attestor: Sample.attestor("a"), secret: "key")
        let image = try Sample.image()
        let verdict = requirement.judge(image, on: Sample.scanned(), at: Sample.now)
        #expect(verdict.promises.map(\.secret) == ["key"])
        var attested = Sample.scanned()
        attested.seals = Sample.seals("a")
        #expect(requirement.judge(image, on: attested, at: Sample.now).promises.isEmpty)
        requirement.secret = nil
        #expect(requirement.judge(image, on: Sample.scanned(), at: Sample.now).promises.isEmpty)
    }

    @Test("lets images on its list pass by tag and unscanned, and no other image by tag")
    func exemptions() throws {
        let requirement = VulnerabilityRequirement(
            policy: "I", exemptions: try Allowlist(["nginx:1"], style: .exact))
        #expect(requirement.judge(try Sample.image("docker.io/nginx:1"), on: Evidence(), at: Sample.now).isAllowed)
        let verdict = requirement.judge(try Sample.image("nginx:2"), on: Evidence(), at: Sample.now)
        #expect(verdict.reasons.map(\.code) == ["NOT_BY_DIGEST"])
    }

    @Test("writes a check as promised")
    func check() throws {
        let requirement = VulnerabilityRequirement(policy: "I", maximumFixable: .atMost(.medium))
        let evidence = Sample.scanned(Sample.vulnerability("CVE-1", .high, fixed: "3.0.1"))
        let result = requirement.check(try Sample.image(), on: evidence, at: Sample.now)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = String(decoding: try encoder.encode(result), as: UTF8.self)
        let violation =
            #"{"fixedVersion":"3.0.1","id":"CVE-1","limit":"MEDIUM","package":"openssl","severity":"HIGH"}"#
        let reason = "1 vulnerability exceeds the limits (I)"
        #expect(
            json == #"{"image":"gcr.io/p/app@\#(Sample.digest)","reason":"\#(reason)","schema":"bulla.check/v1","#
                + #""verdict":"fail","violations":[\#(violation)]}"#)
    }
}

@Suite("Evaluator")
struct EvaluatorTests {
    private func rule(exemptions: Allowlist = Allowlist()) -> Rule {
        Rule(
            exemptions: exemptions,
            requirements: [
                .attestations(
                    AttestationRequirement(alternatives: [.init(policy: "G", attestors: [Sample.attestor("a")])])),
                .vulnerabilities(VulnerabilityRequirement(policy: "I", maximumFixable: .blockAll)),
                .vulnerabilities(VulnerabilityRequirement(policy: "J", maximumUnfixable: .blockAll)),
            ])
    }

    @Test("wants every requirement and gives every reason, worst first")
    func everything() throws {
        let evidence = Sample.scanned(
            Sample.vulnerability("CVE-1", .low), Sample.vulnerability("CVE-2", .critical, fixed: "2"))
        let verdict = evaluate(rule(), of: try Sample.image(), on: evidence, at: Sample.now)
        #expect(verdict.reasons.map(\.code) == ["NOT_ATTESTED", "VULNERABILITY", "VULNERABILITY"])
        #expect(verdict.reasons.map(\.policy) == ["G", "I", "J"])
        var good = Sample.scanned()
        good.seals = Sample.seals("a")
        let allowed = evaluate(rule(), of: try Sample.image(), on: good, at: Sample.now)
        #expect(allowed.isAllowed)
        #expect(allowed.grounds.count == 3)
    }

    @Test("says of a tag only once that it is one")
    func tagOnce() throws {
        let verdict = evaluate(rule(), of: try Sample.image("nginx:1"), on: Evidence(), at: Sample.now)
        #expect(verdict.reasons.map(\.code) == ["NOT_BY_DIGEST"])
    }

    @Test("an attestation does not undo an unscanned image, nor the reverse")
    func bothMustPass() throws {
        let sealed = evaluate(
            rule(), of: try Sample.image(), on: Evidence(seals: Sample.seals("a")), at: Sample.now)
        #expect(sealed.outcome == .unknown)
        let scanned = evaluate(rule(), of: try Sample.image(), on: Sample.scanned(), at: Sample.now)
        #expect(scanned.outcome == .deny)
    }

    @Test("asks for no evidence about exempt images and tags")
    func needs() throws {
        let rule = rule(exemptions: try Allowlist(["gcr.io/base/**"]))
        #expect(rule.needsEvidence(of: try Sample.image()))
        #expect(!rule.needsEvidence(of: try Sample.image("gcr.io/base/x@\(Sample.digest)")))
        #expect(!rule.needsEvidence(of: try Sample.image("gcr.io/p/app:1")))
        #expect(rule.attestors(for: try Sample.image()).map(\.id) == ["prod/a"])
        #expect(rule.needsScan(of: try Sample.image()))
    }

    @Test("allows a namespace without policies, or refuses it where that is set")
    func unruled() throws {
        let open = Policy(rules: [:], revision: Digest(of: []))
        #expect(open.evaluate(try Sample.image("nginx"), in: "x", on: Evidence(), at: Sample.now).isAllowed)
        let closed = Policy(rules: [:], fallback: .deny, revision: Digest(of: []))
        let verdict = closed.evaluate(try Sample.image("nginx"), in: "x", on: Evidence(), at: Sample.now)
        #expect(verdict.reasons.map(\.code) == ["NO_POLICY"])
    }
}

@Suite("Enforcement")
struct EnforcementTests {
    private let denied = Verdict.deny([Reason(.neverScanned)])
    private let allowed = Verdict.allow(because: .noPolicy, until: .distantFuture)

    @Test(
        "takes `true` alone for break-glass, in every spelling",
        arguments: [
            ("kritis.grafeas.io/breakglass", "true", true, true),
            ("image-policy.k8s.io/break-glass", "true", true, true),
            ("alpha.image-policy.k8s.io/break-glass", "true", false, true),
            ("kritis.grafeas.io/breakglass", "false", false, false),
            ("kritis.grafeas.io/breakglass", "", false, false),
            ("image-policy.k8s.io/break-glass", "True", false, false),
            ("breakglass", "true", false, false),
        ])
    func breakGlass(key: String, value: String, asLabel: Bool, asAnnotation: Bool) {
        #expect((BreakGlass(labels: [key: value], annotations: [:]) != nil) == asLabel)
        #expect((BreakGlass(labels: [:], annotations: [key: value]) != nil) == asAnnotation)
    }

    @Test("denies when one image is refused")
    func enforce() {
        #expect(!Enforcement.enforce.decide([allowed, denied], breakGlass: nil).isAllowed)
        #expect(Enforcement.enforce.decide([allowed, allowed], breakGlass: nil).isAllowed)
        #expect(!Enforcement.enforce.decide([.unknown([Reason(.scanPending)])], breakGlass: nil).isAllowed)
        #expect(Enforcement.enforce.decide([], breakGlass: nil).isAllowed)
    }

    @Test("wants what is allowed in spite of a denial recorded first")
    func recorded() throws {
        let glass = try #require(BreakGlass(labels: [:], annotations: ["kritis.grafeas.io/breakglass": "true"]))
        let broken = Enforcement.enforce.decide([denied], breakGlass: glass)
        #expect(broken.isAllowed && broken.mustBeRecordedFirst && broken.inSpite)
        #expect(Enforcement.enforce.decide([allowed], breakGlass: glass).mustBeRecordedFirst)
        let watched = Enforcement.auditOnly.decide([denied], breakGlass: nil)
        #expect(watched.isAllowed && watched.mustBeRecordedFirst)
        #expect(!Enforcement.enforce.decide([denied], breakGlass: nil).mustBeRecordedFirst)
        #expect(!Enforcement.enforce.decide([allowed], breakGlass: nil).mustBeRecordedFirst)
    }
}
