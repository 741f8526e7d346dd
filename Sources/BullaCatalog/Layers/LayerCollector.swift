// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact

/// Gathers what matters of a layer from the events of its archive, or of a folder that is walked.
///
/// Keeps one wanted file at a time; a file is parsed when it ends, and its bytes are gone.
final class LayerCollector {
    /// What is looked for.
    enum Purpose {
        /// Everything that catalogers want.
        case everything
        /// The content of these entries, for these takers, as the path given.
        case entries([Int: (path: [UInt8], takers: PathMatcher.Takers)])
    }

    private let catalog: Catalog
    private let purpose: Purpose
    private(set) var log = LayerLog()
    private(set) var files: [Int: [LayerContents.File]] = [:]
    private(set) var problems: [Inventory.Problem] = []
    private var number = -1
    private var facts = 0
    private var kept: [UInt8] = []
    private var keptPath: [UInt8] = []
    private var takers: PathMatcher.Takers = []

    init(_ catalog: Catalog, for purpose: Purpose = .everything) {
        self.catalog = catalog
        self.purpose = purpose
    }

    /// Takes the next event of an archive.
    func take(_ event: TarEvent) throws(BullaError) {
        switch event {
        case .entry(let entry): try begin(entry)
        case .content(let bytes): if !takers.isEmpty { kept.append(contentsOf: bytes) }
        // The size of a wanted file is within the limit, so its holes are.
        case .hole(let count): if !takers.isEmpty { kept.append(contentsOf: repeatElement(0, count: Int(count))) }
        case .end: if !takers.isEmpty { try end() }
        }
    }

    /// Begins an entry.
    func begin(_ entry: TarEntry) throws(BullaError) {
        number += 1
        takers = []
        if case .entries(let wanted) = purpose {
            guard entry.kind == .file, let (path, takers) = wanted[number] else { return }
            keep(path, takers, size: entry.size)
            return
        }
        guard let path = RootPath.normalized(entry.path) else {
            report(RootPath.text(entry.path), "the name climbs out of the root")
            return
        }
        let base = RootPath.baseStart(of: path)
        if path.count >= base + 4, path[base] == UInt8(ascii: "."), path[base...].starts(with: ".wh.".utf8) {
            whiteout(path, base)
            return
        }
        switch entry.kind {
        case .directory: log.append(.directory, number: number, path)
        case .special: log.append(.special, number: number, path)
        case .file:
            log.append(.file, number: number, path, isWanted: !catalog.matcher.takersAnywhere(of: path).isEmpty)
            keep(path, catalog.matcher.takers(of: path), size: entry.size)
        case .hardLink, .symbolicLink:
            log.append(
                entry.kind == .hardLink ? .hardLink : .symbolicLink, number: number, path, target: entry.linkTarget,
                isWanted: !catalog.matcher.takersAnywhere(of: path).isEmpty)
        }
    }

    /// Whether the content of the entry that began last is wanted.
    var isKeeping: Bool { !takers.isEmpty }

    /// Ends the entry that began last with all of its content.
    func finish(_ bytes: [UInt8]) throws(BullaError) {
        kept = bytes
        try end()
    }

    /// Reports a file.
    func report(_ path: String, _ reason: String) {
        if problems.count < catalog.limits.problems { problems.append(Inventory.Problem(path: path, reason: reason)) }
    }

    private func whiteout(_ path: [UInt8], _ base: Int) {
        let name = path[(base + 4)...]
        let parent = Array(path[..<max(0, base - 1)])
        if name.elementsEqual(".wh..opq".utf8) {
            log.append(.opaque, number: number, parent)
        } else if name.starts(with: ".wh.".utf8) {
            // The bookkeeping of the aufs file system, of no meaning to others.
            return
        } else if name.isEmpty || name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8) {
            report(RootPath.text(path), "the whiteout names nothing")
        } else {
            log.append(.whiteout, number: number, parent.isEmpty ? Array(name) : parent + [UInt8(ascii: "/")] + name)
        }
    }

    private func keep(_ path: [UInt8], _ wanted: PathMatcher.Takers, size: UInt64) {
        guard !wanted.isEmpty else { return }
        var accepted: PathMatcher.Takers = []
        for place in catalog.places(in: wanted) {
            let largest = min(catalog.limits.fileBytes, catalog.largestFile(of: place))
            if size <= UInt64(largest) {
                accepted.insert(PathMatcher.Takers(place))
            } else {
                add(.problem("the file has \(size) bytes, more than \(largest)"), of: place, path)
            }
        }
        takers = accepted
        keptPath = path
        kept.removeAll(keepingCapacity: size <= 1 << 20)
        if !accepted.isEmpty { kept.reserveCapacity(Int(size)) }
    }

    private func end() throws(BullaError) {
        let wanted = takers
        takers = []
        facts += 1
        for place in catalog.places(in: wanted) {
            let outcome = catalog.outcome(of: place, path: RootPath.text(keptPath), bytes: kept)
            // A file counts too, and an owned one, so that memory is bounded whatever the files say.
            if case .result(let result) = outcome { facts += result.packages.count + result.owned.count }
            add(outcome, of: place, keptPath)
        }
        guard facts <= catalog.limits.facts else {
            throw BullaError(
                .resourceExhausted,
                "the layer has more than \(catalog.limits.facts) packages and files that tell of them",
                reason: ArchiveReason.limit)
        }
    }

    private func add(_ outcome: LayerContents.Outcome, of place: Int, _ path: [UInt8]) {
        files[number, default: []].append(
            LayerContents.File(taker: place, path: RootPath.text(path), outcome: outcome))
    }
}
