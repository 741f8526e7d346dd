// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaGrafeas
public import BullaPolicy
import BullaSeal
public import Foundation
import GrafeasMessages
import SwiftProtobuf
import Synchronization

/// Reads what is recorded about an image and turns it into plain facts; what does not verify is not evidence.
///
/// It asks the metadata API only, so it costs one list by resource for the scan and one by note for each attestor, all
/// of them index look-ups; a signature is verified with keys that are parsed once per attestor.
public final class EvidenceGatherer: Sendable {
    private let names: RecordNames
    private let metadata: any MetadataAPI
    private let verifiers = Mutex<[Attestor: Verifier]>([:])
    private let verified = Mutex<[Verification: Evidence.Seal]>([:])

    /// An attestation under the keys of an attestor, for an image of one name: what a signature is verified for once.
    private struct Verification: Hashable {
        var attestor: Attestor
        var occurrence: String
        var updated: Int64
        var image: String
    }

    /// The most verified signatures that are remembered.
    private static let remembered = 65_536

    /// Makes a gatherer.
    public init(names: RecordNames, metadata: any MetadataAPI) {
        self.names = names
        self.metadata = metadata
    }

    /// Gathers the evidence about an image.
    ///
    /// - Parameters:
    ///   - image: The image, by digest; about a tag nothing is known.
    ///   - needsScan: Whether the scan's result is needed.
    ///   - attestors: Whose attestations are needed.
    ///   - now: The present, for what expires.
    /// - Returns: The facts.
    /// - Throws: What the metadata API answers with.
    public func evidence(
        of image: ImageReference, needsScan: Bool, attestors: [Attestor], at now: Date
    ) async throws(BullaError) -> Evidence {
        var evidence = Evidence()
        guard let digest = image.digest else { return evidence }
        if needsScan { try await gatherScan(of: image, digest, into: &evidence) }
        for attestor in attestors {
            try await gatherSeals(of: image, digest, by: attestor, at: now, into: &evidence)
        }
        return evidence
    }

    // MARK: - Scan

    private func gatherScan(
        of image: ImageReference, _ digest: Digest, into evidence: inout Evidence
    ) async throws(BullaError) {
        let project = try names.project(of: image)
        let resources = image.spellings.map { "https://\($0)@\(digest)" }
        let kinds = "(kind=\"DISCOVERY\" OR kind=\"VULNERABILITY\")"
        var token = ""
        repeat {
            let page = try await metadata.listOccurrences(
                .with {
                    $0.parent = project.description
                    $0.filter = "\(Self.filter(resources)) AND \(kinds)"
                    $0.pageSize = 1000
                    $0.pageToken = token
                })
            for occurrence in page.occurrences {
                guard let note = try? NoteName(occurrence.noteName) else { continue }
                switch occurrence.kind {
                case .discovery where note.parent.project == names.analysisProvider:
                    evidence.scan = Self.scan(occurrence.discovery)
                case .vulnerability where note.parent.project == names.vulnerabilityProvider:
                    evidence.vulnerabilities.append(Self.vulnerability(occurrence.vulnerability, note.id))
                default: break
                }
            }
            token = page.nextPageToken
        } while !token.isEmpty
    }

    private static func scan(_ discovery: Grafeas_V1_DiscoveryOccurrence) -> Evidence.Scan {
        let reason = discovery.analysisStatusError.message
        switch discovery.analysisStatus {
        case .pending: return .pending
        case .scanning: return .scanning
        case .finishedSuccess:
            return .finished(
                at: discovery.lastScanTime.date, judged: !discovery.analysisCompleted.analysisType.isEmpty)
        case .finishedFailed: return .failed(reason.isEmpty ? "no reason was recorded" : reason)
        case .finishedUnsupported: return .unsupported(reason.isEmpty ? "no reason was recorded" : reason)
        default: return .never
        }
    }

