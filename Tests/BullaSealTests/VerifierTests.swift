// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaSeal
import Crypto
import Foundation
import Testing

@Suite("Verifier")
struct VerifierTests {
    let now = Date(timeIntervalSince1970: 1_800_000_000)
    let key: SigningKey
    let verifier: Verifier

    init() throws {
        key = try SigningKey(Array(P256.Signing.PrivateKey().pemRepresentation.utf8))
        verifier = Verifier(trusting: [key.publicKey])
    }

    private func verify(
        _ payload: Data, signed: Data? = nil, keyID: String? = nil, image: String = "gcr.io/my-project/app"
    ) throws -> [Result<VerifiedAttestation, SealFailure>] {
        let signature = try key.sign(signed ?? payload, at: now)
        return try verifier.verify(
            serializedPayload: payload, signatures: [.init(bytes: signature, keyID: keyID ?? key.keyID)],
            for: ImageReference(image), digest: Sample.digest, at: now)
    }

    @Test("tells what a good attestation says")
    func good() throws {
        let attestation = try #require(try verify(Sample.payload).first).get()
        #expect(attestation.reference == "gcr.io/my-project/app")
        #expect(try attestation.digest == Sample.digest)
        #expect(attestation.keyID == key.keyID)
        #expect(attestation.payloadType == "atomic container signature")
        #expect(attestation.payload == Sample.payload)
        #expect(attestation.signedAt == nil)
    }

    @Test("refuses an unknown key id, whatever the signature")
    func unknownKey() throws {
        for id in ["", "x", key.keyID + "x"] {
            #expect(try verify(Sample.payload, keyID: id) == [.failure(.unknownKey(id))])
        }
    }

    @Test("refuses a signature over another payload")
    func badSignature() throws {
        let other = try SimpleSigning(Sample.image, Sample.digest, kind: .cosign).payload
        #expect(try verify(Sample.payload, signed: other) == [.failure(.badSignature(key: key.keyID))])
    }

