// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaSeal
import Foundation
import Testing

/// gpg's keys, made once: an Ed25519 key, an RSA key, one with a passphrase, an expired one and a revoked one.
struct GPGKeys: Sendable {
    let home: GPGHome
    let ed25519: String
    let rsa: String
    let locked: String
    let expired: String
    let revoked: String
    let beforeRevocation: Data
    let revokedPublicKey: String
    let unrevokedPublicKey: String
    let signedByExpired: Data

    static let passphrase = "öpen sesame"
    static let past = "20250101T000000!"
    static let pastDate = Date(timeIntervalSince1970: 1_735_689_600)

    init() throws {
        home = try GPGHome()
        home.folder.removeAtExit()
        ed25519 = try home.makeKey("curve@bulla", "ed25519")
        rsa = try home.makeKey("rsa@bulla", "rsa3072")
        locked = try home.makeKey("locked@bulla", "ed25519", passphrase: Self.passphrase)
        expired = try home.makeKey(
            "expired@bulla", "ed25519", expires: "1d", extra: ["--faked-system-time", Self.past])
        signedByExpired = try home.sign(
            Sample.payload, as: "expired@bulla", ["--faked-system-time", "20250101T010000!", "--armor", "--sign"])
        revoked = try home.makeKey("revoked@bulla", "ed25519")
        beforeRevocation = try home.sign(Sample.payload, as: "revoked@bulla")
        unrevokedPublicKey = try home.publicKey("revoked@bulla")
        let certificate = home.folder.url.appending(path: "openpgp-revocs.d/\(revoked).rev")
        let text = try String(contentsOf: certificate, encoding: .utf8).replacing(":-----", with: "-----")
        _ = try home.folder.write("revocation", Data(text.utf8))
        try home.run(["--import", "revocation"])
        revokedPublicKey = try home.publicKey("revoked@bulla")
    }

    static let shared = Result { try GPGKeys() }

    func publicKey(_ user: String) throws -> OpenPGPKey {
        try #require(OpenPGPKey.keys(in: home.publicKey(user)).first)
    }
}

@Suite("OpenPGP", .enabled(if: Tool.gpg != nil))
struct OpenPGPTests {
    let keys: GPGKeys
    let now = Date()

    init() throws { keys = try GPGKeys.shared.get() }

    private func failure(_ result: Result<VerifiedPayload, SealFailure>) -> SealFailure? {
        guard case .failure(let reason) = result else { return nil }
        return reason
    }

    @Test(
        "verifies what gpg signs, compressed and not, armored and not",
        arguments: ["curve@bulla", "rsa@bulla"],
        [
            ["--armor", "--sign"], ["--sign"], ["--armor", "--compress-algo", "none", "--sign"],
            ["--armor", "--compress-algo", "zlib", "--sign"], ["--armor", "--compress-algo", "bzip2", "--sign"],
            ["--armor", "--digest-algo", "SHA512", "--sign"], ["--armor", "--textmode", "--sign"],
        ])
    func verifiesGPG(user: String, arguments: [String]) throws {
        let message = try keys.home.sign(Sample.payload, as: user, arguments)
        let verified = try keys.publicKey(user).verify(message, at: Date()).get()
        #expect(verified.payload == Sample.payload)
        #expect(abs(try #require(verified.signedAt).timeIntervalSince(now)) < 60)
        #expect(verified.validUntil == nil)
    }

    @Test("takes Kritis' label around an attached message")
    func takesKritisLabel() throws {
        let message = try keys.home.sign(
            Sample.payload, as: "curve@bulla", ["--armor", "--compress-algo", "none", "--sign"])
        let text = String(decoding: message, as: UTF8.self).replacing("PGP MESSAGE", with: "PGP SIGNATURE")
        let verified = try keys.publicKey("curve@bulla").verify(Data(text.utf8), at: Date()).get()
        #expect(verified.payload == Sample.payload)
    }

    @Test("takes a detached signature with its payload, and not without")
    func detached() throws {
        let signature = try keys.home.sign(Sample.payload, as: "rsa@bulla", ["--armor", "--detach-sign"])
        let key = try keys.publicKey("rsa@bulla")
        #expect(try key.verify(signature, payload: Sample.payload, at: Date()).get().payload == Sample.payload)
        #expect(failure(key.verify(signature, payload: Data("x".utf8), at: Date())) == .badSignature(key: keys.rsa))
        guard case .malformedSignature = failure(key.verify(signature, at: Date())) else {
            Issue.record("a detached signature verified nothing")
            return
        }
    }

