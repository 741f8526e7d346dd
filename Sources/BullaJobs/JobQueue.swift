// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import Foundation

/// Where work waits, durably.
///
/// There is one job for each kind and key. It waits, is leased by a worker, and then is finished and gone, waits again
/// after a failure, or is dead once it was tried too often. Asked for again while it waits, it takes the new payload and
/// the higher priority; while it runs, it runs once more afterwards, for the worker may have looked already; when it is
/// dead, it starts anew.
public protocol JobQueue: Sendable {
    /// Asks for work, all of it in one transaction.
    ///
    /// - Throws: `unavailable` when the queue cannot write.
    func enqueue(_ jobs: [NewJob], at now: Date) async throws(BullaError)

    /// Leases the jobs that are due, the highest priority and the longest waiting first.
    ///
    /// A job whose lease ran out is due again.
    ///
    /// - Throws: `unavailable` when the queue cannot write.
    func lease(kinds: [String], limit: Int, until end: Date, at now: Date) async throws(BullaError) -> [Job]

    /// Lengthens a lease.
    ///
    /// - Returns: Whether the worker still held it.
    /// - Throws: `unavailable` when the queue cannot write.
    func extend(_ job: Job, until end: Date) async throws(BullaError) -> Bool

    /// Ends a job that was done.
    ///
    /// - Returns: Whether the worker still held the lease.
    /// - Throws: `unavailable` when the queue cannot write.
    @discardableResult
    func finish(_ job: Job, at now: Date) async throws(BullaError) -> Bool

    /// Puts a job back that failed, or gives it up.
    ///
    /// - Parameters:
    ///   - job: The job.
    ///   - reason: Why it failed.
    ///   - next: When to try again; nil gives it up.
    ///   - now: The time.
    /// - Returns: Whether the worker still held the lease.
    /// - Throws: `unavailable` when the queue cannot write.
    @discardableResult
    func fail(_ job: Job, because reason: String, retryingAt next: Date?, at now: Date) async throws(BullaError) -> Bool

    /// Puts a job back that was not tried, because the worker stops.
    ///
    /// - Throws: `unavailable` when the queue cannot write.
    func release(_ job: Job, at now: Date) async throws(BullaError)

    /// Whether a job of this kind and key waits or runs.
    ///
    /// - Throws: `unavailable` when the queue cannot read.
    func isPending(kind: String, key: String) async throws(BullaError) -> Bool

    /// How many jobs of each kind are in which state.
    ///
    /// - Throws: `unavailable` when the queue cannot read.
    func counts() async throws(BullaError) -> [String: JobCounts]

    /// The jobs that were given up, the latest first.
    ///
    /// - Throws: `unavailable` when the queue cannot read.
    func deadJobs(limit: Int) async throws(BullaError) -> [DeadJob]

    /// A stream with an element after jobs were put into the queue; several may share one.
    func additions() -> AsyncStream<Void>
}
