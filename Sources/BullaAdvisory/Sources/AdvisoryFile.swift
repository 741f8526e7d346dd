// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import Foundation

/// Takes files of records apart, one record in memory at a time.
enum AdvisoryFile {
    /// A record, or the reason why there is none where one begins.
    struct Record {
        let file: String
        let line: Int
        let bytes: [UInt8]
        let fault: String?
    }

    /// Takes the next record.
    typealias Sink = (Record) throws(BullaError) -> Void

    /// The largest record, in bytes.
    static let recordLimit = 16 << 20
    /// The largest member of an archive.
    static let memberLimit = 512 << 20
    /// The most files of a folder.
    static let fileLimit = 5_000_000
    /// What a compressed file may unpack to.
    static let limits = ArchiveLimits(unpackedBytes: 64 << 30, ratio: 1000)

    /// Reads a file, or every file of a folder in the order of their names.
    ///
    /// - Throws: `notFound` or `unavailable` when it cannot be read, `dataLoss` when it is corrupt, and what `sink`
    /// throws.
    static func read(_ path: String, into sink: Sink) throws(BullaError) {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw BullaError(.notFound, "there is no file '\(path)'")
        }
        guard isFolder.boolValue else { return try readFile(path, into: sink) }
        for name in try names(inFolder: path) { try readFile("\(path)/\(name)", into: sink) }
    }

    /// Reads bytes in memory as if they were a file's.
    ///
    /// - Throws: what `sink` throws.
    static func read(_ bytes: [UInt8], named name: String, into sink: Sink) throws(BullaError) {
        var splitter = RecordSplitter(file: name, byLines: isLines(name))
        try bytes.withUnsafeBufferPointer { (bytes) throws(BullaError) in
            try splitter.push(UnsafeRawBufferPointer(bytes), into: sink)
        }
        try splitter.finish(into: sink)
    }

    private static func names(inFolder path: String) throws(BullaError) -> [String] {
        let suffixes = [".json", ".jsonl", ".ndjson", ".zst", ".gz", ".zip"]
        guard let enumerator = FileManager.default.enumerator(atPath: path) else {
            throw BullaError(.unavailable, "the folder '\(path)' cannot be read")
        }
        var names: [String] = []
        while let name = enumerator.nextObject() as? String {
            guard suffixes.contains(where: { name.hasSuffix($0) }),
                enumerator.fileAttributes?[.type] as? FileAttributeType == .typeRegular
            else { continue }
            names.append(name)
            guard names.count <= fileLimit else {
                throw BullaError(.resourceExhausted, "the folder '\(path)' holds more than \(fileLimit) files")
            }
        }
        return names.sorted()
    }

    private static func readFile(_ path: String, into sink: Sink) throws(BullaError) {
        let handle: FileHandle
        do {
            handle = try FileHandle(forReadingFrom: URL(filePath: path))
        } catch {
            throw BullaError(.unavailable, "the file '\(path)' cannot be opened", cause: error)
        }
        defer { try? handle.close() }
        let first = try chunk(of: handle, path, 64 << 10)
        if first.starts(with: [0x50, 0x4B, 0x03, 0x04]) || first.starts(with: [0x50, 0x4B, 0x05, 0x06]) {
            return try readArchive(path, into: sink)
        }
        let decompression = Decompression(limits: limits)
        var splitter = RecordSplitter(file: path, byLines: isLines(path))
        do throws(BullaError) {
            var bytes = first
            while !bytes.isEmpty {
                try decompression.push(bytes) { (piece) throws(BullaError) in try splitter.push(piece, into: sink) }
                bytes = try chunk(of: handle, path, 1 << 20)
            }
            try decompression.finish { (piece) throws(BullaError) in try splitter.push(piece, into: sink) }
        } catch {
            throw BullaError(
                error.code, "reading '\(path)': \(error.message)", reason: error.reason, cause: error.cause)
        }
        try splitter.finish(into: sink)
    }

    private static func chunk(of handle: FileHandle, _ path: String, _ size: Int) throws(BullaError) -> [UInt8] {
        do {
            return Array(try handle.read(upToCount: size) ?? Data())
        } catch {
            throw BullaError(.unavailable, "the file '\(path)' cannot be read", cause: error)
        }
    }

    private static func readArchive(_ path: String, into sink: Sink) throws(BullaError) {
        let archive = try ZipReader(path: path, limits: limits)
        for entry in archive.entries where entry.name.hasSuffix(".json") || isLines(entry.name) {
            let name = "\(path):\(entry.name.prefix(512))"
            let bytes: [UInt8]
            do throws(BullaError) {
                bytes = try archive.contents(of: entry, limit: memberLimit)
            } catch {
                try sink(Record(file: name, line: 1, bytes: [], fault: error.message))
                continue
            }
            try read(bytes, named: name, into: sink)
        }
    }

    private static func isLines(_ path: String) -> Bool {
        [".jsonl", ".ndjson"].contains { path.hasSuffix($0) || path.contains($0 + ".") }
    }
}

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
