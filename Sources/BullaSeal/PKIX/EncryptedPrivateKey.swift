// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import Crypto
import CryptoExtras
import Foundation
import SwiftASN1

/// PKCS#8 under a passphrase: PBES2 with PBKDF2 or scrypt and AES in CBC mode, as OpenSSL writes it.
///
/// See https://www.rfc-editor.org/rfc/rfc8018#section-6.2 and https://www.rfc-editor.org/rfc/rfc7914#section-7.
enum EncryptedPrivateKey {
    /// The most rounds of PBKDF2 that a file may ask for.
    static let maximumRounds = 20_000_000
    /// The most memory that scrypt may take, in bytes.
    static let maximumMemory = 256 * 1024 * 1024

    private static let pbes2: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 5, 13]
    private static let pbkdf2: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 5, 12]
    private static let scrypt: ASN1ObjectIdentifier = [1, 3, 6, 1, 4, 1, 11591, 4, 11]

    /// Opens the envelope: PKCS#8 in the clear.
    ///
    /// - Throws: `invalidArgument` when the scheme is not supported or the passphrase does not fit.
    static func open(_ der: [UInt8], passphrase: String) throws -> [UInt8] {
        let (scheme, ciphertext) = try DER.sequence(DER.parse(der), identifier: .sequence) { nodes in
            guard let algorithm = nodes.next() else { throw unsupported("no scheme") }
            return (try KeyEncoding.Algorithm(algorithm), try ASN1OctetString(derEncoded: &nodes).bytes)
        }
        guard scheme.identifier == pbes2, let parameters = scheme.parameters else {
            throw unsupported("scheme \(scheme.identifier)")
        }
        let (derivation, cipher) = try DER.sequence(parameters, identifier: .sequence) { nodes in
            guard let derivation = nodes.next(), let cipher = nodes.next() else { throw unsupported("no cipher") }
            return (try KeyEncoding.Algorithm(derivation), try KeyEncoding.Algorithm(cipher))
        }
        let size: Int
        switch cipher.identifier {
        case [2, 16, 840, 1, 101, 3, 4, 1, 2]: size = 16
        case [2, 16, 840, 1, 101, 3, 4, 1, 22]: size = 24
        case [2, 16, 840, 1, 101, 3, 4, 1, 42]: size = 32
        default: throw unsupported("cipher \(cipher.identifier)")
        }
        guard let vector = cipher.parameters, let derivationParameters = derivation.parameters else {
            throw unsupported("no parameters")
        }
        let key = try key(
            derivation.identifier, derivationParameters, passphrase: Data(passphrase.utf8), size: size)
        let initial = try AES._CBC.IV(ivBytes: ASN1OctetString(derEncoded: vector).bytes)
        guard let plain = try? AES._CBC.decrypt(Data(ciphertext), using: key, iv: initial) else {
            throw BullaError(.invalidArgument, "private key does not open with this passphrase")
        }
        return Array(plain)
    }

    private static func key(
        _ identifier: ASN1ObjectIdentifier, _ parameters: ASN1Node, passphrase: Data, size: Int
    ) throws -> SymmetricKey {
        switch identifier {
        case pbkdf2:
            let (salt, rounds, hash) = try DER.sequence(parameters, identifier: .sequence) { nodes in
                let salt = try ASN1OctetString(derEncoded: &nodes)
                let rounds = try Int(derEncoded: &nodes)
                var hash = KDF.Insecure.PBKDF2.HashFunction.insecureSHA1
                while let node = nodes.next() {
                    if node.identifier == .sequence { hash = try hashFunction(KeyEncoding.Algorithm(node).identifier) }
                }
                return (Data(salt.bytes), rounds, hash)
            }
            guard (1...maximumRounds).contains(rounds) else { throw unsupported("\(rounds) rounds") }
            return try KDF.Insecure.PBKDF2.deriveKey(
                from: passphrase, salt: salt, using: hash, outputByteCount: size, unsafeUncheckedRounds: rounds)
        case scrypt:
            let (salt, cost, block, lanes) = try DER.sequence(parameters, identifier: .sequence) { nodes in
                let salt = try ASN1OctetString(derEncoded: &nodes)
                let cost = try Int(derEncoded: &nodes)
                let block = try Int(derEncoded: &nodes)
                let lanes = try Int(derEncoded: &nodes)
                while nodes.next() != nil {}
                return (Data(salt.bytes), cost, block, lanes)
            }
            guard (2...1 << 22).contains(cost), cost & (cost - 1) == 0, (1...64).contains(block),
                (1...16).contains(lanes)
            else { throw unsupported("scrypt parameters") }
            return try KDF.Scrypt.deriveKey(
                from: passphrase, salt: salt, outputByteCount: size, rounds: cost, blockSize: block, parallelism: lanes,
                maxMemory: maximumMemory)
        default: throw unsupported("key derivation \(identifier)")
        }
    }

    private static func hashFunction(_ identifier: ASN1ObjectIdentifier) throws -> KDF.Insecure.PBKDF2.HashFunction {
        switch identifier {
        case [1, 2, 840, 113549, 2, 7]: return .insecureSHA1
        case [1, 2, 840, 113549, 2, 9]: return .sha256
        case [1, 2, 840, 113549, 2, 10]: return .sha384
        case [1, 2, 840, 113549, 2, 11]: return .sha512
        default: throw unsupported("hash \(identifier)")
        }
    }

    private static func unsupported(_ what: String) -> BullaError {
        BullaError(.invalidArgument, "encrypted private key is of an unsupported form: \(what)")
    }
}
