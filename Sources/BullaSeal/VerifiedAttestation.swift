// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import Foundation

/// A statement about an image whose signature was verified with a trusted key: a seal that holds.
public struct VerifiedAttestation: Hashable, Sendable {
    /// The repository that the statement names, normalised.
    public let reference: String
    /// The digest that the statement names.
    public let digest: BullaArtifact.Digest
    /// The id of the trusted key that verified it, in the trusted key's spelling.
    public let keyID: String
    /// The statement's `critical.type`, such as `atomic container signature`.
    public let payloadType: String
    /// When it was signed, where the signature's format says so.
    public let signedAt: Date?
    /// The first instant at which the key or the signature expires; absent if neither does.
    public let validUntil: Date?
    /// The exact bytes that were signed.
    public let payload: Data

    /// Creates the record of a verification.
    public init(
        reference: String, digest: BullaArtifact.Digest, keyID: String, payloadType: String, signedAt: Date?,
        validUntil: Date?, payload: Data
    ) {
        self.reference = reference
        self.digest = digest
        self.keyID = keyID
        self.payloadType = payloadType
        self.signedAt = signedAt
        self.validUntil = validUntil
        self.payload = payload
    }
}
