// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// The packages of dpkg: its `status` file, and the `status.d` folder of images without dpkg.
///
/// https://manpages.debian.org/bookworm/dpkg/dpkg-query.1.en.html and
/// https://www.debian.org/doc/debian-policy/ch-controlfields.html
public struct DebianCataloger: Cataloger {
    /// Reads dpkg's files.
    public init() {}

    /// The database and the lists of owned files.
    public var wanted: WantedPaths {
        WantedPaths(
            files: ["var/lib/dpkg/status"],
            directories: [
                WantedPaths.Directory("var/lib/dpkg/status.d"),
                WantedPaths.Directory("var/lib/dpkg/info", suffix: ".list"),
            ])
    }

    /// These are the distribution's packages.
    public var isDistribution: Bool { true }
    /// 64 MiB: a hundred times a large one.
    public var largestFile: Int { 64 << 20 }

    /// Reads a database file or a list of owned files.
    ///
    /// - Throws: nothing; what is malformed is reported and left out.
    public func catalog(_ file: CatalogFile) throws(BullaError) -> CatalogResult {
        var result = CatalogResult()
        let name = file.name
        if name.hasSuffix(".md5sums") {
            // `MD5  PATH`, relative to the root.
            readOwned(file, owner: String(name.dropLast(".md5sums".count)), pathStart: 34, into: &result)
        } else if name.hasSuffix(".list") {
            readOwned(file, owner: String(name.dropLast(".list".count)), pathStart: 1, into: &result)
        } else {
            readStatus(file, recordName: name == "status" ? nil : String(name), into: &result)
        }
        return result
    }

    /// `pkg:deb/debian/NAME@VERSION?arch=…&distro=debian-12`.
    public func purl(of package: FoundPackage, in distribution: Distribution?) -> PackageURL {
        PackageURL(distribution: distribution, type: "deb", fallback: "debian", package)
    }

    private func readOwned(_ file: CatalogFile, owner: String, pathStart: Int, into result: inout CatalogResult) {
        file.bytes.forEachLine { line in
            // Nearly all lines are of no interest; the end of the line tells.
            guard line.count > pathStart else { return }
            let path = Array(line[(line.startIndex + pathStart)...])
            guard !file.ownable.takers(of: path).isEmpty, let normal = RootPath.normalized(path) else { return }
            result.owned.append(CatalogResult.Ownership(owner: owner, path: normal))
        }
    }

    private func readStatus(_ file: CatalogFile, recordName: String?, into result: inout CatalogResult) {
        var stanza = Stanza()
        file.bytes.forEachLine { line in
            guard let first = line.first else {
                finish(&stanza, recordName, into: &result)
                return
            }
            stanza.lines += 1
            // A continuation line belongs to a field that is not read here, or to none.
            guard first != 32, first != 9 else { return }
            switch first | 0x20 {
            case UInt8(ascii: "p"): stanza.package = line.field("package") ?? stanza.package
            case UInt8(ascii: "v"): stanza.version = line.field("version") ?? stanza.version
            case UInt8(ascii: "a"): stanza.architecture = line.field("architecture") ?? stanza.architecture
            case UInt8(ascii: "s"):
                stanza.status = line.field("status") ?? stanza.status
                stanza.source = line.field("source") ?? stanza.source
            default: break
            }
        }
        finish(&stanza, recordName, into: &result)
    }

    private struct Stanza {
        var lines = 0
        var package: ArraySlice<UInt8>?
        var status: ArraySlice<UInt8>?
        var version: ArraySlice<UInt8>?
        var architecture: ArraySlice<UInt8>?
        var source: ArraySlice<UInt8>?
    }

    private func finish(_ stanza: inout Stanza, _ recordName: String?, into result: inout CatalogResult) {
        defer { stanza = Stanza() }
        guard stanza.lines > 0 else { return }
        if let status = stanza.status {
            // `WANT FLAG STATE`; a package that waits for a trigger is installed all the same.
            let words = status.split(separator: 32).map { String(decoding: $0, as: UTF8.self) }
            guard words.count == 3, ["installed", "triggers-awaited", "triggers-pending"].contains(words[2]) else {
                return
            }
        } else if recordName == nil {
            // dpkg takes a package without a status as not installed; status.d may leave it out.
            return
        }
        guard let name = stanza.package.flatMap(text), let version = stanza.version.flatMap(text) else {
            let name = stanza.package.map { String(decoding: $0.prefix(100), as: UTF8.self) } ?? "?"
            result.problems.append("package '\(name)' has no name or version")
            return
        }
        var package = FoundPackage(
            name: name, version: version, architecture: stanza.architecture.flatMap(text), recordName: recordName)
        package.sourceName = name
        package.sourceVersion = withoutRebuild(version)
        if let source = stanza.source {
            // `NAME`, or `NAME (VERSION)` where the versions differ.
            let parts = source.split(separator: 32, omittingEmptySubsequences: true)
            if let first = parts.first.flatMap(text) { package.sourceName = first }
            if parts.count == 2, parts[1].first == UInt8(ascii: "("), parts[1].last == UInt8(ascii: ")"),
                let stated = text(parts[1].dropFirst().dropLast())
            {
                package.sourceVersion = stated
            }
        }
        result.packages.append(package)
    }

    /// A version without the `+b2` of a rebuild, which the source does not have.
    private func withoutRebuild(_ version: String) -> String {
        guard let plus = version.lastIndex(of: "+"), version[plus...].hasPrefix("+b") else { return version }
        let digits = version[plus...].dropFirst(2)
        return !digits.isEmpty && digits.utf8.allSatisfy { (48...57).contains($0) } ? String(version[..<plus]) : version
    }

    private func text(_ bytes: ArraySlice<UInt8>) -> String? { bytes.printableText(longest: 512) }
}
