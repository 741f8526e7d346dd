// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
import Crypto
import CryptoExtras
public import Foundation

/// A public key in PEM with the one algorithm that it verifies.
///
/// The algorithm belongs to the trusted key, never to the signature, so a signature cannot choose a weaker one.
public struct PKIXPublicKey: Sendable {
    /// The algorithm.
    public let algorithm: SignatureAlgorithm
    /// The id, by default `ni:///sha-256;` and the digest of the key's DER (RFC 6920).
    public let id: String
    /// The SubjectPublicKeyInfo in DER.
    public let der: Data
    private let material: Material

    enum Material: Sendable {
        case rsa(_RSA.Signing.PublicKey)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
        case mlDSA65(MLDSA65.PublicKey)
    }

    /// Reads a public key.
    ///
    /// - Parameters:
    ///   - pem: One `PUBLIC KEY` (or PKCS#1 `RSA PUBLIC KEY`) block.
    ///   - algorithm: The algorithm; without one, the key's own: PSS with SHA-256 for RSA of 2048, 3072 or 4096 bits,
    ///     and for a curve the only one it has.
    ///   - id: The id; without one or empty, the default.
    /// - Throws: `invalidArgument` when the text is no such key or the algorithm does not fit it.
    public init(pem: String, algorithm: SignatureAlgorithm? = nil, id: String? = nil) throws(BullaError) {
        let blocks = try PEM.blocks(pem)
        guard blocks.count == 1, let block = blocks.first else {
            throw BullaError(.invalidArgument, "public key text holds \(blocks.count) PEM blocks, not one")
        }
        let parsed: (material: Material, der: Data)
        do {
            parsed = try Self.read(block)
        } catch let error as BullaError {
            throw error
        } catch {
            throw BullaError(.invalidArgument, "public key is malformed or of an unsupported size", cause: error)
        }
        try self.init(material: parsed.material, der: parsed.der, algorithm: algorithm, id: id)
    }

    private static func read(_ block: PEM.Block) throws -> (material: Material, der: Data) {
        switch block.label {
        case "PUBLIC KEY":
            let (family, key) = try KeyEncoding.publicKey(block.der)
            switch family {
            case .rsa: return (.rsa(try _RSA.Signing.PublicKey(derRepresentation: block.der)), block.der)
            case .p256: return (.p256(try P256.Signing.PublicKey(derRepresentation: block.der)), block.der)
            case .p384: return (.p384(try P384.Signing.PublicKey(derRepresentation: block.der)), block.der)
            case .p521: return (.p521(try P521.Signing.PublicKey(derRepresentation: block.der)), block.der)
            case .ed25519: return (.ed25519(try Curve25519.Signing.PublicKey(rawRepresentation: key)), block.der)
            case .mlDSA65: return (.mlDSA65(try MLDSA65.PublicKey(rawRepresentation: key)), block.der)
            }
        case "RSA PUBLIC KEY":
            let key = try _RSA.Signing.PublicKey(derRepresentation: block.der)
            return (.rsa(key), key.derRepresentation)
        default:
            throw BullaError(
                .invalidArgument, "PEM block '\(block.label.prefix(40))' is no public key (want PUBLIC KEY)")
        }
    }

    init(material: Material, der: Data, algorithm: SignatureAlgorithm?, id: String?) throws(BullaError) {
        self.material = material
        self.der = der
        if let algorithm { self.algorithm = algorithm } else { self.algorithm = try Self.defaultAlgorithm(material) }
        if let id, !id.isEmpty { self.id = id } else { self.id = Self.defaultID(der) }
        guard Self.fits(self.algorithm, material) else {
            throw BullaError(
                .invalidArgument, "algorithm \(self.algorithm.rawValue) does not fit the \(Self.name(material)) key")
        }
    }

    /// The key as a `PUBLIC KEY` block.
    public var pem: String { PEM.text(label: "PUBLIC KEY", der: der) }

    /// The id of a key that was given none.
    static func defaultID(_ der: Data) -> String {
        "ni:///sha-256;" + Base64.urlSafe(Array(SHA256.hash(data: der)))
    }

