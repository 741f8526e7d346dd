// SPDX-License-Identifier: Apache-2.0

/// The name of an image in the record: `https://`, registry, repository and digest.
///
/// Container Analysis names images so
/// (https://cloud.google.com/artifact-analysis/docs/metadata-storage); it never depends on the address a client used.
public struct ResourceURI: Hashable, Sendable, CustomStringConvertible {
    /// The text, which other producers may have written in other forms.
    public let description: String

    /// Names an image in the record.
    public init(_ image: ImageReference, _ digest: Digest) {
        description = "https://\(image.name)@\(digest)"
    }

    /// Takes a URI as a producer wrote it.
    public init(text: String) { description = text }

    /// The digest at the end of a resource's URI, `nil` where there is none.
    public static func digest(in text: some StringProtocol) -> Digest? {
        guard let at = text.lastIndex(of: "@") else { return nil }
        return try? Digest(text[text.index(after: at)...])
    }

    /// The image that the URI names, `nil` where it names none.
    public var image: ImageReference? {
        var text = Substring(description)
        for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
        return try? ImageReference(text)
    }
}
