// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import HTTPTypes

/// How often a request that only reads is tried again, and how long between.
///
/// Few attempts and short pauses: a scan that waits is a job that holds its lease. A server's own `Retry-After` is
/// honoured, unless it asks for more patience than `longestPause`; then the answer is passed on as it is.
public struct RetryPolicy: Sendable {
    /// How many attempts in all.
    public var attempts: Int
    /// The pause after the first attempt; it doubles with each.
    public var firstPause: Duration
    /// The longest pause that is taken.
    public var longestPause: Duration
    private let sleep: @Sendable (Duration) async throws -> Void

    /// Makes a policy.
    ///
    /// - Parameters:
    ///   - attempts: How many attempts in all.
    ///   - firstPause: The pause after the first attempt.
    ///   - longestPause: The longest pause that is taken.
    ///   - sleep: What waits; tests pass their own.
    public init(
        attempts: Int = 3, firstPause: Duration = .milliseconds(200), longestPause: Duration = .seconds(30),
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.attempts = attempts
        self.firstPause = firstPause
        self.longestPause = longestPause
        self.sleep = sleep
    }

    /// A policy that tries once.
    public static let once = RetryPolicy(attempts: 1)

    /// Whether a status says that the same request may succeed a little later.
    public static func mayPass(_ status: HTTPResponse.Status) -> Bool {
        [429, 502, 503, 504].contains(status.code)
    }

    /// The pause before the next attempt, or nil when there shall be none.
    ///
    /// - Parameters:
    ///   - attempt: How many attempts were made.
    ///   - retryAfter: The header field's value, of which only seconds are understood; a date counts as absent.
    /// - Returns: The pause.
    public func pause(afterAttempt attempt: Int, retryAfter: String?) -> Duration? {
        guard attempt < attempts else { return nil }
        if let retryAfter, let seconds = Int64(retryAfter), seconds >= 0 {
            let pause = Duration.seconds(seconds)
            return pause <= longestPause ? pause : nil
        }
        return min(firstPause * (1 << min(attempt - 1, 16)), longestPause)
    }

    /// Waits.
    ///
    /// - Throws: `cancelled` when the task is.
    public func wait(_ pause: Duration) async throws(BullaError) {
        do { try await sleep(pause) } catch { throw BullaError(.cancelled, "cancelled while waiting to try again") }
    }
}
