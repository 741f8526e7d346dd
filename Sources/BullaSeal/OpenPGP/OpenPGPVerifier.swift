// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import CRNP
public import Foundation

/// A payload whose signature a key verified.
public struct VerifiedPayload: Hashable, Sendable {
    /// What was signed.
    public let payload: Data
    /// When, as an OpenPGP signature says; a PKIX signature says nothing.
    public let signedAt: Date?
    /// The first instant at which signature or key expires.
    public let validUntil: Date?
}

extension OpenPGPKey {
    /// How far a signer's clock may be ahead of ours, in seconds.
    static let toleratedSkew = 300.0
    /// The hashes that a signature may rest on.
    static let strongHashes: Set<String> = ["SHA224", "SHA256", "SHA384", "SHA512", "SHA3-256", "SHA3-512"]

    /// Verifies a message with this key.
    ///
    /// Takes attached messages under any armor label, compressed or not, and detached signatures. A key that is
    /// expired or revoked now verifies nothing, whenever the signature claims to have been made: who holds a stolen key
    /// also chooses the date.
    ///
    /// - Parameters:
    ///   - message: The message or signature, in armor or not.
    ///   - payload: What a detached signature is over; an attached message must hold the same bytes.
    ///   - limit: The longest payload that is unpacked, in bytes.
    ///   - now: The present.
    /// - Returns: What was signed and when, or why nothing was.
    public func verify(
        _ message: Data, payload: Data? = nil, limit: Int = 1024 * 1024, at now: Date
    ) -> Result<VerifiedPayload, SealFailure> {
        if entry.primary.isRevoked { return .failure(.keyRevoked(key: fingerprint)) }
        if let end = entry.primary.expiresAt, end <= now { return .failure(.keyExpired(key: fingerprint, at: end)) }
        do {
            let bytes = try OpenPGPArmor.removed(from: Array(message))
            let form = try OpenPGPPackets.form(of: bytes)
            if form == .detached, payload?.isEmpty ?? true {
                return .failure(.malformedSignature("a detached signature without the payload it is over"))
            }
            let detachedPayload = form == .detached ? payload.map { Array($0) } : nil
            var report = try ring.verify(bytes, payload: detachedPayload, limit: limit, at: now)
            // RNP calls a signature from the future expired; one within the skew is judged at its own time.
            let latest = report.signatures.map(\.createdAt).filter { $0 > now }.max()
            if let latest, latest.timeIntervalSince(now) <= Self.toleratedSkew {
                report = try ring.verify(bytes, payload: detachedPayload, limit: limit, at: latest)
            }
            if report.isTruncated, form == .attached, report.signatures.isEmpty {
                return .failure(.malformedPayload("longer than \(limit) bytes"))
            }
            guard !report.signatures.isEmpty else {
                return .failure(.malformedSignature("the OpenPGP message holds no signature"))
            }
            let signed = form == .detached ? payload ?? Data() : report.payload
            var failure: SealFailure?
            for signature in report.signatures {
                switch judge(signature, at: now) {
                case .success(let end) where report.isProcessed:
                    if let payload, form == .attached, payload != signed { return .failure(.payloadMismatch) }
                    return .success(
                        VerifiedPayload(payload: signed, signedAt: signature.createdAt, validUntil: end))
                case .success: failure = failure ?? .badSignature(key: fingerprint)
                case .failure(let reason): failure = failure ?? reason
                }
            }
            return .failure(failure ?? .badSignature(key: fingerprint))
        } catch {
            return .failure(.malformedSignature(error.message))
        }
    }

    /// What one signature is worth; for a good one, when it or its key ends.
    private func judge(_ signature: OpenPGPRing.SignatureReport, at now: Date) -> Result<Date?, SealFailure> {
        guard let signer = signature.fingerprint.flatMap({ facts(of: $0) }) else {
            return .failure(.badSignature(key: fingerprint))
        }
        if signer.isRevoked { return .failure(.keyRevoked(key: signer.fingerprint)) }
        if let end = signer.expiresAt, end <= now { return .failure(.keyExpired(key: signer.fingerprint, at: end)) }
        if signer.isShort { return .failure(.keyUnusable(key: signer.fingerprint, reason: "shorter than 2048 bits")) }
        guard Self.strongHashes.contains(signature.hash.uppercased()) else {
            return .failure(.weakHash(key: fingerprint, algorithm: signature.hash))
        }
        if signature.createdAt.timeIntervalSince(now) > Self.toleratedSkew {
            return .failure(.signatureFromFuture(key: fingerprint, at: signature.createdAt))
        }
        if let end = signature.expiresAt, end <= now {
            return .failure(.signatureExpired(key: fingerprint, at: end))
        }
        guard signature.status == OpenPGPRing.RNP.success else {
            let isOther = signature.status == OpenPGPRing.RNP.code(RNP_ERROR_SIGNATURE_INVALID)
            return .failure(
                isOther && !signature.isSignerValid
                    ? .keyUnusable(key: signer.fingerprint, reason: "no valid self-signature")
                    : .badSignature(key: fingerprint))
        }
        guard signer.canSign else {
            return .failure(.keyUnusable(key: signer.fingerprint, reason: "it may not sign"))
        }
        return .success([signature.expiresAt, signer.expiresAt, expiresAt].compactMap { $0 }.min())
    }
}
