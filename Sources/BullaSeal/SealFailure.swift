// SPDX-License-Identifier: Apache-2.0
public import Foundation

/// Why a signature does not seal an image; its text is part of the denial that a user reads.
///
/// Every way to fail is a case of its own, so that a denial can name the command that mends it. A failure is a verdict
/// on evidence, not an error of Bulla, hence no `BullaError`.
public enum SealFailure: Error, Hashable, Sendable {
    /// No trusted key has this id. The id is a hint for look-up and never a reason to trust.
    case unknownKey(String)
    /// The attestation carries no signature at all.
    case unsigned
    /// The signature was not made by this key over this payload.
    case badSignature(key: String)
    /// The key expired at that time, before now.
    case keyExpired(key: String, at: Date)
    /// The key was revoked by its owner.
    case keyRevoked(key: String)
    /// The key cannot be relied on: no valid self-signature, no right to sign, or too short.
    case keyUnusable(key: String, reason: String)
    /// The signature itself expired at that time.
    case signatureExpired(key: String, at: Date)
    /// The signature says that it was made in the future.
    case signatureFromFuture(key: String, at: Date)
    /// The signature rests on a hash that can be forged, such as SHA-1.
    case weakHash(key: String, algorithm: String)
    /// The signature's bytes are in no form that the key's kind of signature has.
    case malformedSignature(String)
    /// The payload inside the signed message differs from the payload that is stated beside it.
    case payloadMismatch
    /// What was signed is not a statement about an image.
    case malformedPayload(String)
    /// The statement is about another digest.
    case wrongDigest(found: String, expected: String)
    /// The statement is about another repository.
    case wrongReference(found: String, expected: String)
}

extension SealFailure: CustomStringConvertible {
    /// The reason as one clause of English, fit for an admission denial.
    public var description: String {
        switch self {
        case .unknownKey(let id):
            id.isEmpty ? "names no key" : "no trusted key has the id '\(Self.short(id))'"
        case .unsigned: "carries no signature"
        case .badSignature(let key): "the signature does not verify with key \(Self.short(key))"
        case .keyExpired(let key, let date): "key \(Self.short(key)) expired at \(Self.text(date))"
        case .keyRevoked(let key): "key \(Self.short(key)) is revoked"
        case .keyUnusable(let key, let reason): "key \(Self.short(key)) cannot be used: \(Self.short(reason))"
        case .signatureExpired(let key, let date):
            "the signature by key \(Self.short(key)) expired at \(Self.text(date))"
        case .signatureFromFuture(let key, let date):
            "the signature by key \(Self.short(key)) is dated \(Self.text(date)), in the future"
        case .weakHash(let key, let algorithm):
            "the signature by key \(Self.short(key)) rests on the weak hash \(algorithm)"
        case .malformedSignature(let reason): "the signature is malformed: \(Self.short(reason))"
        case .payloadMismatch: "the signed payload differs from the stated one"
        case .malformedPayload(let reason): "the signed payload is malformed: \(Self.short(reason))"
        case .wrongDigest(let found, let expected): "it is about \(Self.short(found)), not \(expected)"
        case .wrongReference(let found, let expected):
            "it is about repository '\(Self.short(found))', not '\(Self.short(expected))'"
        }
    }

    /// Text from outside, shortened and without control characters, for it goes into logs and denials.
    private static func short(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(200).filter { $0.value >= 32 && $0.value != 127 }))
    }

    private static func text(_ date: Date) -> String { Timestamp.text(date) }
}
