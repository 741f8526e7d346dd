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
