// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import Foundation

/// A scan report as Bulla's own JSON, schema `bulla.scan/v1`.
///
/// Keys and arrays are sorted and there is no clock in it, so the same report always gives the same bytes.
public enum JSONDocument {
    /// The name of the form, which changes when a reader would have to.
    public static let schema = "bulla.scan/v1"

    /// Writes a report, with a line feed at the end.
    public static func bytes(of report: ScanReport, isPretty: Bool = true) -> [UInt8] {
        var writer = JSONWriter(isPretty: isPretty)
        writer.object { writer in
            writer.member("advisories") { writer in
                guard let set = report.advisories else { return writer.null() }
                writer.object { writer in
                    writer.member("built") { $0.string(instant(set.built)) }
                    writer.member("digest") { $0.string(set.digest.description) }
                }
            }
            writer.member("coverage") { writer in
                writer.object { writer in
                    writer.member("judged") { $0.integer(report.judged) }
                    writer.member("unjudged") { writer in
                        let rows = report.unjudged.map { ($0.purl.description, $0.reason) }.sorted { $0 < $1 }
                        writer.array(rows) { writer, row in
                            writer.object { writer in
                                writer.member("purl") { $0.string(row.0) }
                                writer.member("reason") { $0.string(row.1) }
                            }
                        }
                    }
                }
            }
            writer.member("distribution") { distribution(report.inventory.distribution, &$0) }
            writer.member("errors") { writer in
                let rows = report.inventory.problems.map { ($0.path, $0.reason) }.sorted { $0 < $1 }
                writer.array(rows) { writer, row in
                    writer.object { writer in
                        writer.member("path") { $0.string(row.0) }
                        writer.member("reason") { $0.string(row.1) }
                    }
                }
            }
            writer.member("findings") { writer in
                let rows = report.findings.map { (($0.id, $0.package.purl.description), $0) }
                writer.array(rows.sorted { $0.0 < $1.0 }) { finding($1.1, purl: $1.0.1, &$0) }
            }
            writer.member("image") { image(report.image, &$0) }
            writer.member("packages") { writer in
                let rows = report.inventory.packages.map {
                    (($0.purl.description, $0.owner?.description ?? ""), $0)
                }
                writer.array(rows.sorted { $0.0 < $1.0 }) { package($1.1, purl: $1.0.0, &$0) }
            }
            writer.member("schema") { $0.string(schema) }
        }
        return writer.finished()
    }

    private static func image(_ image: ScanReport.Image, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("digest") { $0.optional(image.digest?.description) }
            writer.member("platform") { $0.optional(image.platform?.description) }
            writer.member("reference") { $0.string(image.reference) }
        }
    }

    private static func distribution(_ distribution: Distribution?, _ writer: inout JSONWriter) {
        guard let distribution else { return writer.null() }
        writer.object { writer in
            writer.member("id") { $0.string(distribution.id) }
            writer.member("version") { $0.optional(distribution.version) }
        }
    }

    private static func package(_ package: Package, purl: String, _ writer: inout JSONWriter) {
        writer.object { writer in
            if let license = package.license { writer.member("license") { $0.string(license) } }
            writer.member("locations") { locations(package.locations, &$0) }
            writer.member("name") { $0.string(package.name) }
            if let owner = package.owner { writer.member("owner") { $0.string(owner.description) } }
            writer.member("purl") { $0.string(purl) }
            writer.member("source") { writer in
                guard let source = package.source else { return writer.null() }
                writer.object { writer in
                    writer.member("name") { $0.string(source.name) }
                    writer.member("version") { $0.string(source.version) }
                }
            }
            writer.member("type") { $0.string(package.type) }
            writer.member("version") { $0.string(package.version) }
        }
    }

    private static func finding(_ finding: Finding, purl: String, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("advisories") { $0.strings(finding.advisories.sorted()) }
            writer.member("aliases") { $0.strings(finding.aliases.sorted()) }
            if let cvss = finding.cvss { writer.member("cvss") { $0.string(cvss) } }
            writer.member("fixedVersion") { $0.optional(finding.fixedVersion) }
            writer.member("id") { $0.string(finding.id) }
            writer.member("locations") { locations(finding.package.locations, &$0) }
            writer.member("purl") { $0.string(purl) }
            writer.member("severity") { $0.string(finding.severity.description) }
            writer.member("status") { $0.string(finding.status.rawValue) }
        }
    }

    private static func locations(_ locations: [Package.Location], _ writer: inout JSONWriter) {
        writer.array(locations.sorted()) { writer, location in
            writer.object { writer in
                writer.member("layer") { $0.optional(location.layer?.description) }
                writer.member("path") { $0.string(location.path) }
            }
        }
    }

    /// RFC 3339 in UTC, to the second.
    private static func instant(_ date: Date) -> String { date.formatted(.iso8601) }
}
