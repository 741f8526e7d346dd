// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaVersion

/// Reads advisories in OSV's form (https://ossf.github.io/osv-schema/).
enum OSVSource {
    /// How much one record may hold.
    enum Limits {
        /// The longest id, alias, package name or version.
        static let name = 1024
        /// The most aliases, flaws upstream or references.
        static let list = 4096
        /// The most affected packages.
        static let affected = 20_000
        /// The most events of a range, or enumerated versions of a package.
        static let versions = 200_000
        /// What is kept of a description, in bytes.
        static let details = 4096
        /// How many references are kept.
        static let references = 32
    }

    /// An advisory, and why parts of its record were left out.
    struct Reading {
        var advisory: Advisory
        var ignored: [String]
    }

    /// Reads a record.
    ///
    /// Ranges of commits and ecosystems without a version order are left out; when nothing is left, so is the record.
    ///
    /// - Throws: `invalidArgument`: the text is no JSON, no OSV record, or nothing in it can be judged.
    static func read(_ bytes: [UInt8]) throws(BullaError) -> Reading {
        var record = Record()
        var cursor = JSONCursor(bytes)
        try cursor.object { (cursor, name) throws(BullaError) in try record.read(name, from: &cursor) }
        try cursor.end()
        return try record.reading()
    }

    /// The id of a record that could not be kept, if it can be found at all.
    static func id(of bytes: [UInt8]) -> String? {
        var id: String?
        var cursor = JSONCursor(bytes)
        try? cursor.object { (cursor, name) throws(BullaError) in
            if name == "id" { id = try cursor.text() } else { try cursor.skip() }
        }
        return id.map { String($0.prefix(128)) }
    }

    /// The members of a record while they are read.
    private struct Record {
        var advisory = Advisory(id: "", affected: [])
        var id = ""
        var vectors: [String] = []
        var packages: [AffectedEntry] = []

        mutating func read(_ name: String, from cursor: inout JSONCursor) throws(BullaError) {
            switch name {
            case "id": id = try cursor.text()
            case "modified": advisory.modified = try OSVSource.moment(&cursor, name) ?? 0
            case "published": advisory.published = try OSVSource.moment(&cursor, name)
            case "withdrawn": advisory.withdrawn = try OSVSource.moment(&cursor, name)
            case "aliases": advisory.aliases = try cursor.strings(atMost: Limits.list)
            case "upstream": advisory.upstream = try cursor.strings(atMost: Limits.list)
            case "summary": advisory.summary = try cursor.text()
            case "details": advisory.details = try cursor.text()
            case "severity": try OSVSource.severity(&cursor, &advisory.vectors, &advisory.severity)
            case "references":
                if try cursor.takeNull() { return }
                var references: [String] = []
                try cursor.array { (cursor) throws(BullaError) in
                    try cursor.object { (cursor, name) throws(BullaError) in
                        if name == "url" { references.append(try cursor.text()) } else { try cursor.skip() }
                    }
                    guard references.count <= Limits.list else {
                        throw cursor.fault("there are more than \(Limits.list) references")
                    }
                }
                advisory.references = references
            case "affected":
                if try cursor.takeNull() { return }
                var packages: [AffectedEntry] = []
                try cursor.array { (cursor) throws(BullaError) in
                    guard packages.count < Limits.affected else {
                        throw cursor.fault("there are more than \(Limits.affected) affected packages")
                    }
                    var package = AffectedEntry()
                    try cursor.object { (cursor, name) throws(BullaError) in try package.read(name, from: &cursor) }
                    packages.append(package)
                }
                self.packages = packages
            case "database_specific":
                var specific = Specific()
                try specific.read(&cursor)
                if advisory.severity == .unspecified { advisory.severity = specific.severity }
                advisory.score = specific.score ?? advisory.score
                vectors += specific.vectors
            default: try cursor.skip()
            }
        }

