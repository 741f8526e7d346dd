// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// The names of an image's root file system, layer upon layer, without content.
///
/// Every path costs one node of 24 bytes, one or two slots of 4 bytes and the bytes of its last part, so some 60 bytes.
/// A directory whose content is hidden or a file that comes back as a directory gets a new node, which makes what was
/// beneath unreachable at once, however much it was.
struct FileTree {
    /// A node's number; the root is 0.
    typealias Node = UInt32

    /// What a node is.
    enum Kind: UInt8 {
        case absent, directory, file, symbolicLink, special
    }

    /// Where a file's content is: the layer, and which entry of it.
    struct Content: Hashable {
        let layer: Int
        let entry: Int
    }

    private struct Record {
        var parent: UInt32
        var nameStart: UInt32
        /// A file's entry, or where a symbolic link's target begins.
        var value: UInt32
        var nameCount: UInt16
        var layer: UInt16
        var targetCount: UInt16
        var kind: Kind
        var isWanted: Bool
    }

    static let root: Node = 0
    private static let slash = UInt8(ascii: "/")
    /// As many links on the way to a file as Linux follows.
    private static let mostLinks = 40
    private static let deepest = 2048
    /// How many parts of paths are looked up for all layers: more than a large image needs by far, and some five
    /// seconds; without it, paths of thousands of links could be made to cost hours.
    private static let mostSteps = 50_000_000

    /// What a walk has cost so far.
    private struct Cost {
        var links = 0
        var steps = 0
    }

    private var records: [Record]
    private var names: [UInt8] = []
    /// Open addressing, by parent and name; 0 is empty, else a node.
    private var slots: [UInt32]
    private let limit: Int
    private var steps = 0
    /// The directory of the last entry, for archives list a directory's files together.
    private var lastDirectory: (path: [UInt8], node: Node)?

    init(limit: Int) {
        self.limit = limit
        records = [
            Record(
                parent: 0, nameStart: 0, value: 0, nameCount: 0, layer: 0, targetCount: 0, kind: .directory,
                isWanted: false)
        ]
        slots = Array(repeating: 0, count: 1024)
    }

    var count: Int { records.count }

    func kind(of node: Node) -> Kind { records[Int(node)].kind }

    /// A file's content.
    func content(of node: Node) -> Content? {
        let record = records[Int(node)]
        return record.kind == .file ? Content(layer: Int(record.layer), entry: Int(record.value)) : nil
    }

    // MARK: Layers

    /// Applies a layer; what cannot be applied is reported.
    mutating func apply(_ log: LayerLog, layer: Int, report: (_ path: [UInt8], _ reason: String) -> Void)
        throws(BullaError)
    {
        lastDirectory = nil
        // A whiteout hides what the layers beneath have, never what its own layer has, wherever it stands.
        if log.hasWhiteouts {
            var reader = log.reader()
            while let entry = reader.next() {
                guard entry.kind == .whiteout || entry.kind == .opaque else { continue }
                try hide(entry)
            }
        }
        var reader = log.reader()
        while let entry = reader.next() {
            switch entry.kind {
            case .whiteout, .opaque: continue
            default: if let reason = try add(entry, layer: layer) { report(entry.path, reason) }
            }
        }
    }

    private mutating func hide(_ entry: LayerLog.Entry) throws(BullaError) {
        var cost = Cost()
        let found = walk(from: Self.root, entry.path[...], followingLast: entry.kind == .opaque, &cost)
        try pay(cost)
        if entry.kind == .opaque {
            guard let node = found, node != Self.root, kind(of: node) == .directory else {
                if entry.path.isEmpty { slots = Array(repeating: 0, count: 1024) }
                return
            }
            replace(node)
        } else if let node = found, node != Self.root {
            records[Int(node)].kind = .absent
        }
    }

