// SPDX-License-Identifier: Apache-2.0
import BullaJobs
import Testing

@Suite("Backoff")
struct BackoffTests {
    private let backoff = Backoff(first: .seconds(1), longest: .seconds(60), attempts: 10)

    @Test(
        "doubles up to its bound, half of it at random",
        arguments: [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (9, 60)])
    func doubles(attempt: Int, seconds: Int) {
        #expect(backoff.delay(after: attempt, random: 0) == .seconds(seconds) / 2)
        #expect(backoff.delay(after: attempt, random: 1) == .seconds(seconds))
        #expect(backoff.delay(after: attempt, random: 7) == .seconds(seconds))
    }

    @Test("gives up after the last attempt", arguments: [10, 11, Int.max])
    func ends(attempt: Int) { #expect(backoff.delay(after: attempt, random: 0.5) == nil) }

    @Test("does not overflow", arguments: [0, -1, Int.min, 63, 1_000_000])
    func extremes(attempt: Int) {
        let endless = Backoff(first: .seconds(1), longest: .seconds(300), attempts: .max)
        #expect(endless.delay(after: attempt, random: 0.5) ?? .zero <= .seconds(300))
    }
}
