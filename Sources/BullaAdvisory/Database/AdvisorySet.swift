// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaVersion

/// Advisories on their way into a database: flat arrays of numbers, texts kept once.
///
/// 300,000 advisories with four million intervals are some hundred megabytes and a handful of allocations. What is
/// replaced by a newer form stays as garbage until the set is written.
struct AdvisorySet {
    struct Entry {
        var id: UInt32
        var source: UInt32
        var summary: UInt32
        var details: UInt32
        var vector: UInt32
        var severity: Severity
        var score: SeverityRules.Score?
        var published: Int64
        var modified: Int64
        var withdrawn: Int64
        var aliases: Range<Int>
        var upstream: Range<Int>
        var references: Range<Int>
        var affected: Range<Int>
        var digest: Digest
        /// Whether it was in the database that this set continues.
        var isOld: Bool
    }

    struct Affected {
        var ecosystem: UInt32
        var name: UInt32
        var intervals: Range<Int>
        var versions: Range<Int>
        var status: Advisory.Status
        var severity: Severity
    }

    struct Interval {
        var introduced: UInt32
        var lowerBound: UInt32
        var last: UInt32
        var upperBound: UInt32
        var end: VersionInterval.End
    }

    /// The most numbers that an array may hold, for the file counts in 32 bits.
    private static let limit = Int(UInt32.max) - 1

    private(set) var strings = StringTable()
    private(set) var entries: [Entry] = []
    var affected: [Affected] = []
    var intervals: [Interval] = []
    var versions: [UInt32] = []
    var lists: [UInt32] = []
    private(set) var ecosystems: [UInt32: Ecosystem] = [:]
    private(set) var sources: [UInt32: Advisory.Source] = [:]
    private var places: [UInt64: Int] = [:]

    /// The numbers of the entries, by source and id.
    var order: [Int] {
        let named = places.values.map { place in
            (source: strings.string(at: entries[place].source), id: strings.string(at: entries[place].id), place)
        }
        return named.sorted { ($0.source, $0.id) < ($1.source, $1.id) }.map(\.2)
    }

    /// The digest of the set: of the digests of its advisories, by source and id.
    func digest(of order: [Int]) -> Digest {
        var hasher = DigestHasher()
        hasher.update(Array("bulla advisory set 1\n".utf8))
        for place in order { hasher.update(entries[place].digest.rawBytes) }
        return hasher.finalize()
    }

    /// What became of an advisory that was added.
    enum Addition: Equatable {
        /// It is there now, and its like was not among those added before.
        case new
        /// It is there now, in the place of one that was added before it.
        case replacing(isWithdrawn: Bool)
        /// The same one is there in a form at least as new.
        case superseded
    }

    /// Adds an advisory.
    ///
    /// The later change wins. At the same time of change, what is added now wins over what the database held before,
    /// and of two added now the one with the greater digest, so that the order in which files are read does not matter.
    ///
    /// - Throws: `resourceExhausted` when the set is too large, `invalidArgument` for a version that is none.
    mutating func add(_ advisory: Advisory) throws(BullaError) -> Addition {
        let source = try strings.intern(advisory.source.name)
        let id = try strings.intern(advisory.id)
        let digest = CanonicalAdvisory.digest(of: advisory)
        let key = UInt64(source) << 32 | UInt64(id)
        var addition = Addition.new
        if let place = places[key] {
            let present = entries[place]
            guard present.modified <= advisory.modified else { return .superseded }
            if present.modified == advisory.modified {
                guard present.isOld ? present.digest != digest : present.digest < digest else { return .superseded }
            }
            if !present.isOld { addition = .replacing(isWithdrawn: present.withdrawn != AdvisoryRecord.never) }
        }
        sources[source] = advisory.source
        let best = SeverityRules.best(of: advisory.vectors)
        var entry = Entry(
            id: id, source: source, summary: try strings.intern(advisory.summary),
            details: try strings.intern(advisory.details), vector: DatabaseFormat.none, severity: advisory.severity,
            score: best?.score, published: advisory.published ?? AdvisoryRecord.never, modified: advisory.modified,
            withdrawn: advisory.withdrawn ?? AdvisoryRecord.never, aliases: try list(advisory.aliases),
            upstream: try list(advisory.upstream), references: try list(advisory.references), affected: 0..<0,
            digest: digest, isOld: false)
        if let best {
            entry.vector = try strings.intern(best.vector)
        } else if let score = advisory.score {
            entry.score = SeverityRules.Score(version: 1, tenths: UInt8(clamping: Int((score * 10).rounded())))
        }
        let first = affected.count
        for package in advisory.affected { try add(package) }
        entry.affected = first..<affected.count
        try insert(entry, key)
        return addition
    }

    private mutating func insert(_ entry: Entry, _ key: UInt64) throws(BullaError) {
        let counts = [affected.count, intervals.count, versions.count, lists.count, entries.count]
        guard counts.allSatisfy({ $0 < Self.limit }) else {
            throw BullaError(.resourceExhausted, "the advisories are too many for one database")
        }
        places[key] = entries.count
        entries.append(entry)
    }

