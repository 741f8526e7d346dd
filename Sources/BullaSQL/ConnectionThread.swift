// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// A thread of its own for an actor whose calls block in C, so that they never hold up the shared pool.
///
/// Work comes in through `enqueue`, a batch at a time; the thread ends when nobody holds the object any more.
final class ConnectionThread: SerialExecutor {
    /// Work waiting, each item keeping the executor alive until it has run.
    private struct Waiting {
        var jobs: [(UnownedJob, ConnectionThread)] = []
        var isEnding = false
    }

    /// What the thread and the executor share.
    private final class Inbox: Sendable {
        let waiting = Mutex(Waiting())
        let signal = DispatchSemaphore(value: 0)
    }

    private let inbox = Inbox()

    /// Starts a thread.
    init(name: String) {
        let inbox = inbox
        let thread = Thread { Self.run(inbox) }
        thread.name = name
        thread.stackSize = 1 << 20
        thread.start()
    }

    deinit {
        inbox.waiting.withLock { $0.isEnding = true }
        inbox.signal.signal()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let wasEmpty = inbox.waiting.withLock { waiting in
            waiting.jobs.append((job, self))
            return waiting.jobs.count == 1
        }
        if wasEmpty { inbox.signal.signal() }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    private static func run(_ inbox: Inbox) {
        while true {
            inbox.signal.wait()
            let (jobs, isEnding) = inbox.waiting.withLock { waiting in
                defer { waiting.jobs = [] }
                return (waiting.jobs, waiting.isEnding)
            }
            for (job, executor) in jobs { job.runSynchronously(on: executor.asUnownedSerialExecutor()) }
            if isEnding { return }
        }
    }
}
