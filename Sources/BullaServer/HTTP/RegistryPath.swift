// SPDX-License-Identifier: Apache-2.0

/// What a path under `/v2/` asks for.
///
/// A repository's name holds slashes and may hold the words `blobs` or `manifests`, so the path is read from its end. The
/// parts are taken as they are; whether a name is one is checked later.
///
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints>
package enum RegistryPath: Sendable, Hashable {
    /// `/v2/`: whether this is a registry.
    case root
    /// `/v2/_catalog`: the repositories.
    case catalog
    /// `…/tags/list`.
    case tags(repository: String)
    /// `…/manifests/<tag or digest>`.
    case manifest(repository: String, name: String)
    /// `…/blobs/<digest>`.
    case blob(repository: String, digest: String)
    /// `…/blobs/uploads/`, where an upload begins.
    case uploads(repository: String)
    /// `…/blobs/uploads/<name>`.
    case upload(repository: String, id: String)
    /// `…/referrers/<digest>`.
    case referrers(repository: String, digest: String)

    /// Reads a path, whose percent signs are decoded; nil for one that the specification does not know.
    package init?(_ path: String) {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard parts.first == "v2" else { return nil }
        parts = parts.dropFirst()
        if parts.isEmpty || parts.elementsEqual([""]) {
            self = .root
            return
        }
        if parts.elementsEqual(["_catalog"]) {
            self = .catalog
            return
        }
        let endsInSlash = parts.last == ""
        if endsInSlash { parts = parts.dropLast() }
        guard let last = parts.popLast().map(String.init), let word = parts.popLast() else { return nil }
        let name = parts.joined(separator: "/")
        switch word {
        case "blobs" where last == "uploads" && !name.isEmpty: self = .uploads(repository: name)
        case _ where endsInSlash || name.isEmpty: return nil
        case "tags" where last == "list": self = .tags(repository: name)
        case "manifests": self = .manifest(repository: name, name: last)
        case "referrers": self = .referrers(repository: name, digest: last)
        case "uploads" where parts.last == "blobs" && parts.count > 1:
            self = .upload(repository: parts.dropLast().joined(separator: "/"), id: last)
        case "blobs": self = .blob(repository: name, digest: last)
        default: return nil
        }
    }

    /// The repository that the path is about.
    package var repository: String? {
        switch self {
        case .root, .catalog: nil
        case .tags(let repository), .manifest(let repository, _), .blob(let repository, _), .uploads(let repository),
            .upload(let repository, _), .referrers(let repository, _):
            repository
        }
    }
}

/// The byte ranges of requests.
package enum ByteRange {
    /// What `Range: bytes=…` asks of content that has `size` bytes.
    ///
    /// - Returns: nil when the whole is to be sent (no range, several, or one that is malformed), an empty range when the
    ///   one asked for cannot be satisfied (https://www.rfc-editor.org/rfc/rfc9110.html#section-14.1.2).
    package static func requested(_ field: String?, of size: Int64) -> Range<Int64>? {
        guard let field, field.lowercased().hasPrefix("bytes=") else { return nil }
        let parts = field.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let (first, last) = (number(parts[0]), number(parts[1]))
        if parts[0].isEmpty {
            guard let last else { return nil }
            return last == 0 ? 0..<0 : max(0, size - min(last, size))..<size
        }
        guard let first else { return nil }
        if parts[1].isEmpty { return first < size ? first..<size : 0..<0 }
        guard let last, last >= first else { return nil }
        return first < size ? first..<min(last, size - 1) + 1 : 0..<0
    }

    /// What a chunk's `Content-Range: <first>-<last>` says; a unit before it and a length after it are allowed.
    package static func chunk(_ field: String) -> ClosedRange<Int64>? {
        var text = Substring(field)
        if text.hasPrefix("bytes ") { text = text.dropFirst(6) }
        if let slash = text.firstIndex(of: "/") { text = text[..<slash] }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = number(parts[0]), let last = number(parts[1]), first <= last else {
            return nil
        }
        return first...last
    }

    private static func number(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.count <= 18, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int64(text)
    }
}
