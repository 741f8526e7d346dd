// SPDX-License-Identifier: Apache-2.0

/// Says which catalogers want a path, for every path of every layer: some 100 ns each, no allocation.
struct PathMatcher: Sendable {
    /// A set of catalogers, by their place.
    struct Takers: OptionSet, Sendable, Hashable {
        let rawValue: UInt64

        init(rawValue: UInt64) { self.rawValue = rawValue }

        init(_ place: Int) { rawValue = 1 << UInt64(place & 63) }
    }

    private struct Ending: Sendable {
        let bytes: [UInt8]
        let takers: Takers
    }

    private struct Folder: Sendable {
        let path: [UInt8]
        let suffix: [UInt8]
        let takers: Takers
    }

    private var files: [[UInt8]: Takers] = [:]
    private var folders: [Folder] = []
    /// By the last byte, so that most paths are compared with nothing.
    private var endings: [[Ending]] = Array(repeating: [], count: 256)
    private var longestFile = 0

    init(_ wanted: [WantedPaths]) {
        for (place, paths) in wanted.enumerated() {
            for file in paths.files {
                files[Array(file.utf8), default: []].insert(Takers(place))
                longestFile = max(longestFile, file.utf8.count)
            }
            for directory in paths.directories {
                folders.append(
                    Folder(
                        path: Array(directory.path.utf8) + [UInt8(ascii: "/")], suffix: Array(directory.suffix.utf8),
                        takers: Takers(place)))
            }
            for suffix in paths.suffixes {
                let bytes = Array(suffix.utf8)
                if let last = bytes.last { endings[Int(last)].append(Ending(bytes: bytes, takers: Takers(place))) }
            }
        }
    }

    /// Who wants a normal path.
    func takers(of path: [UInt8]) -> Takers {
        var result: Takers = []
        if path.count <= longestFile, let takers = files[path] { result.formUnion(takers) }
        for folder in folders
        where path.count > folder.path.count && path.starts(with: folder.path)
            && !path[folder.path.count...].contains(UInt8(ascii: "/")) && path.ends(with: folder.suffix)
        {
            result.formUnion(folder.takers)
        }
        return result.union(takersAnywhere(of: path))
    }

    /// Who wants a path because of its end, wherever it lies.
    func takersAnywhere(of path: [UInt8]) -> Takers {
        var result: Takers = []
        guard let last = path.last else { return result }
        for ending in endings[Int(last)] where path.ends(with: ending.bytes) { result.formUnion(ending.takers) }
        return result
    }
}

extension [UInt8] {
    /// Whether the last bytes are `suffix`.
    func ends(with suffix: [UInt8]) -> Bool {
        guard count >= suffix.count else { return false }
        var here = count - suffix.count
        for byte in suffix {
            if self[here] != byte { return false }
            here += 1
        }
        return true
    }
}
