// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Wakes those who wait for something to be added; several additions may be one wake.
final class ChangeSignal: Sendable {
    private struct State {
        var next = 0
        var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    /// A stream with an element after each call of `fire()`.
    func stream() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.next += 1
            state.waiting[state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { state in _ = state.waiting.removeValue(forKey: number) }
        }
        return stream
    }

    /// Wakes all.
    func fire() {
        for continuation in state.withLock({ Array($0.waiting.values) }) { continuation.yield() }
    }
}
