// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
import BullaArtifact
public import BullaJobs
public import BullaLog
public import BullaRegistry
public import Foundation
public import Logging

/// Turns what happened into work to be done: reads the log in order and asks for jobs, idempotently.
///
/// A pushed manifest is scanned once for each repository and digest; a recorded decision is followed up. At a start every
/// manifest that no scan has told about is asked for, and when another advisory database takes the place of the old one,
/// every manifest.
public struct Dispatcher: Sendable {
    /// The kind of the jobs that scan.
    public static let scanKind = "scan"
    /// How often a scan is tried.
    public static let attempts = 8
    /// The kind of the jobs that follow a recorded decision.
    public static let decisionKind = "decision"

    /// What the job of a scan says.
    private struct ScanOrder: Codable {
        var repository: String
        var digest: String
    }

    /// The part of an `image.pushed` entry that a scan needs.
    private struct Push: Decodable {
        var repository: String
        var kind: String?
    }

    private let log: any LogStore
    private let jobs: any JobQueue
    private let manifests: any ManifestStore
    private let scanFlow: ScanFlow
    private let advisories: CurrentAdvisories
    private let now: @Sendable () -> Date
    private let logger: Logger
    private let memory: Memory

    /// Where the dispatcher remembers, from one start to the next, which advisory database everything was judged by.
    public struct Memory: Sendable {
        /// What was remembered.
        public var recall: @Sendable () async throws -> String?
        /// Remembers something else.
        public var keep: @Sendable (String) async throws -> Void

        /// Names the two.
        public init(
            recall: @escaping @Sendable () async throws -> String?,
            keep: @escaping @Sendable (String) async throws -> Void
        ) {
            self.recall = recall
            self.keep = keep
        }
    }

    /// Makes a dispatcher.
    public init(
        log: any LogStore, jobs: any JobQueue, manifests: any ManifestStore, scanFlow: ScanFlow,
        advisories: CurrentAdvisories, memory: Memory, now: @escaping @Sendable () -> Date, logger: Logger
    ) {
        self.memory = memory
        self.log = log
        self.jobs = jobs
        self.manifests = manifests
        self.scanFlow = scanFlow
        self.advisories = advisories
        self.now = now
        self.logger = logger
    }

    /// Reads the log and watches the advisory database until the task is cancelled.
    ///
    /// - Throws: `CancellationError` when the task is cancelled, and what the store answers with.
    public func run() async throws {
        try await enqueueAll { key in try await !scanFlow.isRecorded(key.repository, key.digest) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await LogReader(name: "dispatcher", log: log).run(dispatch) }
            group.addTask { try await watchAdvisories() }
            try await group.next()
            group.cancelAll()
        }
    }

    /// Does a scan job.
    ///
    /// - Throws: `PermanentFailure` for a job that says nothing, and what the scan throws.
    public func scan(_ job: Job) async throws {
        guard let order = try? JSONDecoder().decode(ScanOrder.self, from: Data(job.payload)) else {
            throw PermanentFailure("the job does not say what to scan")
        }
        let digest = try Digest(order.digest)
        do throws(BullaError) {
            try await scanFlow.scan(order.repository, digest)
        } catch {
            // Nobody tries again after this attempt, so the record must not say for ever that the scan is running.
            if job.attempt >= Self.attempts, error.code != .cancelled {
                try await scanFlow.giveUp(
                    order.repository, digest, because: "given up after \(job.attempt) attempts: \(error.message)")
            }
            throw error
        }
    }

    private func dispatch(_ entries: [Entry]) async throws {
        var asked: [NewJob] = []
        for entry in entries {
            switch entry.kind {
            case .imagePushed:
                guard let digest = entry.digest,
                    let push = try? JSONDecoder().decode(Push.self, from: Data(entry.payload))
                else {
                    logger.error("an image.pushed entry cannot be read", metadata: ["entry": "\(entry.sequence)"])
                    continue
                }
                let kind = push.kind.flatMap(ManifestKind.init(rawValue:)) ?? .image
                let key = ManifestKey(repository: push.repository, digest: digest, kind: kind)
                try await scanFlow.announce(key.repository, key.digest)
                asked.append(try order(key, isRescan: false))
            case .decision:
                // Nothing follows from a denial that promises nothing.
                if let decision = try? DecisionRecord(decoding: entry.payload), !decision.allowed,
                    decision.images.allSatisfy(\.promises.isEmpty)
                {
                    continue
                }
                asked.append(
                    NewJob(kind: Self.decisionKind, key: String(entry.sequence), payload: entry.payload))
            default: break
            }
        }
        if !asked.isEmpty { try await jobs.enqueue(asked, at: now()) }
    }

    /// A job for a manifest: an index after the images that it lists, and a repeated scan after all new ones.
    private func order(_ key: ManifestKey, isRescan: Bool) throws -> NewJob {
        let order = ScanOrder(repository: key.repository, digest: key.digest.description)
        return NewJob(
            kind: Self.scanKind, key: "\(key.repository)@\(key.digest)",
            priority: (isRescan ? 0 : 10) + (key.kind == .index ? 0 : 1),
            payload: Array(try JSONEncoder().encode(order)))
    }

    private func enqueueAll(where isWanted: (ManifestKey) async throws -> Bool = { _ in true }) async throws {
        var last: ManifestKey?
        var count = 0
        while true {
            let page = try await manifests.everyManifest(after: last, limit: 500)
            guard let end = page.last else { break }
            var asked: [NewJob] = []
            for key in page where try await isWanted(key) { asked.append(try order(key, isRescan: true)) }
            if !asked.isEmpty { try await jobs.enqueue(asked, at: now()) }
            count += asked.count
            last = end
        }
        if count > 0 { logger.info("queued stored images for a scan", metadata: ["count": "\(count)"]) }
    }

    /// Looks every few seconds whether another advisory database is in force, and scans everything against it.
    private func watchAdvisories() async throws {
        var known = try await memory.recall()
        while true {
            do throws(BullaError) {
                let digest = try advisories.database()?.digest.description
                if let digest, digest != known {
                    logger.info("another advisory database is in force", metadata: ["digest": "\(digest)"])
                    do {
                        try await enqueueAll()
                        try await memory.keep(digest)
                    } catch {
                        throw BullaError(wrapping: error, while: "queueing every image")
                    }
                    known = digest
                }
            } catch {
                if error.code == .cancelled { throw CancellationError() }
                logger.error("the advisory database cannot be taken into force", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: .seconds(2))
        }
    }
}
