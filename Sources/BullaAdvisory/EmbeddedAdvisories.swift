// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation

/// The small set of well-known advisories that the binary carries, so that a server can judge something before anyone
/// has imported a feed.
///
/// They are written by us from public facts, each with its sources (`Resources/advisories.json`). They judge very
/// little: a feed should replace them.
public enum EmbeddedAdvisories {
    /// What the set is called in reports.
    public static let name = "advisories.json"

    /// The records, an array in OSV's form.
    public static var records: [UInt8] { PackageResources.advisories_json }

    /// Compiles the set into a database.
    ///
    /// - Returns: What became of the records: all are kept.
    /// - Throws: `unavailable` when the file cannot be written.
    @discardableResult
    public static func write(to path: String, built: Date) throws(BullaError) -> ImportReport {
        var builder = DatabaseBuilder()
        try builder.add(records, named: name)
        try builder.write(to: path, built: built)
        return builder.report
    }
}
