// SPDX-License-Identifier: Apache-2.0

/// An event on a line of versions, as OSV writes them.
///
/// https://ossf.github.io/osv-schema/#affectedrangesevents-fields
public enum VersionEvent: Hashable, Sendable {
    /// From here on versions are affected; `0` is before all versions.
    case introduced(String)
    /// From here on they are not.
    case fixed(String)
    /// After this one they are not.
    case lastAffected(String)
    /// From here on the range says nothing; `*` is beyond all versions.
    case limit(String)
}

/// A text that a version scheme calls no version.
public struct UnreadableVersion: Error, Hashable, Sendable {
    /// The text.
    public let text: String
}

/// A stretch of affected versions.
public struct VersionInterval: Hashable, Sendable {
    /// How a stretch ends.
    public enum End: UInt8, Sendable, Hashable {
        /// It does not.
        case open = 0
        /// Before a version that has the fix.
        case fixed = 1
        /// After a last affected version.
        case lastAffected = 2
        /// Before a limit beyond which nothing is said.
        case limit = 3
    }

    /// The first affected version; `0` for all before.
    public let introduced: String
    /// Its key.
    public let lowerBound: VersionKey
    /// How the stretch ends.
    public let end: End
    /// The version that ends it; empty when nothing does.
    public let last: String
    /// Its key.
    public let upperBound: VersionKey

    /// Whether a version lies in the stretch.
    public func contains(_ version: VersionKey) -> Bool {
        guard version >= lowerBound else { return false }
        switch end {
        case .open: return true
        case .fixed, .limit: return version < upperBound
        case .lastAffected: return version <= upperBound
        }
    }
}

/// Which versions a list of events affects, by OSV's own evaluation
/// (https://ossf.github.io/osv-schema/#evaluation), worked out once into stretches.
///
/// The specification sorts the events and walks them for each version: the last event at or below it decides. Walking
/// them once yields stretches that say the same of every version and need no walk. Events at the same version keep the
/// order in which they are written. Building costs n log n, a question one comparison or two for each stretch.
public struct VersionRange: Hashable, Sendable {
    /// The stretches, in order; touching ones are left apart, for each has a fix of its own.
    public let intervals: [VersionInterval]

    /// Works out a range.
    ///
    /// - Throws: `UnreadableVersion` with the first text that the scheme calls no version.
    public init(_ events: [VersionEvent], in scheme: VersionScheme) throws(UnreadableVersion) {
        var points: [Point] = []
        points.reserveCapacity(events.count)
        var limit: (key: VersionKey, text: String)?
        var isLimited = false
        for event in events {
            switch event {
            case .introduced("0"): points.append(Point(kind: .introduced, key: .lowest, text: "0"))
            case .introduced(let text):
                points.append(Point(kind: .introduced, key: try Self.key(of: text, in: scheme), text: text))
            case .fixed(let text):
                points.append(Point(kind: .fixed, key: try Self.key(of: text, in: scheme), text: text))
            case .lastAffected(let text):
                points.append(Point(kind: .lastAffected, key: try Self.key(of: text, in: scheme), text: text))
            case .limit("*"): isLimited = false
            case .limit(let text):
                let key = try Self.key(of: text, in: scheme)
                if limit.map({ $0.key < key }) ?? true { limit = (key, text) }
                isLimited = true
            }
        }
        // A version is within limits when it is below any of them, so only the highest counts, and `*` lifts them all.
        if events.contains(.limit("*")) { isLimited = false }
        let order = points.indices.sorted {
            points[$0].key == points[$1].key ? $0 < $1 : points[$0].key < points[$1].key
        }
        let stretches = Self.walk(order.map { points[$0] })
        guard isLimited, let limit else {
            intervals = stretches
            return
        }
        intervals = stretches.compactMap { stretch in
            guard stretch.lowerBound < limit.key else { return nil }
            let endsInside: Bool =
                switch stretch.end {
                case .open: false
                case .fixed, .limit: stretch.upperBound <= limit.key
                case .lastAffected: stretch.upperBound < limit.key
                }
            if endsInside { return stretch }
            return VersionInterval(
                introduced: stretch.introduced, lowerBound: stretch.lowerBound, end: .limit, last: limit.text,
                upperBound: limit.key)
        }
    }

    /// Whether a version is affected.
    public func contains(_ version: VersionKey) -> Bool { intervals.contains { $0.contains(version) } }

    private struct Point {
        enum Kind { case introduced, fixed, lastAffected }
        let kind: Kind
        let key: VersionKey
        let text: String
    }

    private static func key(of text: String, in scheme: VersionScheme) throws(UnreadableVersion) -> VersionKey {
        guard let key = scheme.key(of: text) else { throw UnreadableVersion(text: text) }
        return key
    }

    private static func walk(_ points: [Point]) -> [VersionInterval] {
        var stretches: [VersionInterval] = []
        var start: Point?
        for point in points {
            switch point.kind {
            case .introduced:
                if start == nil { start = point }
            case .fixed:
                if let start {
                    if start.key < point.key { stretches.append(interval(from: start, to: point, end: .fixed)) }
                } else if let last = stretches.last, last.end == .lastAffected, last.upperBound == point.key {
                    // The fix at the last affected version itself speaks after it, so that version is not affected.
                    stretches.removeLast()
                    if last.lowerBound < point.key {
                        stretches.append(
                            VersionInterval(
                                introduced: last.introduced, lowerBound: last.lowerBound, end: .fixed,
                                last: point.text, upperBound: point.key))
                    }
                }
                start = nil
            case .lastAffected:
                if let begun = start {
                    stretches.append(interval(from: begun, to: point, end: .lastAffected))
                    start = nil
                }
            }
        }
        if let start {
            stretches.append(
                VersionInterval(
                    introduced: start.text, lowerBound: start.key, end: .open, last: "", upperBound: .lowest))
        }
        return stretches
    }

    private static func interval(from start: Point, to end: Point, end kind: VersionInterval.End) -> VersionInterval {
        VersionInterval(
            introduced: start.text, lowerBound: start.key, end: kind, last: end.text, upperBound: end.key)
    }
}
