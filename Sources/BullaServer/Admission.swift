// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaFlow
import BullaGrafeas
import BullaJobs
import BullaKubernetes
import BullaLog
import BullaRegistry
import BullaSeal
import Foundation
import Logging
import Metrics

/// Admission, composed: the flow over our own store, its record in the log, and what follows from that record.
struct Admission: Sendable {
    /// The webhook and the evaluation.
    let routes: AdmissionRoutes

    private let queue: DecisionQueue
    private let following: DecisionFlow
    private let log: any LogStore
    private let logger: Logger

    init(
        policies: PolicyCache, names: RecordNames, metadata: any MetadataAPI, manifests: any ManifestStore,
        log: any LogStore, keys: KeyStore?, now: @escaping @Sendable () -> Date, logger: Logger
    ) {
        let queue = DecisionQueue()
        let gatherer = EvidenceGatherer(names: names, metadata: metadata)
        let source = AdmitFlow.Source(
            evidence: { image, needsScan, attestors, now throws(BullaError) in
                try await gatherer.evidence(of: image, needsScan: needsScan, attestors: attestors, at: now)
            },
            digestOfTag: { image in
                guard image.registry == names.registryName, let tag = image.tag else { return nil }
                return try? await manifests.manifest(in: image.repository, tag: tag)?.digest
            },
            revision: { digest throws(BullaError) in try await log.lastSequence(about: digest) })
        let recorder = AdmitFlow.Recorder(
            now: { record throws(BullaError) in
                logger.notice(
                    "allowed in spite of a denial, or by break-glass",
                    metadata: [
                        "namespace": "\(record.namespace)", "name": "\(record.name)", "user": "\(record.user)",
                        "breakGlass": "\(record.breakGlass?.key ?? "-")", "uid": "\(record.uid)",
                    ])
                _ = try await log.append([Self.entry(record)])
            },
            later: { record in
                if !queue.add(record) { Counter(label: "bulla_decisions_dropped_total").increment() }
            })
        routes = AdmissionRoutes(
            AdmitFlow(policy: { policies.policy }, source: source, recorder: recorder, now: now))
        following = DecisionFlow(names: names, metadata: metadata, keys: keys, now: now)
        self.queue = queue
        self.log = log
        self.logger = logger
    }

    /// Records the decisions that were answered already, until the task is cancelled.
    func run() async throws {
        await queue.run(
            failed: { error in
                logger.error("decisions cannot be recorded; they are kept", metadata: ["error": "\(error)"])
            },
            write: { records throws(BullaError) in
                var entries: [NewEntry] = []
                for record in records { entries.append(try Self.entry(record)) }
                _ = try await log.append(entries)
            })
    }

    /// Does the job that follows a recorded decision.
    @Sendable func follow(_ job: Job) async throws {
        let record: DecisionRecord
        do {
            record = try DecisionRecord(decoding: job.payload)
        } catch {
            throw PermanentFailure(error.message)
        }
        try await following.follow(record)
    }

    /// Without a digest: an entry about an image would make every verdict about it look out of date.
    private static func entry(_ record: DecisionRecord) throws(BullaError) -> NewEntry {
        NewEntry(
            kind: .decision, subject: "\(record.namespace)/\(record.name)", payload: try record.encoded(),
            time: record.time)
    }
}