    /// Whether the signature was made over the payload by the owner of this key.
    ///
    /// ECDSA signatures are ASN.1 DER. RSA-PSS takes any length of salt, for Kritis and OpenSSL fill the key with salt
    /// where Cloud KMS takes the hash's length.
    public func isValidSignature(_ signature: Data, for payload: Data) -> Bool {
        switch material {
        case .rsa(let key): return isValidRSA(signature, for: payload, key: key)
        case .p256(let key):
            guard let signature = try? P256.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: SHA256.hash(data: payload))
        case .p384(let key):
            guard let signature = try? P384.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: SHA384.hash(data: payload))
        case .p521(let key):
            guard let signature = try? P521.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: SHA512.hash(data: payload))
        case .ed25519(let key): return key.isValidSignature(signature, for: payload)
        case .mlDSA65(let key): return key.isValidSignature(signature, for: payload)
        }
    }

    private func isValidRSA(_ signature: Data, for payload: Data, key: _RSA.Signing.PublicKey) -> Bool {
        guard let bits = algorithm.rsaBits, signature.count == bits / 8 else { return false }
        let wrapped = _RSA.Signing.RSASignature(rawRepresentation: signature)
        let padding: _RSA.Signing.Padding = algorithm.isPSS ? .PSS : .insecurePKCS1v1_5
        let isValid =
            algorithm.isSHA512
            ? key.isValidSignature(wrapped, for: SHA512.hash(data: payload), padding: padding)
            : key.isValidSignature(wrapped, for: SHA256.hash(data: payload), padding: padding)
        guard !isValid, algorithm.isPSS, let numbers = try? key.getKeyPrimitives() else { return isValid }
        let operation = RSAPublicOperation(modulus: Array(numbers.modulus), exponent: Array(numbers.publicExponent))
        return algorithm.isSHA512
            ? operation?.verifiesPSS(Array(signature), of: Array(payload), hash: SHA512.self) ?? false
            : operation?.verifiesPSS(Array(signature), of: Array(payload), hash: SHA256.self) ?? false
    }

    private static func defaultAlgorithm(_ material: Material) throws(BullaError) -> SignatureAlgorithm {
        switch material {
        case .rsa(let key):
            switch key.keySizeInBits {
            case 2048: return .rsaPSS2048SHA256
            case 3072: return .rsaPSS3072SHA256
            case 4096: return .rsaPSS4096SHA256
            default:
                throw BullaError(
                    .invalidArgument, "an RSA key of \(key.keySizeInBits) bits fits no algorithm (2048, 3072, 4096)")
            }
        case .p256: return .ecdsaP256SHA256
        case .p384: return .ecdsaP384SHA384
        case .p521: return .ecdsaP521SHA512
        case .ed25519: return .ed25519
        case .mlDSA65: return .mlDSA65
        }
    }

    private static func fits(_ algorithm: SignatureAlgorithm, _ material: Material) -> Bool {
        switch material {
        case .rsa(let key): algorithm.rsaBits == key.keySizeInBits
        case .p256: algorithm == .ecdsaP256SHA256
        case .p384: algorithm == .ecdsaP384SHA384
        case .p521: algorithm == .ecdsaP521SHA512
        case .ed25519: algorithm == .ed25519
        case .mlDSA65: algorithm == .mlDSA65
        }
    }

    private static func name(_ material: Material) -> String {
        switch material {
        case .rsa(let key): "\(key.keySizeInBits)-bit RSA"
        case .p256: "P-256"
        case .p384: "P-384"
        case .p521: "P-521"
        case .ed25519: "Ed25519"
        case .mlDSA65: "ML-DSA-65"
        }
    }
}

extension PKIXPublicKey: Hashable {
    /// Two keys are equal when they hold the same key, for the same algorithm, under the same id.
    public static func == (left: PKIXPublicKey, right: PKIXPublicKey) -> Bool {
        left.der == right.der && left.algorithm == right.algorithm && left.id == right.id
    }

    /// Hashes what equality compares.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(der)
        hasher.combine(algorithm)
        hasher.combine(id)
    }
}
