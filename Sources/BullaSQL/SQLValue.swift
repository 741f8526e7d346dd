// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact

/// A value bound to a statement's parameter; nothing of a value is ever part of a statement's text.
public enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    /// A text, or null.
    public init(_ text: String?) { self = text.map(SQLValue.text) ?? .null }

    /// A whole number, or null.
    public init(_ number: Int64?) { self = number.map(SQLValue.integer) ?? .null }

    /// The 32 bytes of a digest, or null.
    public init(_ digest: BullaArtifact.Digest?) { self = digest.map { .blob($0.rawBytes) } ?? .null }
}

/// One row of an answer, valid only while the closure that got it runs.
public protocol SQLRow {
    /// Whether a column is null.
    func isNull(_ column: Int) -> Bool
    /// A column as a whole number; 0 for null.
    func integer(_ column: Int) -> Int64
    /// A column as text; empty for null.
    func text(_ column: Int) -> String
    /// A column as bytes; empty for null.
    func blob(_ column: Int) -> [UInt8]
}

extension SQLRow {
    /// A column as text, nil for null.
    public func optionalText(_ column: Int) -> String? { isNull(column) ? nil : text(column) }

    /// A column as a whole number, nil for null.
    public func optionalInteger(_ column: Int) -> Int64? { isNull(column) ? nil : integer(column) }

    /// A column as a digest, nil when it is null or has not 32 bytes.
    public func digest(_ column: Int) -> BullaArtifact.Digest? { BullaArtifact.Digest(rawBytes: blob(column)) }
}