    /// Adds an entry, or says why it cannot be.
    private mutating func add(_ entry: LayerLog.Entry, layer: Int) throws(BullaError) -> String? {
        let path = entry.path
        guard !path.isEmpty else { return nil }
        let base = RootPath.baseStart(of: path)
        guard path.count - base <= Int(UInt16.max) else { return "the name is longer than 65535 bytes" }
        var directory = Self.root
        if base > 0 {
            if let last = lastDirectory, last.path.count == base - 1, path.starts(with: last.path) {
                directory = last.node
            } else {
                let parent = Array(path[..<(base - 1)])
                switch try makeDirectories(parent, layer: layer) {
                case .success(let node): directory = node
                case .failure(let problem): return problem.reason
                }
                lastDirectory = (parent, directory)
            }
        }
        let name = path[base...]
        var value = UInt32(truncatingIfNeeded: entry.number)
        var from = layer
        var kind = Kind.file
        var targetCount = 0
        switch entry.kind {
        case .file: break
        case .directory: kind = .directory
        case .special: kind = .special
        case .symbolicLink:
            guard entry.target.count <= 4096 else { return "the link's target is longer than 4096 bytes" }
            kind = .symbolicLink
            targetCount = entry.target.count
            value = UInt32(truncatingIfNeeded: names.count)
            names.append(contentsOf: entry.target)
        case .hardLink:
            guard let target = RootPath.normalized(entry.target) else { return "the hard link leads out of the root" }
            var cost = Cost()
            let found = walk(from: Self.root, target[...], followingLast: false, &cost)
            try pay(cost)
            guard let node = found else {
                return "the hard link's target '\(RootPath.text(target.prefix(200)))' does not exist"
            }
            switch self.kind(of: node) {
            case .file:
                from = Int(records[Int(node)].layer)
                value = records[Int(node)].value
            case .symbolicLink:
                kind = .symbolicLink
                value = records[Int(node)].value
                targetCount = Int(records[Int(node)].targetCount)
            case .special: kind = .special
            case .directory, .absent: return "the hard link's target is a directory"
            }
        case .whiteout, .opaque: return nil
        }
        let old = child(of: directory, named: name)
        if let old, self.kind(of: old) != .absent {
            // A directory stays what it is; everything else is replaced, with all that was beneath it.
            if kind == .directory, self.kind(of: old) == .directory { return nil }
            if self.kind(of: old) == .directory || self.kind(of: old) == .symbolicLink { lastDirectory = nil }
        }
        let node = try makeNode(directory, name, replacing: old)
        records[Int(node)].kind = kind
        records[Int(node)].layer = UInt16(truncatingIfNeeded: from)
        records[Int(node)].value = value
        records[Int(node)].targetCount = UInt16(targetCount)
        records[Int(node)].isWanted = entry.isWanted
        return nil
    }

    private struct Problem: Error {
        let reason: String
    }

    private mutating func makeDirectories(_ path: [UInt8], layer: Int) throws(BullaError) -> Result<Node, Problem> {
        var node = Self.root
        var depth = 0
        var cost = Cost()
        for part in path.split(separator: Self.slash) {
            depth += 1
            guard depth <= Self.deepest else { return .failure(Problem(reason: "the path has too many parts")) }
            let found = child(of: node, named: part)
            if let found, kind(of: found) == .directory {
                node = found
            } else if let found, kind(of: found) == .symbolicLink {
                let target = follow(found, &cost)
                guard let target, kind(of: target) == .directory else {
                    try pay(cost)
                    return .failure(Problem(reason: "the path leads through a link that leads to no directory"))
                }
                node = target
            } else {
                node = try makeNode(node, part, replacing: found)
                records[Int(node)].kind = .directory
                records[Int(node)].layer = UInt16(truncatingIfNeeded: layer)
            }
        }
        cost.steps += depth
        try pay(cost)
        return .success(node)
    }

    private mutating func pay(_ cost: Cost) throws(BullaError) {
        steps += cost.steps
        guard steps <= Self.mostSteps else {
            throw BullaError(.resourceExhausted, "the image's paths and links take more than \(Self.mostSteps) steps")
        }
    }

    // MARK: Looking up

    /// The node that a normal path leads to, through links.
    func lookUp(_ path: [UInt8], followingLast: Bool = true) -> Node? {
        var cost = Cost()
        return walk(from: Self.root, path[...], followingLast: followingLast, &cost)
    }

    /// The node that a symbolic link, or anything else, leads to.
    func resolve(_ node: Node) -> Node? {
        var cost = Cost()
        return kind(of: node) == .symbolicLink ? follow(node, &cost) : node
    }

    private func follow(_ node: Node, _ cost: inout Cost) -> Node? {
        cost.links += 1
        guard cost.links <= Self.mostLinks else { return nil }
        let record = records[Int(node)]
        let target = names[Int(record.value)..<(Int(record.value) + Int(record.targetCount))]
        let start = target.first == Self.slash ? Self.root : record.parent
        return walk(from: start, target, followingLast: true, &cost)
    }

