// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaVersion
import Glibc

/// Writes a set of advisories in the form of `DatabaseFormat`.
final class DatabaseWriter {
    private let path: String
    private let descriptor: Int32
    private var offset = DatabaseFormat.headerLength
    private var sections = [(offset: Int, length: Int)](
        repeating: (0, 0), count: DatabaseFormat.Section.allCases.count)
    private var strings = StringTable()

    /// Makes a file that must not exist.
    ///
    /// - Throws: `unavailable` when it cannot.
    init(path: String) throws(BullaError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.fault("creating", path) }
    }

    deinit { close(descriptor) }

    /// Writes everything, and returns the digest of the set.
    ///
    /// - Throws: `unavailable` when the disk is full, `resourceExhausted` when the texts are too large.
    func write(_ set: AdvisorySet, built: Int64) throws(BullaError) -> Digest {
        let order = set.order
        let digest = set.digest(of: order)
        try writeAdvisories(set, order)
        try writePackages(set, order)
        try write(.strings, strings.bytes)

        var header = RecordWriter()
        header.append(contentsOf: DatabaseFormat.magic)
        header.append(DatabaseFormat.version)
        header.append(UInt32(sections.count))
        header.append(UInt64(offset))
        header.append(built)
        header.append(contentsOf: digest.rawBytes)
        for section in sections {
            header.append(UInt64(section.offset))
            header.append(UInt64(section.length))
        }
        var bytes = header.bytes
        bytes += [UInt8](repeating: 0, count: DatabaseFormat.checksumOffset - bytes.count)
        bytes += DatabaseFormat.checksum(of: bytes)
        try write(bytes, at: 0)
        return digest
    }

    /// Flushes the file to the disk.
    ///
    /// - Throws: `unavailable` when that fails.
    func finish() throws(BullaError) {
        guard fsync(descriptor) == 0 else { throw Self.fault("flushing", path) }
    }

    /// Flushes the folder of a file, so that a rename in it lasts.
    ///
    /// - Throws: `unavailable` when that fails.
    static func flushFolder(of path: String) throws(BullaError) {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fault("opening", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw fault("flushing", folder) }
    }

    static func fault(_ action: String, _ path: String) -> BullaError {
        BullaError(.unavailable, "\(action) '\(path)': \(String(cString: strerror(errno)))")
    }

    private func writeAdvisories(_ set: AdvisorySet, _ order: [Int]) throws(BullaError) {
        struct Tally {
            var advisories: UInt32 = 0
            var withdrawn: UInt32 = 0
            var modified: Int64 = 0
        }
        var tallies: [UInt32: Tally] = [:]
        for place in order {
            let entry = set.entries[place]
            var tally = tallies[entry.source] ?? Tally()
            if entry.withdrawn == AdvisoryRecord.never { tally.advisories += 1 } else { tally.withdrawn += 1 }
            tally.modified = max(tally.modified, entry.modified)
            tallies[entry.source] = tally
        }
        let named = tallies.keys.map { (name: set.strings.string(at: $0), place: $0) }.sorted { $0.name < $1.name }
        var numbers: [UInt32: UInt32] = [:]
        var sources = RecordWriter()
        for (number, source) in named.enumerated() {
            numbers[source.place] = UInt32(number)
            let tally = tallies[source.place] ?? Tally()
            sources.append(try strings.intern(source.name))
            sources.append(try strings.intern(set.sources[source.place]?.license ?? ""))
            sources.append(tally.advisories)
            sources.append(tally.withdrawn)
            sources.append(tally.modified)
        }
        try write(.sources, sources.bytes)

        var advisories = RecordWriter()
        var lists = RecordWriter()
        var listed: UInt32 = 0
        for place in order {
            let entry = set.entries[place]
            advisories.append(try copy(entry.id, set))
            advisories.append(numbers[entry.source] ?? 0)
            advisories.append(try copy(entry.summary, set))
            advisories.append(try copy(entry.details, set))
            advisories.append(
                entry.vector == DatabaseFormat.none ? DatabaseFormat.none : try copy(entry.vector, set))
            for list in [entry.aliases, entry.upstream, entry.references] {
                advisories.append(listed)
                advisories.append(UInt32(list.count))
                listed += UInt32(list.count)
                for text in set.lists[list] { lists.append(try copy(text, set)) }
            }
            advisories.append(UInt8(truncatingIfNeeded: entry.severity.rawValue))
            advisories.append(entry.score?.version ?? 0)
            advisories.append(entry.score?.tenths ?? 0)
            advisories.append(UInt8(0))
            advisories.append(entry.published)
            advisories.append(entry.modified)
            advisories.append(entry.withdrawn)
            advisories.append(contentsOf: entry.digest.rawBytes)
            advisories.append(UInt64(0))
        }
        try write(.advisories, advisories.bytes)
        try write(.lists, lists.bytes)
    }

    /// One entry about a package, on its way to its place in the order of names.
    private struct Named {
        let ecosystem: UInt32
        let hash: UInt64
        let name: UInt32
        let advisory: UInt32
        let affected: Int
    }

    private func writePackages(_ set: AdvisorySet, _ order: [Int]) throws(BullaError) {
        let ecosystems = set.ecosystems.keys.map { (name: set.strings.string(at: $0), place: $0) }
            .sorted { $0.name < $1.name }
        var ranks: [UInt32: UInt32] = [:]
        for (rank, ecosystem) in ecosystems.enumerated() { ranks[ecosystem.place] = UInt32(rank) }

        var entries: [Named] = []
        for (number, place) in order.enumerated() {
            for index in set.entries[place].affected {
                let affected = set.affected[index]
                let hash = set.strings.text(at: affected.name).withUnsafeBytes { DatabaseFormat.hash($0) }
                entries.append(
                    Named(
                        ecosystem: ranks[affected.ecosystem] ?? 0, hash: hash, name: affected.name,
                        advisory: UInt32(number), affected: index))
            }
        }
        entries.sort {
            if $0.ecosystem != $1.ecosystem { return $0.ecosystem < $1.ecosystem }
            if $0.hash != $1.hash { return $0.hash < $1.hash }
            if $0.name != $1.name {
                return set.strings.text(at: $0.name).lexicographicallyPrecedes(set.strings.text(at: $1.name))
            }
            return ($0.advisory, $0.affected) < ($1.advisory, $1.affected)
        }

        var rows = EntryRows()
        var packages = RecordWriter()
        var ranges = [(first: UInt32, count: UInt32)](repeating: (0, 0), count: ecosystems.count)
        var advisoriesOf = [Set<UInt32>](repeating: [], count: ecosystems.count)
        var packageCount: UInt32 = 0
        var index = 0
        while index < entries.count {
            let first = entries[index]
            var end = index
            while end < entries.count, entries[end].ecosystem == first.ecosystem, entries[end].name == first.name {
                advisoriesOf[Int(first.ecosystem)].insert(entries[end].advisory)
                try append(entries[end], of: set, to: &rows)
                end += 1
            }
            packages.append(first.hash)
            packages.append(try copy(first.name, set))
            packages.append(UInt32(index))
            packages.append(UInt32(end - index))
            packages.append(UInt32(0))
            let rank = Int(first.ecosystem)
            ranges[rank] = (ranges[rank].count == 0 ? packageCount : ranges[rank].first, ranges[rank].count + 1)
            packageCount += 1
            index = end
        }
        try write(.packages, packages.bytes)
        try write(.affected, rows.affected.bytes)
        try write(.intervals, rows.intervals.bytes)
        try write(.versions, rows.versions.bytes)

        var feeds = RecordWriter()
        for (rank, ecosystem) in ecosystems.enumerated() where ranges[rank].count > 0 {
            feeds.append(try strings.intern(ecosystem.name))
            feeds.append(try strings.intern(set.ecosystems[ecosystem.place]?.scheme.rawValue ?? ""))
            feeds.append(ranges[rank].first)
            feeds.append(ranges[rank].count)
            feeds.append(UInt32(advisoriesOf[rank].count))
        }
        try write(.ecosystems, feeds.bytes)
    }

    /// The sections of what is said about packages, as they grow.
    private struct EntryRows {
        var affected = RecordWriter()
        var intervals = RecordWriter()
        var versions = RecordWriter()
        var intervalCount: UInt32 = 0
        var versionCount: UInt32 = 0
    }

    private func append(_ entry: Named, of set: AdvisorySet, to rows: inout EntryRows) throws(BullaError) {
        let affected = set.affected[entry.affected]
        rows.affected.append(entry.advisory)
        rows.affected.append(rows.intervalCount)
        rows.affected.append(UInt32(affected.intervals.count))
        rows.affected.append(rows.versionCount)
        rows.affected.append(UInt32(affected.versions.count))
        rows.affected.append(affected.status.rawValue)
        rows.affected.append(UInt8(truncatingIfNeeded: affected.severity.rawValue))
        rows.affected.append(UInt16(0))
        rows.intervalCount += UInt32(affected.intervals.count)
        rows.versionCount += UInt32(affected.versions.count)
        for interval in set.intervals[affected.intervals] {
            rows.intervals.append(try copy(interval.introduced, set))
            rows.intervals.append(try copy(interval.lowerBound, set))
            rows.intervals.append(try copy(interval.last, set))
            rows.intervals.append(try copy(interval.upperBound, set))
            rows.intervals.append(UInt32(interval.end.rawValue))
        }
        for version in set.versions[affected.versions] { rows.versions.append(try copy(version, set)) }
    }

    /// The place in the file of a text of the set.
    private func copy(_ text: UInt32, _ set: AdvisorySet) throws(BullaError) -> UInt32 {
        try set.strings.text(at: text).withUnsafeBufferPointer { (text) throws(BullaError) in
            try strings.intern(UnsafeRawBufferPointer(text))
        }
    }

    private func write(_ section: DatabaseFormat.Section, _ bytes: [UInt8]) throws(BullaError) {
        // Sections begin at multiples of eight.
        offset = (offset + 7) & ~7
        sections[section.rawValue] = (offset, bytes.count)
        try write(bytes, at: offset)
        offset += bytes.count
    }

    private func write(_ bytes: [UInt8], at place: Int) throws(BullaError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                pwrite(
                    descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written,
                    off_t(place + written))
            }
            guard count > 0 || errno == EINTR else { throw Self.fault("writing", path) }
            written += max(0, count)
        }
    }
}
