// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// Finds where records begin and end in text that arrives in pieces, without parsing them.
///
/// By lines, each line is a record. Otherwise records are JSON values one after the other, or the elements of an array:
/// brackets are counted outside quotes.
struct RecordSplitter {
    private let file: String
    private let byLines: Bool
    private var record: [UInt8] = []
    private var line = 1
    private var recordLine = 1
    private var depth = 0
    private var isInArray = false
    private var hasBegun = false
    private var isQuoted = false
    private var isEscaped = false
    private var isTooLarge = false
    private var isLost = false

    init(file: String, byLines: Bool) {
        self.file = file
        self.byLines = byLines
    }

    mutating func push(_ bytes: UnsafeRawBufferPointer, into sink: AdvisoryFile.Sink) throws(BullaError) {
        guard byLines else {
            for byte in bytes where !isLost {
                try take(byte, into: sink)
                if byte == 10 { line += 1 }
            }
            return
        }
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let end = bytes[start...].firstIndex(of: 10) ?? bytes.endIndex
            keep(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            if end < bytes.endIndex {
                try emit(into: sink)
                line += 1
                recordLine = line
            }
            start = end + 1
        }
    }

    mutating func finish(into sink: AdvisoryFile.Sink) throws(BullaError) {
        if byLines { return try emit(into: sink) }
        if depth > 0 || !record.isEmpty {
            try fault("the record does not end", into: sink)
        } else if isInArray, !isLost {
            recordLine = line
            try fault("the array of records does not end", into: sink)
        }
    }

    private mutating func take(_ byte: UInt8, into sink: AdvisoryFile.Sink) throws(BullaError) {
        if depth == 0 {
            switch byte {
            case 9, 10, 13, 32: return
            case UInt8(ascii: "["):
                guard !hasBegun else { return try lose("records stand in one array or none", into: sink) }
                hasBegun = true
                isInArray = true
                return
            case UInt8(ascii: ",") where isInArray: return
            case UInt8(ascii: "]") where isInArray:
                isInArray = false
                return
            case UInt8(ascii: "{"):
                hasBegun = true
                recordLine = line
            case 0xEF where !hasBegun, 0xBB where !hasBegun, 0xBF where !hasBegun: return
            default: return try lose("a record is an object", into: sink)
            }
        }
        withUnsafeBytes(of: byte) { keep($0) }
        if isQuoted {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isQuoted = false
            }
            return
        }
        switch byte {
        case UInt8(ascii: "\""): isQuoted = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            if depth == 0 { try emit(into: sink) }
        default: break
        }
    }

    private mutating func keep(_ bytes: UnsafeRawBufferPointer) {
        guard !isTooLarge, bytes.count <= AdvisoryFile.recordLimit - record.count else {
            isTooLarge = true
            record = []
            return
        }
        record.append(contentsOf: bytes)
    }

    private mutating func emit(into sink: AdvisoryFile.Sink) throws(BullaError) {
        if isTooLarge {
            return try fault("the record is larger than \(AdvisoryFile.recordLimit) bytes", into: sink)
        }
        guard record.contains(where: { $0 > 32 }) else { return record.removeAll(keepingCapacity: true) }
        let whole = AdvisoryFile.Record(file: file, line: recordLine, bytes: record, fault: nil)
        record.removeAll(keepingCapacity: true)
        try sink(whole)
    }

    /// Gives up on the rest of the text, for nobody can tell where the next record begins.
    private mutating func lose(_ reason: String, into sink: AdvisoryFile.Sink) throws(BullaError) {
        recordLine = line
        isLost = true
        try fault(reason, into: sink)
    }

    private mutating func fault(_ reason: String, into sink: AdvisoryFile.Sink) throws(BullaError) {
        record = []
        isTooLarge = false
        depth = 0
        try sink(AdvisoryFile.Record(file: file, line: recordLine, bytes: [], fault: reason))
    }
}
