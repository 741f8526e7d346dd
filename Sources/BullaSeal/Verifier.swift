// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import Foundation

/// Judges attestations under a set of trusted keys.
///
/// A signature's key id only says which trusted key to try: an unknown id is a refusal, and a known one proves nothing.
/// Cost grows with the number of signatures times the trusted keys that share the id, almost always one.
public struct Verifier: Sendable {
    /// A signature as an attestation states it.
    public struct Signature: Hashable, Sendable {
        /// The bytes: an OpenPGP message or signature, in armor or not, or a bare PKIX signature.
        public let bytes: Data
        /// The id of the key, as the attestation states it.
        public let keyID: String

        /// Names a signature and the key that it claims.
        public init(bytes: Data, keyID: String) {
            self.bytes = bytes
            self.keyID = keyID
        }
    }

    /// The most signatures of one attestation that are looked at.
    public static let maximumSignatures = 32

    /// The trusted keys.
    public let keys: [PublicKey]

    /// Trusts these keys and no others.
    public init(trusting keys: [PublicKey]) { self.keys = keys }

    /// Verifies the signatures of an attestation as statements about one image.
    ///
    /// An OpenPGP signature may hold the payload itself; where the attestation states one beside it, both must be the
    /// same bytes. The payload must name this repository, under any spelling of Docker Hub, and this digest.
    ///
    /// - Parameters:
    ///   - serializedPayload: The payload that the attestation states; empty where the signatures hold it.
    ///   - signatures: The signatures.
    ///   - image: The image, by its repository.
    ///   - digest: The image's digest.
    ///   - now: The present, for what expires.
    /// - Returns: For each signature the attestation that it proves, or why it proves none; for an attestation without
    ///   signatures, that it is unsigned.
    public func verify(
        serializedPayload: Data, signatures: [Signature], for image: ImageReference, digest: BullaArtifact.Digest,
        at now: Date
    ) -> [Result<VerifiedAttestation, SealFailure>] {
        guard !signatures.isEmpty else { return [.failure(.unsigned)] }
        return signatures.enumerated().map { index, signature in
            guard index < Self.maximumSignatures else {
                return .failure(.malformedSignature("more than \(Self.maximumSignatures) signatures"))
            }
            let candidates = keys.filter { $0.answers(to: signature.keyID) }
            var failure = SealFailure.unknownKey(signature.keyID)
            for (place, key) in candidates.enumerated() {
                let result = verify(signature.bytes, over: serializedPayload, with: key, at: now)
                    .flatMap { signed in Self.statement(signed, by: key, about: image, digest) }
                switch result {
                case .success: return result
                case .failure(let reason): if place == 0 { failure = reason }
                }
            }
            return .failure(failure)
        }
    }

    /// The first attestation that a signature proves, or every reason why there is none.
    ///
    /// - Parameters: As for `verify(serializedPayload:signatures:for:digest:at:)`.
    public func firstValid(
        serializedPayload: Data, signatures: [Signature], for image: ImageReference, digest: BullaArtifact.Digest,
        at now: Date
    ) -> (attestation: VerifiedAttestation?, failures: [SealFailure]) {
        var failures: [SealFailure] = []
        for result in verify(
            serializedPayload: serializedPayload, signatures: signatures, for: image, digest: digest, at: now)
        {
            switch result {
            case .success(let attestation): return (attestation, [])
            case .failure(let reason): failures.append(reason)
            }
        }
        return (nil, failures)
    }

    private func verify(
        _ signature: Data, over payload: Data, with key: PublicKey, at now: Date
    ) -> Result<VerifiedPayload, SealFailure> {
        if let openPGP = key.openPGP {
            return openPGP.verify(
                signature, payload: payload.isEmpty ? nil : payload, limit: SimpleSigning.maximumSize, at: now)
        }
        guard let pkix = key.pkix else { return .failure(.unknownKey(key.id)) }
        guard !payload.isEmpty else { return .failure(.malformedPayload("it is empty")) }
        guard pkix.isValidSignature(signature, for: payload) else { return .failure(.badSignature(key: key.id)) }
        return .success(VerifiedPayload(payload: payload, signedAt: nil, validUntil: nil))
    }

    private static func statement(
        _ signed: VerifiedPayload, by key: PublicKey, about image: ImageReference, _ digest: BullaArtifact.Digest
    ) -> Result<VerifiedAttestation, SealFailure> {
        let statement: SimpleSigning
        do {
            statement = try SimpleSigning(parsing: signed.payload)
        } catch {
            return .failure(.malformedPayload(error.message))
        }
        guard statement.digest == digest else {
            return .failure(.wrongDigest(found: statement.digest.description, expected: digest.description))
        }
        guard statement.names(image) else {
            return .failure(.wrongReference(found: statement.normalisedReference, expected: image.name))
        }
        return .success(
            VerifiedAttestation(
                reference: statement.normalisedReference, digest: digest, keyID: key.id,
                payloadType: statement.kind.rawValue, signedAt: signed.signedAt, validUntil: signed.validUntil,
                payload: signed.payload))
    }
}
