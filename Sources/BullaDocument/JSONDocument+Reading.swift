// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import Foundation

extension JSONDocument {
    /// Reads a report that ``bytes(of:isPretty:)`` wrote.
    ///
    /// What the form does not hold (summaries, references, architectures) is not in the result.
    ///
    /// - Throws: `invalidArgument` when the bytes are of another form.
    public static func report(from bytes: [UInt8]) throws(BullaError) -> ScanReport {
        guard JSONDepth.isAtMost(32, in: bytes) else {
            throw BullaError(.invalidArgument, "the report is nested deeper than 32")
        }
        do {
            let decoder = JSONDecoder()
            decoder.dateDecodingStrategy = .iso8601
            return try decoder.decode(Wire.self, from: Data(bytes)).report
        } catch let error as BullaError {
            throw error
        } catch {
            throw BullaError(.invalidArgument, "the report is not of the form \(schema)", cause: error)
        }
    }
}

/// The form as a decoder sees it.
private struct Wire: Decodable {
    struct Image: Decodable {
        var reference: String
        var digest: String?
        var platform: String?
    }

    struct Release: Decodable {
        var id: String
        var version: String?
    }

    struct Place: Decodable {
        var path: String
        var layer: String?
    }

    struct Origin: Decodable {
        var name: String
        var version: String
    }

    struct Item: Decodable {
        var name: String
        var version: String
        var type: String
        var purl: String
        var owner: String?
        var license: String?
        var source: Origin?
        var locations: [Place]
    }

    struct Flaw: Decodable {
        var id: String
        var aliases: [String]
        var advisories: [String]
        var severity: String
        var cvss: String?
        var purl: String
        var fixedVersion: String?
        var status: String
        var locations: [Place]
    }

    struct Reasoned: Decodable {
        var purl: String
        var reason: String
    }

    struct Coverage: Decodable {
        var judged: Int
        var unjudged: [Reasoned]
    }

    struct Problem: Decodable {
        var path: String
        var reason: String
    }

    struct Set: Decodable {
        var digest: String
        var built: Date
    }

    var schema: String
    var image: Image
    var distribution: Release?
    var packages: [Item]
    var findings: [Flaw]
    var coverage: Coverage
    var errors: [Problem]
    var advisories: Set?

    var report: ScanReport {
        get throws(BullaError) {
            guard schema == JSONDocument.schema else {
                throw BullaError(
                    .invalidArgument, "the report is of the form '\(schema.prefix(80))', not \(JSONDocument.schema)")
            }
            var read: [Package] = []
            var byPurl: [String: Package] = [:]
            for item in packages {
                let package = try Self.package(item)
                read.append(package)
                // The first wins, as the writer's order is the report's own.
                if byPurl[item.purl] == nil { byPurl[item.purl] = package }
            }
            var flaws: [Finding] = []
            for flaw in findings {
                guard var package = byPurl[flaw.purl] else {
                    throw BullaError(
                        .invalidArgument, "finding '\(flaw.id)' is about '\(flaw.purl)', which is no package")
                }
                package.locations = try Self.locations(flaw.locations)
                flaws.append(try Self.finding(flaw, package))
            }
            var unjudged: [ScanReport.Unjudged] = []
            for row in coverage.unjudged { unjudged.append(.init(purl: try PackageURL(row.purl), reason: row.reason)) }
            return ScanReport(
                image: .init(
                    reference: image.reference,
                    digest: try image.digest.map { text throws(BullaError) in try Digest(text) },
                    platform: try image.platform.map { text throws(BullaError) in try Platform(text) }),
                inventory: Inventory(
                    distribution: distribution.map { Distribution(id: $0.id, version: $0.version) }, packages: read,
                    problems: errors.map { .init(path: $0.path, reason: $0.reason) }),
                findings: flaws, judged: coverage.judged, unjudged: unjudged,
                advisories: try advisories.map { set throws(BullaError) in
                    .init(digest: try Digest(set.digest), built: set.built)
                })
        }
    }

    private static func package(_ item: Item) throws(BullaError) -> Package {
        Package(
            name: item.name, version: item.version, type: item.type, purl: try PackageURL(item.purl),
            source: item.source.map { .init(name: $0.name, version: $0.version) }, license: item.license,
            owner: try item.owner.map { text throws(BullaError) in try PackageURL(text) },
            locations: try locations(item.locations))
    }

    private static func finding(_ flaw: Flaw, _ package: Package) throws(BullaError) -> Finding {
        guard let severity = Severity(flaw.severity), let status = Finding.Status(rawValue: flaw.status) else {
            throw BullaError(
                .invalidArgument,
                "finding '\(flaw.id)' has the unknown severity '\(flaw.severity)' or status '\(flaw.status)'")
        }
        return Finding(
            id: flaw.id, aliases: flaw.aliases, advisories: flaw.advisories, severity: severity, cvss: flaw.cvss,
            package: package, fixedVersion: flaw.fixedVersion, status: status)
    }

    private static func locations(_ places: [Place]) throws(BullaError) -> [Package.Location] {
        var locations: [Package.Location] = []
        for place in places {
            locations.append(
                .init(
                    path: place.path, layer: try place.layer.map { text throws(BullaError) in try Digest(text) }))
        }
        return locations
    }
}
