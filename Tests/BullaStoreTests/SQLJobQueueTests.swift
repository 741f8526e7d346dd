// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaJobs
import BullaStore
import Foundation
import Synchronization
import Testing

@Suite("SQLJobQueue")
struct SQLJobQueueTests {
    private let now = Date(timeIntervalSince1970: 1_700_000_000)

    private func later(_ seconds: Double) -> Date { now.addingTimeInterval(seconds) }

    private func lease(
        _ queue: SQLJobQueue, _ kinds: [String] = ["scan"], limit: Int = 10, at seconds: Double = 0
    ) async throws -> [Job] {
        try await queue.lease(kinds: kinds, limit: limit, until: later(seconds + 60), at: later(seconds))
    }

    @Test("hands out each job once, the highest priority and the longest waiting first")
    func order() async throws {
        let place = try await Workplace()
        let queue = place.store.jobs
        try await queue.enqueue(
            [
                NewJob(kind: "scan", key: "a"), NewJob(kind: "notice", key: "a", priority: 5),
                NewJob(kind: "scan", key: "b", priority: 1, payload: [1, 2]), NewJob(kind: "scan", key: "c"),
                NewJob(kind: "scan", key: "a"), NewJob(kind: "other", key: "x"),
                NewJob(kind: "scan", key: "d", priority: 9, notBefore: later(10)),
            ], at: now)
        let first = try await lease(queue, ["scan", "notice"], limit: 2)
        #expect(first.map { "\($0.kind) \($0.key)" } == ["notice a", "scan b"])
        #expect(first.last?.payload == [1, 2] && first.last?.attempt == 1)
        let rest = try await lease(queue, ["scan", "notice"])
        #expect(rest.map(\.key) == ["a", "c"])
        #expect(try await lease(queue, ["scan", "notice"]).isEmpty)
        #expect(try await lease(queue, ["scan"], at: 10).map(\.key) == ["d"])
        let counts = try await queue.counts()
        #expect(counts["scan"]?.running == 4 && counts["other"]?.waiting == 1)
        for job in first + rest { #expect(try await queue.finish(job, at: now)) }
        #expect(try await !queue.isPending(kind: "scan", key: "a"))
        #expect(try await queue.isPending(kind: "scan", key: "d"))
    }

    @Test("gives a job whose lease ran out to another, and fences the first off")
    func leases() async throws {
        let place = try await Workplace()
        let queue = place.store.jobs
        try await queue.enqueue([NewJob(kind: "scan", key: "a")], at: now)
        let first = try #require(try await lease(queue).first)
        #expect(try await lease(queue, at: 59).isEmpty)
        #expect(try await queue.extend(first, until: later(100)))
        #expect(try await lease(queue, at: 61).isEmpty)
        let second = try #require(try await lease(queue, at: 101).first)
        #expect(second.id == first.id && second.attempt == 2)
        #expect(try await !queue.extend(first, until: later(200)))
        #expect(try await !queue.finish(first, at: now))
        #expect(try await !queue.fail(first, because: "late", retryingAt: nil, at: now))
        #expect(try await queue.finish(second, at: now))
    }

    @Test("tries again later, and keeps what was given up with its reason until it is asked for again")
    func failures() async throws {
        let place = try await Workplace()
        let queue = place.store.jobs
        try await queue.enqueue([NewJob(kind: "scan", key: "a")], at: now)
        let first = try #require(try await lease(queue).first)
        #expect(try await queue.fail(first, because: "no network", retryingAt: later(30), at: now))
        #expect(try await lease(queue, at: 29).isEmpty)
        let second = try #require(try await lease(queue, at: 30).first)
        #expect(second.attempt == 2)
        #expect(try await queue.fail(second, because: "hopeless", retryingAt: nil, at: later(31)))
        #expect(try await lease(queue, at: 10_000).isEmpty)
        let dead = try await queue.deadJobs(limit: 10)
        #expect(dead == [DeadJob(kind: "scan", key: "a", attempts: 2, reason: "hopeless", time: later(31))])
        #expect(try await queue.counts()["scan"]?.dead == 1)
        try await queue.enqueue([NewJob(kind: "scan", key: "a")], at: later(40))
        #expect(try await lease(queue, at: 40).map(\.attempt) == [1])
    }

    @Test("does once more what was asked for again while it was done")
    func again() async throws {
        let place = try await Workplace()
        let queue = place.store.jobs
        try await queue.enqueue([NewJob(kind: "scan", key: "a", payload: [1])], at: now)
        let first = try #require(try await lease(queue).first)
        try await queue.enqueue([NewJob(kind: "scan", key: "a", payload: [2])], at: now)
        #expect(try await lease(queue).isEmpty)
        #expect(try await queue.finish(first, at: now))
        let second = try #require(try await lease(queue).first)
        #expect(second.payload == [2] && second.attempt == 1)
        try await queue.enqueue([NewJob(kind: "scan", key: "a", payload: [3])], at: now)
        #expect(try await queue.fail(second, because: "x", retryingAt: nil, at: now))
        let third = try #require(try await lease(queue).first)
        #expect(third.payload == [3] && third.attempt == 1)
        try await queue.release(third, at: now)
        #expect(try await lease(queue).map(\.attempt) == [1])
    }

    @Test("is whole after a restart, with the leases of the dead given back")
    func restart() async throws {
        let place = try await Workplace()
        try await place.store.jobs.enqueue(
            (0..<5).map { NewJob(kind: "scan", key: "\($0)") }, at: now)
        _ = try await lease(place.store.jobs, limit: 2)
        await place.store.close()
        let again = try await Store.open(directory: place.folder)
        let jobs = try await lease(again.jobs)
        #expect(jobs.map(\.key) == ["0", "1", "2", "3", "4"])
        #expect(jobs.map(\.attempt) == [2, 2, 1, 1, 1])
        await again.close()
    }
}

@Suite("JobRunner over SQLite")
struct JobRunnerTests {
    /// Counts what happens, for tests to look at.
    private final class Tally: Sendable {
        let counts = Mutex<[String: Int]>([:])

