// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import BullaJobs
import BullaSQL
public import Foundation

/// The job queue in SQL.
public struct SQLJobQueue: JobQueue {
    let pool: SQLPool
    let signal: ChangeSignal

    private static let waiting: Int64 = 0
    private static let running: Int64 = 1
    private static let dead: Int64 = 2

    /// Takes the leases from whoever held them: at start, when no worker can be alive.
    static func recover(on connection: any SQLConnection) throws(BullaError) {
        try connection.execute("UPDATE jobs SET state = 0 WHERE state = 1")
    }

    /// Asks for work, all of it in one transaction.
    ///
    /// - Throws: `unavailable` when the queue cannot write.
    public func enqueue(_ jobs: [NewJob], at now: Date) async throws(BullaError) {
        guard !jobs.isEmpty else { return }
        try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            for job in jobs { try Self.enqueue(job, at: now, on: connection) }
        }
        signal.fire()
    }

    /// Asks for work within a transaction.
    static func enqueue(_ job: NewJob, at now: Date, on connection: any SQLConnection) throws(BullaError) {
        try connection.execute(
            """
            INSERT INTO jobs (kind, key, priority, payload, state, attempts, again, not_before, lease_end, reason,
                change_time)
            VALUES (?, ?, ?, ?, 0, 0, 0, ?, 0, '', ?)
            ON CONFLICT (kind, key) DO UPDATE SET
                payload = excluded.payload,
                priority = max(priority, excluded.priority),
                again = CASE state WHEN 1 THEN 1 ELSE 0 END,
                not_before = CASE state WHEN 0 THEN min(not_before, excluded.not_before) ELSE excluded.not_before END,
                attempts = CASE state WHEN 2 THEN 0 ELSE attempts END,
                state = CASE state WHEN 2 THEN 0 ELSE state END,
                change_time = excluded.change_time
            """,
            [
                .text(job.kind), .text(job.key), .integer(Int64(job.priority)), .blob(job.payload),
                .integer(job.notBefore?.microseconds ?? 0), .integer(now.microseconds),
            ])
    }

    /// Leases the jobs that are due, the highest priority and the longest waiting first.
    ///
    /// - Throws: `unavailable` when the queue cannot write.
    public func lease(
        kinds: [String], limit: Int, until end: Date, at now: Date
    ) async throws(BullaError) -> [Job] {
        // Looking needs no writer, and most looks find nothing.
        let isAnyDue = try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try !Self.due(kinds: kinds, limit: 1, at: now, on: connection).isEmpty
        }
        guard isAnyDue, limit > 0 else { return [] }
        return try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            let due = try Self.due(kinds: kinds, limit: limit, at: now, on: connection)
            for job in due {
                try connection.execute(
                    "UPDATE jobs SET state = 1, attempts = ?, lease_end = ?, change_time = ? WHERE id = ?",
                    [
                        .integer(Int64(job.attempt)), .integer(end.microseconds), .integer(now.microseconds),
                        .integer(job.id),
                    ])
            }
            return due
        }
    }

    private static func due(
        kinds: [String], limit: Int, at now: Date, on connection: any SQLConnection
    ) throws(BullaError) -> [Job] {
        var due: [Job] = []
        for kind in kinds {
            for (state, time) in [(waiting, "not_before"), (running, "lease_end")] {
                due += try connection.rows(
                    """
                    SELECT id, kind, key, priority, payload, attempts FROM jobs INDEXED BY jobs_in_order
                    WHERE state = ? AND kind = ? AND \(time) <= ? ORDER BY priority DESC, id LIMIT ?
                    """,
                    [.integer(state), .text(kind), .integer(now.microseconds), .integer(Int64(limit))]
                ) { row in
                    Job(
                        id: row.integer(0), kind: row.text(1), key: row.text(2), priority: Int(row.integer(3)),
                        payload: row.blob(4), attempt: Int(row.integer(5)) + 1)
                }
            }
        }
        due.sort { ($1.priority, $0.id) < ($0.priority, $1.id) }
        return Array(due.prefix(limit))
    }

    /// Lengthens a lease.
    ///
    /// - Returns: Whether the worker still held it.
    /// - Throws: `unavailable` when the queue cannot write.
    public func extend(_ job: Job, until end: Date) async throws(BullaError) -> Bool {
        try await change(
            job, "UPDATE jobs SET lease_end = ? WHERE id = ? AND state = 1 AND attempts = ?",
            [.integer(end.microseconds)])
    }

    /// Ends a job that was done; one that was asked for again meanwhile waits once more.
    ///
    /// - Returns: Whether the worker still held the lease.
    /// - Throws: `unavailable` when the queue cannot write.
    @discardableResult
    public func finish(_ job: Job, at now: Date) async throws(BullaError) -> Bool {
        let (held, isAgain) = try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            let lease: [SQLValue] = [.integer(job.id), .integer(Int64(job.attempt))]
            let gone = try connection.execute(
                "DELETE FROM jobs WHERE id = ? AND state = 1 AND attempts = ? AND again = 0", lease)
            if gone > 0 { return (true, false) }
            let again = try connection.execute(
                """
                UPDATE jobs SET state = 0, attempts = 0, again = 0, reason = '', change_time = ?
                WHERE id = ? AND state = 1 AND attempts = ?
                """, [.integer(now.microseconds)] + lease)
            return (again > 0, again > 0)
        }
        if isAgain { signal.fire() }
        return held
    }

    /// Puts a job back that failed, or gives it up.
    ///
    /// - Returns: Whether the worker still held the lease.
    /// - Throws: `unavailable` when the queue cannot write.
    @discardableResult
    public func fail(
        _ job: Job, because reason: String, retryingAt next: Date?, at now: Date
    ) async throws(BullaError) -> Bool {
        // One that was asked for again starts anew, as if it had been dead.
        try await change(
            job,
            """
            UPDATE jobs SET state = CASE again WHEN 1 THEN 0 ELSE ? END,
                attempts = CASE again WHEN 1 THEN 0 ELSE attempts END,
                not_before = CASE again WHEN 1 THEN not_before ELSE ? END, reason = ?, change_time = ?, again = 0
            WHERE id = ? AND state = 1 AND attempts = ?
            """,
            [
                .integer(next == nil ? Self.dead : Self.waiting), .integer(next?.microseconds ?? 0), .text(reason),
                .integer(now.microseconds),
            ])
    }

    /// Puts a job back that was not tried, because the worker stops.
    ///
    /// - Throws: `unavailable` when the queue cannot write.
    public func release(_ job: Job, at now: Date) async throws(BullaError) {
        _ = try await change(
            job,
            """
            UPDATE jobs SET state = 0, attempts = attempts - 1, again = 0, not_before = 0, change_time = ?
            WHERE id = ? AND state = 1 AND attempts = ?
            """, [.integer(now.microseconds)])
    }

    /// Changes a job whose lease the worker holds; the id and the attempt come last.
    private func change(
        _ job: Job, _ statement: String, _ values: [SQLValue]
    ) async throws(BullaError) -> Bool {
        let bound = values + [.integer(job.id), .integer(Int64(job.attempt))]
        let changed = try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try connection.execute(statement, bound)
        }
        return changed > 0
    }

    /// Whether a job of this kind and key waits or runs.
    ///
    /// - Throws: `unavailable` when the queue cannot read.
    public func isPending(kind: String, key: String) async throws(BullaError) -> Bool {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.first(
                "SELECT 1 FROM jobs WHERE kind = ? AND key = ? AND state < 2", [.text(kind), .text(key)]
            ) { $0.integer(0) } != nil
        }
    }

    /// How many jobs of each kind are in which state.
    ///
    /// - Throws: `unavailable` when the queue cannot read.
    public func counts() async throws(BullaError) -> [String: JobCounts] {
        let rows = try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows("SELECT kind, state, count(*) FROM jobs GROUP BY state, kind") { row in
                (row.text(0), row.integer(1), Int(row.integer(2)))
            }
        }
        var counts: [String: JobCounts] = [:]
        for (kind, state, count) in rows {
            switch state {
            case Self.waiting: counts[kind, default: JobCounts()].waiting += count
            case Self.running: counts[kind, default: JobCounts()].running += count
            default: counts[kind, default: JobCounts()].dead += count
            }
        }
        return counts
    }

    /// The jobs that were given up, the latest first.
    ///
    /// - Throws: `unavailable` when the queue cannot read.
    public func deadJobs(limit: Int) async throws(BullaError) -> [DeadJob] {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows(
                """
                SELECT kind, key, attempts, reason, change_time FROM jobs WHERE state = 2
                ORDER BY change_time DESC, id DESC LIMIT ?
                """, [.integer(Int64(max(0, limit)))]
            ) { row in
                DeadJob(
                    kind: row.text(0), key: row.text(1), attempts: Int(row.integer(2)), reason: row.text(3),
                    time: Date(microseconds: row.integer(4)))
            }
        }
    }

    /// A stream with an element after jobs were put into the queue.
    public func additions() -> AsyncStream<Void> { signal.stream() }
}
