// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import BullaVersion

/// Judges packages by advisories.
///
/// Pure: the same inventory and the same advisories give the same judgement. A distribution's packages are judged by
/// the distribution's own advisories alone, by the name and version of the source package; a language package that a
/// distribution's package owns is judged by the distribution too, for its fixes are backported and its version says
/// nothing. A package costs the logarithm of the number of packages in its feed and then what is said about it.
public struct Matcher: Sendable {
    private let database: AdvisoryDatabase?

    /// Judges by a database; without one nothing is judged, and every package says so.
    public init(database: AdvisoryDatabase?) { self.database = database }

    /// Judges everything that an image holds.
    ///
    /// - Throws: `dataLoss` when the database is corrupt.
    public func judge(_ inventory: Inventory) throws(BullaError) -> Judgement {
        guard let database else {
            let reason = "no advisory database"
            return Judgement(
                findings: [], judged: 0,
                unjudged: Self.sorted(inventory.packages.map { ScanReport.Unjudged(purl: $0.purl, reason: reason) }),
                advisories: nil)
        }
        var feeds = FeedChoice(database: database, distribution: inventory.distribution)
        var found: [(purl: String, package: Package, findings: [Finding])] = []
        var unjudged: [ScanReport.Unjudged] = []
        for package in inventory.packages {
            if let owner = package.owner {
                // Its owner is in the inventory as well and brings the findings.
                if case .none(let reason) = feeds.feed(for: owner.type) {
                    unjudged.append(ScanReport.Unjudged(purl: package.purl, reason: "owned by \(owner), and \(reason)"))
                }
                continue
            }
            switch feeds.feed(for: package.type) {
            case .none(let reason): unjudged.append(ScanReport.Unjudged(purl: package.purl, reason: reason))
            case .feed(let feed):
                let subject = Subject(package, in: feed.ecosystem)
                let findings = try match(subject, package, in: feed, of: database)
                if !findings.isEmpty { found.append((package.purl.description, package, findings)) }
                if subject.isUnreadable {
                    let reason = "'\(subject.version.prefix(64))' is no version of \(feed.ecosystem.name)"
                    unjudged.append(ScanReport.Unjudged(purl: package.purl, reason: reason))
                }
            }
        }
        found.sort { left, right in
            if left.purl != right.purl { return left.purl < right.purl }
            return left.package.locations.lexicographicallyPrecedes(right.package.locations)
        }
        return Judgement(
            findings: found.flatMap(\.findings), judged: inventory.packages.count - unjudged.count,
            unjudged: Self.sorted(unjudged),
            advisories: ScanReport.AdvisorySet(digest: database.digest, built: database.built))
    }

    private static func sorted(_ unjudged: [ScanReport.Unjudged]) -> [ScanReport.Unjudged] {
        let named: [(purl: String, entry: ScanReport.Unjudged)] = unjudged.map { ($0.purl.description, $0) }
        let sorted = named.sorted { left, right in
            left.purl == right.purl ? left.entry.reason < right.entry.reason : left.purl < right.purl
        }
        return sorted.map(\.entry)
    }

    private func match(
        _ subject: Subject, _ package: Package, in feed: AdvisoryDatabase.Feed, of database: AdvisoryDatabase
    ) throws(BullaError) -> [Finding] {
        let entries = try database.affected(subject.name, in: feed)
        guard !entries.isEmpty else { return [] }
        return try subject.key.bytes.withUnsafeBufferPointer { (key) throws(BullaError) in
            try match(UnsafeRawBufferPointer(key), package, against: entries, of: database)
        }
    }

    private func match(
        _ version: UnsafeRawBufferPointer, _ package: Package, against entries: Range<Int>,
        of database: AdvisoryDatabase
    ) throws(BullaError) -> [Finding] {
        let reader = database.reader
        var fold = FindingFold(reader: reader)
        var index = entries.lowerBound
        while index < entries.upperBound {
            // Entries of one advisory about one package are neighbours, and alternatives.
            let first = try AffectedRecord(index, reader)
            var end = index + 1
            while end < entries.upperBound, try AffectedRecord(end, reader).advisory == first.advisory { end += 1 }
            defer { index = end }
            var hits: [AffectedRecord] = []
            for place in index..<end {
                let entry = place == index ? first : try AffectedRecord(place, reader)
                if try entry.contains(version, reader) { hits.append(entry) }
            }
            guard !hits.isEmpty else { continue }
            let advisory = try database.advisory(first.advisory)
            guard advisory.withdrawn == AdvisoryRecord.never else { continue }
            if hits.contains(where: { $0.status == .notAffected }) {
                try fold.remove(advisory)
            } else {
                try fold.add(AdvisoryMatch(advisory: advisory, entries: index..<end, hits: hits))
            }
        }
        return try fold.findings(in: package, at: version)
    }
}

/// Finds the feed for each type of package once.
private struct FeedChoice {
    enum Choice {
        case feed(AdvisoryDatabase.Feed)
        case none(String)
    }

    let database: AdvisoryDatabase
    let distribution: Distribution?
    private var choices: [String: Choice] = [:]

    init(database: AdvisoryDatabase, distribution: Distribution?) {
        self.database = database
        self.distribution = distribution
    }

    mutating func feed(for type: String) -> Choice {
        if let choice = choices[type] { return choice }
        let database = database
        let (names, reason) = Ecosystem.candidates(type: type, distribution: distribution)
        let name = names.first { database.feeds[$0] != nil }
        let choice = name.flatMap { database.feeds[$0] }.map(Choice.feed) ?? .none(reason)
        choices[type] = choice
        return choice
    }
}
