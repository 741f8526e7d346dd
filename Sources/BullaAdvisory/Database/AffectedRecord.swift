// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaVersion

/// One entry about a package as the database holds it.
struct AffectedRecord {
    let advisory: Int
    let intervals: Range<Int>
    let versions: Range<Int>
    let status: Advisory.Status
    let severity: Severity

    init(_ index: Int, _ reader: DatabaseReader) throws(BullaError) {
        let record = try reader.record(index, of: .affected)
        advisory = try reader.range(record.word(0), 1, within: reader.count(of: .advisories)).lowerBound
        intervals = try reader.range(record.word(4), record.word(8), within: reader.count(of: .intervals))
        versions = try reader.range(record.word(12), record.word(16), within: reader.count(of: .versions))
        guard let status = Advisory.Status(rawValue: record.byte(20)) else {
            throw reader.corrupt("an entry has an unknown status")
        }
        self.status = status
        severity = Severity(rawValue: Int(record.byte(21))) ?? .unspecified
    }

    /// Whether the version with a key is meant: enumerated, or inside an interval.
    func contains(_ version: UnsafeRawBufferPointer, _ reader: DatabaseReader) throws(BullaError) -> Bool {
        for index in intervals where try IntervalRecord(index, reader).contains(version, reader) { return true }
        guard !versions.isEmpty else { return false }
        var low = versions.lowerBound
        var high = versions.upperBound
        while low < high {
            let middle = low + (high - low) / 2
            let order = VersionKey.order(try reader.text(reader.record(middle, of: .versions).word(0)), version)
            if order == 0 { return true }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return false
    }
}
