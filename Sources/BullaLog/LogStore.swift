// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact

/// Where the log is kept.
///
/// Places are given by whoever sequences: on SQLite the writer itself, in the transaction of the record, so no reader
/// ever sees a gap that is filled later. A reader remembers how far it has come under a name of its own, its cursor.
public protocol LogStore: Sendable {
    /// Adds entries and answers when they are durable.
    ///
    /// - Returns: Their places, in the same order.
    /// - Throws: `unavailable` when the store cannot write.
    @discardableResult
    func append(_ entries: [NewEntry]) async throws(BullaError) -> [Int64]

    /// The entries after a place, in order.
    ///
    /// - Parameters:
    ///   - sequence: The place after which to begin; 0 for the whole log.
    ///   - limit: How many at most.
    /// - Returns: The entries, none at the end of the log.
    /// - Throws: `unavailable` when the store cannot read.
    func entries(after sequence: Int64, limit: Int) async throws(BullaError) -> [Entry]

    /// The place of the last entry, 0 for an empty log.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func lastSequence() async throws(BullaError) -> Int64

    /// The place of the last entry about an image, 0 when there is none: the revision of the evidence about it.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func lastSequence(about digest: Digest) async throws(BullaError) -> Int64

    /// How far a reader has come, 0 for one that never moved.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    func cursor(of reader: String) async throws(BullaError) -> Int64

    /// Remembers how far a reader has come; a cursor never moves back.
    ///
    /// - Throws: `unavailable` when the store cannot write.
    func advance(_ reader: String, to sequence: Int64) async throws(BullaError)

    /// A stream with an element after entries were added; several additions may share one.
    func additions() -> AsyncStream<Void>
}
