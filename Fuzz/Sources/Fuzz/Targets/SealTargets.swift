// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaSeal
import Foundation

/// Signed documents and keys.
enum SealTargets {
    /// A statement, an envelope or a simple signing payload.
    static func statement(_ input: [UInt8]) {
        if let statement = try? InTotoStatement(parsing: input) {
            _ = statement.subject(with: Digest(of: input))
            _ = statement.provenance?.commit
        }
        if let envelope = try? Envelope(parsing: input) {
            guard let again = try? Envelope(parsing: envelope.data) else {
                return require(false, "an envelope that was written can be read")
            }
            require(again == envelope, "an envelope reads as written")
            _ = PreAuthenticationEncoding.encode(payloadType: envelope.payloadType, payload: envelope.payload)
        }
        if let payload = try? SimpleSigning(parsing: input) {
            _ = payload.normalisedReference
            require((try? SimpleSigning(parsing: payload.payload)) == payload, "a payload reads as written")
        }
    }

    /// OpenPGP keys, or a message signed by the key of the seeds.
    static func openPGP(_ input: [UInt8]) {
        let now = Date(timeIntervalSince1970: 1_750_000_000)
        if let keys = try? OpenPGPKey.keys(in: input) {
            for key in keys.prefix(4) {
                _ = key.verify(Data(input), at: now)
                require((try? OpenPGPKey.keys(in: key.armored))?.count == 1, "a key that was written can be read")
            }
        }
        guard let key = trusted else { return }
        if case .success(let verified) = key.verify(Data(input), at: now) {
            require(verified.payload.count <= 1 << 20, "a payload keeps its limit")
        }
        _ = key.verify(Data(input), payload: Data("payload".utf8), at: now)
    }

    /// A key in PEM, or a private one.
    static func pkix(_ input: [UInt8]) {
        if let keys = try? PublicKey.keys(in: input) {
            for key in keys.prefix(4) { _ = key.id }
        }
        if let key = try? PKIXPublicKey(pem: input.text) {
            require((try? PKIXPublicKey(pem: key.pem)) != nil, "a key that was written can be read")
            _ = key.isValidSignature(Data(input), for: Data(input))
        }
        _ = try? PKIXSigningKey(pem: input.text)
        _ = try? PKIXSigningKey(pem: input.text, passphrase: "fuzz")
        for algorithm in SignatureAlgorithm.allCases { _ = try? PKIXPublicKey(pem: input.text, algorithm: algorithm) }
    }

    /// The public key of the seeds, when the corpus is at hand.
    private static let trusted: OpenPGPKey? = {
        guard let path = ProcessInfo.processInfo.environment["BULLA_FUZZ_KEY"],
            let bytes = FileManager.default.contents(atPath: path)
        else { return nil }
        return try? OpenPGPKey.keys(in: Array(bytes)).first
    }()
}
