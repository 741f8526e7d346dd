// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation
import Glibc

/// Compiles advisories into a database.
///
/// Add files, then write: the file appears whole by rename, or not at all. The same set of advisories gives the same
/// digest in whatever order it was added, and the same file but for the time of compiling. Records are read one at a
/// time; memory is that of the compiled form, about three times the file that comes out.
public struct DatabaseBuilder: Sendable {
    /// What became of the records so far.
    public private(set) var report = ImportReport()
    private var advisories = AdvisorySet()

    /// Starts with nothing.
    public init() {}

    /// Starts with what a database holds, to be merged with what is added: of the same advisory of the same source the
    /// later change wins, and at the same time of change what is added.
    ///
    /// - Throws: `dataLoss` when the database is corrupt.
    public init(mergingInto database: AdvisoryDatabase) throws(BullaError) {
        try advisories.add(contentsOf: database)
    }

    /// Adds an advisory made elsewhere; it counts in the report as one that was read.
    ///
    /// - Throws: `invalidArgument` for a version that its ecosystem cannot read, `resourceExhausted` when the set is
    /// too
    ///   large.
    public mutating func add(_ advisory: Advisory) throws(BullaError) {
        report.read += 1
        try keep(advisory)
    }

    /// Adds a file of OSV records: a JSON object or array, lines of JSON, either compressed by gzip or zstd, a zip
    /// archive of JSON files, or a folder of any of these.
    ///
    /// What its name says about the form is a hint only for lines of JSON. A record that cannot be kept is refused in
    /// the report and the others are read on.
    ///
    /// - Throws: `notFound` or `unavailable` when the file cannot be read, `dataLoss` when its compression is corrupt,
    ///   `resourceExhausted` when it or the set is too large.
    public mutating func add(file path: String) throws(BullaError) {
        try AdvisoryFile.read(path) { (record) throws(BullaError) in try add(record) }
    }

    /// Adds OSV records in memory, in the form of a file of lines or values; `name` is what the report calls it.
    ///
    /// - Throws: as `add(file:)`.
    public mutating func add(_ bytes: [UInt8], named name: String) throws(BullaError) {
        try AdvisoryFile.read(bytes, named: name) { (record) throws(BullaError) in try add(record) }
    }

    private mutating func add(_ record: AdvisoryFile.Record) throws(BullaError) {
        report.read += 1
        if let reason = record.fault {
            return report.refuse(
                ImportReport.Refusal(file: record.file, line: record.line, id: nil, reason: reason))
        }
        do throws(BullaError) {
            let reading = try OSVSource.read(record.bytes)
            report.ignore(reading.ignored)
            try keep(reading.advisory)
        } catch {
            guard error.code == .invalidArgument else { throw error }
            report.refuse(
                ImportReport.Refusal(
                    file: record.file, line: record.line, id: OSVSource.id(of: record.bytes), reason: error.message))
        }
    }

    private mutating func keep(_ advisory: Advisory) throws(BullaError) {
        switch try advisories.add(advisory) {
        case .superseded: return report.superseded += 1
        case .replacing(let isWithdrawn):
            report.superseded += 1
            if isWithdrawn { report.withdrawn -= 1 } else { report.kept -= 1 }
        case .new: break
        }
        if advisory.withdrawn == nil { report.kept += 1 } else { report.withdrawn += 1 }
    }

    /// The digest of the set as it is now.
    public var digest: Digest { advisories.digest(of: advisories.order) }

    /// Writes the database: beside `path`, flushed to the disk, then renamed over it, the folder flushed too.
    ///
    /// Whoever has an older database at `path` mapped goes on with that.
    ///
    /// - Returns: The digest of the set.
    /// - Throws: `unavailable` when a file cannot be written, `resourceExhausted` when the set is too large.
    @discardableResult
    public func write(to path: String, built: Date) throws(BullaError) -> Digest {
        let temporary = "\(path).\(getpid())-\(UInt32.random(in: 0 ... .max)).tmp"
        let writer = try DatabaseWriter(path: temporary)
        do throws(BullaError) {
            let digest = try writer.write(advisories, built: Int64(built.timeIntervalSince1970.rounded(.down)))
            try writer.finish()
            guard rename(temporary, path) == 0 else { throw DatabaseWriter.fault("renaming", temporary) }
            try DatabaseWriter.flushFolder(of: path)
            return digest
        } catch {
            unlink(temporary)
            throw error
        }
    }
}
