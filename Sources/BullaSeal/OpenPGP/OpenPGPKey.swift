// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import Foundation

/// A public OpenPGP key with its subkeys.
///
/// Its id is the upper-case hexadecimal V4 fingerprint of the primary key. See
/// https://www.rfc-editor.org/rfc/rfc9580#section-5.5.4.
public struct OpenPGPKey: Sendable {
    /// The fingerprint of the primary key, 40 hexadecimal digits in upper case.
    public let fingerprint: String
    /// The fingerprints of the subkeys.
    public let subkeyFingerprints: [String]
    /// The key in ASCII armor.
    public let armored: String
    /// When the primary key ends, if ever.
    public let expiresAt: Date?
    /// Whether the primary key is revoked.
    public let isRevoked: Bool
    let ring: OpenPGPRing
    let entry: OpenPGPRing.Entry

    private init(entry: OpenPGPRing.Entry) throws(BullaError) {
        fingerprint = entry.primary.fingerprint
        subkeyFingerprints = entry.subkeys.map(\.fingerprint)
        armored = entry.armored
        expiresAt = entry.primary.expiresAt
        isRevoked = entry.primary.isRevoked
        ring = try OpenPGPRing(Array(entry.armored.utf8))
        self.entry = entry
    }

    init(of entry: OpenPGPRing.Entry) throws(BullaError) { try self.init(entry: entry) }

    /// Reads all the public keys of a text.
    ///
    /// - Parameter text: ASCII armor, or base64 of armor or of a bare key, as Kritis' AttestationAuthority has it.
    /// - Returns: One or more keys.
    /// - Throws: `invalidArgument` when the text holds no key, or a private one.
    public static func keys(in text: String) throws(BullaError) -> [OpenPGPKey] {
        var bytes = Array(text.utf8)
        if !text.contains("-----BEGIN PGP ") {
            guard let decoded = Base64.decode(text) else {
                throw BullaError(.invalidArgument, "public key is neither an armored OpenPGP key nor base64 of one")
            }
            bytes = Array(decoded)
        }
        return try keys(in: bytes)
    }

    /// Reads all the public keys of a file, in armor or not.
    ///
    /// - Throws: `invalidArgument` when the bytes hold no key, or a private one.
    public static func keys(in bytes: [UInt8]) throws(BullaError) -> [OpenPGPKey] {
        let entries = try OpenPGPRing(bytes).entries()
        guard !entries.contains(where: { $0.primary.hasSecret }) else {
            throw BullaError(.invalidArgument, "text holds a private OpenPGP key where a public one belongs")
        }
        var keys: [OpenPGPKey] = []
        for entry in entries { keys.append(try OpenPGPKey(entry: entry)) }
        return keys
    }

    /// The facts about the primary key or a subkey.
    func facts(of fingerprint: String) -> OpenPGPRing.Facts? {
        entry.primary.fingerprint == fingerprint
            ? entry.primary : entry.subkeys.first { $0.fingerprint == fingerprint }
    }
}

extension OpenPGPKey: Hashable {
    /// Two keys are equal when their armored texts are.
    public static func == (left: OpenPGPKey, right: OpenPGPKey) -> Bool { left.armored == right.armored }

    /// Hashes what equality compares.
    public func hash(into hasher: inout Hasher) { hasher.combine(armored) }
}
