// SPDX-License-Identifier: Apache-2.0

/// What became of the records of an import; every record is counted once.
public struct ImportReport: Hashable, Sendable {
    /// A record, or a part of one, that was left out.
    public struct Refusal: Hashable, Sendable {
        /// The file; a member of an archive follows a colon.
        public let file: String
        /// The line on which the record begins.
        public let line: Int
        /// The record's id, where it could be read.
        public let id: String?
        /// Why.
        public let reason: String

        /// Reports a record.
        public init(file: String, line: Int, id: String?, reason: String) {
            self.file = file
            self.line = line
            self.id = id
            self.reason = reason
        }
    }

    /// How many refusals are listed; the counts go on.
    public static let listed = 1000

    /// How many records were read.
    public var read = 0
    /// How many were kept.
    public var kept = 0
    /// How many of those read are withdrawn; they are kept aside and never match.
    public var withdrawn = 0
    /// How many were left out, or replaced by a later record, because the same advisory came in a form at least as new.
    public var superseded = 0
    /// How many were refused whole.
    public var refusedCount = 0
    /// The first of the records that were refused whole.
    public var refused: [Refusal] = []
    /// How many parts of kept records were left out, such as ranges of commits or ecosystems without a version order.
    public var ignoredParts: [String: Int] = [:]

    /// Starts a report on nothing.
    public init() {}

    mutating func refuse(_ refusal: Refusal) {
        refusedCount += 1
        if refused.count < Self.listed { refused.append(refusal) }
    }

    mutating func ignore(_ reasons: [String]) {
        for reason in reasons { ignoredParts[reason, default: 0] += 1 }
    }
}
