// SPDX-License-Identifier: Apache-2.0

import BullaArchive
public import BullaArtifact
import Glibc

/// A folder of this machine as the root file system of an image: the `dir:` source.
///
/// Symbolic links are never followed by the kernel, but inside the folder as if it were the root, so nothing outside of
/// it is read. Pseudo file systems are left out, and files that change while they are read may be missed.
public struct RootFolder: Sendable {
    private let path: String
    private let catalog: Catalog

    /// Takes a folder.
    public init(
        _ path: String, catalogers: [any Cataloger] = StandardCatalogers.all, limits: CatalogLimits = CatalogLimits()
    ) {
        self.path = path
        catalog = Catalog(catalogers, limits: limits)
    }

    /// Reads the folder.
    ///
    /// - Throws: `notFound` when it is no folder that can be read, `resourceExhausted` when a limit is met.
    public func inventory() throws(BullaError) -> Inventory {
        let collector = LayerCollector(catalog)
        try walk(collector)
        var contents = LayerContents(digest: nil, diffID: nil)
        contents.log = collector.log
        contents.files = collector.files
        contents.problems = collector.problems
        var assembly = try InventoryAssembly(catalog, [contents])
        for (layer, entries) in assembly.missingContent {
            let again = LayerCollector(catalog, for: .entries(entries))
            try walk(again)
            assembly.add(again.files, layer: layer)
        }
        return assembly.inventory()
    }

    private func walk(_ collector: LayerCollector) throws(BullaError) {
        let root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else {
            throw BullaError(.notFound, "opening folder '\(path)': \(String(cString: strerror(errno)))")
        }
        var status = stat()
        fstat(root, &status)
        var walk = Walk(collector: collector, device: status.st_dev)
        try walk.directory(root, [])
    }
}

/// One walk through a folder, in the order of the names.
private struct Walk {
    let collector: LayerCollector
    let device: dev_t
    private var depth = 0

    init(collector: LayerCollector, device: dev_t) {
        self.collector = collector
        self.device = device
    }

    /// Walks through a directory and closes its descriptor.
    mutating func directory(_ descriptor: Int32, _ path: [UInt8]) throws(BullaError) {
        guard let stream = fdopendir(descriptor) else {
            close(descriptor)
            return
        }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8) { names.append(name) }
        }
        names.sort { $0.lexicographicallyPrecedes($1) }
        for name in names {
            try entry(descriptor, name, path.isEmpty ? name : path + [UInt8(ascii: "/")] + name)
        }
    }

    private mutating func entry(_ directory: Int32, _ name: [UInt8], _ path: [UInt8]) throws(BullaError) {
        let name = name.map { CChar(bitPattern: $0) } + [0]
        var status = stat()
        guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return }
        func begin(_ kind: TarEntry.Kind, target: [UInt8] = []) throws(BullaError) {
            try collector.begin(
                TarEntry(
                    kind: kind, path: path, linkTarget: target, size: UInt64(max(0, status.st_size)),
                    mode: UInt32(status.st_mode & 0o7777), offset: 0))
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            try begin(.directory)
            if status.st_dev != device, ["proc", "sys", "dev"].contains(RootPath.text(path)) { return }
            // A descriptor is open for every level.
            guard depth < 500 else { return collector.report(RootPath.text(path), "the folder is too deep") }
            let inner = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard inner >= 0 else {
                return collector.report(RootPath.text(path), String(cString: strerror(errno)))
            }
            depth += 1
            defer { depth -= 1 }
            try self.directory(inner, path)
        case S_IFLNK:
            let target = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                if let base = buffer.baseAddress { count = max(0, readlinkat(directory, name, base, 4096)) }
            }
            try begin(.symbolicLink, target: target)
        case S_IFREG:
            try begin(.file)
            if collector.isKeeping { try contents(directory, name, path, size: Int(status.st_size)) }
        default: try begin(.special)
        }
    }

    private func contents(_ directory: Int32, _ name: [CChar], _ path: [UInt8], size: Int) throws(BullaError) {
        let file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else {
            return collector.report(RootPath.text(path), String(cString: strerror(errno)))
        }
        defer { close(file) }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            while filled < size, let base = buffer.baseAddress {
                let got = read(file, base + filled, size - filled)
                if got > 0 {
                    filled += got
                } else if got == 0 || errno != EINTR {
                    failure = got == 0 ? 0 : errno
                    break
                }
            }
        }
        guard failure == 0 else { return collector.report(RootPath.text(path), String(cString: strerror(failure))) }
        try collector.finish(bytes)
    }
}
