// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import Foundation

/// What can put its name to a payload: an OpenPGP key, a PKIX key, or a key that is kept elsewhere.
public protocol Signer: Sendable {
    /// The id under which verifiers look up the key: an OpenPGP fingerprint or a URI.
    var keyID: String { get }

    /// The public half, as a verifier would be given it.
    var publicKey: PublicKey { get }

    /// Signs a payload.
    ///
    /// An OpenPGP signer returns an armored message that holds the payload; a PKIX signer returns the bare signature.
    ///
    /// - Parameters:
    ///   - payload: The exact bytes to sign.
    ///   - now: The time that the signature states, where its format states one.
    /// - Returns: The signature.
    /// - Throws: `failedPrecondition` if the key may not sign at `now`, `internal` if the library fails.
    func sign(_ payload: Data, at now: Date) throws(BullaError) -> Data
}