        func reading() throws(BullaError) -> Reading {
            guard !id.isEmpty, id.utf8.count <= Limits.name, id.utf8.allSatisfy({ $0 > 32 && $0 != 127 }) else {
                throw BullaError(.invalidArgument, "the record has no id, or a malformed one")
            }
            var advisory = advisory
            advisory.id = id
            advisory.source = Advisory.Source(ofAdvisory: id)
            advisory.vectors += vectors
            for list in [advisory.aliases, advisory.upstream] {
                guard list.allSatisfy({ !$0.isEmpty && $0.utf8.count <= Limits.name }) else {
                    throw BullaError(.invalidArgument, "an alias is empty or longer than \(Limits.name) bytes")
                }
            }
            var reading = Reading(advisory: advisory, ignored: [])
            for package in packages {
                reading.advisory.vectors += package.vectors
                if let entry = package.entry(ignored: &reading.ignored) { reading.advisory.affected.append(entry) }
            }
            // A withdrawn record may be bare: it still takes back what an earlier one said.
            guard !reading.advisory.affected.isEmpty || advisory.withdrawn != nil else {
                throw BullaError(
                    .invalidArgument, reading.ignored.first ?? "the record names no affected package")
            }
            reading.advisory.details = OSVSource.cut(advisory.details, to: Limits.details)
            reading.advisory.summary = OSVSource.cut(
                advisory.summary.isEmpty ? OSVSource.firstLine(of: advisory.details) : advisory.summary, to: 512)
            reading.advisory.references = Array(advisory.references.prefix(Limits.references))
            reading.advisory.vectors = Array(Set(reading.advisory.vectors)).sorted()
            return reading
        }
    }

    /// One entry of `affected` while it is read.
    private struct AffectedEntry {
        var ecosystem = ""
        var name = ""
        var ranges: [(type: String, events: [VersionEvent])] = []
        var versions: [String] = []
        var vectors: [String] = []
        var severity = Severity.unspecified
        var status: Advisory.Status?

        mutating func read(_ member: String, from cursor: inout JSONCursor) throws(BullaError) {
            switch member {
            case "package":
                var ecosystem = ""
                var name = ""
                if try cursor.takeNull() { return }
                try cursor.object { (cursor, member) throws(BullaError) in
                    switch member {
                    case "ecosystem": ecosystem = try cursor.text()
                    case "name": name = try cursor.text()
                    default: try cursor.skip()
                    }
                }
                (self.ecosystem, self.name) = (ecosystem, name)
            case "ranges":
                if try cursor.takeNull() { return }
                var ranges: [(type: String, events: [VersionEvent])] = []
                try cursor.array { (cursor) throws(BullaError) in
                    ranges.append(try OSVSource.range(&cursor))
                    guard ranges.count <= Limits.list else { throw cursor.fault("there are too many ranges") }
                }
                self.ranges = ranges
            case "versions": versions = try cursor.strings(atMost: Limits.versions)
            case "severity": try OSVSource.severity(&cursor, &vectors, &severity)
            case "ecosystem_specific", "database_specific":
                var specific = Specific()
                try specific.read(&cursor)
                if severity == .unspecified { severity = specific.severity }
                status = specific.status ?? status
                vectors += specific.vectors
            default: try cursor.skip()
            }
        }

        func entry(ignored: inout [String]) -> Advisory.AffectedPackage? {
            guard !ecosystem.isEmpty, !name.isEmpty, name.utf8.count <= Limits.name else {
                ignored.append("an affected entry names no package")
                return nil
            }
            guard let known = Ecosystem(ecosystem) else {
                ignored.append("no version order for ecosystem \(ecosystem.prefix { $0 != ":" }.prefix(64))")
                return nil
            }
            var kept: [[VersionEvent]] = []
            for range in ranges {
                if range.type == "GIT" {
                    ignored.append("a range of commits holds no versions")
                } else if range.type != "SEMVER", range.type != "ECOSYSTEM" {
                    ignored.append("the range type '\(range.type.prefix(32))' is unknown")
                } else if let bad = OSVSource.unreadable(range.events, in: known.scheme) {
                    ignored.append("'\(bad.prefix(64))' is no version of \(known.name)")
                } else if !range.events.isEmpty {
                    kept.append(range.events)
                }
            }
            let versions = versions.filter { !$0.isEmpty && $0.utf8.count <= Limits.name }
            guard !kept.isEmpty || !versions.isEmpty else {
                ignored.append("an affected entry names no versions")
                return nil
            }
            return Advisory.AffectedPackage(
                ecosystem: known, name: name, ranges: kept, versions: versions, status: status ?? .affected,
                severity: severity)
        }
    }