    /// Walks inside the root: `..` at the root stays there, as it does for a process whose root it is.
    private func walk(
        from start: Node, _ path: ArraySlice<UInt8>, followingLast: Bool, _ cost: inout Cost
    ) -> Node? {
        var node = start
        var position = path.startIndex
        var depth = 0
        while position < path.endIndex {
            let end = path[position...].firstIndex(of: Self.slash) ?? path.endIndex
            let part = path[position..<end]
            position = end < path.endIndex ? end + 1 : end
            if part.isEmpty || part.elementsEqual(".".utf8) { continue }
            depth += 1
            cost.steps += 1
            guard depth <= Self.deepest, kind(of: node) == .directory else { return nil }
            if part.elementsEqual("..".utf8) {
                node = records[Int(node)].parent
                continue
            }
            guard let found = child(of: node, named: part), kind(of: found) != .absent else { return nil }
            node = found
            if kind(of: found) == .symbolicLink, followingLast || position < path.endIndex {
                guard let target = follow(found, &cost) else { return nil }
                node = target
            }
        }
        return node
    }

    /// The path of a node, or nil when it has been replaced or hidden.
    func path(of node: Node) -> [UInt8]? {
        var parts: [ArraySlice<UInt8>] = []
        var here = node
        while here != Self.root {
            let record = records[Int(here)]
            let name = self.name(record)
            guard record.kind != .absent, child(of: record.parent, named: name) == here else { return nil }
            parts.append(name)
            here = record.parent
        }
        return Array(parts.reversed().joined(separator: [Self.slash]))
    }

    /// The files and links that are in a directory now and whose names end so, in the order of their names.
    func children(of directory: Node, suffix: [UInt8]) -> [Node] {
        var found: [(name: ArraySlice<UInt8>, node: Node)] = []
        for (index, record) in records.enumerated()
        where record.parent == directory && index > 0 && (record.kind == .file || record.kind == .symbolicLink) {
            let name = self.name(record)
            guard name.count >= suffix.count, name.suffix(suffix.count).elementsEqual(suffix),
                child(of: directory, named: name) == Node(index)
            else { continue }
            found.append((name, Node(index)))
        }
        return found.sorted { $0.name.lexicographicallyPrecedes($1.name) }.map(\.node)
    }

    /// The files and links that a cataloger wants for their names' sake, wherever they are.
    var wantedNodes: [Node] {
        records.indices.lazy.filter { records[$0].isWanted && records[$0].kind != .absent }.map { Node($0) }
    }

    // MARK: Nodes

    private func name(_ record: Record) -> ArraySlice<UInt8> {
        names[Int(record.nameStart)..<(Int(record.nameStart) + Int(record.nameCount))]
    }

    private func slot(of parent: Node, named name: ArraySlice<UInt8>) -> Int {
        // Seeded by the process, so that no archive can choose names that collide.
        var hasher = Hasher()
        hasher.combine(parent)
        name.withUnsafeBytes { hasher.combine(bytes: $0) }
        var slot = hasher.finalize() & (slots.count - 1)
        while slots[slot] != 0 {
            let record = records[Int(slots[slot])]
            if record.parent == parent, Int(record.nameCount) == name.count, self.name(record) == name { break }
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    private func child(of parent: Node, named name: ArraySlice<UInt8>) -> Node? {
        let node = slots[slot(of: parent, named: name)]
        return node == 0 ? nil : node
    }

    /// Gives a directory a new number, so that what was beneath it is gone.
    private mutating func replace(_ node: Node) {
        let record = records[Int(node)]
        let slot = self.slot(of: record.parent, named: name(record))
        guard slots[slot] == node else { return }
        slots[slot] = UInt32(records.count)
        records[Int(node)].kind = .absent
        records.append(record)
    }

    private mutating func makeNode(
        _ parent: Node, _ name: ArraySlice<UInt8>, replacing old: Node?
    ) throws(BullaError) -> Node {
        // Only a directory has something beneath it that a new number must hide.
        if let old, kind(of: old) != .directory, kind(of: old) != .absent { return old }
        guard records.count < limit, names.count < Int(UInt32.max) - (1 << 17) else {
            throw BullaError(.resourceExhausted, "the image has more than \(limit) paths")
        }
        let node = UInt32(records.count)
        if records.count * 2 > slots.count { grow() }
        let slot = self.slot(of: parent, named: name)
        var start = UInt32(names.count)
        if let old {
            start = records[Int(old)].nameStart
            records[Int(old)].kind = .absent
        } else {
            names.append(contentsOf: name)
        }
        records.append(
            Record(
                parent: parent, nameStart: start, value: 0, nameCount: UInt16(name.count), layer: 0, targetCount: 0,
                kind: .absent, isWanted: false))
        slots[slot] = node
        return node
    }

    private mutating func grow() {
        let live = slots.filter { $0 != 0 }
        slots = Array(repeating: 0, count: slots.count * 2)
        for node in live {
            let record = records[Int(node)]
            slots[slot(of: record.parent, named: name(record))] = node
        }
    }
}
