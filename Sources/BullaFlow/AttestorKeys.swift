// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaPolicy
public import BullaSeal

/// Turns the keys that a policy spells out into keys that verify.
public enum AttestorKeys {
    /// Parses a key.
    ///
    /// - Throws: `invalidArgument` when the text is no such key, or names an algorithm that cannot be verified.
    public static func parse(_ key: Attestor.Key) throws(BullaError) -> [PublicKey] {
        switch key.format {
        case .openPGP:
            let keys = try PublicKey.keys(in: Array(key.text.utf8))
            guard !keys.isEmpty else { throw BullaError(.invalidArgument, "the armor holds no public key") }
            return keys
        case .pkix(let name):
            guard let algorithm = SignatureAlgorithm(name: name) else {
                throw BullaError(.invalidArgument, "unknown signature algorithm '\(name.prefix(60))'")
            }
            return [try PublicKey(pem: key.text, algorithm: algorithm, id: key.id)]
        }
    }

    /// What is wrong with a key, `nil` when it can be used; for `PolicyOptions.checkKey`.
    @Sendable public static func problem(with key: Attestor.Key) -> String? {
        do {
            _ = try parse(key)
            return nil
        } catch {
            return error.message
        }
    }
}
