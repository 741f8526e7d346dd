// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import Foundation

/// The files of an image on the disk: in a folder, or in a tar archive that is read where it lies.
protocol ImageFiles: Sendable {
    /// What is read, for messages.
    var name: String { get }

    /// Whether there is a file with this path.
    func contains(_ path: String) async throws(BullaError) -> Bool

    /// The number of bytes of a file.
    ///
    /// - Throws: `notFound`.
    func size(of path: String) async throws(BullaError) -> Int64

    /// Opens a file.
    ///
    /// - Throws: `notFound`.
    func open(_ path: String) async throws(BullaError) -> ByteStream
}

extension ImageFiles {
    /// Reads a small file whole.
    func read(_ path: String, upTo limit: Int) async throws(BullaError) -> [UInt8] {
        let stream = try await open(path)
        do { return try await stream.collect(upTo: limit, of: "'\(path)' of '\(name)'") } catch {
            throw BullaError(wrapping: error, while: "reading '\(path)' of '\(name)'")
        }
    }

    /// The error for a file that is not there.
    func missing(_ path: String) -> BullaError { BullaError(.notFound, "'\(name)' has no '\(path)'") }
}

/// A part of an open file as a stream.
func stream(_ file: OpenFile, _ part: Range<Int64>, of name: String, on disk: DiskThreads) -> ByteStream {
    ByteStream {
        var place = part.lowerBound
        return {
            guard place < part.upperBound else { return nil }
            let offset = place
            let count = Int(min(Int64(256 << 10), part.upperBound - offset))
            let chunk = try await disk.run { () throws(BullaError) in try file.read(count: count, at: offset) }
            guard chunk.count == count else {
                throw BullaError(.dataLoss, "'\(name)' ends early, at byte \(offset + Int64(chunk.count))")
            }
            place += Int64(count)
            return chunk
        }
    }
}

/// A folder.
struct FolderFiles: ImageFiles {
    let name: String
    private let disk = DiskThreads(count: 2)

    init(_ path: String) { name = path }

    func contains(_ path: String) async throws(BullaError) -> Bool {
        let whole = "\(name)/\(path)"
        return try await disk.run { () throws(BullaError) in try Folder.facts(of: whole) != nil }
    }

    func size(of path: String) async throws(BullaError) -> Int64 {
        let whole = "\(name)/\(path)"
        let facts = try await disk.run { () throws(BullaError) in try Folder.facts(of: whole)?.size }
        guard let facts else { throw missing(path) }
        return facts
    }

    func open(_ path: String) async throws(BullaError) -> ByteStream {
        let whole = "\(name)/\(path)"
        let (file, size) = try await disk.run { () throws(BullaError) in
            let file = try OpenFile(whole, 0)
            return (file, try file.size())
        }
        return stream(file, 0..<size, of: whole, on: disk)
    }
}

/// A tar archive, read through once for an index of its members; their content is then read in place.
struct ArchiveFiles: ImageFiles {
    private enum Member {
        case content(Range<Int64>)
        case link(String)
    }

    let name: String
    private let file: OpenFile
    private let disk: DiskThreads
    private let members: [String: Member]

    /// Opens an archive and reads its index; memory grows with the number of members, of which 100,000 are allowed.
    ///
    /// - Throws: `notFound`; `dataLoss` when it is no tar archive; `resourceExhausted` when a limit is met.
    init(_ path: String) async throws(BullaError) {
        name = path
        let disk = DiskThreads(count: 2)
        (file, members) = try await disk.run { () throws(BullaError) in
            let file = try OpenFile(path, 0)
            return (file, try Self.index(file, path))
        }
        self.disk = disk
    }

    private static func index(_ file: OpenFile, _ path: String) throws(BullaError) -> [String: Member] {
        let reader = TarReader(limits: ArchiveLimits(entries: 100_000, pathBytes: 4096, extensionBytes: 64 << 10))
        var index = Index(path: path, size: try file.size())
        var place: Int64 = 0
        while place < index.size {
            let chunk = try file.read(count: 1 << 20, at: place)
            if chunk.isEmpty { break }
            place += Int64(chunk.count)
            // The standard library's own call does not keep the type of what is thrown.
            let result = chunk.withUnsafeBytes { bytes in
                Result { () throws(BullaError) in
                    try reader.push(bytes) { (event) throws(BullaError) in try index.take(event) }
                }
            }
            try result.get()
        }
        try reader.finish()
        return index.members
    }

    /// The members that were seen so far.
    private struct Index {
        let path: String
        let size: Int64
        var members: [String: Member] = [:]
        var current: String?

        mutating func take(_ event: TarEvent) throws(BullaError) {
            switch event {
            case .entry(let entry): try take(entry)
            case .hole:
                // A sparse member does not lie in one piece, and no tool writes an image so.
                if let current { members[current] = nil }
            case .content, .end: break
            }
        }

        private mutating func take(_ entry: TarEntry) throws(BullaError) {
            current = nil
            guard let name = normal(String(decoding: entry.path, as: UTF8.self)) else { return }
            let target = String(decoding: entry.linkTarget, as: UTF8.self)
            switch entry.kind {
            case .file:
                // The header is one block; what the member stores follows it.
                let start = Int64(clamping: entry.offset) + 512
                let (end, overflow) = start.addingReportingOverflow(Int64(clamping: entry.size))
                guard !overflow, end <= size else {
                    throw BullaError(.dataLoss, "'\(path)' ends in the middle of '\(name)'")
                }
                members[name] = .content(start..<end)
                current = name
            case .symbolicLink:
                let folder = name.split(separator: "/").dropLast().joined(separator: "/")
                members[name] = normal(folder.isEmpty ? target : "\(folder)/\(target)").map { .link($0) }
            case .hardLink: members[name] = normal(target).map { .link($0) }
            case .directory, .special: break
            }
        }
    }

    /// A path without `.`, `..` and empty parts; nil when it leads out of the archive.
    private static func normal(_ path: String) -> String? {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part != ".." { parts.append(part) } else if parts.popLast() == nil { return nil }
        }
        return parts.isEmpty ? nil : parts.joined(separator: "/")
    }

    private func part(_ path: String) -> Range<Int64>? {
        var name = Self.normal(path)
        for _ in 0..<8 {
            guard let now = name, let member = members[now] else { return nil }
            switch member {
            case .content(let part): return part
            case .link(let target): name = target
            }
        }
        return nil
    }

    func contains(_ path: String) async throws(BullaError) -> Bool { part(path) != nil }

    func size(of path: String) async throws(BullaError) -> Int64 {
        guard let part = part(path) else { throw missing(path) }
        return part.upperBound - part.lowerBound
    }

    func open(_ path: String) async throws(BullaError) -> ByteStream {
        guard let part = part(path) else { throw missing(path) }
        return stream(file, part, of: name, on: disk)
    }
}
