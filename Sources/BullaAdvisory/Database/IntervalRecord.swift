// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaVersion

/// A stretch of versions as the database holds it.
struct IntervalRecord {
    let introduced: UInt32
    let lowerBound: UInt32
    let last: UInt32
    let upperBound: UInt32
    let end: VersionInterval.End

    init(_ index: Int, _ reader: DatabaseReader) throws(BullaError) {
        let record = try reader.record(index, of: .intervals)
        introduced = record.word(0)
        lowerBound = record.word(4)
        last = record.word(8)
        upperBound = record.word(12)
        guard record.word(16) < 256, let end = VersionInterval.End(rawValue: record.byte(16)) else {
            throw reader.corrupt("an interval has an unknown end")
        }
        self.end = end
    }

    func contains(_ version: UnsafeRawBufferPointer, _ reader: DatabaseReader) throws(BullaError) -> Bool {
        guard VersionKey.order(try reader.text(lowerBound), version) <= 0 else { return false }
        if end == .open { return true }
        let order = VersionKey.order(version, try reader.text(upperBound))
        return end == .lastAffected ? order <= 0 : order < 0
    }
}
