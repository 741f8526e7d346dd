// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// The packages of apk: its `installed` database, lines of a letter, a colon and a value.
///
/// https://wiki.alpinelinux.org/wiki/Apk_spec#Installed_Database_V2
public struct AlpineCataloger: Cataloger {
    /// Reads apk's database.
    public init() {}

    /// The database, where apk has it and where a merged `/usr` has it.
    public var wanted: WantedPaths { WantedPaths(files: ["lib/apk/db/installed", "usr/lib/apk/db/installed"]) }

    /// These are the distribution's packages.
    public var isDistribution: Bool { true }
    /// 64 MiB: a hundred times a large one.
    public var largestFile: Int { 64 << 20 }

    /// Reads the database.
    ///
    /// - Throws: `invalidArgument` for the binary database of apk 3, which is not read.
    public func catalog(_ file: CatalogFile) throws(BullaError) -> CatalogResult {
        guard !file.bytes.starts(with: "ADB".utf8) else {
            throw BullaError(.invalidArgument, "the database is apk 3's binary form, which is not read")
        }
        var result = CatalogResult()
        var package = FoundPackage(name: "", version: "")
        var lines = 0
        var directory: ArraySlice<UInt8> = []
        var owned: [[UInt8]] = []
        func finish() {
            defer {
                package = FoundPackage(name: "", version: "")
                lines = 0
                directory = []
                owned = []
            }
            guard lines > 0 else { return }
            guard !package.name.isEmpty, !package.version.isEmpty else {
                result.problems.append("package '\(package.name.isEmpty ? "?" : package.name)' has no name or version")
                return
            }
            if package.sourceName == nil { package.sourceName = package.name }
            package.sourceVersion = package.version
            for path in owned { result.owned.append(CatalogResult.Ownership(owner: package.name, path: path)) }
            result.packages.append(package)
        }
        file.bytes.forEachLine { line in
            guard let key = line.first else { return finish() }
            lines += 1
            guard line.count >= 2, line[line.startIndex + 1] == UInt8(ascii: ":") else { return }
            let value = line.dropFirst(2)
            switch key {
            case UInt8(ascii: "P"): package.name = value.printableText(longest: 512) ?? ""
            case UInt8(ascii: "V"): package.version = value.printableText(longest: 512) ?? ""
            case UInt8(ascii: "A"): package.architecture = value.printableText(longest: 512)
            case UInt8(ascii: "o"): package.sourceName = value.printableText(longest: 512)
            case UInt8(ascii: "L"): package.license = value.printableText(longest: 512)
            case UInt8(ascii: "F"): directory = value
            case UInt8(ascii: "R"):
                let path = directory.isEmpty ? Array(value) : directory + [UInt8(ascii: "/")] + value
                if !file.ownable.takers(of: path).isEmpty, let normal = RootPath.normalized(path) {
                    owned.append(normal)
                }
            default: break
            }
        }
        finish()
        return result
    }

    /// `pkg:apk/alpine/NAME@VERSION?arch=…&distro=alpine-3.20.1`.
    public func purl(of package: FoundPackage, in distribution: Distribution?) -> PackageURL {
        PackageURL(distribution: distribution, type: "apk", fallback: "alpine", package)
    }
}
