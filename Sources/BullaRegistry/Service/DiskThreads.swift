// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Foundation
import Synchronization

/// A few threads for calls that wait for the disk, so that the threads which serve everybody never do.
///
/// Work waits in one queue, first come, first served. The number of threads bounds how many calls the disk sees at once;
/// a reader or writer has at most one of them under way, so thousands of transfers share them fairly.
final class DiskThreads: Sendable {
    private final class Line: Sendable {
        struct State {
            var waiting: [@Sendable () -> Void] = []
            var isOpen = true
        }

        let state = Mutex(State())
        let arrivals = DispatchSemaphore(value: 0)

        func work() {
            while true {
                arrivals.wait()
                let next = state.withLock { state in state.waiting.isEmpty ? nil : state.waiting.removeFirst() }
                if let next { next() } else if !state.withLock({ $0.isOpen }) { return }
            }
        }
    }

    private let line = Line()
    private let count: Int

    /// Starts the threads, which end when the last reference is gone.
    init(count: Int = 8) {
        self.count = count
        for number in 1...count {
            let thread = Thread { [line] in line.work() }
            thread.name = "bulla-disk-\(number)"
            thread.start()
        }
    }

    deinit {
        line.state.withLock { $0.isOpen = false }
        for _ in 1...count { line.arrivals.signal() }
    }

    /// Runs work on one of the threads and awaits its result.
    func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws(BullaError) -> Value
    ) async throws(BullaError) -> Value {
        let result: Result<Value, BullaError> = await withCheckedContinuation { continuation in
            line.state.withLock { state in
                state.waiting.append {
                    continuation.resume(returning: Result(catching: work))
                }
            }
            line.arrivals.signal()
        }
        return try result.get()
    }
}
