// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaSeal
import Crypto
import Foundation
import Testing

/// Keys that OpenSSL made, one of each kind, made once.
struct OpenSSLKeys: Sendable {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        folder.removeAtExit()
        for bits in [2048, 3072, 4096] {
            try folder.openssl(
                "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:\(bits)", "-out", "rsa\(bits).pem")
        }
        for curve in ["P-256", "P-384", "P-521"] {
            try folder.openssl(
                "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:\(curve)", "-out", "\(curve).pem")
        }
        try folder.openssl("genpkey", "-algorithm", "ed25519", "-out", "ed25519.pem")
        for name in ["rsa2048", "rsa3072", "rsa4096", "P-256", "P-384", "P-521", "ed25519"] {
            try folder.openssl("pkey", "-in", "\(name).pem", "-pubout", "-out", "\(name).pub")
        }
    }

    static let shared = Result { try OpenSSLKeys() }

    /// The files' stem for an algorithm.
    static func name(_ algorithm: SignatureAlgorithm) -> String {
        switch algorithm {
        case .ecdsaP256SHA256: "P-256"
        case .ecdsaP384SHA384: "P-384"
        case .ecdsaP521SHA512: "P-521"
        case .ed25519: "ed25519"
        default: "rsa\(algorithm.rsaBits ?? 0)"
        }
    }

    func privateKey(_ algorithm: SignatureAlgorithm) throws -> String {
        try folder.text(Self.name(algorithm) + ".pem")
    }

    func publicKey(_ algorithm: SignatureAlgorithm) throws -> String {
        try folder.text(Self.name(algorithm) + ".pub")
    }

    private static func options(_ algorithm: SignatureAlgorithm, salt: String) -> [String] {
        let hash: String
        if algorithm.rawValue.hasSuffix("SHA512") {
            hash = "-sha512"
        } else if algorithm.rawValue.hasSuffix("SHA384") {
            hash = "-sha384"
        } else {
            hash = "-sha256"
        }
        let isPSS = algorithm.rawValue.hasPrefix("RSA_PSS")
        return [hash] + (isPSS ? ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:\(salt)"] : [])
    }

    private func run(_ arguments: [String]) throws -> Tool.Answer {
        guard let tool = Tool.openssl else { throw ToolFailure(message: "no openssl") }
        return try tool.run(arguments, in: folder.url)
    }

    func sign(_ payload: Data, _ algorithm: SignatureAlgorithm, salt: String) throws -> Data {
        let id = UUID().uuidString
        _ = try folder.write("payload-\(id)", payload)
        let key = Self.name(algorithm) + ".pem"
        let answer =
            algorithm == .ed25519
            ? try run(["pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", "payload-\(id)", "-out", "sig-\(id)"])
            : try run(
                ["dgst"] + Self.options(algorithm, salt: salt)
                    + ["-sign", key, "-out", "sig-\(id)", "payload-\(id)"])
        guard answer.status == 0 else { throw ToolFailure(message: answer.errors) }
        return try folder.read("sig-\(id)")
    }

    func verifies(_ signature: Data, over payload: Data, _ algorithm: SignatureAlgorithm) throws -> Bool {
        let id = UUID().uuidString
        _ = try folder.write("payload-\(id)", payload)
        _ = try folder.write("sig-\(id)", signature)
        let key = Self.name(algorithm) + ".pub"
        let answer =
            algorithm == .ed25519
            ? try run([
                "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key, "-in", "payload-\(id)", "-sigfile",
                "sig-\(id)",
            ])
            : try run(
                ["dgst"] + Self.options(algorithm, salt: "digest")
                    + ["-verify", key, "-signature", "sig-\(id)", "payload-\(id)"])
        return answer.status == 0
    }
}

@Suite("PKIX keys")
struct PKIXKeyTests {
    static let now = Date(timeIntervalSince1970: 1_800_000_000)
    static let judged = SignatureAlgorithm.allCases.filter { $0 != .mlDSA65 }

