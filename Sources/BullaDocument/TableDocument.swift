// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// A scan report as a table to read: what to do first comes first.
///
/// The worst comes first, and of equals what has a fix, then the package's name, so that the fixes of one package stand
/// together. Control characters of names are not printed, for a terminal would obey them.
public enum TableDocument {
    /// Writes a report, with a line feed at the end.
    public static func text(of report: ScanReport, isColoured: Bool = false) -> String {
        var lines = [title(of: report)]
        let rows = report.findings.sorted { order($0) < order($1) }
        if rows.isEmpty {
            lines.append(report.advisories == nil ? "Nothing was judged: no advisories." : "No known vulnerabilities.")
        } else {
            lines.append("")
            lines += table(rows, isColoured: isColoured)
            lines += ["", summary(rows)]
        }
        if !report.unjudged.isEmpty {
            lines.append("\(count(report.unjudged.count, "package")) not judged:")
            var reasons: [String: Int] = [:]
            for package in report.unjudged { reasons[package.reason, default: 0] += 1 }
            for (reason, number) in reasons.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
                lines.append("  \(number)  \(printable(reason))")
            }
        }
        if !report.inventory.problems.isEmpty {
            lines.append("\(count(report.inventory.problems.count, "file")) could not be read:")
            for problem in report.inventory.problems.sorted(by: { ($0.path, $0.reason) < ($1.path, $1.reason) }).prefix(
                20)
            {
                lines.append("  \(printable(problem.path)): \(printable(problem.reason))")
            }
            if report.inventory.problems.count > 20 { lines.append("  …") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func title(of report: ScanReport) -> String {
        var text = printable(report.image.reference)
        if let digest = report.image.digest, !text.hasSuffix(digest.description) { text += " (\(digest))" }
        if let distribution = report.inventory.distribution {
            text += ", \(printable(distribution.id))" + (distribution.version.map { " " + printable($0) } ?? "")
        }
        return text + ", " + count(report.inventory.packages.count, "package")
    }

    private static func table(_ findings: [Finding], isColoured: Bool) -> [String] {
        let rows = findings.map { finding in
            [
                finding.id, severity(finding.severity), finding.package.name, finding.package.version,
                finding.fixedVersion ?? fix(finding.status),
            ].map { printable($0) }
        }
        let head = ["ID", "SEVERITY", "PACKAGE", "INSTALLED", "FIXED"]
        let widths = head.indices.map { column in rows.reduce(head[column].count) { max($0, $1[column].count) } }
        func line(_ cells: [String], colour: String?) -> String {
            var text = ""
            for (column, cell) in cells.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                text += column == 1 ? (colour.map { "\u{1B}[\($0)m\(cell)\u{1B}[0m" } ?? cell) : cell
                if column + 1 < cells.count { text += padding + "  " }
            }
            return text
        }
        return [line(head, colour: nil)]
            + zip(rows, findings).map { line($0, colour: isColoured ? colour(of: $1.severity) : nil) }
    }

    private static func summary(_ findings: [Finding]) -> String {
        var parts: [String] = []
        for step in Severity.allCases.reversed() {
            let number = findings.count { $0.severity == step }
            if number > 0 { parts.append("\(number) \(severity(step).lowercased())") }
        }
        let fixed = findings.count { $0.fixedVersion != nil }
        return "\(count(findings.count, "finding")): \(parts.joined(separator: ", ")); \(fixed) with a fix"
    }

    private static func order(_ finding: Finding) -> (Int, Int, String, String, String) {
        (
            -finding.severity.rawValue, finding.fixedVersion == nil ? 1 : 0, finding.package.name, finding.id,
            finding.package.purl.description
        )
    }

    private static func severity(_ severity: Severity) -> String {
        severity == .unspecified ? "UNKNOWN" : severity.description
    }

    private static func fix(_ status: Finding.Status) -> String {
        switch status {
        case .fixed: "yes"
        case .affected: "-"
        case .willNotFix: "will not fix"
        case .fixDeferred: "deferred"
        case .endOfLife: "end of life"
        }
    }

    private static func colour(of severity: Severity) -> String {
        switch severity {
        case .critical: "1;31"
        case .high: "31"
        case .medium: "33"
        case .low: "36"
        case .minimal, .unspecified: "2"
        }
    }

    private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }
}
