// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
public import Foundation
import GrafeasMessages
import SwiftProtobuf

/// The metadata API as a service over a store.
///
/// Its methods are in extensions, one file for each sort of record. Whatever needs neither the store nor its transaction
/// (names, validation, encoding) is done before the store is asked, so that the one writer does as little as it can.
public struct MetadataService: MetadataAPI {
    let store: any MetadataStore
    let tokens: PageTokens
    private let clock: @Sendable () -> Date

    /// Makes a service.
    ///
    /// - Parameters:
    ///   - store: Where the records are kept.
    ///   - tokens: Who signs page tokens.
    ///   - now: The clock.
    public init(store: any MetadataStore, tokens: PageTokens, now: @escaping @Sendable () -> Date = { Date() }) {
        self.store = store
        self.tokens = tokens
        clock = now
    }

    /// The time in microseconds since 1970, as records hold it.
    var now: Int64 { Int64((clock().timeIntervalSince1970 * 1_000_000).rounded()) }

    /// The most records that one batch may hold.
    static let largestBatch = 1000
    /// The size of a page that is not asked for.
    private static let usualPage = 20
    /// No page is larger.
    private static let largestPage = 1000

    /// The size of a page, by what the client asked for.
    ///
    /// - Throws: `invalidArgument` for a negative size.
    static func pageSize(_ asked: Int32) throws(BullaError) -> Int {
        guard asked >= 0 else { throw BullaError(.invalidArgument, "page size \(asked) cannot be negative") }
        return asked == 0 ? usualPage : min(Int(asked), largestPage)
    }

    /// What a page token is bound to.
    static func list(_ method: String, _ parent: String, _ filter: String) -> String {
        "\(method)\n\(parent.utf8.count)\n\(parent)\n\(filter)"
    }

    /// Where a page begins.
    ///
    /// - Throws: `invalidArgument` when the token belongs to another list.
    func start(_ token: String, _ list: String) throws(BullaError) -> Int64 {
        token.isEmpty ? 0 : try tokens.place(in: token, list: list)
    }
}

extension Google_Protobuf_Timestamp {
    /// A time of so many microseconds since 1970.
    init(microseconds: Int64) {
        let (seconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        self.init(
            seconds: rest < 0 ? seconds - 1 : seconds,
            nanos: Int32(truncatingIfNeeded: (rest < 0 ? rest + 1_000_000 : rest) * 1000))
    }

    /// The microseconds since 1970, bounded by what 64 bits hold.
    var microseconds: Int64 {
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        return whole &+ Int64(nanos / 1000)
    }
}

/// The binary form of a message, the same for the same content.
///
/// - Throws: `invalidArgument` when the message cannot be encoded.
func encode(_ message: some Message) throws(BullaError) -> [UInt8] {
    var options = BinaryEncodingOptions()
    options.useDeterministicOrdering = true
    do {
        return try message.serializedBytes(options: options)
    } catch {
        throw BullaError(.invalidArgument, "the record cannot be encoded", cause: error)
    }
}