    @Test("refuses another digest, and says which")
    func wrongDigest() throws {
        let other = try BullaArtifact.Digest("sha256:" + String(repeating: "1", count: 64))
        let payload = try SimpleSigning(Sample.image, other).payload
        #expect(
            try verify(payload)
                == [.failure(.wrongDigest(found: other.description, expected: Sample.digest.description))])
    }

    @Test("refuses the same digest in another repository")
    func wrongReference() throws {
        #expect(
            try verify(Sample.payload, image: "gcr.io/other/app")
                == [.failure(.wrongReference(found: "gcr.io/my-project/app", expected: "gcr.io/other/app"))])
    }

    @Test(
        "compares Docker Hub's spellings as one name",
        arguments: ["nginx", "docker.io/library/nginx:1", "docker.io/nginx"])
    func dockerHub(reference: String) throws {
        let text = String(decoding: Sample.payload, as: UTF8.self).replacing("gcr.io/my-project/app", with: reference)
        let attestation = try #require(try verify(Data(text.utf8), image: "nginx").first).get()
        #expect(attestation.reference == "index.docker.io/library/nginx")
    }

    @Test("refuses a payload that is no statement, or empty")
    func malformed() throws {
        for payload in [Data("{}".utf8), Data("x".utf8), Data()] {
            guard case .failure(.malformedPayload) = try verify(payload).first else {
                Issue.record("\(payload)")
                continue
            }
        }
    }

    @Test("an attestation without signatures is unsigned")
    func unsigned() throws {
        let results = try verifier.verify(
            serializedPayload: Sample.payload, signatures: [], for: Sample.image, digest: Sample.digest, at: now)
        #expect(results == [.failure(.unsigned)])
    }

    @Test("judges each signature by itself, and one good one is enough")
    func several() throws {
        let good = Verifier.Signature(bytes: try key.sign(Sample.payload, at: now), keyID: key.keyID)
        let signatures = [
            Verifier.Signature(bytes: good.bytes, keyID: "?"), Verifier.Signature(bytes: Data([1]), keyID: key.keyID),
            good,
        ]
        let results = try verifier.verify(
            serializedPayload: Sample.payload, signatures: signatures, for: Sample.image, digest: Sample.digest, at: now
        )
        #expect(results[0] == .failure(.unknownKey("?")))
        #expect(results[1] == .failure(.badSignature(key: key.keyID)))
        #expect((try? results[2].get()) != nil)
        let first = try verifier.firstValid(
            serializedPayload: Sample.payload, signatures: signatures, for: Sample.image, digest: Sample.digest, at: now
        )
        #expect(first.attestation?.keyID == key.keyID)
        #expect(first.failures.isEmpty)
        let none = try verifier.firstValid(
            serializedPayload: Sample.payload, signatures: Array(signatures.dropLast()), for: Sample.image,
            digest: Sample.digest, at: now)
        #expect(none.attestation == nil)
        #expect(none.failures == [.unknownKey("?"), .badSignature(key: key.keyID)])
    }

    @Test("looks at no more signatures than its limit")
    func limit() throws {
        let good = Verifier.Signature(bytes: try key.sign(Sample.payload, at: now), keyID: key.keyID)
        let results = try verifier.verify(
            serializedPayload: Sample.payload,
            signatures: Array(repeating: good, count: Verifier.maximumSignatures + 1), for: Sample.image,
            digest: Sample.digest, at: now)
        guard case .failure(.malformedSignature) = results.last else {
            Issue.record("no limit")
            return
        }
    }

    @Test("takes Kritis' form of PGP attestations: the payload inside, none beside", .enabled(if: Tool.gpg != nil))
    func pgp() throws {
        let keys = try GPGKeys.shared.get()
        let trusted = try PublicKey(openPGP: Data(keys.home.publicKey("curve@bulla").utf8).base64EncodedString())
        let message = try keys.home.sign(Sample.payload, as: "curve@bulla")
        for (payload, id) in [(Data(), keys.ed25519), (Sample.payload, keys.ed25519.lowercased())] {
            let results = try Verifier(trusting: [trusted]).verify(
                serializedPayload: payload, signatures: [.init(bytes: message, keyID: id)], for: Sample.image,
                digest: Sample.digest, at: Date())
            let attestation = try #require(results.first).get()
            #expect(attestation.keyID == keys.ed25519)
            #expect(attestation.signedAt != nil)
        }
        let mismatched = try Verifier(trusting: [trusted]).verify(
            serializedPayload: Data("{}".utf8), signatures: [.init(bytes: message, keyID: keys.ed25519)],
            for: Sample.image, digest: Sample.digest, at: Date())
        #expect(mismatched == [.failure(.payloadMismatch)])
        let dead = try Verifier(trusting: PublicKey.keys(in: Array(keys.revokedPublicKey.utf8))).verify(
            serializedPayload: Data(), signatures: [.init(bytes: keys.beforeRevocation, keyID: keys.revoked)],
            for: Sample.image, digest: Sample.digest, at: Date())
        #expect(dead == [.failure(.keyRevoked(key: keys.revoked))])
    }

    @Test("every reason is one line of its own, without control characters")
    func reasons() {
        let reasons: [SealFailure] = [
            .unknownKey("a\nb"), .unknownKey(""), .unsigned, .badSignature(key: "k"),
            .keyExpired(key: "k", at: Date(timeIntervalSince1970: 1_735_776_000)), .keyRevoked(key: "k"),
            .keyUnusable(key: "k", reason: "r"), .signatureExpired(key: "k", at: now),
            .signatureFromFuture(key: "k", at: now), .weakHash(key: "k", algorithm: "SHA1"), .malformedSignature("x"),
            .payloadMismatch, .malformedPayload("x"), .wrongDigest(found: "a", expected: "b"),
            .wrongReference(found: "a", expected: "b"),
        ]
        let texts = reasons.map(\.description)
        #expect(Set(texts).count == reasons.count)
        #expect(texts.allSatisfy { !$0.isEmpty && !$0.contains("\n") })
        #expect(texts.contains("key k expired at 2025-01-02T00:00:00Z"))
    }
}
