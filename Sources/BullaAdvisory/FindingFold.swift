// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaVersion

/// Folds the advisories that match one package into findings, one for each flaw.
///
/// An advisory is about the flaw that its id and its aliases name, and the one upstream. Advisories that share a name
/// are about the same flaw. One with several CVEs upstream, such as a distribution's notice of an update, is a bundle:
/// it is part of the finding of each. Names are compared by their places in the file, where equal texts are one.
struct FindingFold {
    private let reader: DatabaseReader
    private var matches: [AdvisoryMatch] = []
    /// For each name a name that leads towards the one that stands for its flaw.
    private var parents: [UInt32: UInt32] = [:]
    /// For each match, a name of each flaw that it is about.
    private var flaws: [[UInt32]] = []
    private var excluded: [UInt32] = []

    init(reader: DatabaseReader) { self.reader = reader }

    /// Adds an advisory that matches.
    ///
    /// - Throws: `dataLoss` when the database is corrupt.
    mutating func add(_ match: AdvisoryMatch) throws(BullaError) {
        flaws.append(try join(match.advisory))
        matches.append(match)
    }

    /// Takes back the flaws that a negative record names.
    ///
    /// - Throws: `dataLoss` when the database is corrupt.
    mutating func remove(_ advisory: AdvisoryRecord) throws(BullaError) {
        excluded += try join(advisory)
    }

    /// Joins the names of an advisory's flaw, and returns a name of each flaw that it is about.
    private mutating func join(_ advisory: AdvisoryRecord) throws(BullaError) -> [UInt32] {
        if advisory.aliases.isEmpty, advisory.upstream.count > 1 {
            var bundled: [UInt32] = []
            for name in try names(advisory.upstream) where Self.isCVE(try reader.text(name)) { bundled.append(name) }
            if bundled.count > 1 {
                for flaw in bundled { _ = root(of: flaw) }
                return bundled
            }
        }
        // A downstream advisory's own id is no other name of the flaw when it names one upstream.
        let names =
            (advisory.upstream.isEmpty ? [advisory.id] : []) + (try names(advisory.aliases))
            + (try names(advisory.upstream))
        guard let first = names.first else { return [] }
        var standing = root(of: first)
        for name in names.dropFirst() {
            let other = root(of: name)
            if other != standing {
                parents[max(other, standing)] = min(other, standing)
                standing = min(other, standing)
            }
        }
        return [first]
    }

    private func names(_ entries: Range<Int>) throws(BullaError) -> [UInt32] {
        var names: [UInt32] = []
        for entry in entries { names.append(try reader.record(entry, of: .lists).word(0)) }
        return names
    }

    private mutating func root(of name: UInt32) -> UInt32 {
        var current = name
        while let parent = parents[current], parent != current { current = parent }
        parents[name] = current
        parents[current] = current
        return current
    }

    /// The findings, sorted by id.
    ///
    /// - Throws: `dataLoss` when the database is corrupt.
    mutating func findings(
        in package: Package, at version: UnsafeRawBufferPointer
    ) throws(BullaError) -> [Finding] {
        guard !matches.isEmpty else { return [] }
        let hidden = Set(excluded.map { root(of: $0) })
        var groups: [UInt32: [Int]] = [:]
        for (number, names) in flaws.enumerated() {
            for flaw in Set(names.map { root(of: $0) }) where !hidden.contains(flaw) {
                groups[flaw, default: []].append(number)
            }
        }
        var names: [UInt32: [String]] = [:]
        for name in Array(parents.keys) {
            let flaw = root(of: name)
            if groups[flaw] != nil { names[flaw, default: []].append(try reader.string(name)) }
        }
        var findings: [Finding] = []
        findings.reserveCapacity(groups.count)
        for (flaw, numbers) in groups {
            findings.append(
                try finding(names[flaw] ?? [], numbers.map { matches[$0] }, in: package, at: version))
        }
        findings.sort { $0.id < $1.id }
        return findings
    }

