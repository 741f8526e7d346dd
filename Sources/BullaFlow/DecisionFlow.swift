// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaGrafeas
public import BullaSeal
public import Foundation
import GrafeasMessages
import SwiftProtobuf

/// Makes what follows from a recorded decision: deployment occurrences, and the attestations that policies promise.
///
/// It knows the record and nothing else of the request, and may run twice: names are derived from what is recorded, and
/// an attestation that is there is kept.
public struct DecisionFlow: Sendable {
    private let names: RecordNames
    private let metadata: any MetadataAPI
    private let keys: KeyStore?
    private let now: @Sendable () -> Date

    /// Makes the flow; without keys no attestation can be made.
    public init(
        names: RecordNames, metadata: any MetadataAPI, keys: KeyStore?, now: @escaping @Sendable () -> Date
    ) {
        self.names = names
        self.metadata = metadata
        self.keys = keys
        self.now = now
    }

    /// Follows a decision.
    ///
    /// - Throws: What the metadata API answers with, or `failedPrecondition` when a promised attestation has no key;
    ///   all that could be made has been made then.
    public func follow(_ record: DecisionRecord) async throws(BullaError) {
        guard !record.dryRun else { return }
        if record.allowed, record.kind == "Pod" { try await recordDeployments(record) }
        var failure: BullaError?
        for image in record.images {
            for promise in image.promises {
                do {
                    try await keep(promise, about: image)
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }

    // MARK: - Deployments

    /// One occurrence per image that the pod runs, in the project of the image.
    private func recordDeployments(_ record: DecisionRecord) async throws(BullaError) {
        var recordings: [ProjectName: Recording] = [:]
        for judged in record.images {
            guard let text = judged.image, let image = try? ImageReference(text), let digest = image.digest,
                let project = try? names.project(of: image)
            else { continue }
            let resource = ResourceURI(image.at(digest), digest).description
            let note = try NoteName(parent: project, id: "deployment")
            let name = OccurrenceName(project: project, derivedFrom: ["DEPLOYMENT", resource, record.uid])
            var recording = recordings[project] ?? Recording(notes: [Self.note(note, resource)])
            recording.occurrences.append(
                Recording.Upsert(
                    name,
                    .with {
                        $0.resourceUri = resource
                        $0.noteName = note.description
                        $0.kind = .deployment
                        $0.deployment = Self.deployment(record, resource)
                    }))
            recordings[project] = recording
        }
        for recording in recordings.values { _ = try await metadata.record(recording) }
    }

    private static func note(_ name: NoteName, _ resource: String) -> Recording.EnsuredNote {
        Recording.EnsuredNote(
            name,
            .with {
                $0.kind = .deployment
                $0.shortDescription = "Where images of this project were admitted to run"
                $0.deployment = .with { $0.resourceUri = [resource] }
            })
    }

    private static func deployment(_ record: DecisionRecord, _ resource: String) -> Grafeas_V1_DeploymentOccurrence {
        .with {
            $0.userEmail = record.user
            $0.deployTime = FindingRecord.timestamp(record.time)
            $0.address = "\(record.namespace)/\(record.name)"
            $0.config = "\(record.apiVersion) \(record.kind), service account \(record.serviceAccount)"
            $0.resourceUri = [resource]
            $0.platform = .custom
        }
    }

    // MARK: - Promises

    private func keep(
        _ promise: DecisionRecord.Image.Promise, about judged: DecisionRecord.Image
    ) async throws(BullaError) {
        guard let text = judged.image, let image = try? ImageReference(text), let digest = image.digest else { return }
        guard let keys else {
            throw BullaError(
                .failedPrecondition, "\(promise.policy) wants '\(image)' attested, but the server has no folder of keys"
            )
        }
        let key = try keys.signingKey(named: promise.secret)
        let payload = SimpleSigning(image, digest).payload
        let note = try NoteName(promise.note)
        let record = AttestationRecord(names: names, metadata: metadata)
        try await record.ensure(note)
        _ = try await record.record(
            payload: payload, signature: try key.sign(payload, at: now()), keyID: key.keyID, of: image.at(digest),
            digest, under: note, in: try names.project(of: image), ifExists: .keep)
    }
}
