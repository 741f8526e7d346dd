// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import Crypto
import CryptoExtras
import Foundation
import SwiftASN1

/// The DER structures around keys: SubjectPublicKeyInfo, PKCS#8 and SEC 1.
///
/// See https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.7, https://www.rfc-editor.org/rfc/rfc5958 and
/// https://www.rfc-editor.org/rfc/rfc5915.
enum KeyEncoding {
    /// What a key is good for, by its algorithm identifier.
    enum Family: Hashable, Sendable {
        case rsa
        case p256
        case p384
        case p521
        case ed25519
        case mlDSA65
    }

    static let rsaEncryption: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 1, 1]
    static let rsaPSS: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 1, 10]
    static let ecPublicKey: ASN1ObjectIdentifier = [1, 2, 840, 10045, 2, 1]
    static let ed25519: ASN1ObjectIdentifier = [1, 3, 101, 112]
    static let mlDSA65: ASN1ObjectIdentifier = [2, 16, 840, 1, 101, 3, 4, 3, 18]

    /// An AlgorithmIdentifier: an object identifier and what follows it.
    struct Algorithm {
        let identifier: ASN1ObjectIdentifier
        let parameters: ASN1Node?

        init(_ node: ASN1Node) throws {
            (identifier, parameters) = try DER.sequence(node, identifier: .sequence) { nodes in
                let identifier = try ASN1ObjectIdentifier(derEncoded: &nodes)
                return (identifier, nodes.next())
            }
        }
    }

    /// The family that an algorithm identifier names.
    static func family(_ algorithm: Algorithm) throws -> Family {
        switch algorithm.identifier {
        case rsaEncryption, rsaPSS: return .rsa
        case ed25519: return .ed25519
        case mlDSA65: return .mlDSA65
        case ecPublicKey:
            guard let parameters = algorithm.parameters else {
                throw BullaError(.invalidArgument, "elliptic-curve key names no curve")
            }
            return try family(curve: ASN1ObjectIdentifier(derEncoded: parameters))
        default:
            throw BullaError(.invalidArgument, "key algorithm \(algorithm.identifier) is not supported")
        }
    }

    /// The family that a named curve belongs to.
    static func family(curve: ASN1ObjectIdentifier) throws -> Family {
        switch curve {
        case ASN1ObjectIdentifier.NamedCurves.secp256r1: return .p256
        case ASN1ObjectIdentifier.NamedCurves.secp384r1: return .p384
        case ASN1ObjectIdentifier.NamedCurves.secp521r1: return .p521
        default: throw BullaError(.invalidArgument, "elliptic curve \(curve) is not supported")
        }
    }

    /// Reads a SubjectPublicKeyInfo: family and the key's bits.
    static func publicKey(_ der: Data) throws -> (family: Family, key: [UInt8]) {
        try DER.sequence(DER.parse(Array(der)), identifier: .sequence) { nodes in
            guard let algorithm = nodes.next() else { throw BullaError(.invalidArgument, "public key is empty") }
            let bits = try ASN1BitString(derEncoded: &nodes)
            return (try family(Algorithm(algorithm)), Array(bits.bytes))
        }
    }

    /// Reads PKCS#8: family and the inner key.
    static func privateKey(_ der: [UInt8]) throws -> (family: Family, key: [UInt8]) {
        try DER.sequence(DER.parse(der), identifier: .sequence) { nodes in
            _ = try Int(derEncoded: &nodes)
            guard let algorithm = nodes.next() else { throw BullaError(.invalidArgument, "private key is empty") }
            let key = try ASN1OctetString(derEncoded: &nodes)
            while nodes.next() != nil {}
            return (try family(Algorithm(algorithm)), Array(key.bytes))
        }
    }

    /// Reads the curve of a SEC 1 private key.
    static func sec1Family(_ der: [UInt8]) throws -> Family {
        try DER.sequence(DER.parse(der), identifier: .sequence) { nodes in
            _ = try Int(derEncoded: &nodes)
            _ = try ASN1OctetString(derEncoded: &nodes)
            let curve = try DER.optionalExplicitlyTagged(&nodes, tagNumber: 0, tagClass: .contextSpecific) { node in
                try ASN1ObjectIdentifier(derEncoded: node)
            }
            while nodes.next() != nil {}
            guard let curve else { throw BullaError(.invalidArgument, "elliptic-curve key names no curve") }
            return try family(curve: curve)
        }
    }

    /// Writes a SubjectPublicKeyInfo without parameters, as Ed25519 and ML-DSA have it.
    static func subjectPublicKeyInfo(_ identifier: ASN1ObjectIdentifier, key: some Collection<UInt8>) throws -> Data {
        var serializer = DER.Serializer()
        try serializer.appendConstructedNode(identifier: .sequence) { outer in
            try outer.appendConstructedNode(identifier: .sequence) { inner in try inner.serialize(identifier) }
            try outer.serialize(ASN1BitString(bytes: ArraySlice(key)))
        }
        return Data(serializer.serializedBytes)
    }

    /// The seed in an ML-DSA private key, which is alone or before the expanded key.
    ///
    /// See https://www.rfc-editor.org/rfc/rfc9881#section-6.
    static func mlDSASeed(_ key: [UInt8]) throws -> [UInt8] {
        let node = try DER.parse(key)
        if node.identifier == ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific) {
            return Array(try ASN1OctetString(derEncoded: node, withIdentifier: node.identifier).bytes)
        }
        guard node.identifier == .sequence else {
            throw BullaError(.invalidArgument, "ML-DSA private key without its seed is not supported")
        }
        return try DER.sequence(node, identifier: .sequence) { nodes in
            let seed = try ASN1OctetString(derEncoded: &nodes)
            while nodes.next() != nil {}
            return Array(seed.bytes)
        }
    }
}
