// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// An advisory as the database holds it: numbers, and the places of texts.
struct AdvisoryRecord {
    let id: UInt32
    let source: UInt32
    let summary: UInt32
    let details: UInt32
    let vector: UInt32
    let aliases: Range<Int>
    let upstream: Range<Int>
    let references: Range<Int>
    let severity: Severity
    let score: SeverityRules.Score?
    let published: Int64
    let modified: Int64
    let withdrawn: Int64
    private let digestBytes: UnsafeRawBufferPointer

    init(_ record: DatabaseReader.Record, _ reader: DatabaseReader) throws(BullaError) {
        let listCount = reader.count(of: .lists)
        id = record.word(0)
        source = record.word(4)
        summary = record.word(8)
        details = record.word(12)
        vector = record.word(16)
        aliases = try reader.range(record.word(20), record.word(24), within: listCount)
        upstream = try reader.range(record.word(28), record.word(32), within: listCount)
        references = try reader.range(record.word(36), record.word(40), within: listCount)
        severity = Severity(rawValue: Int(record.byte(44))) ?? .unspecified
        let version = record.byte(45)
        score = version == 0 ? nil : SeverityRules.Score(version: version, tenths: record.byte(46))
        published = record.long(48)
        modified = record.long(56)
        withdrawn = record.long(64)
        digestBytes = UnsafeRawBufferPointer(rebasing: record.bytes[72..<104])
    }

    /// The digest of the content.
    var digest: Digest? { Digest(rawBytes: digestBytes) }

    /// The time that stands for none.
    static let never = Int64.min
}