        func add(_ what: String) { counts.withLock { $0[what, default: 0] += 1 } }
        func count(_ what: String) -> Int { counts.withLock { $0[what] ?? 0 } }
    }

    /// Counts how many are at work at once.
    private final class Crowd: Sendable {
        private let state = Mutex((now: 0, most: 0))

        func enter() {
            state.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
        }

        func leave() { state.withLock { $0.now -= 1 } }

        var most: Int { state.withLock { $0.most } }
    }

    private func run(
        _ runner: JobRunner, until isDone: @escaping @Sendable () async throws -> Bool
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await runner.run() } catch is CancellationError {}
            }
            while try await !isDone() { try await Task.sleep(for: .milliseconds(5)) }
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test("does every job once, no more at a time than it has workers", .timeLimit(.minutes(1)))
    func works() async throws {
        let place = try await Workplace()
        let queue = place.store.jobs
        let tally = Tally()
        let crowd = Crowd()
        let lane = JobLane(
            name: "scan", workers: 3,
            works: [
                "scan": { job in
                    crowd.enter()
                    try await Task.sleep(for: .milliseconds(2))
                    crowd.leave()
                    tally.add(job.key)
                }
            ])
        let runner = JobRunner(queue: queue, lanes: [lane], poll: .seconds(30))
        try await queue.enqueue((0..<20).map { NewJob(kind: "scan", key: "\($0)") }, at: Date())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await run(runner) { try await queue.counts().isEmpty && tally.count("39") == 1 }
            }
            group.addTask {
                for key in 20..<40 { try await queue.enqueue([NewJob(kind: "scan", key: "\(key)")], at: Date()) }
            }
            try await group.waitForAll()
        }
        for key in 0..<40 { #expect(tally.count("\(key)") == 1) }
        #expect(crowd.most <= 3)
    }

    @Test("tries again what fails and gives up what cannot be done", .timeLimit(.minutes(1)))
    func failures() async throws {
        let place = try await Workplace()
        let queue = place.store.jobs
        let tally = Tally()
        let lane = JobLane(
            name: "scan", workers: 2,
            backoff: Backoff(first: .milliseconds(1), longest: .milliseconds(2), attempts: 3),
            works: [
                "flaky": { job in
                    tally.add("flaky")
                    if job.attempt < 3 { throw BullaError(.unavailable, "not yet") }
                },
                "broken": { _ in
                    tally.add("broken")
                    throw BullaError(.internal, "never")
                },
                "hopeless": { _ in
                    tally.add("hopeless")
                    throw PermanentFailure("no such image")
                },
            ])
        let runner = JobRunner(queue: queue, lanes: [lane], poll: .milliseconds(5))
        try await queue.enqueue(
            ["flaky", "broken", "hopeless"].map { NewJob(kind: $0, key: "x") }, at: Date())
        try await run(runner) {
            let counts = try await queue.counts()
            return counts["flaky"] == nil && counts["broken"]?.dead == 1 && counts["hopeless"]?.dead == 1
        }
        #expect(tally.count("flaky") == 3 && tally.count("broken") == 3 && tally.count("hopeless") == 1)
        let reasons = try await Set(queue.deadJobs(limit: 10).map(\.reason))
        #expect(reasons == ["INTERNAL: never", "no such image"])
    }

    @Test("renews a lease while the work goes on, and puts back what it did not finish", .timeLimit(.minutes(1)))
    func stops() async throws {
        let place = try await Workplace()
        let queue = place.store.jobs
        let tally = Tally()
        let lane = JobLane(
            name: "scan", workers: 1, lease: .milliseconds(150),
            works: [
                "scan": { _ in
                    tally.add("begun")
                    try await Task.sleep(for: .seconds(60))
                }
            ])
        let runner = JobRunner(queue: queue, lanes: [lane], poll: .milliseconds(20), observe: { tally.add("\($1)") })
        try await queue.enqueue([NewJob(kind: "scan", key: "x")], at: Date())
        let start = ContinuousClock.now
        try await run(runner) { ContinuousClock.now - start > .milliseconds(600) && tally.count("begun") > 0 }
        #expect(tally.count("begun") == 1 && tally.count("released") == 1)
        let left = try await queue.lease(kinds: ["scan"], limit: 1, until: Date(), at: Date())
        #expect(left.map(\.attempt) == [1])
    }
}
