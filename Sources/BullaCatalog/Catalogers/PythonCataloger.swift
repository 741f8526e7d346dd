// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// The packages of Python: the metadata of installed wheels, eggs and `setup.py` installations, wherever they are.
///
/// https://packaging.python.org/en/latest/specifications/core-metadata/
public struct PythonCataloger: Cataloger {
    /// Reads Python's metadata.
    public init() {}

    /// `*.dist-info/METADATA`, `*.egg-info/PKG-INFO`, `EGG-INFO/PKG-INFO` of an egg, and `*.egg-info` as a file.
    public var wanted: WantedPaths {
        WantedPaths(suffixes: [".dist-info/METADATA", ".egg-info/PKG-INFO", "/EGG-INFO/PKG-INFO", ".egg-info"])
    }

    /// These may be owned by the distribution's packages.
    public var isDistribution: Bool { false }
    /// 8 MiB: the description can be long.
    public var largestFile: Int { 8 << 20 }

    /// Reads a metadata file.
    ///
    /// - Throws: `invalidArgument` when it has no name or no version.
    public func catalog(_ file: CatalogFile) throws(BullaError) -> CatalogResult {
        var name: String?
        var version: String?
        var license: String?
        var expression: String?
        var isHeader = true
        file.bytes.forEachLine { line in
            let line = line.last == 13 ? line.dropLast() : line
            // The description follows the first empty line.
            guard isHeader, let first = line.first else {
                isHeader = false
                return
            }
            switch first | 0x20 {
            case UInt8(ascii: "n"): name = name ?? line.field("name")?.printableText(longest: 512)
            case UInt8(ascii: "v"): version = version ?? line.field("version")?.printableText(longest: 512)
            case UInt8(ascii: "l"):
                license = license ?? line.field("license")?.printableText(longest: 200, allowingSpaces: true)
                expression =
                    expression ?? line.field("license-expression")?.printableText(longest: 200, allowingSpaces: true)
            default: break
            }
        }
        guard let name, let version else {
            throw BullaError(.invalidArgument, "the metadata has no name or no version")
        }
        if license == "UNKNOWN" { license = nil }
        var result = CatalogResult()
        result.packages.append(FoundPackage(name: name, version: version, license: expression ?? license))
        return result
    }

    /// `pkg:pypi/NAME@VERSION`.
    public func purl(of package: FoundPackage, in distribution: Distribution?) -> PackageURL {
        PackageURL(type: "pypi", name: package.name, version: package.version)
    }
}
