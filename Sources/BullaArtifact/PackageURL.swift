// SPDX-License-Identifier: Apache-2.0

/// A package URL, `pkg:type/namespace/name@version?qualifiers#subpath`, in canonical form.
///
/// https://github.com/package-url/purl-spec. Names are normalised for the types that ask for it (`pypi`: lowercase and
/// dashes; `deb`, `apk`, `github`: lowercase).
public struct PackageURL: Hashable, Sendable, CustomStringConvertible {
    /// The type, such as `deb`.
    public let type: String
    /// The namespace, such as `debian`, its segments joined by `/`.
    public let namespace: String?
    /// The name.
    public let name: String
    /// The version.
    public let version: String?
    /// The qualifiers; a key with an empty value does not exist.
    public let qualifiers: [String: String]
    /// The path inside the package.
    public let subpath: String?

    /// Makes a package URL; the name is normalised for its type.
    public init(
        type: String, namespace: String? = nil, name: String, version: String? = nil,
        qualifiers: [String: String] = [:], subpath: String? = nil
    ) {
        self.type = type.lowercased()
        self.namespace = (namespace?.isEmpty ?? true) ? nil : namespace
        switch self.type {
        case "pypi": self.name = String(name.lowercased().map { $0 == "_" ? "-" : $0 })
        case "deb", "apk", "github", "bitbucket", "composer", "hex": self.name = name.lowercased()
        default: self.name = name
        }
        self.version = (version?.isEmpty ?? true) ? nil : version
        self.qualifiers = qualifiers.filter { !$0.value.isEmpty }
        self.subpath = (subpath?.isEmpty ?? true) ? nil : subpath
    }

    /// Reads a package URL of at most 4,096 bytes.
    ///
    /// - Throws: `invalidArgument` when `text` is none, naming what is wrong.
    public init(_ text: String) throws(BullaError) {
        func malformed(_ what: String) -> BullaError {
            BullaError(.invalidArgument, "package URL '\(text.prefix(200))' \(what)")
        }
        guard text.utf8.count <= 4096 else { throw malformed("is longer than 4096 bytes") }
        guard text.hasPrefix("pkg:") else { throw malformed("does not start with pkg:") }
        var rest = text.dropFirst(4).drop { $0 == "/" }
        var subpath: String?
        if let hash = rest.lastIndex(of: "#") {
            let segments = Self.segments(rest[rest.index(after: hash)...])?.filter { $0 != "." && $0 != ".." }
            guard let segments else { throw malformed("has a subpath with a slash inside a segment") }
            subpath = segments.joined(separator: "/")
            rest = rest[..<hash]
        }
        var qualifiers: [String: String] = [:]
        if let mark = rest.lastIndex(of: "?") {
            for pair in rest[rest.index(after: mark)...].split(separator: "&") {
                guard let equals = pair.firstIndex(of: "="), equals != pair.startIndex else {
                    throw malformed("has a qualifier without a key or value")
                }
                let key = pair[..<equals]
                guard key.utf8.allSatisfy({ $0.isLetterOrDigit || ".-_".utf8.contains($0) }) else {
                    throw malformed("has a qualifier with a malformed key")
                }
                qualifiers[key.lowercased()] = Self.decoded(pair[pair.index(after: equals)...])
            }
            rest = rest[..<mark]
        }
        guard let slash = rest.firstIndex(of: "/") else { throw malformed("has no type or no name") }
        let type = rest[..<slash]
        guard !type.isEmpty,
            type.utf8.allSatisfy({
                $0.isLetterOrDigit || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+")
            })
        else { throw malformed("has a malformed type") }
        rest = rest[rest.index(after: slash)...]
        var version: String?
        if let at = rest.lastIndex(of: "@"), at != rest.startIndex, !rest[at...].contains("/") {
            version = Self.decoded(rest[rest.index(after: at)...])
            rest = rest[..<at]
        }
        let parts = rest.split(separator: "/")
        guard let name = parts.last.map({ Self.decoded($0) }), !name.isEmpty else { throw malformed("has no name") }
        guard let namespace = Self.segments(parts.dropLast().joined(separator: "/")) else {
            throw malformed("has a namespace with a slash inside a segment")
        }
        self.init(
            type: String(type), namespace: namespace.joined(separator: "/"), name: name, version: version,
            qualifiers: qualifiers, subpath: subpath)
    }

    /// The canonical text: qualifiers sorted, everything percent-encoded as the specification asks.
    public var description: String {
        var text = "pkg:\(type)/"
        if let namespace {
            text += namespace.split(separator: "/").map { Self.encoded($0) }.joined(separator: "/") + "/"
        }
        text += Self.encoded(name)
        if let version { text += "@" + Self.encoded(version) }
        if !qualifiers.isEmpty {
            text +=
                "?"
                + qualifiers.sorted { $0.key < $1.key }.map { "\($0.key)=\(Self.encoded($0.value))" }
                .joined(separator: "&")
        }
        if let subpath {
            text += "#" + subpath.split(separator: "/").map { Self.encoded($0) }.joined(separator: "/")
        }
        return text
    }

    /// The decoded segments of a path, empty ones left out; none when one holds a slash, which no path could be told from.
    private static func segments(_ path: some StringProtocol) -> [String]? {
        let segments = path.split(separator: "/").map { decoded($0) }
        return segments.contains { $0.utf8.contains(UInt8(ascii: "/")) } ? nil : segments
    }

    private static func encoded(_ text: some StringProtocol) -> String {
        var result = ""
        for byte in text.utf8 {
            if byte.isLetterOrDigit || "-._~:".utf8.contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }

    private static func decoded(_ text: some StringProtocol) -> String {
        var bytes = [UInt8]()
        var pending = Array(text.utf8)[...]
        while let byte = pending.popFirst() {
            if byte == UInt8(ascii: "%"), pending.count >= 2, let high = pending.first?.hexadecimalValue,
                let low = pending.dropFirst().first?.hexadecimalValue
            {
                bytes.append(high << 4 | low)
                pending = pending.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    fileprivate var hexadecimalValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
