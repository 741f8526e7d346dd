// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import Foundation

/// A private OpenPGP key that signs payloads inside armored messages.
///
/// The key is unlocked once, when it is read, and stays so in the library's memory; nothing about it is ever printed.
public struct OpenPGPSigner: Signer {
    /// The public half.
    public let openPGPKey: OpenPGPKey
    private let ring: OpenPGPRing
    private let signing: OpenPGPRing.Facts

    /// Reads a private key.
    ///
    /// - Parameters:
    ///   - bytes: The key, in armor or not; exactly one primary key.
    ///   - passphrase: Its passphrase, where it has one.
    /// - Throws: `invalidArgument` when the bytes are no private key, hold several, or the passphrase does not fit.
    public init(_ bytes: [UInt8], passphrase: String? = nil) throws(BullaError) {
        ring = try OpenPGPRing(bytes)
        let entries = try ring.entries()
        guard entries.count == 1, let entry = entries.first else {
            throw BullaError(.invalidArgument, "private key file holds \(entries.count) OpenPGP keys, not one")
        }
        let all = [entry.primary] + entry.subkeys
        let candidates = all.filter { $0.hasSecret && $0.canSign }
        guard !candidates.isEmpty else {
            let reason = all.contains(where: \.hasSecret) ? "may not sign" : "is a public key"
            throw BullaError(.invalidArgument, "OpenPGP key \(entry.primary.fingerprint) \(reason)")
        }
        let ring = ring
        guard let signing = candidates.first(where: { ring.unlock($0.fingerprint, passphrase: passphrase) }) else {
            throw BullaError(
                .invalidArgument,
                passphrase == nil
                    ? "OpenPGP key \(entry.primary.fingerprint) is encrypted and no passphrase was given"
                    : "OpenPGP key \(entry.primary.fingerprint) does not open with this passphrase")
        }
        self.signing = signing
        openPGPKey = try OpenPGPKey(of: entry)
    }

    /// The fingerprint of the primary key.
    public var keyID: String { openPGPKey.fingerprint }

    /// The public half.
    public var publicKey: PublicKey { PublicKey(openPGPKey) }

    /// Signs a payload: an armored message, uncompressed, with SHA-256, that holds the payload and that gpg verifies.
    ///
    /// - Throws: `failedPrecondition` when the key is revoked or expired at `now`, `internal` when the library fails.
    public func sign(_ payload: Data, at now: Date) throws(BullaError) -> Data {
        for facts in [openPGPKey.entry.primary, signing] {
            if facts.isRevoked {
                throw BullaError(.failedPrecondition, "OpenPGP key \(facts.fingerprint) is revoked and signs nothing")
            }
            if let end = facts.expiresAt, end <= now {
                throw BullaError(
                    .failedPrecondition,
                    "OpenPGP key \(facts.fingerprint) expired at \(Timestamp.text(end)) and signs nothing")
            }
        }
        return try ring.sign(Array(payload), with: signing.fingerprint, at: now)
    }
}

extension OpenPGPSigner: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The fingerprint; the key itself is redacted.
    public var description: String { "OpenPGP key \(keyID) <redacted>" }

    /// The same as `description`.
    public var debugDescription: String { description }

    /// Nothing but the description, so that no dump shows the key.
    public var customMirror: Mirror { Mirror(self, children: ["key": description]) }
}