    @Test("refuses an attached message that holds another payload than the stated one")
    func mismatch() throws {
        let message = try keys.home.sign(Sample.payload, as: "curve@bulla")
        let key = try keys.publicKey("curve@bulla")
        #expect(try key.verify(message, payload: Sample.payload, at: Date()).get().payload == Sample.payload)
        #expect(failure(key.verify(message, payload: Data("x".utf8), at: Date())) == .payloadMismatch)
    }

    @Test("is verified by gpg", arguments: ["curve@bulla", "rsa@bulla", "locked@bulla"], [true, false])
    func gpgVerifies(user: String, armor: Bool) throws {
        let passphrase = user == "locked@bulla" ? GPGKeys.passphrase : ""
        let secret = try keys.home.privateKey(user, passphrase: passphrase, armor: armor)
        let key = try OpenPGPSigner(secret, passphrase: passphrase.isEmpty ? nil : passphrase)
        #expect(try key.keyID == keys.home.fingerprint(user))
        let message = try key.sign(Sample.payload, at: Date())
        #expect(String(decoding: message, as: UTF8.self).hasPrefix("-----BEGIN PGP MESSAGE-----"))
        let name = UUID().uuidString
        _ = try keys.home.folder.write(name, message)
        let answer = try keys.home.answer(["--status-fd", "2", "--verify", name])
        #expect(answer.status == 0, "\(answer.errors)")
        #expect(answer.errors.contains("VALIDSIG \(key.keyID)"))
        #expect(try keys.home.run(["--decrypt", name]) == Sample.payload)
        #expect(try key.openPGPKey.verify(message, at: Date()).get().payload == Sample.payload)
    }

    @Test("signs with a subkey where the primary key may not, under the primary key's id")
    func subkey() throws {
        let home = try GPGHome()
        try home.run(["--passphrase", "", "--quick-gen-key", "sub@bulla", "ed25519", "cert", "0"])
        let fingerprint = try home.fingerprint("sub@bulla")
        try home.run(["--passphrase", "", "--quick-add-key", fingerprint, "ed25519", "sign", "1y"])
        let key = try OpenPGPSigner(home.privateKey("sub@bulla"))
        #expect(key.keyID == fingerprint)
        let message = try key.sign(Sample.payload, at: Date())
        _ = try home.folder.write("message", message)
        #expect(try home.answer(["--verify", "message"]).status == 0)
        let verified = try key.openPGPKey.verify(home.sign(Sample.payload, as: "sub@bulla"), at: Date()).get()
        #expect(try #require(verified.validUntil) > Date(timeIntervalSinceNow: 300 * 86400))
        #expect(key.publicKey.answers(to: fingerprint))
        let subkey = try #require(key.openPGPKey.subkeyFingerprints.first)
        #expect(key.publicKey.answers(to: subkey))
        #expect(!key.publicKey.answers(to: String(fingerprint.suffix(16))))
        let later = Date(timeIntervalSinceNow: 400 * 86400)
        guard case .keyExpired(subkey, _) = failure(key.openPGPKey.verify(message, at: later)) else {
            Issue.record("an expired subkey verified a signature")
            return
        }
        #expect(throws: BullaError.self) { try key.sign(Sample.payload, at: later) }
    }

    @Test("signs with a subkey where the primary key's private half was left at home")
    func primaryAtHome() throws {
        let home = try GPGHome()
        let fingerprint = try home.makeKey("home@bulla", "ed25519")
        try home.run(["--passphrase", "", "--quick-add-key", fingerprint, "ed25519", "sign", "1y"])
        let secret = try Array(home.run(["--armor", "--export-secret-subkeys", "home@bulla"]))
        let key = try OpenPGPSigner(secret)
        #expect(key.keyID == fingerprint)
        let message = try key.sign(Sample.payload, at: Date())
        _ = try home.folder.write("message", message)
        #expect(try home.answer(["--verify", "message"]).status == 0)
        #expect(try key.openPGPKey.verify(message, at: Date()).get().payload == Sample.payload)
    }

    @Test("a short key verifies nothing")
    func shortKey() throws {
        let home = try GPGHome()
        let fingerprint = try home.makeKey("short@bulla", "rsa1024")
        let key = try #require(OpenPGPKey.keys(in: home.publicKey("short@bulla")).first)
        guard
            case .keyUnusable(fingerprint, _) = try failure(
                key.verify(home.sign(Sample.payload, as: "short@bulla"), at: Date()))
        else {
            Issue.record("a short key verified a signature")
            return
        }
    }

    @Test("refuses the wrong passphrase, or none")
    func passphrase() throws {
        let secret = try keys.home.privateKey("locked@bulla", passphrase: GPGKeys.passphrase)
        for passphrase in [nil, "", "wrong"] {
            let error = #expect(throws: BullaError.self) { try OpenPGPSigner(secret, passphrase: passphrase) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains("passphrase") == true)
        }
    }

