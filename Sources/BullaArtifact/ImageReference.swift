// SPDX-License-Identifier: Apache-2.0

/// The name of an image as people write it: registry, repository, and a tag, a digest or both.
///
/// Docker's short names are completed the way every client does: `nginx` is `index.docker.io/library/nginx`. The
/// grammar is that of the distribution project
/// (https://github.com/distribution/reference/blob/main/reference.go); a name is at most 255 characters.
public struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// The registry's host, with its port if any; Docker Hub is `index.docker.io`.
    public let registry: String
    /// The repository's path inside the registry.
    public let repository: String
    /// The tag, if the reference has one.
    public let tag: String?
    /// The digest, if the reference has one.
    public let digest: Digest?

    /// Reads a reference such as `nginx:1.27`, `localhost:5000/team/app` or `gcr.io/p/app@sha256:…`.
    ///
    /// - Throws: `invalidArgument` when `text` is no reference, naming the part that is wrong.
    public init(_ text: some StringProtocol) throws(BullaError) {
        func malformed(_ what: String) -> BullaError {
            BullaError(.invalidArgument, "image reference '\(text.prefix(300))' \(what)")
        }
        var rest = Substring(text)
        guard !rest.isEmpty, rest.utf8.count <= 1024 else { throw malformed("is empty or longer than 1024 bytes") }
        if let at = rest.firstIndex(of: "@") {
            digest = try Digest(rest[rest.index(after: at)...])
            rest = rest[..<at]
        } else {
            digest = nil
        }
        let slash = rest.lastIndex(of: "/")
        if let colon = rest.lastIndex(of: ":"), slash.map({ $0 < colon }) ?? true {
            let tag = String(rest[rest.index(after: colon)...])
            guard Self.isTag(tag) else { throw malformed("has a malformed tag") }
            self.tag = tag
            rest = rest[..<colon]
        } else {
            tag = nil
        }
        var registry = "index.docker.io"
        var path = rest
        if let slash = rest.firstIndex(of: "/"), Self.isHost(rest[..<slash]) {
            registry = String(rest[..<slash])
            path = rest[rest.index(after: slash)...]
            if registry == "docker.io" || registry == "registry-1.docker.io" { registry = "index.docker.io" }
        }
        guard Self.isRepository(path) else {
            throw malformed("has a malformed repository name (lowercase letters, digits, separators and '/')")
        }
        if registry == "index.docker.io", !path.contains("/") { path = "library/" + path }
        // The completed name counts, so that what is written of a reference can be read again.
        guard registry.utf8.count + 1 + path.utf8.count <= 255 else {
            throw malformed("has a name longer than 255 bytes")
        }
        self.registry = registry
        self.repository = String(path)
    }

    /// Names an image by its parts, which are taken as they are.
    public init(registry: String, repository: String, tag: String? = nil, digest: Digest? = nil) {
        self.registry = registry
        self.repository = repository
        self.tag = tag
        self.digest = digest
    }

    /// Registry and repository, the name that rules and signatures speak of.
    public var name: String { registry + "/" + repository }

    /// The whole reference, normalised.
    public var description: String {
        name + (tag.map { ":" + $0 } ?? "") + (digest.map { "@" + $0.description } ?? "")
    }

    /// The same repository by a digest alone.
    public func at(_ digest: Digest) -> ImageReference {
        ImageReference(registry: registry, repository: repository, digest: digest)
    }

    /// Every way the name is spelled by clients; the normalised spelling first.
    public var spellings: [String] {
        guard registry == "index.docker.io" else { return [name] }
        var all = [name, "docker.io/" + repository, "registry-1.docker.io/" + repository, repository]
        if repository.hasPrefix("library/") {
            all.append("docker.io/" + repository.dropFirst("library/".count))
            all.append(String(repository.dropFirst("library/".count)))
        }
        return all
    }

    /// Whether `text` is a tag: a word character, then at most 127 word characters, dots and dashes.
    public static func isTag(_ text: some StringProtocol) -> Bool {
        var count = 0
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                break
            case UInt8(ascii: "."), UInt8(ascii: "-"): if count == 0 { return false }
            default: return false
            }
            count += 1
        }
        return (1...128).contains(count)
    }

    /// Whether `text` is a repository name: components of lowercase letters and digits, joined by `.`, `_`, `__` or
    /// dashes, and separated by `/`.
    public static func isRepository(_ text: some StringProtocol) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 255 else { return false }
        return Substring(text).split(separator: "/", omittingEmptySubsequences: false).allSatisfy(isComponent)
    }

    private static func isComponent(_ text: Substring) -> Bool {
        var separator = [UInt8]()
        var empty = true
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                if !separator.isEmpty {
                    guard !empty, isSeparator(separator) else { return false }
                    separator.removeAll(keepingCapacity: true)
                }
                empty = false
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): separator.append(byte)
            default: return false
            }
        }
        return !empty && separator.isEmpty
    }

    private static func isSeparator(_ bytes: [UInt8]) -> Bool {
        switch bytes {
        case [UInt8(ascii: ".")], [UInt8(ascii: "_")], [UInt8(ascii: "_"), UInt8(ascii: "_")]: true
        default: bytes.allSatisfy { $0 == UInt8(ascii: "-") }
        }
    }

    private static func isHost(_ text: Substring) -> Bool {
        guard text.contains(".") || text.contains(":") || text == "localhost" else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"),
                UInt8(ascii: "["), UInt8(ascii: "]"):
                true
            default: false
            }
        }
    }
}
