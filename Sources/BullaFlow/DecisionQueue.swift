// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import Synchronization

/// Decisions that wait to be recorded after their answer was given: bounded, and what does not fit is counted.
///
/// Ordinary decisions are recorded by group commit, so that a burst of pods costs few transactions and no pod waits for
/// the disk. What was allowed in spite of a denial never comes here.
public final class DecisionQueue: Sendable {
    private struct State {
        var waiting: [DecisionRecord] = []
        var dropped = 0
    }

    private let capacity: Int
    private let state = Mutex(State())
    private let wake: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    /// Makes a queue.
    public init(capacity: Int = 4096) {
        self.capacity = capacity
        (wake, wakeUp) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// How many decisions were lost because the queue was full.
    public var dropped: Int { state.withLock { $0.dropped } }

    /// Adds a decision; whether there was room.
    @discardableResult
    public func add(_ record: DecisionRecord) -> Bool {
        let fits = state.withLock { state in
            guard state.waiting.count < capacity else {
                state.dropped += 1
                return false
            }
            state.waiting.append(record)
            return true
        }
        wakeUp.yield()
        return fits
    }

    /// Writes what waits, again and again, until the task is cancelled; what then still waits is written last.
    ///
    /// A batch that cannot be written is put back and tried again a second later, so a store that fails costs
    /// decisions only when the queue is full.
    public func run(
        batch: Int = 256, failed: @Sendable (BullaError) -> Void = { _ in },
        write: @Sendable ([DecisionRecord]) async throws(BullaError) -> Void
    ) async {
        for await _ in wake {
            while !Task.isCancelled, let records = take(batch) {
                do {
                    try await write(records)
                } catch {
                    failed(error)
                    giveBack(records)
                    try? await Task.sleep(for: .seconds(1))
                }
            }
            if Task.isCancelled { break }
        }
        while let records = take(batch) {
            do {
                try await write(records)
            } catch {
                failed(error)
                return
            }
        }
    }

    private func take(_ count: Int) -> [DecisionRecord]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else { return nil }
            let records = Array(state.waiting.prefix(count))
            state.waiting.removeFirst(records.count)
            return records
        }
    }

    private func giveBack(_ records: [DecisionRecord]) {
        state.withLock { state in
            state.waiting.insert(contentsOf: records, at: 0)
            let excess = state.waiting.count - capacity
            guard excess > 0 else { return }
            state.waiting.removeLast(excess)
            state.dropped += excess
        }
    }
}