    @Test("an expired key verifies nothing, though gpg signed in its time")
    func expiredKey() throws {
        let key = try keys.publicKey("expired@bulla")
        let end = GPGKeys.pastDate.addingTimeInterval(86400)
        #expect(key.expiresAt == end)
        #expect(failure(key.verify(keys.signedByExpired, at: now)) == .keyExpired(key: keys.expired, at: end))
        let then = GPGKeys.pastDate.addingTimeInterval(7200)
        let verified = try key.verify(keys.signedByExpired, at: then).get()
        #expect(verified.payload == Sample.payload)
        #expect(verified.validUntil == end)
    }

    @Test("an expired or revoked key signs nothing")
    func deadKeysSignNothing() throws {
        for user in ["expired@bulla", "revoked@bulla"] {
            let key = try OpenPGPSigner(keys.home.privateKey(user))
            let error = #expect(throws: BullaError.self) { try key.sign(Sample.payload, at: now) }
            #expect(error?.code == .failedPrecondition)
        }
    }

    @Test("a revoked key verifies nothing, also what it signed before")
    func revokedKey() throws {
        let before = try #require(try OpenPGPKey.keys(in: keys.unrevokedPublicKey).first)
        #expect(try before.verify(keys.beforeRevocation, at: Date()).get().payload == Sample.payload)
        let after = try #require(try OpenPGPKey.keys(in: keys.revokedPublicKey).first)
        #expect(after.isRevoked)
        #expect(failure(after.verify(keys.beforeRevocation, at: Date())) == .keyRevoked(key: keys.revoked))
    }

    @Test("an expired signature is refused as such")
    func expiredSignature() throws {
        let message = try keys.home.sign(
            Sample.payload, as: "rsa@bulla", ["--default-sig-expire", "1d", "--armor", "--sign"])
        let key = try keys.publicKey("rsa@bulla")
        let verified = try key.verify(message, at: Date()).get()
        let end = try #require(verified.validUntil)
        #expect(failure(key.verify(message, at: end)) == .signatureExpired(key: keys.rsa, at: end))
    }

