// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaKubernetes
import BullaPolicy
import Foundation
import Testing

@Suite("Denial")
struct DenialTests {
    private func judged(_ name: String, _ paths: [String], _ verdict: Verdict) -> Denial.Judged {
        .init(paths: paths, name: name, image: try? ImageReference(name), verdict: verdict)
    }

    private func violation(_ id: String, _ severity: Severity, fixed: String? = nil) -> Reason {
        Reason(
            policy: "ImageSecurityPolicy prod/i",
            .vulnerability(
                Violation(
                    id: id, severity: severity, fixedVersion: fixed, package: "openssl", limit: .atMost(.low))))
    }

    @Test("says everything at once, worst first, with the command that mends it")
    func everything() throws {
        let attestor = Attestor(
            id: "prod/ci", name: "ci", note: "projects/p/notes/ci",
            keys: [.init(format: .pkix(algorithm: "ED25519"), text: "x")])
        let image = "gcr.io/p/app@\(Payload.digest)"
        let denial = Denial(
            [
                judged("gcr.io/ok", ["spec.containers[2]"], .allow(because: .noPolicy, until: .distantFuture)),
                judged(
                    image, ["spec.containers[0]", "spec.initContainers[0]"],
                    .deny([
                        violation("CVE-2", .high, fixed: "3.0.2"),
                        Reason(policy: "GenericAttestationPolicy prod/g", .notAttested(by: attestor, rejected: [])),
                    ])),
                judged(
                    "nginx:1", ["spec.containers[1]"],
                    .deny([Reason(policy: "P", .notByDigest(known: try Digest(Payload.digest)))])),
                judged("UPPER", ["spec.containers[3]"], .deny([Reason(.malformedImage("no image reference"))])),
            ], in: "prod")
        #expect(
            denial.text == """
                3 of 4 images refused in namespace prod
                - spec.containers[3]: UPPER: no image reference
                - spec.containers[0], spec.initContainers[0]: \(image): not attested by ci \
                (GenericAttestationPolicy prod/g); bulla attest \(image) --attestor projects/p/notes/ci --pkix-key FILE
                - spec.containers[1]: nginx:1: not named by a digest (P); use \
                index.docker.io/library/nginx@\(Payload.digest)
                - spec.containers[0], spec.initContainers[0]: \(image): CVE-2 (HIGH) in openssl exceeds LOW \
                (ImageSecurityPolicy prod/i); upgrade openssl to 3.0.2
                """)
    }

    @Test("is at most eight kibibytes, and counts what it leaves out")
    func limit() {
        let reasons = (0..<500).map { violation("CVE-2026-\($0)", $0 == 499 ? .critical : .medium, fixed: "1") }
        let text = Denial([judged("gcr.io/p/app", ["spec.containers[0]"], .deny(reasons))], in: "prod").text
        #expect(text.utf8.count <= 8192)
        #expect(text.utf8.count > 7800)
        let lines = text.split(separator: "\n")
        #expect(lines[1].contains("CVE-2026-499 (CRITICAL)"))
        #expect(lines.last == "- and \(500 - (lines.count - 2)) more problems")
    }

    @Test("cuts a single line that is too long")
    func longLine() {
        let reason = Reason(.evidenceUnavailable(String(repeating: "é", count: 9000)))
        let text = Denial([judged("x", ["p"], .unknown([reason, Reason(.neverScanned)]))], in: "prod").text
        #expect(text.utf8.count <= 8192)
        #expect(text.contains("…\n- and 1 more problem"))
    }

    @Test("lets no name write lines of its own")
    func lines() {
        let name = "evil\n- spec.containers[0]: fine\u{7F}"
        let denial = Denial([judged(name, ["p"], .deny([Reason(.neverScanned)]))], in: "n")
        #expect(denial.text.split(separator: "\n").count == 2)
    }
}