    /// PKCS#8 of an ML-DSA-65 key by its seed (RFC 9881).
    static func pem(ofSeed seed: Data) -> String {
        let prefix: [UInt8] = [
            0x30, 0x34, 2, 1, 0, 0x30, 0x0B, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 0x12, 4, 0x22, 0x80, 0x20,
        ]
        return
            "-----BEGIN PRIVATE KEY-----\n\((Data(prefix) + seed).base64EncodedString())\n-----END PRIVATE KEY-----\n"
    }

    @Test("verifies what OpenSSL signs", .enabled(if: Tool.openssl != nil), arguments: judged)
    func verifiesOpenSSL(algorithm: SignatureAlgorithm) throws {
        let keys = try OpenSSLKeys.shared.get()
        let key = try PKIXPublicKey(pem: keys.publicKey(algorithm), algorithm: algorithm)
        for salt in algorithm.rawValue.hasPrefix("RSA_PSS") ? ["digest", "max", "0", "17"] : [""] {
            let signature = try keys.sign(Sample.payload, algorithm, salt: salt)
            #expect(key.isValidSignature(signature, for: Sample.payload), "salt \(salt)")
            #expect(!key.isValidSignature(signature, for: Sample.payload + Data([0])))
            var generator = SeededGenerator(seed: 4)
            for _ in 0..<20 {
                var changed = signature
                let place = Int.random(in: 0..<changed.count, using: &generator)
                changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                #expect(!key.isValidSignature(changed, for: Sample.payload))
            }
        }
    }

    @Test("signs what OpenSSL verifies", .enabled(if: Tool.openssl != nil), arguments: judged)
    func openSSLVerifies(algorithm: SignatureAlgorithm) throws {
        let keys = try OpenSSLKeys.shared.get()
        let key = try PKIXSigningKey(pem: keys.privateKey(algorithm), algorithm: algorithm)
        let signature = try key.sign(Sample.payload, at: Self.now)
        #expect(try keys.verifies(signature, over: Sample.payload, algorithm))
        #expect(try !keys.verifies(signature, over: Data("other".utf8), algorithm))
        #expect(key.pkixPublicKey.isValidSignature(signature, for: Sample.payload))
        #expect(try key.pkixPublicKey.pem == keys.publicKey(algorithm))
    }

