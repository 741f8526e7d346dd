// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaSeal
import Crypto
import Foundation
import Testing

@Suite("Envelope")
struct EnvelopeTests {
    static let now = Date(timeIntervalSince1970: 1_800_000_000)
    let key: PKIXSigningKey

    init() throws { key = try PKIXSigningKey(pem: P256.Signing.PrivateKey().pemRepresentation) }

    @Test("encodes the protocol's own example")
    func encodes() {
        let bytes = PreAuthenticationEncoding.encode(
            payloadType: "http://example.com/HelloWorld", payload: Data("hello world".utf8))
        #expect(bytes == Data("DSSEv1 29 http://example.com/HelloWorld 11 hello world".utf8))
    }

    @Test("verifies what it signs, with the same bytes after writing and reading")
    func roundTrip() throws {
        let payload = Data(InTotoStatementTests.one.utf8)
        let envelope = try Envelope(
            signing: payload, payloadType: InTotoStatement.mediaType, with: [key], at: Self.now)
        let read = try Envelope(parsing: envelope.data)
        #expect(read == envelope)
        #expect(read.payload == payload)
        #expect(read.verify(with: [key.publicKey]) == [.success(key.keyID)])
        #expect(read.verify(with: []) == [.failure(.unknownKey(key.keyID))])
    }

    @Test("tries every key where the signature names none")
    func withoutHint() throws {
        let other = try PKIXSigningKey(pem: P384.Signing.PrivateKey().pemRepresentation)
        let signed = try Envelope(signing: Data("x".utf8), payloadType: "t", with: [key], at: Self.now)
        let bare = Envelope(
            payloadType: "t", payload: signed.payload,
            signatures: signed.signatures.map { Envelope.Signature(keyID: "", bytes: $0.bytes) })
        #expect(bare.verify(with: [other.publicKey, key.publicKey]) == [.success(key.keyID)])
        #expect(bare.verify(with: [other.publicKey]) == [.failure(.badSignature(key: other.keyID))])
    }

    @Test("reads both alphabets, with padding and without")
    func alphabets() throws {
        let payload = Data([0xFB, 0xEF, 0xFF, 0xFE])
        for text in ["++///g==", "--___g==", "++///g", "--___g"] {
            let json = #"{"payload":"\#(text)","payloadType":"t","signatures":[{"sig":"AA=="}]}"#
            #expect(try Envelope(parsing: Array(json.utf8)).payload == payload)
        }
    }

    @Test("refuses a changed payload or type")
    func tampered() throws {
        let signed = try Envelope(signing: Data("x".utf8), payloadType: "t", with: [key], at: Self.now)
        for (type, payload) in [("t", "y"), ("u", "x"), ("", "x")] {
            let changed = Envelope(payloadType: type, payload: Data(payload.utf8), signatures: signed.signatures)
            #expect(changed.verify(with: [key.publicKey]) == [.failure(.badSignature(key: key.keyID))])
        }
    }

    @Test(
        "refuses what is no envelope",
        arguments: [
            "", "{}", #"{"payload":"eA==","payloadType":"t"}"#,
            #"{"payload":"eA==","payloadType":"t","signatures":[]}"#,
            #"{"payload":"e","payloadType":"t","signatures":[{"sig":"AA=="}]}"#,
            #"{"payload":"eA==","payloadType":"","signatures":[{"sig":"AA=="}]}"#,
            #"{"payload":"eA==","payloadType":"t","signatures":[{"sig":"!"}]}"#,
            #"{"payload":"eA==","payloadType":"t","signatures":[{"keyid":"k"}]}"#,
        ])
    func refuses(text: String) {
        #expect(throws: BullaError.self) { try Envelope(parsing: Array(text.utf8)) }
    }

    @Test("survives damage, and never verifies a changed statement")
    func mutated() throws {
        let signed = try Envelope(
            signing: Data(InTotoStatementTests.one.utf8), payloadType: InTotoStatement.mediaType, with: [key],
            at: Self.now)
        for bytes in mutations(of: Array(signed.data), seed: 3, count: 3_000) {
            guard let envelope = try? Envelope(parsing: bytes) else { continue }
            if envelope.verify(with: [key.publicKey]).contains(.success(key.keyID)) {
                #expect(envelope.payload == signed.payload && envelope.payloadType == signed.payloadType)
            }
        }
    }

    @Test("is verified by securesystemslib", .enabled(if: Tool.secureSystems != nil))
    func judgedByPython() throws {
        let folder = try TemporaryFolder()
        let ed25519 = try PKIXSigningKey(pem: Self.pem(of: Curve25519.Signing.PrivateKey()))
        for key in [key, ed25519] {
            let envelope = try Envelope(
                signing: Data(InTotoStatementTests.one.utf8), payloadType: InTotoStatement.mediaType, with: [key],
                at: Self.now)
            _ = try folder.write("envelope.json", envelope.data)
            _ = try folder.write("key.pem", Data(key.publicKey.text.utf8))
            let answer = try Tool.secureSystems?.run(["-c", Self.verifier, key.keyID], in: folder.url)
            #expect(answer?.status == 0, "\(answer?.errors ?? "")")
        }
    }

    @Test("verifies what securesystemslib signs", .enabled(if: Tool.secureSystems != nil))
    func judgesPython() throws {
        let folder = try TemporaryFolder()
        let answer = try Tool.secureSystems?.run(["-c", Self.signer], in: folder.url)
        #expect(answer?.status == 0, "\(answer?.errors ?? "")")
        let envelope = try Envelope(parsing: folder.read("envelope.json"))
        let keyID = try #require(envelope.signatures.first?.keyID)
        let key = try PublicKey(pem: folder.text("key.pem"), id: keyID)
        #expect(envelope.payload == Data("a statement".utf8))
        #expect(envelope.verify(with: [key]) == [.success(keyID)])
    }

    /// PKCS#8 of an Ed25519 key, which the crypto library does not write.
    static func pem(of key: Curve25519.Signing.PrivateKey) -> String {
        let prefix: [UInt8] = [0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20]
        let der = Data(prefix) + key.rawRepresentation
        return "-----BEGIN PRIVATE KEY-----\n\(der.base64EncodedString())\n-----END PRIVATE KEY-----\n"
    }

    private static let verifier = """
        import json, sys
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        from securesystemslib.dsse import Envelope
        from securesystemslib.signer import SSlibKey
        key = SSlibKey.from_crypto(load_pem_public_key(open('key.pem', 'rb').read()), keyid=sys.argv[1])
        envelope = Envelope.from_dict(json.load(open('envelope.json')))
        assert list(envelope.verify([key], 1)) == [key.keyid]
        """

    private static let signer = """
        import json
        from securesystemslib.dsse import Envelope
        from securesystemslib.signer import CryptoSigner
        signer = CryptoSigner.generate_ecdsa()
        envelope = Envelope(b'a statement', 'application/vnd.in-toto+json', {})
        envelope.sign(signer)
        json.dump(envelope.to_dict(), open('envelope.json', 'w'))
        open('key.pem', 'w').write(signer.public_key.keyval['public'])
        """
}
