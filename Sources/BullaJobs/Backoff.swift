// SPDX-License-Identifier: Apache-2.0

/// How long to wait before an attempt is repeated: twice as long each time, spread at random up to a bound.
public struct Backoff: Sendable, Hashable {
    /// The wait after the first failure.
    public var first: Duration
    /// No wait is longer.
    public var longest: Duration
    /// After so many attempts a job is given up.
    public var attempts: Int

    /// Describes the waits.
    public init(first: Duration = .seconds(1), longest: Duration = .seconds(300), attempts: Int = 8) {
        self.first = first
        self.longest = longest
        self.attempts = attempts
    }

    /// The wait after a failed attempt, or nil when it was the last.
    ///
    /// Half of it is certain and half is random, so that what failed together does not come back together.
    ///
    /// - Parameters:
    ///   - attempt: Which attempt failed, from 1.
    ///   - random: A number from 0 up to 1.
    /// - Returns: How long to wait, nil to give up.
    public func delay(after attempt: Int, random: Double) -> Duration? {
        guard attempt < attempts else { return nil }
        var wait = first
        for _ in 1..<max(1, min(attempt, 32)) where wait < longest { wait *= 2 }
        wait = min(wait, longest)
        return wait / 2 + wait / 2 * min(max(random, 0), 1)
    }
}
