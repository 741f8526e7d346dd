// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
import BullaSQL

/// What is remembered with the data from one start to the next.
public struct SQLSettings: Sendable {
    let pool: SQLPool

    /// The value of a setting; nil when it was never set.
    ///
    /// - Throws: `unavailable` when the store cannot read.
    public func value(of name: String) async throws(BullaError) -> String? {
        try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.first("SELECT value FROM settings WHERE name = ?", [.text(name)]) { $0.text(0) }
        }
    }

    /// Keeps a setting.
    ///
    /// - Throws: `unavailable` when the store cannot write.
    public func set(_ name: String, to value: String) async throws(BullaError) {
        try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try connection.execute(
                """
                INSERT INTO settings (name, value) VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value
                """, [.text(name), .text(value)])
        }
    }
}
