// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
public import Foundation
import Synchronization

/// An error that no repetition will mend: the job is given up at once.
public struct PermanentFailure: Error, Sendable, CustomStringConvertible {
    /// Why the job cannot be done.
    public let description: String

    /// Gives the reason.
    public init(_ reason: String) { description = reason }
}

/// Kinds of jobs that share workers, apart from all others, so that a slow kind never holds up another.
public struct JobLane: Sendable {
    /// How jobs of one kind are done.
    public typealias Work = @Sendable (Job) async throws -> Void

    /// What the lane is called.
    public let name: String
    /// How many jobs at once.
    public let workers: Int
    /// How long a lease lasts before it is renewed or lost.
    public let lease: Duration
    /// When failures are tried again.
    public let backoff: Backoff
    /// What is done, by kind.
    public let works: [String: Work]

    /// Describes a lane.
    public init(
        name: String, workers: Int, lease: Duration = .seconds(60), backoff: Backoff = Backoff(),
        works: [String: Work]
    ) {
        self.name = name
        self.workers = max(1, workers)
        self.lease = lease
        self.backoff = backoff
        self.works = works
    }
}

/// Does the jobs of a queue, lane by lane, until its task is cancelled.
///
/// A lease is renewed while the work goes on, so a worker that dies loses it and another takes the job. Work that throws
/// is tried again after a growing wait and given up, with its reason, when it was tried too often. What happens is told to
/// the observer, for logs and metrics.
public struct JobRunner: Sendable {
    /// What became of an attempt.
    public enum Outcome: Sendable {
        /// The job is done.
        case finished
        /// It failed and will be tried again.
        case retrying(reason: String, after: Duration)
        /// It was given up.
        case dead(reason: String)
        /// The lease was lost, and another worker has the job.
        case lost
        /// The runner stops, and the job waits for the next start.
        case released
        /// The queue itself failed.
        case queueFailed(reason: String)
    }

    private let queue: any JobQueue
    private let lanes: [JobLane]
    private let poll: Duration
    private let now: @Sendable () -> Date
    private let observe: @Sendable (Job?, Outcome) -> Void

    /// Makes a runner.
    ///
    /// - Parameters:
    ///   - queue: Where the jobs wait.
    ///   - lanes: Who does them.
    ///   - poll: How often to look for jobs whose time has come or whose lease ran out; new ones are seen at once.
    ///   - now: The clock.
    ///   - observe: Told of every attempt's end.
    public init(
        queue: any JobQueue, lanes: [JobLane], poll: Duration = .seconds(1),
        now: @escaping @Sendable () -> Date = { Date() },
        observe: @escaping @Sendable (Job?, Outcome) -> Void = { _, _ in }
    ) {
        self.queue = queue
        self.lanes = lanes
        self.poll = poll
        self.now = now
        self.observe = observe
    }

    /// Does jobs until the task is cancelled; those begun are then put back.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in lanes { group.addTask { try await run(lane) } }
            try await group.waitForAll()
        }
        try Task.checkCancellation()
    }

    private func run(_ lane: JobLane) async throws {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let busy = Busy()
        let kinds = lane.works.keys.sorted()
        // Listened to before the first look, so that nothing is added unheard between the two.
        let additions = queue.additions()
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await _ in additions { wake.yield() }
                wake.finish()
            }
            group.addTask {
                // The sleep throws only when the task is cancelled, which ends the lane.
                while !Task.isCancelled {
                    try? await Task.sleep(for: poll)
                    wake.yield()
                }
                wake.finish()
            }
            wake.yield()
            for await _ in wakes {
                let free = lane.workers - busy.count.withLock { $0 }
                guard free > 0, !Task.isCancelled else { continue }
                do throws(BullaError) {
                    let jobs = try await queue.lease(
                        kinds: kinds, limit: free, until: now().addingTimeInterval(lane.lease.seconds), at: now())
                    for job in jobs {
                        busy.count.withLock { $0 += 1 }
                        group.addTask {
                            await attempt(job, in: lane)
                            busy.count.withLock { $0 -= 1 }
                            wake.yield()
                        }
                    }
                } catch {
                    observe(nil, .queueFailed(reason: error.description))
                }
            }
            group.cancelAll()
        }
        try Task.checkCancellation()
    }

    private func attempt(_ job: Job, in lane: JobLane) async {
        let failure = await work(on: job, in: lane)
        do throws(BullaError) {
            observe(job, try await settle(job, failure, in: lane))
        } catch {
            // The lease runs out, and the job is tried again.
            observe(job, .queueFailed(reason: error.description))
        }
    }

    /// Runs the work beside the renewal of its lease.
    private func work(on job: Job, in lane: JobLane) async -> (any Error)? {
        guard let work = lane.works[job.kind] else { return PermanentFailure("nobody does jobs of kind \(job.kind)") }
        return await withTaskGroup(of: (any Error)?.self) { group in
            group.addTask {
                do {
                    try await work(job)
                    return nil
                } catch {
                    return error
                }
            }
            group.addTask {
                do {
                    while true {
                        try await Task.sleep(for: lane.lease / 3)
                        guard try await queue.extend(job, until: now().addingTimeInterval(lane.lease.seconds)) else {
                            return LostLease()
                        }
                    }
                } catch is CancellationError {
                    return nil
                } catch {
                    return error
                }
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            await group.waitForAll()
            return first
        }
    }

    private func settle(_ job: Job, _ failure: (any Error)?, in lane: JobLane) async throws(BullaError) -> Outcome {
        guard let failure else { return try await queue.finish(job, at: now()) ? .finished : .lost }
        if failure is LostLease { return .lost }
        if Task.isCancelled || failure is CancellationError {
            try await queue.release(job, at: now())
            return .released
        }
        let reason = String(String(describing: failure).prefix(1000))
        let delay: Duration? =
            failure is PermanentFailure
            ? nil : lane.backoff.delay(after: job.attempt, random: Double.random(in: 0..<1))
        let next = delay.map { now().addingTimeInterval($0.seconds) }
        guard try await queue.fail(job, because: reason, retryingAt: next, at: now()) else { return .lost }
        return delay.map { .retrying(reason: reason, after: $0) } ?? .dead(reason: reason)
    }
}

/// How many workers of a lane have a job.
private final class Busy: Sendable {
    let count = Mutex(0)
}

/// Says that another worker has the job now.
private struct LostLease: Error {}

extension Duration {
    /// The duration in seconds, for Foundation's dates.
    fileprivate var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
