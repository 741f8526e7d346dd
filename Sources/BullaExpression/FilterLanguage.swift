// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact

/// The language of list filters, as Google's APIs speak it (https://google.aip.dev/160).
///
/// `OR` binds tighter than `AND`, and expressions one after another must all hold:
/// `kind="BUILD" OR kind="IMAGE" AND noteId="x"` asks for one of two kinds and that note.
public enum FilterLanguage {
    /// A longer filter is refused unread.
    public static let longest = 32_768
    /// Parentheses, indexes and calls nested deeper are refused.
    public static let deepest = 64

    /// Reads a filter.
    ///
    /// - Returns: What it says, or nil for an empty filter, which everything matches.
    /// - Throws: `invalidArgument` with the place of the first thing that is not understood.
    public static func parse(_ text: String) throws(BullaError) -> SyntaxTree? {
        guard text.utf8.count <= longest else {
            throw BullaError(
                .invalidArgument, "filter has \(text.utf8.count) bytes, more than \(longest)",
                violations: [BullaError.Violation(field: "filter", description: "more than \(longest) bytes")])
        }
        var parser = Parser(text)
        return try parser.parseFilter()
    }

    /// The error for what a filter says at a place.
    public static func refusal(at position: Position, _ what: String) -> BullaError {
        BullaError(
            .invalidArgument, "filter is invalid at \(position): \(what)",
            violations: [BullaError.Violation(field: "filter", description: "\(position): \(what)")])
    }
}