    @Test("a signature from the future is refused, but for a clock that is a little ahead")
    func future() throws {
        let message = try keys.home.sign(Sample.payload, as: "rsa@bulla")
        let key = try keys.publicKey("rsa@bulla")
        let signedAt = try #require(try key.verify(message, at: Date()).get().signedAt)
        #expect(try key.verify(message, at: signedAt.addingTimeInterval(-200)).get().payload == Sample.payload)
        #expect(
            failure(key.verify(message, at: signedAt.addingTimeInterval(-400)))
                == .signatureFromFuture(key: keys.rsa, at: signedAt))
    }

    @Test("a weak hash is refused as such")
    func weakHash() throws {
        let message = try keys.home.sign(
            Sample.payload, as: "rsa@bulla", ["--digest-algo", "SHA1", "--armor", "--sign"])
        #expect(
            try failure(keys.publicKey("rsa@bulla").verify(message, at: Date()))
                == .weakHash(key: keys.rsa, algorithm: "SHA1"))
    }

    @Test("another key's signature is no signature")
    func otherKey() throws {
        let message = try keys.home.sign(Sample.payload, as: "rsa@bulla")
        #expect(
            try failure(keys.publicKey("curve@bulla").verify(message, at: Date())) == .badSignature(key: keys.ed25519))
    }

    @Test("refuses cleartext, encrypted, unsigned and foreign messages")
    func foreign() throws {
        let key = try keys.publicKey("curve@bulla")
        let cleartext = try keys.home.sign(Sample.payload, as: "curve@bulla", ["--clear-sign"])
        let encrypted = try keys.home.sign(Sample.payload, as: "curve@bulla", ["--armor", "--symmetric"])
        let unsigned = try keys.home.sign(Sample.payload, as: "curve@bulla", ["--armor", "--store"])
        for message in [cleartext, encrypted, unsigned, Data(key.armored.utf8), Data("x".utf8), Data()] {
            guard case .malformedSignature = failure(key.verify(message, at: Date())) else {
                Issue.record("\(String(decoding: message, as: UTF8.self))")
                continue
            }
        }
    }

    @Test("unpacks no more than its limit")
    func bomb() throws {
        let message = try keys.home.sign(Data(count: 20_000_000), as: "curve@bulla")
        #expect(message.count < 1_000_000)
        let reason = try failure(keys.publicKey("curve@bulla").verify(message, at: Date()))
        #expect(reason == .malformedPayload("longer than 1048576 bytes"))
    }

    @Test("reads a keyring of several keys, and base64 of armor as Kritis has it")
    func keyrings() throws {
        let armored = try keys.home.publicKey("curve@bulla")
        let rsa = try keys.home.publicKey("rsa@bulla")
        #expect(
            try OpenPGPKey.keys(in: armored + rsa).map(\.fingerprint).sorted() == [keys.ed25519, keys.rsa].sorted())
        let both = try keys.home.run(["--export", "curve@bulla", "rsa@bulla"])
        #expect(try PublicKey.keys(in: Array(both)).count == 2)
        #expect(throws: BullaError.self) { try PublicKey(openPGP: armored + rsa) }
        let encoded = Data(armored.utf8).base64EncodedString(options: [.lineLength64Characters])
        #expect(try PublicKey(openPGP: encoded).id == keys.ed25519)
        #expect(try PublicKey(openPGP: encoded).text.hasPrefix("-----BEGIN PGP PUBLIC KEY BLOCK-----"))
    }

    @Test("refuses a private key where a public one belongs, and the reverse")
    func kinds() throws {
        let secret = try String(decoding: keys.home.privateKey("curve@bulla"), as: UTF8.self)
        #expect(throws: BullaError.self) { try OpenPGPKey.keys(in: secret) }
        let open = try Array(keys.home.publicKey("curve@bulla").utf8)
        let error = #expect(throws: BullaError.self) { try OpenPGPSigner(open) }
        #expect(error?.message.contains("public") == true)
    }

    @Test("many tasks verify and sign with one key at once")
    func concurrent() async throws {
        let key = try OpenPGPSigner(keys.home.privateKey("curve@bulla"))
        let now = now
        let payloads = try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<64 {
                group.addTask {
                    let payload = Data("payload \(index)".utf8)
                    let message = try key.sign(payload, at: now)
                    return try key.openPGPKey.verify(message, at: now).get().payload == payload
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(payloads.count == 64)
        #expect(payloads.allSatisfy { $0 })
    }

    @Test("takes no message with anything beside the signed data")
    func composed() throws {
        let key = try keys.publicKey("curve@bulla")
        let plain = try Array(
            keys.home.sign(Sample.payload, as: "curve@bulla", ["--compress-algo", "none", "--sign"]))
        let evil: [UInt8] = [0xCB, 10, UInt8(ascii: "b"), 0, 0, 0, 0, 0] + Array("evil".utf8)
        func packed(_ packets: [UInt8]) -> [UInt8] {
            let size = packets.count + 1
            return [0xC8, 0xFF, 0, 0, UInt8(truncatingIfNeeded: size >> 8), UInt8(truncatingIfNeeded: size), 0]
                + packets
        }
        #expect(try key.verify(Data(packed(plain)), at: Date()).get().payload == Sample.payload)
        for message in [evil + plain, plain + evil, plain + plain, packed(plain) + evil, evil + packed(plain)] {
            guard case .malformedSignature = failure(key.verify(Data(message), at: Date())) else {
                Issue.record("\(message)")
                continue
            }
        }
        for message in [
            packed(evil + plain), packed(plain + evil), packed(plain + plain), packed(packed(evil) + plain),
        ] {
            if case .success(let verified) = key.verify(Data(message), at: Date()) {
                #expect(verified.payload == Sample.payload)
            }
        }
    }

    // The next two run in processes of their own: a trap would end only that, and what the library writes to standard
    // error about thousands of damaged inputs stays there.

    @Test("survives damaged messages, and never takes a changed payload")
    func mutatedMessages() async {
        await #expect(processExitsWith: .success) {
            let keys = try GPGKeys.shared.get()
            let key = try keys.publicKey("curve@bulla")
            let armored = try keys.home.sign(Sample.payload, as: "curve@bulla")
            let plain = try keys.home.sign(Sample.payload, as: "curve@bulla", ["--compress-algo", "none", "--sign"])
            let packed = try keys.home.sign(Sample.payload, as: "curve@bulla", ["--sign"])
            for (index, message) in [armored, plain, packed].enumerated() {
                for bytes in mutations(of: Array(message), seed: UInt64(index), count: 3_000) {
                    if case .success(let verified) = key.verify(Data(bytes), at: Date()) {
                        #expect(verified.payload == Sample.payload)
                    }
                }
            }
        }
    }

    @Test("survives damaged keys")
    func mutatedKeys() async {
        await #expect(processExitsWith: .success) {
            let keys = try GPGKeys.shared.get()
            let secret = try keys.home.privateKey("curve@bulla", armor: false)
            let open = try Array(keys.home.run(["--export", "rsa@bulla"]))
            for (index, text) in [secret, open].enumerated() {
                for bytes in mutations(of: text, seed: UInt64(index), count: 1_000) {
                    _ = try? SigningKey(bytes, passphrase: "x")
                    _ = try? PublicKey.keys(in: bytes)
                }
            }
        }
    }
}
