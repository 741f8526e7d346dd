// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import Foundation

/// A private key from a file, of either kind.
public struct SigningKey: Signer {
    private let signer: any Signer

    /// The longest file that is read, in bytes.
    public static let maximumSize = 1024 * 1024

    /// Reads a private key, PEM or OpenPGP, whichever the bytes are.
    ///
    /// - Parameters:
    ///   - bytes: The file's content.
    ///   - passphrase: The passphrase, where the key has one.
    ///   - algorithm: The algorithm of a PKIX key; without one, the key's own, as `PKIXPublicKey` says.
    ///   - id: The id of a PKIX key; without one, the default of `PKIXPublicKey`.
    /// - Throws: `invalidArgument` when the bytes are no such key or the passphrase or algorithm does not fit.
    public init(
        _ bytes: [UInt8], passphrase: String? = nil, algorithm: SignatureAlgorithm? = nil, id: String? = nil
    ) throws(BullaError) {
        guard !bytes.isEmpty else { throw BullaError(.invalidArgument, "private key is empty") }
        guard bytes.count <= Self.maximumSize else {
            throw BullaError(.invalidArgument, "private key has \(bytes.count) bytes, more than \(Self.maximumSize)")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        if PEM.isPEM(text) {
            signer = try PKIXSigningKey(pem: text, passphrase: passphrase, algorithm: algorithm, id: id)
        } else {
            guard algorithm == nil else {
                throw BullaError(.invalidArgument, "an OpenPGP key takes no algorithm, or the text is no PEM")
            }
            signer = try OpenPGPSigner(bytes, passphrase: passphrase)
        }
    }

    /// The id of the public key.
    public var keyID: String { signer.keyID }

    /// The public half.
    public var publicKey: PublicKey { signer.publicKey }

    /// Signs a payload, as `OpenPGPSigner` or `PKIXSigningKey` does.
    ///
    /// - Throws: What they throw.
    public func sign(_ payload: Data, at now: Date) throws(BullaError) -> Data {
        try signer.sign(payload, at: now)
    }
}

extension SigningKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The public id; the key itself is redacted.
    public var description: String { "\(publicKey.kind.rawValue) key \(keyID) <redacted>" }

    /// The same as `description`.
    public var debugDescription: String { description }

    /// Nothing but the description, so that no dump shows the key.
    public var customMirror: Mirror { Mirror(self, children: ["key": description]) }
}
