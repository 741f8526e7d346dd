// SPDX-License-Identifier: Apache-2.0
import BullaArtifact

/// Reads the log from where its cursor stands, hands the entries on, and moves the cursor when they were taken.
///
/// After a crash the entries since the last move are handed on again, so what is done with them must be idempotent.
public struct LogReader: Sendable {
    /// The name under which the cursor is kept.
    public let name: String
    private let log: any LogStore
    private let batch: Int

    /// Makes a reader.
    public init(name: String, log: any LogStore, batch: Int = 256) {
        self.name = name
        self.log = log
        self.batch = batch
    }

    /// Hands on every entry that waits.
    ///
    /// - Returns: How many entries there were.
    /// - Throws: What the log or `take` throws; the cursor then stands before the batch that failed.
    @discardableResult
    public func catchUp(_ take: ([Entry]) async throws -> Void) async throws -> Int {
        var place = try await log.cursor(of: name)
        var count = 0
        while true {
            try Task.checkCancellation()
            let entries = try await log.entries(after: place, limit: batch)
            guard let last = entries.last else { return count }
            try await take(entries)
            try await log.advance(name, to: last.sequence)
            place = last.sequence
            count += entries.count
        }
    }

    /// Hands on what waits and then whatever comes, until the task is cancelled.
    ///
    /// - Throws: What the log or `take` throws.
    public func run(_ take: ([Entry]) async throws -> Void) async throws {
        let additions = log.additions()
        try await catchUp(take)
        for await _ in additions { try await catchUp(take) }
    }
}