    private mutating func add(_ package: Advisory.AffectedPackage) throws(BullaError) {
        let ecosystem = try strings.intern(package.ecosystem.name)
        ecosystems[ecosystem] = package.ecosystem
        let firstInterval = intervals.count
        var stretches: [VersionInterval] = []
        for events in package.ranges {
            do {
                stretches += try VersionRange(events, in: package.ecosystem.scheme).intervals
            } catch {
                throw BullaError(
                    .invalidArgument, "'\(error.text.prefix(64))' is no version of \(package.ecosystem.name)")
            }
        }
        for stretch in stretches {
            intervals.append(
                Interval(
                    introduced: try strings.intern(stretch.introduced),
                    lowerBound: try strings.intern(stretch.lowerBound.bytes), last: try strings.intern(stretch.last),
                    upperBound: try strings.intern(stretch.upperBound.bytes), end: stretch.end))
        }
        var keys: Set<VersionKey> = []
        for text in package.versions {
            guard let key = package.ecosystem.scheme.key(of: text) else {
                keys.insert(VersionKey(bytes: [DatabaseFormat.rawVersionMark] + Array(text.utf8)))
                continue
            }
            if !stretches.contains(where: { $0.contains(key) }) { keys.insert(key) }
        }
        let firstVersion = versions.count
        for key in keys.sorted() { versions.append(try strings.intern(key.bytes)) }
        affected.append(
            Affected(
                ecosystem: ecosystem, name: try strings.intern(package.name),
                intervals: firstInterval..<intervals.count, versions: firstVersion..<versions.count,
                status: package.status, severity: package.severity))
    }

    private mutating func list(_ texts: [String]) throws(BullaError) -> Range<Int> {
        let first = lists.count
        for text in texts { lists.append(try strings.intern(text)) }
        return first..<lists.count
    }

    // MARK: What a database already holds

    /// Takes everything that a database holds.
    ///
    /// - Throws: `dataLoss` when it is corrupt.
    mutating func add(contentsOf database: AdvisoryDatabase) throws(BullaError) {
        let reader = database.reader
        var affectedOf = [Int: [Affected]]()
        for feed in database.feeds.values {
            let ecosystem = try strings.intern(feed.ecosystem.name)
            ecosystems[ecosystem] = feed.ecosystem
            for package in feed.packages {
                let record = try reader.record(package, of: .packages)
                let name = try strings.intern(reader.text(record.word(8)))
                let entries = try reader.range(record.word(12), record.word(16), within: reader.count(of: .affected))
                for index in entries {
                    let old = try AffectedRecord(index, reader)
                    affectedOf[old.advisory, default: []].append(
                        try copy(old, ecosystem: ecosystem, name: name, from: reader))
                }
            }
        }
        for index in 0..<reader.count(of: .advisories) {
            let old = try database.advisory(index)
            let first = affected.count
            affected += affectedOf.removeValue(forKey: index) ?? []
            guard let digest = old.digest else { throw reader.corrupt("an advisory has no digest") }
            let (source, name) = try self.source(old.source, of: reader)
            let id = try strings.intern(reader.text(old.id))
            sources[source] = name
            let entry = Entry(
                id: id, source: source, summary: try strings.intern(reader.text(old.summary)),
                details: try strings.intern(reader.text(old.details)),
                vector: old.vector == DatabaseFormat.none
                    ? DatabaseFormat.none : try strings.intern(reader.text(old.vector)),
                severity: old.severity, score: old.score, published: old.published, modified: old.modified,
                withdrawn: old.withdrawn, aliases: try copy(old.aliases, from: reader),
                upstream: try copy(old.upstream, from: reader), references: try copy(old.references, from: reader),
                affected: first..<affected.count, digest: digest, isOld: true)
            try insert(entry, UInt64(source) << 32 | UInt64(id))
        }
    }

    private mutating func source(
        _ index: UInt32, of reader: DatabaseReader
    ) throws(BullaError) -> (UInt32, Advisory.Source) {
        let record = try reader.record(Int(index), of: .sources)
        let source = Advisory.Source(
            name: try reader.string(record.word(0)), license: try reader.string(record.word(4)))
        return (try strings.intern(source.name), source)
    }

    private mutating func copy(
        _ old: AffectedRecord, ecosystem: UInt32, name: UInt32, from reader: DatabaseReader
    ) throws(BullaError) -> Affected {
        let firstInterval = intervals.count
        for index in old.intervals {
            let interval = try IntervalRecord(index, reader)
            intervals.append(
                Interval(
                    introduced: try strings.intern(reader.text(interval.introduced)),
                    lowerBound: try strings.intern(reader.text(interval.lowerBound)),
                    last: try strings.intern(reader.text(interval.last)),
                    upperBound: try strings.intern(reader.text(interval.upperBound)), end: interval.end))
        }
        let firstVersion = versions.count
        for index in old.versions {
            versions.append(try strings.intern(reader.text(reader.record(index, of: .versions).word(0))))
        }
        return Affected(
            ecosystem: ecosystem, name: name, intervals: firstInterval..<intervals.count,
            versions: firstVersion..<versions.count, status: old.status, severity: old.severity)
    }

    private mutating func copy(_ entries: Range<Int>, from reader: DatabaseReader) throws(BullaError) -> Range<Int> {
        let first = lists.count
        for entry in entries {
            lists.append(try strings.intern(reader.text(reader.record(entry, of: .lists).word(0))))
        }
        return first..<lists.count
    }
}
