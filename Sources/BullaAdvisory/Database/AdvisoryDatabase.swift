// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import BullaVersion
public import Foundation

/// The compiled advisories: one file, mapped and never parsed.
///
/// Opening reads the header and the lists of ecosystems and sources, whatever the size of the file; looking up a
/// package costs the logarithm of the number of packages, then what is said about it. Every offset is checked where it
/// is used, so a corrupt file yields an error and never a trap. A value of this type can be used by any number of tasks
/// at once; a new database replaces the file by rename, and whoever has the old one open goes on with it.
public final class AdvisoryDatabase: Sendable {
    /// What a database holds.
    public struct Status: Hashable, Sendable {
        /// The advisories of one source.
        public struct Source: Hashable, Sendable {
            /// Who publishes them, and under which licence.
            public let source: Advisory.Source
            /// How many can match.
            public let advisories: Int
            /// How many are withdrawn.
            public let withdrawn: Int
            /// The latest change of any; none where no advisory says when it was changed.
            public let modified: Date?
        }

        /// The advisories of one ecosystem.
        public struct Ecosystem: Hashable, Sendable {
            /// Its name, such as `Debian:12`.
            public let name: String
            /// How many packages are named.
            public let packages: Int
            /// How many advisories speak of it.
            public let advisories: Int
        }

        /// The digest of the set of advisories, whatever the order in which they came and whenever it was compiled.
        public let digest: Digest
        /// When it was compiled.
        public let built: Date
        /// How many advisories can match.
        public let advisories: Int
        /// How many are withdrawn.
        public let withdrawn: Int
        /// By source, sorted by name.
        public let sources: [Source]
        /// By ecosystem, sorted by name.
        public let ecosystems: [Ecosystem]
        /// How large the file is, in bytes.
        public let size: Int
    }

    /// One ecosystem's packages.
    struct Feed: Sendable {
        let ecosystem: Ecosystem
        let packages: Range<Int>
        let advisories: Int
    }

    /// The digest of the set of advisories, whatever the order in which they came and whenever it was compiled.
    public let digest: Digest
    /// When it was compiled.
    public let built: Date
    /// What it holds.
    public let status: Status

    let reader: DatabaseReader
    let feeds: [String: Feed]

    /// Opens a database.
    ///
    /// - Throws: `notFound` when there is none, `dataLoss` when the file is no database, is cut short or contradicts
    /// itself,
    ///   `failedPrecondition` when it has the form of another release.
    public init(path: String) throws(BullaError) {
        let reader = try DatabaseReader(MappedFile(path: path), path: path)
        let header = reader.bytes
        let built = try reader.number(at: 24, as: Int64.self)
        guard let digest = Digest(rawBytes: header[32..<64]), abs(built) < 1 << 40 else {
            throw reader.corrupt("the header is malformed")
        }
        self.reader = reader
        self.digest = digest
        self.built = Date(timeIntervalSince1970: Double(built))

        var feeds: [String: Feed] = [:]
        let packageCount = reader.count(of: .packages)
        for index in 0..<reader.count(of: .ecosystems) {
            let record = try reader.record(index, of: .ecosystems)
            let name = try reader.string(record.word(0))
            let scheme = try reader.string(record.word(4))
            let packages = try reader.range(record.word(8), record.word(12), within: packageCount)
            guard let ecosystem = Ecosystem(name), ecosystem.scheme.rawValue == scheme else {
                throw reader.corrupt("the version order of ecosystem \(name.prefix(64)) is not known")
            }
            feeds[name] = Feed(ecosystem: ecosystem, packages: packages, advisories: Int(record.word(16)))
        }
        self.feeds = feeds

        var sources: [Status.Source] = []
        for index in 0..<reader.count(of: .sources) {
            let record = try reader.record(index, of: .sources)
            let name = try reader.string(record.word(0))
            let license = try reader.string(record.word(4))
            let modified = record.long(16)
            sources.append(
                Status.Source(
                    source: Advisory.Source(name: name, license: license), advisories: Int(record.word(8)),
                    withdrawn: Int(record.word(12)),
                    modified: modified > 0 ? Date(timeIntervalSince1970: Double(modified) / 1_000_000) : nil))
        }
        status = Status(
            digest: digest, built: self.built, advisories: sources.reduce(0) { $0 + $1.advisories },
            withdrawn: sources.reduce(0) { $0 + $1.withdrawn },
            sources: sources.sorted { $0.source.name < $1.source.name },
            ecosystems: feeds.values.map {
                Status.Ecosystem(name: $0.ecosystem.name, packages: $0.packages.count, advisories: $0.advisories)
            }.sorted { $0.name < $1.name },
            size: header.count)
    }

    /// What is said about a package: the numbers of its records in the section of affected packages.
    ///
    /// - Throws: `dataLoss` when the file is corrupt.
    func affected(_ name: [UInt8], in feed: Feed) throws(BullaError) -> Range<Int> {
        let hash = name.withUnsafeBytes { DatabaseFormat.hash($0) }
        var low = feed.packages.lowerBound
        var high = feed.packages.upperBound
        while low < high {
            let middle = low + (high - low) / 2
            if try reader.record(middle, of: .packages).unsigned(0) < hash { low = middle + 1 } else { high = middle }
        }
        // Names with the same hash are neighbours.
        while low < feed.packages.upperBound {
            let record = try reader.record(low, of: .packages)
            guard record.unsigned(0) == hash else { break }
            if try reader.text(record.word(8)).elementsEqual(name) {
                return try reader.range(record.word(12), record.word(16), within: reader.count(of: .affected))
            }
            low += 1
        }
        return 0..<0
    }

    /// Reads a whole advisory's own words, without the packages.
    ///
    /// - Throws: `dataLoss` when the file is corrupt.
    func advisory(_ index: Int) throws(BullaError) -> AdvisoryRecord {
        try AdvisoryRecord(reader.record(index, of: .advisories), reader)
    }
}