    private static func vulnerability(
        _ occurrence: Grafeas_V1_VulnerabilityOccurrence, _ id: String
    ) -> Evidence.Vulnerability {
        let fixes = occurrence.packageIssue.map(\.fixedVersion)
        let severity = Severity(rawValue: occurrence.effectiveSeverity.rawValue) ?? .unspecified
        return Evidence.Vulnerability(
            id: id, severity: severity, hasFix: fixes.allSatisfy { $0.kind != .maximum },
            fixedVersion: fixes.first { $0.kind == .normal }.map { $0.fullName.isEmpty ? $0.name : $0.fullName },
            package: occurrence.packageIssue.first?.affectedPackage)
    }

    // MARK: - Seals

    private func gatherSeals(
        of image: ImageReference, _ digest: Digest, by attestor: Attestor, at now: Date, into evidence: inout Evidence
    ) async throws(BullaError) {
        let verifier = verifier(of: attestor)
        let resources = image.spellings.map { "https://\($0)@\(digest)" }
        var token = ""
        repeat {
            let page: Grafeas_V1_ListNoteOccurrencesResponse
            do {
                page = try await metadata.listNoteOccurrences(
                    .with {
                        $0.name = attestor.note
                        $0.filter = Self.filter(resources)
                        $0.pageSize = 1000
                        $0.pageToken = token
                    })
            } catch {
                // An attestor whose note nobody made has attested nothing.
                if error.code == .notFound { return }
                throw error
            }
            for occurrence in page.occurrences where occurrence.kind == .attestation {
                // An attestation never changes under its name, so one that held once holds until its key expires.
                let verification = Verification(
                    attestor: attestor, occurrence: occurrence.name, updated: occurrence.updateTime.seconds,
                    image: image.name)
                if let seal = verified.withLock({ $0[verification] }), seal.until.map({ $0 > now }) ?? true {
                    evidence.seals[attestor.id, default: []].append(seal)
                    continue
                }
                let attestation = occurrence.attestation
                let signatures = attestation.signatures.map {
                    Verifier.Signature(bytes: $0.signature, keyID: $0.publicKeyID)
                }
                let (valid, failures) = verifier.firstValid(
                    serializedPayload: attestation.serializedPayload, signatures: signatures, for: image,
                    digest: digest, at: now)
                if let valid {
                    let seal = Evidence.Seal(
                        occurrence: occurrence.name, keyID: valid.keyID, until: valid.validUntil)
                    evidence.seals[attestor.id, default: []].append(seal)
                    verified.withLock { all in
                        if all.count >= Self.remembered { all.removeAll() }
                        all[verification] = seal
                    }
                } else {
                    evidence.rejectedSeals[attestor.id, default: []].append(
                        .init(
                            occurrence: occurrence.name, keyID: signatures.first?.keyID,
                            reason: failures.map(\.description).joined(separator: "; ")))
                }
            }
            token = page.nextPageToken
        } while !token.isEmpty
    }

    /// The verifier of an attestor, its keys parsed once.
    ///
    /// A key that does not parse is left out, as Kritis does; without any, nothing verifies.
    private func verifier(of attestor: Attestor) -> Verifier {
        if let known = verifiers.withLock({ $0[attestor] }) { return known }
        var keys: [PublicKey] = []
        for key in attestor.keys {
            switch key.format {
            case .openPGP:
                if let parsed = try? PublicKey.keys(in: Array(key.text.utf8)) { keys += parsed }
            case .pkix(let algorithm):
                let named = SignatureAlgorithm(name: algorithm)
                guard named != nil || algorithm.isEmpty else { continue }
                if let parsed = try? PublicKey(pem: key.text, algorithm: named, id: key.id) { keys.append(parsed) }
            }
        }
        let verifier = Verifier(trusting: keys)
        verifiers.withLock { all in
            // Policies change seldom; a bound all the same, for nothing may grow for ever.
            if all.count > 1024 { all.removeAll() }
            all[attestor] = verifier
        }
        return verifier
    }

    private static func filter(_ resources: [String]) -> String {
        let terms = resources.map { "resourceUrl=\"\($0)\"" }
        return terms.count == 1 ? terms[0] : "(" + terms.joined(separator: " OR ") + ")"
    }
}