    /// What producers put into the members that OSV leaves to them.
    private struct Specific {
        var severity = Severity.unspecified
        var status: Advisory.Status?
        var vectors: [String] = []
        var score: Double?

        mutating func read(_ cursor: inout JSONCursor) throws(BullaError) {
            guard cursor.next == UInt8(ascii: "{") else { return try cursor.skip() }
            var found = self
            try cursor.object { (cursor, name) throws(BullaError) in
                switch (name, cursor.next) {
                case ("severity", UInt8(ascii: "\"")), ("urgency", UInt8(ascii: "\"")):
                    if let word = SeverityRules.vendor(try cursor.string()) {
                        found.severity = max(found.severity, word.severity)
                        found.status = word.status ?? found.status
                    }
                case ("cvss", UInt8(ascii: "\"")):
                    let vector = try cursor.string()
                    if CVSS(vector) != nil { found.vectors.append(vector) }
                case ("cvss_v4", _), ("cvss_v3", _), ("cvss_v2", _), ("cvss_score", _):
                    if let number = try cursor.number(), number >= 0, number <= 10 {
                        found.score = max(found.score ?? 0, number)
                    }
                default: try cursor.skip()
                }
            }
            self = found
        }
    }

    private static func range(
        _ cursor: inout JSONCursor
    ) throws(BullaError) -> (type: String, events: [VersionEvent]) {
        var type = ""
        var events: [VersionEvent] = []
        try cursor.object { (cursor, member) throws(BullaError) in
            guard member == "events" else {
                if member == "type" { type = try cursor.text() } else { try cursor.skip() }
                return
            }
            if try cursor.takeNull() { return }
            try cursor.array { (cursor) throws(BullaError) in
                try cursor.object { (cursor, kind) throws(BullaError) in
                    let text = try cursor.text()
                    guard text.utf8.count <= Limits.name else { throw cursor.fault("a version is too long") }
                    switch kind {
                    case "introduced": events.append(.introduced(text))
                    case "fixed": events.append(.fixed(text))
                    case "last_affected": events.append(.lastAffected(text))
                    case "limit": events.append(.limit(text))
                    default: throw cursor.fault("the event '\(kind.prefix(32))' is unknown")
                    }
                }
                guard events.count <= Limits.versions else {
                    throw cursor.fault("a range has more than \(Limits.versions) events")
                }
            }
        }
        return (type, events)
    }

    /// Reads `severity`: CVSS vectors, and a vendor's word where the type is no CVSS version (`Ubuntu`).
    private static func severity(
        _ cursor: inout JSONCursor, _ vectors: inout [String], _ severity: inout Severity
    ) throws(BullaError) {
        if try cursor.takeNull() { return }
        var found: [(type: String, score: String)] = []
        try cursor.array { (cursor) throws(BullaError) in
            var type = ""
            var score = ""
            try cursor.object { (cursor, member) throws(BullaError) in
                switch member {
                case "type": type = try cursor.text()
                case "score": score = try cursor.text()
                default: try cursor.skip()
                }
            }
            found.append((type, score))
            guard found.count <= Limits.list else { throw cursor.fault("there are too many severities") }
        }
        for (type, score) in found {
            if type.hasPrefix("CVSS_V") {
                if CVSS(score) != nil { vectors.append(score) }
            } else if let word = SeverityRules.vendor(score) {
                severity = max(severity, word.severity)
            }
        }
    }

    private static func moment(_ cursor: inout JSONCursor, _ name: String) throws(BullaError) -> Int64? {
        let text = try cursor.text()
        if text.isEmpty { return nil }
        guard let moment = Timestamp.microseconds(text) else {
            throw cursor.fault("'\(name)' is no moment of RFC 3339")
        }
        return moment
    }

    private static func unreadable(_ events: [VersionEvent], in scheme: VersionScheme) -> String? {
        do {
            _ = try VersionRange(events, in: scheme)
            return nil
        } catch {
            return error.text
        }
    }

    /// The first bytes of a text, cut between characters.
    private static func cut(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: limit)
        while end > text.startIndex, end.samePosition(in: text) == nil { end = text.utf8.index(before: end) }
        return String(text[..<end])
    }

    private static func firstLine(of text: String) -> String {
        String(text.drop { $0.isNewline || $0 == " " || $0 == "*" }.prefix { !$0.isNewline })
    }
}
