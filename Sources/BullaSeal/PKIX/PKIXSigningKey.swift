// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
import Crypto
import CryptoExtras
public import Foundation
import SwiftASN1

/// A private key in PEM that signs with one algorithm.
///
/// Nothing about the private half is ever printed.
public struct PKIXSigningKey: Signer {
    private let material: Material
    /// The public half with its algorithm.
    public let pkixPublicKey: PKIXPublicKey

    private enum Material: Sendable {
        case rsa(_RSA.Signing.PrivateKey)
        case p256(P256.Signing.PrivateKey)
        case p384(P384.Signing.PrivateKey)
        case p521(P521.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
        case mlDSA65(MLDSA65.PrivateKey)
    }

    /// Reads a private key.
    ///
    /// - Parameters:
    ///   - pem: PKCS#8 in the clear or encrypted, PKCS#1 or SEC 1.
    ///   - passphrase: The passphrase of encrypted PKCS#8.
    ///   - algorithm: The algorithm; without one, the key's own, as `PKIXPublicKey` says.
    ///   - id: The id; without one, the default of `PKIXPublicKey`.
    /// - Throws: `invalidArgument` when the text is no such key, the passphrase does not fit or the algorithm does not.
    public init(
        pem: String, passphrase: String? = nil, algorithm: SignatureAlgorithm? = nil, id: String? = nil
    ) throws(BullaError) {
        let labels = ["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]
        let blocks = try PEM.blocks(pem).filter { labels.contains($0.label) }
        guard blocks.count == 1, let block = blocks.first else {
            throw BullaError(.invalidArgument, "private key text holds \(blocks.count) private keys, not one")
        }
        do {
            switch block.label {
            case "RSA PRIVATE KEY": material = .rsa(try _RSA.Signing.PrivateKey(derRepresentation: block.der))
            case "EC PRIVATE KEY":
                material = try Self.elliptic(KeyEncoding.sec1Family(Array(block.der)), block.der)
            case "PRIVATE KEY": material = try Self.pkcs8(Array(block.der))
            default:
                guard let passphrase else {
                    throw BullaError(.invalidArgument, "private key is encrypted and no passphrase was given")
                }
                let plain = try EncryptedPrivateKey.open(Array(block.der), passphrase: passphrase)
                do {
                    material = try Self.pkcs8(plain)
                } catch let error as BullaError {
                    throw error
                } catch {
                    throw BullaError(.invalidArgument, "private key does not open with this passphrase")
                }
            }
            let publicMaterial: PKIXPublicKey.Material
            let der: Data
            switch material {
            case .rsa(let key):
                (publicMaterial, der) = (.rsa(key.publicKey), key.publicKey.derRepresentation)
            case .p256(let key):
                (publicMaterial, der) = (.p256(key.publicKey), key.publicKey.derRepresentation)
            case .p384(let key):
                (publicMaterial, der) = (.p384(key.publicKey), key.publicKey.derRepresentation)
            case .p521(let key):
                (publicMaterial, der) = (.p521(key.publicKey), key.publicKey.derRepresentation)
            case .ed25519(let key):
                publicMaterial = .ed25519(key.publicKey)
                der = try KeyEncoding.subjectPublicKeyInfo(
                    KeyEncoding.ed25519, key: key.publicKey.rawRepresentation)
            case .mlDSA65(let key):
                publicMaterial = .mlDSA65(key.publicKey)
                der = try KeyEncoding.subjectPublicKeyInfo(
                    KeyEncoding.mlDSA65, key: key.publicKey.rawRepresentation)
            }
            pkixPublicKey = try PKIXPublicKey(material: publicMaterial, der: der, algorithm: algorithm, id: id)
        } catch let error as BullaError {
            throw error
        } catch {
            throw BullaError(.invalidArgument, "private key is malformed or of an unsupported size")
        }
    }

    private static func pkcs8(_ der: [UInt8]) throws -> Material {
        let (family, key) = try KeyEncoding.privateKey(der)
        switch family {
        case .rsa: return .rsa(try _RSA.Signing.PrivateKey(derRepresentation: key))
        case .p256, .p384, .p521: return try elliptic(family, Data(der))
        case .ed25519:
            let seed = try ASN1OctetString(derEncoded: key).bytes
            return .ed25519(try Curve25519.Signing.PrivateKey(rawRepresentation: Array(seed)))
        case .mlDSA65:
            return .mlDSA65(
                try MLDSA65.PrivateKey(seedRepresentation: KeyEncoding.mlDSASeed(key), publicKey: nil))
        }
    }

    private static func elliptic(_ family: KeyEncoding.Family, _ der: Data) throws -> Material {
        switch family {
        case .p256: return .p256(try P256.Signing.PrivateKey(derRepresentation: der))
        case .p384: return .p384(try P384.Signing.PrivateKey(derRepresentation: der))
        case .p521: return .p521(try P521.Signing.PrivateKey(derRepresentation: der))
        default: throw BullaError(.invalidArgument, "private key is no elliptic-curve key")
        }
    }

    /// The id of the public key.
    public var keyID: String { pkixPublicKey.id }

    /// The public half.
    public var publicKey: PublicKey { PublicKey(pkixPublicKey) }

    /// Makes the bare signature over the payload; PKIX signatures state no time.
    ///
    /// - Throws: `internal` if the library cannot sign.
    public func sign(_ payload: Data, at now: Date) throws(BullaError) -> Data {
        do {
            switch material {
            case .rsa(let key):
                let padding: _RSA.Signing.Padding = pkixPublicKey.algorithm.isPSS ? .PSS : .insecurePKCS1v1_5
                return pkixPublicKey.algorithm.isSHA512
                    ? try key.signature(for: SHA512.hash(data: payload), padding: padding).rawRepresentation
                    : try key.signature(for: SHA256.hash(data: payload), padding: padding).rawRepresentation
            case .p256(let key): return try key.signature(for: SHA256.hash(data: payload)).derRepresentation
            case .p384(let key): return try key.signature(for: SHA384.hash(data: payload)).derRepresentation
            case .p521(let key): return try key.signature(for: SHA512.hash(data: payload)).derRepresentation
            case .ed25519(let key): return try key.signature(for: payload)
            case .mlDSA65(let key): return try key.signature(for: payload)
            }
        } catch {
            throw BullaError(.internal, "signing with key \(keyID) failed", cause: error)
        }
    }
}

extension PKIXSigningKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The public id; the key itself is redacted.
    public var description: String { "PKIX key \(keyID) <redacted>" }

    /// The same as `description`.
    public var debugDescription: String { description }

    /// Nothing but the description, so that no dump shows the key.
    public var customMirror: Mirror { Mirror(self, children: ["key": description]) }
}