    private func finding(
        _ names: [String], _ matches: [AdvisoryMatch], in package: Package, at version: UnsafeRawBufferPointer
    ) throws(BullaError) -> Finding {
        // CVEs first, by year and number; then all other names.
        let names = names.count > 1 ? names.sorted { Self.precedes($0, $1) } : names
        var advisories: [(id: String, match: AdvisoryMatch)] = []
        for match in matches { advisories.append((try reader.string(match.advisory.id), match)) }
        if advisories.count > 1 { advisories.sort { $0.id < $1.id } }
        var summary = ""
        var references: [String] = []
        var vendor = Severity.unspecified
        var best: (vector: UInt32, score: SeverityRules.Score)?
        var statuses: Set<Advisory.Status> = []
        for (_, match) in advisories {
            if summary.isEmpty { summary = try reader.string(match.advisory.summary) }
            for reference in try reader.strings(match.advisory.references)
            where references.count < 32 && !references.contains(reference) {
                references.append(reference)
            }
            let local = match.hits.map(\.severity).max() ?? .unspecified
            vendor = max(vendor, local == .unspecified ? match.advisory.severity : local)
            for hit in match.hits where hit.status != .affected { statuses.insert(hit.status) }
            if let score = match.advisory.score, best.map({ $0.score < score }) ?? true {
                best = (match.advisory.vector, score)
            }
        }
        let fixed = try smallestFix(matches, after: version)
        let status: Finding.Status =
            if fixed != nil {
                .fixed
            } else if statuses.contains(.endOfLife) {
                .endOfLife
            } else if statuses.contains(.willNotFix) {
                .willNotFix
            } else if statuses.contains(.fixDeferred) {
                .fixDeferred
            } else {
                .affected
            }
        var cvss: String?
        if let best, best.vector != DatabaseFormat.none { cvss = try reader.string(best.vector) }
        return Finding(
            id: names.first ?? "", aliases: names.dropFirst().sorted(), advisories: advisories.map(\.id),
            severity: vendor == .unspecified ? best?.score.severity ?? .unspecified : vendor, cvss: cvss,
            package: package, fixedVersion: fixed, status: status, summary: summary.isEmpty ? nil : summary,
            references: references)
    }

    /// The smallest version above the installed one, among those that an advisory calls fixed, that no folded advisory
    /// affects.
    private func smallestFix(
        _ matches: [AdvisoryMatch], after version: UnsafeRawBufferPointer
    ) throws(BullaError) -> String? {
        var entries: [AffectedRecord] = []
        var candidates: [(key: UnsafeRawBufferPointer, text: UInt32)] = []
        for match in matches {
            for place in match.entries {
                let entry = try AffectedRecord(place, reader)
                guard entry.status != .notAffected else { continue }
                entries.append(entry)
                for index in entry.intervals {
                    let interval = try IntervalRecord(index, reader)
                    guard interval.end == .fixed else { continue }
                    let key = try reader.text(interval.upperBound)
                    if VersionKey.order(key, version) > 0 { candidates.append((key, interval.last)) }
                }
            }
        }
        candidates.sort { VersionKey.order($0.key, $1.key) < 0 }
        for candidate in candidates {
            var isClear = true
            for entry in entries where isClear { isClear = try !entry.contains(candidate.key, reader) }
            if isClear { return try reader.string(candidate.text) }
        }
        return nil
    }

    private static func isCVE(_ name: some Collection<UInt8>) -> Bool { name.starts(with: "CVE-".utf8) }

    private static func precedes(_ left: String, _ right: String) -> Bool {
        guard isCVE(left.utf8) == isCVE(right.utf8) else { return isCVE(left.utf8) }
        if isCVE(left.utf8), left.utf8.count != right.utf8.count {
            // Years have four digits, so of one year the shorter number is the smaller.
            let (leftYear, rightYear) = (left.dropFirst(4).prefix(4), right.dropFirst(4).prefix(4))
            return leftYear == rightYear ? left.utf8.count < right.utf8.count : leftYear < rightYear
        }
        return left < right
    }
}