    @Test("a key verifies only its own algorithm", .enabled(if: Tool.openssl != nil))
    func ownAlgorithmOnly() throws {
        let keys = try OpenSSLKeys.shared.get()
        let padded = try PKIXSigningKey(pem: keys.privateKey(.rsaPSS4096SHA256), algorithm: .rsaPKCS1With4096SHA512)
        let signature = try padded.sign(Sample.payload, at: Self.now)
        for algorithm in [SignatureAlgorithm.rsaPSS4096SHA256, .rsaPSS4096SHA512, .rsaPKCS1With4096SHA256] {
            let key = try PKIXPublicKey(pem: keys.publicKey(algorithm), algorithm: algorithm)
            #expect(!key.isValidSignature(signature, for: Sample.payload))
        }
        #expect(throws: BullaError.self) {
            try PKIXPublicKey(pem: keys.publicKey(.rsaPSS2048SHA256), algorithm: .rsaPSS3072SHA256)
        }
        #expect(throws: BullaError.self) {
            try PKIXPublicKey(pem: keys.publicKey(.ecdsaP256SHA256), algorithm: .ecdsaP384SHA384)
        }
        #expect(throws: BullaError.self) {
            try PKIXSigningKey(pem: keys.privateKey(.ed25519), algorithm: .rsaPSS2048SHA256)
        }
    }

    @Test(
        "reads every form of private key", .enabled(if: Tool.openssl != nil),
        arguments: [
            ["rsa", "-traditional", "-in", "rsa2048.pem"], ["ec", "-in", "P-256.pem"], ["ec", "-in", "P-384.pem"],
            ["ec", "-in", "P-521.pem"], ["ecparam", "-name", "prime256v1", "-genkey"],
            ["pkcs8", "-topk8", "-in", "rsa2048.pem", "-passout", "pass:öpen sesame"],
            ["pkcs8", "-topk8", "-in", "P-256.pem", "-passout", "pass:öpen sesame", "-v2", "aes-128-cbc"],
            ["pkcs8", "-topk8", "-in", "P-384.pem", "-passout", "pass:öpen sesame", "-v2prf", "hmacWithSHA512"],
            ["pkcs8", "-topk8", "-in", "P-521.pem", "-passout", "pass:öpen sesame", "-v2prf", "hmacWithSHA1"],
            ["pkcs8", "-topk8", "-in", "ed25519.pem", "-passout", "pass:öpen sesame", "-scrypt"],
            ["pkcs8", "-topk8", "-in", "ed25519.pem", "-passout", "pass:öpen sesame", "-v2", "aes-192-cbc"],
        ])
    func readsForms(command: [String]) throws {
        let folder = try OpenSSLKeys.shared.get().folder
        let answer = try #require(try Tool.openssl?.run(command, in: folder.url))
        #expect(answer.status == 0, "\(answer.errors)")
        let pem = String(decoding: answer.output, as: UTF8.self)
        let isEncrypted = command.contains("-passout")
        let key = try PKIXSigningKey(pem: pem, passphrase: isEncrypted ? "öpen sesame" : nil)
        let signature = try key.sign(Sample.payload, at: Self.now)
        #expect(key.pkixPublicKey.isValidSignature(signature, for: Sample.payload))
        if isEncrypted {
            for passphrase in [nil, "", "open sesame"] {
                let error = #expect(throws: BullaError.self) { try PKIXSigningKey(pem: pem, passphrase: passphrase) }
                #expect(error?.code == .invalidArgument)
                #expect(error?.message.contains("passphrase") == true)
            }
        }
    }

    @Test("names a key by the digest of its DER", .enabled(if: Tool.openssl != nil))
    func defaultID() throws {
        let keys = try OpenSSLKeys.shared.get()
        let der = try keys.folder.openssl("pkey", "-pubin", "-in", "P-256.pub", "-outform", "DER")
        let digest = Data(SHA256.hash(data: der)).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        let key = try PublicKey(pem: keys.publicKey(.ecdsaP256SHA256))
        #expect(key.id == "ni:///sha-256;" + digest)
        #expect(try PKIXSigningKey(pem: keys.privateKey(.ecdsaP256SHA256)).keyID == key.id)
        #expect(try PublicKey(pem: keys.publicKey(.ecdsaP256SHA256), id: "//kms/1").id == "//kms/1")
    }

    @Test("reads a PKCS#1 public key", .enabled(if: Tool.openssl != nil))
    func readsPKCS1() throws {
        let keys = try OpenSSLKeys.shared.get()
        let text = try keys.folder.openssl("rsa", "-pubin", "-in", "rsa2048.pub", "-RSAPublicKey_out")
        let key = try PublicKey(pem: String(decoding: text, as: UTF8.self))
        #expect(try key.id == PublicKey(pem: keys.publicKey(.rsaPSS2048SHA256)).id)
        #expect(key.algorithm == .rsaPSS2048SHA256)
    }

    @Test("refuses short and odd keys", .enabled(if: Tool.openssl != nil), arguments: ["1024", "2056"])
    func refusesSizes(bits: String) throws {
        let folder = try TemporaryFolder()
        try folder.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:\(bits)", "-out", "key.pem")
        let pem = try folder.text("key.pem")
        let error = #expect(throws: BullaError.self) { try PKIXSigningKey(pem: pem) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("verifies what it signs with each curve and with ML-DSA-65")
    func roundTrip() throws {
        let keys = try [
            PKIXSigningKey(pem: P256.Signing.PrivateKey().pemRepresentation),
            PKIXSigningKey(pem: P384.Signing.PrivateKey().pemRepresentation),
            PKIXSigningKey(pem: P521.Signing.PrivateKey().pemRepresentation),
            PKIXSigningKey(pem: EnvelopeTests.pem(of: Curve25519.Signing.PrivateKey())),
            PKIXSigningKey(pem: Self.pem(ofSeed: MLDSA65.PrivateKey().seedRepresentation)),
        ]
        #expect(
            keys.map(\.pkixPublicKey.algorithm)
                == [.ecdsaP256SHA256, .ecdsaP384SHA384, .ecdsaP521SHA512, .ed25519, .mlDSA65])
        for key in keys {
            let signature = try key.sign(Sample.payload, at: Self.now)
            let trusted = try PublicKey(pem: key.publicKey.text)
            #expect(trusted == key.publicKey)
            #expect(trusted.pkix?.isValidSignature(signature, for: Sample.payload) == true)
            #expect(trusted.pkix?.isValidSignature(signature, for: Data()) == false)
            for other in keys where other.keyID != key.keyID {
                #expect(!other.pkixPublicKey.isValidSignature(signature, for: Sample.payload))
            }
        }
    }

    @Test(
        "knows every spelling of an algorithm",
        arguments: [
            ("RSA_SIGN_PSS_2048_SHA256", SignatureAlgorithm.rsaPSS2048SHA256),
            ("EC_SIGN_P256_SHA256", .ecdsaP256SHA256),
            ("rsa-pss-4096-sha512", .rsaPSS4096SHA512), ("rsa-pss-4096s-ha256", .rsaPSS4096SHA256),
            ("rsa-sign-pkcs1-3072-sha256", .rsaPKCS1With3072SHA256), ("ecdsa-p521-sha512", .ecdsaP521SHA512),
            ("ed25519", .ed25519), ("ML_DSA_65", .mlDSA65),
        ])
    func spellings(name: String, algorithm: SignatureAlgorithm) {
        #expect(SignatureAlgorithm(name: name) == algorithm)
        #expect(SignatureAlgorithm(name: algorithm.rawValue) == algorithm)
        #expect(SignatureAlgorithm(name: algorithm.commandLineName) == algorithm)
    }

    @Test("knows no other algorithm", arguments: ["", "RSA_PSS_1024_SHA256", "rsa", "ECDSA_P256_SHA1", "none"])
    func unknown(name: String) { #expect(SignatureAlgorithm(name: name) == nil) }

    @Test("never prints a private key")
    func redacted() throws {
        let pem = P256.Signing.PrivateKey().pemRepresentation
        let key = try SigningKey(Array(pem.utf8))
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), dumped] {
            #expect(text.contains("<redacted>"))
            #expect(!text.contains("P256"))
        }
    }

    @Test("survives damaged keys")
    func mutated() throws {
        let seed = try MLDSA65.PrivateKey().seedRepresentation
        let texts = [
            P256.Signing.PrivateKey().pemRepresentation, P256.Signing.PrivateKey().publicKey.pemRepresentation,
            EnvelopeTests.pem(of: Curve25519.Signing.PrivateKey()), Self.pem(ofSeed: seed),
        ]
        for (index, text) in texts.enumerated() {
            for bytes in mutations(of: Array(text.utf8), seed: UInt64(index), count: 1_000) {
                _ = try? SigningKey(bytes, passphrase: "x")
                _ = try? PublicKey.keys(in: bytes)
            }
        }
    }

    @Test("survives damaged encrypted and RSA keys", .enabled(if: Tool.openssl != nil))
    func mutatedOpenSSL() throws {
        let folder = try OpenSSLKeys.shared.get().folder
        let encrypted = try folder.openssl(
            "pkcs8", "-topk8", "-in", "P-256.pem", "-passout", "pass:x", "-iter", "1000")
        for (index, text) in try [encrypted, folder.read("rsa2048.pem"), folder.read("rsa2048.pub")].enumerated() {
            for bytes in mutations(of: Array(text), seed: UInt64(index), count: 300) {
                _ = try? SigningKey(bytes, passphrase: "x")
                _ = try? PublicKey.keys(in: bytes)
            }
        }
    }
}
