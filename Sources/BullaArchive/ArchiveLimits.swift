// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// How much an archive may ask of its reader before it is refused.
public struct ArchiveLimits: Sendable, Hashable {
    /// The most bytes a stream may unpack to.
    public var unpackedBytes: UInt64
    /// How many times larger than its compressed form a stream may be, once it is larger than `ratioFloor`.
    public var ratio: UInt64
    /// Below so many unpacked bytes the ratio is not looked at, for a small file of zeros is no bomb.
    public var ratioFloor: UInt64
    /// The most entries of an archive.
    public var entries: Int
    /// The longest path or link target of an entry.
    public var pathBytes: Int
    /// The largest extension record (long name, PAX header, sparse map) of an entry.
    public var extensionBytes: Int

    /// Sets limits; the defaults are those of `bulla serve`.
    public init(
        unpackedBytes: UInt64 = 20 << 30, ratio: UInt64 = 200, ratioFloor: UInt64 = 16 << 20,
        entries: Int = 5_000_000, pathBytes: Int = 256 << 10, extensionBytes: Int = 1 << 20
    ) {
        self.unpackedBytes = unpackedBytes
        self.ratio = ratio
        self.ratioFloor = ratioFloor
        self.entries = entries
        self.pathBytes = pathBytes
        self.extensionBytes = extensionBytes
    }
}

/// The reasons that errors about archives carry in `BullaError.reason`.
public enum ArchiveReason {
    /// The input ends in the middle of something.
    public static let truncated = "TRUNCATED"
    /// The input contradicts itself or its format.
    public static let corrupt = "CORRUPT"
    /// A limit of `ArchiveLimits` was met.
    public static let limit = "LIMIT_EXCEEDED"
    /// The format is known, but not read here.
    public static let unsupported = "UNSUPPORTED"
}

extension BullaError {
    /// The input ends in the middle of `what`.
    static func truncated(_ what: String, at offset: UInt64) -> BullaError {
        BullaError(.dataLoss, "\(what) ends early, at byte \(offset)", reason: ArchiveReason.truncated)
    }

    /// The input is not what its format asks for.
    static func corrupt(_ what: String, at offset: UInt64) -> BullaError {
        BullaError(.dataLoss, "\(what), at byte \(offset)", reason: ArchiveReason.corrupt)
    }

    /// The input asks for more than it may.
    static func limit(_ what: String, at offset: UInt64) -> BullaError {
        BullaError(.resourceExhausted, "\(what), at byte \(offset)", reason: ArchiveReason.limit)
    }
}

extension [UInt8] {
    /// `withUnsafeBytes`, which does not keep the type of what its closure throws.
    func withRawBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws(BullaError) -> Result
    ) throws(BullaError) -> Result {
        try withUnsafeBufferPointer { (bytes) throws(BullaError) -> Result in
            try body(UnsafeRawBufferPointer(bytes))
        }
    }
}
