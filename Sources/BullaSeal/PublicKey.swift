// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
import Foundation

/// A key that an attestor trusts: OpenPGP, or PKIX with its algorithm.
public struct PublicKey: Hashable, Sendable {
    /// The two kinds of keys.
    public enum Kind: String, Sendable, Hashable {
        /// OpenPGP: signatures hold their payload.
        case openPGP = "PGP"
        /// PKIX: signatures are detached.
        case pkix = "PKIX"
    }

    private enum Material: Hashable, Sendable {
        case openPGP(OpenPGPKey)
        case pkix(PKIXPublicKey)
    }

    private let material: Material

    /// Wraps an OpenPGP key.
    public init(_ key: OpenPGPKey) { material = .openPGP(key) }

    /// Wraps a PKIX key.
    public init(_ key: PKIXPublicKey) { material = .pkix(key) }

    /// Reads one OpenPGP key: armor, or base64 of it as in Kritis' AttestationAuthority.
    ///
    /// - Throws: `invalidArgument` when the text does not hold exactly one public key.
    public init(openPGP text: String) throws(BullaError) {
        let keys = try OpenPGPKey.keys(in: text)
        guard keys.count == 1, let key = keys.first else {
            throw BullaError(.invalidArgument, "public key text holds \(keys.count) OpenPGP keys, not one")
        }
        self.init(key)
    }

    /// Reads a PKIX key.
    ///
    /// - Throws: `invalidArgument` as `PKIXPublicKey.init` does.
    public init(pem: String, algorithm: SignatureAlgorithm? = nil, id: String? = nil) throws(BullaError) {
        self.init(try PKIXPublicKey(pem: pem, algorithm: algorithm, id: id))
    }

    /// Reads the keys of a file of either kind.
    ///
    /// - Throws: `invalidArgument` when it holds no public key.
    public static func keys(in bytes: [UInt8], algorithm: SignatureAlgorithm? = nil) throws(BullaError) -> [PublicKey] {
        let text = String(decoding: bytes, as: UTF8.self)
        if PEM.isPEM(text) { return [try PublicKey(pem: text, algorithm: algorithm)] }
        let keys =
            (bytes.first ?? 0) & 0x80 != 0 ? try OpenPGPKey.keys(in: bytes) : try OpenPGPKey.keys(in: text)
        return keys.map { PublicKey($0) }
    }

    /// Which kind of key it is.
    public var kind: Kind {
        switch material {
        case .openPGP: .openPGP
        case .pkix: .pkix
        }
    }

    /// The id: an OpenPGP fingerprint in upper case, or a URI.
    public var id: String {
        switch material {
        case .openPGP(let key): key.fingerprint
        case .pkix(let key): key.id
        }
    }

    /// The key as text: ASCII armor, or PEM.
    public var text: String {
        switch material {
        case .openPGP(let key): key.armored
        case .pkix(let key): key.pem
        }
    }

    /// The algorithm of a PKIX key.
    public var algorithm: SignatureAlgorithm? { pkix?.algorithm }

    /// The OpenPGP key, if it is one.
    public var openPGP: OpenPGPKey? {
        guard case .openPGP(let key) = material else { return nil }
        return key
    }

    /// The PKIX key, if it is one.
    public var pkix: PKIXPublicKey? {
        guard case .pkix(let key) = material else { return nil }
        return key
    }

    /// Whether a signature's hint points at this key: the whole id, or a subkey's whole fingerprint; the case of
    /// hexadecimal digits does not matter.
    public func answers(to hint: String) -> Bool {
        switch material {
        case .openPGP(let key):
            let hint = hint.uppercased()
            return hint == key.fingerprint || key.subkeyFingerprints.contains(hint)
        case .pkix(let key): return hint == key.id
        }
    }
}
