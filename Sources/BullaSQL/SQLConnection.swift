// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact

/// A connection to a database, used only on the thread that owns it.
///
/// Statements are written for the database at hand and kept prepared by their text, so the text should be one of a
/// bounded number; values are bound. This is the seam for another database than SQLite.
public protocol SQLConnection {
    /// Runs a statement that answers no rows.
    ///
    /// - Returns: How many rows it changed.
    /// - Throws: `alreadyExists` when it breaks a uniqueness rule, `failedPrecondition` for another rule,
    ///   `unavailable` when the database is busy, full or unreadable, `internal` for a statement that is wrong.
    @discardableResult
    func execute(_ statement: String, _ values: [SQLValue]) throws(BullaError) -> Int

    /// Runs a statement and hands each row of its answer to `row`, until that returns false.
    ///
    /// - Throws: As ``execute(_:_:)``, and what `row` throws.
    func query(
        _ statement: String, _ values: [SQLValue], each row: (any SQLRow) throws(BullaError) -> Bool
    ) throws(BullaError)

    /// The key of the row inserted last.
    var lastInsertedRow: Int64 { get }
}

extension SQLConnection {
    /// Runs a statement without values that answers no rows.
    ///
    /// - Throws: As ``execute(_:_:)``.
    @discardableResult
    public func execute(_ statement: String) throws(BullaError) -> Int { try execute(statement, []) }

    /// Runs a statement and makes a value of each row.
    ///
    /// - Throws: As ``execute(_:_:)``, and what `row` throws.
    public func rows<Value>(
        _ statement: String, _ values: [SQLValue] = [], _ row: (any SQLRow) throws(BullaError) -> Value
    ) throws(BullaError) -> [Value] {
        var found: [Value] = []
        try query(statement, values) { (next: any SQLRow) throws(BullaError) in
            found.append(try row(next))
            return true
        }
        return found
    }

    /// Runs a statement and makes a value of its first row, if there is one.
    ///
    /// - Throws: As ``execute(_:_:)``, and what `row` throws.
    public func first<Value>(
        _ statement: String, _ values: [SQLValue] = [], _ row: (any SQLRow) throws(BullaError) -> Value
    ) throws(BullaError) -> Value? {
        var found: Value?
        try query(statement, values) { (next: any SQLRow) throws(BullaError) in
            found = try row(next)
            return false
        }
        return found
    }
}
