// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
import BullaArtifact
import Foundation

/// Advisories, and the database they are compiled into.
enum AdvisoryTargets {
    private static let archive = ScratchFile("advisories.zip")
    private static let compiled = ScratchFile("compiled.db")
    private static let opened = ScratchFile("opened.db")

    /// OSV records as a value, as lines, and as a file that may be compressed; what is kept survives the database.
    static func osv(_ input: [UInt8]) {
        for name in ["records.json", "records.jsonl"] {
            var builder = DatabaseBuilder()
            guard (try? builder.add(input, named: name)) != nil, builder.report.kept > 0 else { continue }
            do throws(BullaError) {
                try builder.write(to: compiled.path, built: Date(timeIntervalSince1970: 0))
                let database = try AdvisoryDatabase(path: compiled.path)
                require(database.digest == builder.digest, "a database has the digest of its set")
                require(database.status.advisories == builder.report.kept, "a database counts what was kept")
                judge(database)
                let again = try DatabaseBuilder(mergingInto: database)
                require(again.digest == builder.digest, "a database reads whole")
            } catch {
                require(error.code == .resourceExhausted, "what is kept can be written and opened: \(error)")
            }
        }
        guard
            input.starts(with: [0x50, 0x4B]) || input.starts(with: [0x1F, 0x8B]) || input.starts(with: [0x28, 0xB5])
        else { return }
        archive.write(input)
        var builder = DatabaseBuilder()
        try? builder.add(file: archive.path)
    }

    /// A compiled database, as it is and with a header that fits: opened, judged by and read whole.
    static func database(_ input: [UInt8]) {
        for bytes in [input, withHeader(input)] {
            opened.write(bytes)
            guard let database = try? AdvisoryDatabase(path: opened.path) else { continue }
            judge(database)
            _ = try? DatabaseBuilder(mergingInto: database)
        }
    }

    /// The file with magic, version, length and checksum made right, for no mutation would get past them otherwise.
    private static func withHeader(_ input: [UInt8]) -> [UInt8] {
        guard input.count >= 256 else { return input }
        var bytes = input
        bytes.replaceSubrange(0..<8, with: Array("BULLAADV".utf8))
        bytes.replaceSubrange(8..<16, with: [1, 0, 0, 0, 0, 0, 0, 0])
        withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { bytes.replaceSubrange(16..<24, with: $0) }
        bytes.replaceSubrange(248..<256, with: Digest(of: bytes.prefix(248)).rawBytes.prefix(8))
        return bytes
    }

    private static func judge(_ database: AdvisoryDatabase) {
        guard let judgement = try? Matcher(database: database).judge(inventory) else { return }
        require(
            judgement.judged + judgement.unjudged.count == inventory.packages.count, "every package is accounted for")
    }

    /// Packages that the seeds name.
    private static let inventory: Inventory = {
        var packages: [Package] = []
        for (type, namespace, name, version) in [
            ("deb", "debian", "openssl", "3.0.11-1~deb12u1"), ("deb", "debian", "zlib", "1:1.2.13.dfsg-1"),
            ("apk", "alpine", "busybox", "1.36.1-r2"), ("pypi", nil, "requests", "2.19.0"),
            ("npm", nil, "left-pad", "1.0.0"), ("golang", "golang.org/x", "net", "v0.1.0"),
        ] as [(String, String?, String, String)] {
            let purl = PackageURL(type: type, namespace: namespace, name: name, version: version)
            packages.append(
                Package(
                    name: name, version: version, type: type, purl: purl,
                    source: Package.Source(name: name, version: version),
                    locations: [Package.Location(path: "status", layer: nil)]))
        }
        return Inventory(distribution: Distribution(id: "debian", version: "12"), packages: packages)
    }()
}
