// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaGrafeas
public import BullaSeal
import Foundation
import GrafeasMessages
import SwiftProtobuf

/// Makes what follows from a recorded decision: deployment occurrences, and the attestations that a policy promised.
///
/// It works from the record alone, after the answer was given, and may be repeated: names are derived from the decision,
/// and an attestation that is there is kept.
public struct DecisionFollowUp: Sendable {
    private let names: RecordNames
    private let metadata: any MetadataAPI
    private let keys: KeyStore?

    /// Makes the follow-up.
    ///
    /// - Parameters:
    ///   - names: The names of the chain.
    ///   - metadata: Where records go.
    ///   - keys: The signing keys by the name that policies give them; none where no folder was configured.
    public init(names: RecordNames, metadata: any MetadataAPI, keys: KeyStore?) {
        self.names = names
        self.metadata = metadata
        self.keys = keys
    }

    /// Follows a decision.
    ///
    /// - Returns: What could not be promised, for the log: a missing key, or one that may not sign.
    /// - Throws: What the store answers with.
    public func follow(_ decision: DecisionRecord) async throws(BullaError) -> [BullaError] {
        guard decision.allowed, !decision.dryRun else { return [] }
        var broken: [BullaError] = []
        for judged in decision.images {
            guard let text = judged.image, let image = try? ImageReference(text), let digest = image.digest else {
                continue
            }
            if decision.kind == "Pod" { try await recordDeployment(of: image, digest, decision) }
            for promise in judged.promises {
                do {
                    try await keep(promise, about: image, digest, at: decision.time)
                } catch {
                    switch error.code {
                    case .unavailable, .internal, .deadlineExceeded, .cancelled: throw error
                    default: broken.append(error)
                    }
                }
            }
        }
        return broken
    }

    private func recordDeployment(
        of image: ImageReference, _ digest: Digest, _ decision: DecisionRecord
    ) async throws(BullaError) {
        let project = try names.project(of: image)
        let resource = ResourceURI(image, digest).description
        let note = try NoteName(parent: project, id: "deployment")
        let name = OccurrenceName(
            project: project, derivedFrom: ["DEPLOYMENT", decision.uid, decision.namespace, resource])
        let place = decision.namespace + (decision.name.isEmpty ? "" : "/" + decision.name)
        _ = try await metadata.record(
            Recording(
                notes: [
                    .init(
                        note,
                        .with {
                            $0.kind = .deployment
                            $0.shortDescription = "Images of this project that were admitted to a cluster"
                            $0.deployment = .with { $0.resourceUri = ["https://\(names.registryName)"] }
                        })
                ],
                occurrences: [
                    .init(
                        name,
                        .with {
                            $0.resourceUri = resource
                            $0.noteName = note.description
                            $0.kind = .deployment
                            $0.deployment = .with {
                                $0.userEmail = decision.user
                                $0.deployTime = FindingRecord.timestamp(decision.time)
                                $0.config = decision.policyRevision
                                $0.address = place
                                $0.resourceUri = [resource]
                                $0.platform = .custom
                            }
                        })
                ]))
    }

    private func keep(
        _ promise: DecisionRecord.Image.Promise, about image: ImageReference, _ digest: Digest, at time: Date
    ) async throws(BullaError) {
        guard let keys else {
            throw BullaError(
                .failedPrecondition,
                "policy '\(promise.policy)' promises an attestation with key '\(promise.secret)', but no folder of keys is configured (--keys)"
            )
        }
        let key = try keys.signingKey(named: promise.secret)
        let payload = SimpleSigning(image, digest).payload
        let note = try NoteName(promise.note)
        let record = AttestationRecord(names: names, metadata: metadata)
        try await record.ensure(note)
        _ = try await record.record(
            payload: payload, signature: try key.sign(payload, at: time), keyID: key.keyID, of: image, digest,
            under: note, in: try names.project(of: image), ifExists: .keep)
    }
}
