// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// Patterns of images that a rule exempts.
///
/// A pattern is an image's whole name, or holds wildcards: `*` stands for anything but a slash, `**` for anything.
/// Both patterns and images are compared in their normalised spelling, so `nginx`, `docker.io/library/nginx` and
/// `index.docker.io/library/nginx` are one. A reference with a tag and a digest is taken by its digest alone, for
/// that is what runs. Looking up costs one hash for all exact patterns, and one comparison for each with a wildcard.
public struct Allowlist: Hashable, Sendable {
    /// Whether wildcards have their meaning.
    public enum Style: Hashable, Sendable {
        /// `*` and `**` are wildcards.
        case wildcards
        /// Patterns are whole names, as in an ImageSecurityPolicy's `imageAllowlist`.
        case exact
    }

    /// A pattern with wildcards: what stands before the first one, and the steps from there on.
    private struct Wildcard: Hashable, Sendable {
        let written: String
        let prefix: [UInt8]
        let steps: [Step]
    }

    private enum Step: Hashable, Sendable {
        case byte(UInt8)
        case withinSegment
        case anything
    }

    private var exact: [String: String] = [:]
    private var wildcards: [Wildcard] = []

    /// An empty list.
    public init() {}

    /// Reads patterns.
    ///
    /// - Throws: `invalidArgument` naming the first pattern that is none, by its place in the list.
    public init(_ patterns: [String], style: Style = .wildcards) throws(BullaError) {
        for (index, pattern) in patterns.enumerated() {
            do {
                try insert(pattern, style: style)
            } catch {
                throw BullaError(
                    .invalidArgument, error.message,
                    violations: [.init(field: "[\(index)]", description: error.message)])
            }
        }
    }

    /// Whether the list has no pattern.
    public var isEmpty: Bool { exact.isEmpty && wildcards.isEmpty }

    /// Adds one pattern.
    ///
    /// - Throws: `invalidArgument` when it is no pattern.
    public mutating func insert(_ pattern: String, style: Style = .wildcards) throws(BullaError) {
        guard pattern.utf8.contains(UInt8(ascii: "*")), style == .wildcards else {
            let image = try ImageReference(pattern)
            exact[image.description] = pattern
            return
        }
        let wildcard = Self.wildcard(try Self.normalise(pattern), written: pattern)
        if !wildcards.contains(wildcard) { wildcards.append(wildcard) }
    }

    /// Adds all patterns of another list.
    public mutating func formUnion(_ other: Allowlist) {
        exact.merge(other.exact) { mine, _ in mine }
        for wildcard in other.wildcards where !wildcards.contains(wildcard) { wildcards.append(wildcard) }
    }

    /// The pattern, as written, that covers an image; `nil` when none does.
    public func match(_ image: ImageReference) -> String? {
        if isEmpty { return nil }
        let whole = image.description
        if let pattern = exact[whole] { return pattern }
        var subject = whole
        if image.tag != nil, let digest = image.digest {
            subject = image.at(digest).description
            if let pattern = exact[subject] { return pattern }
        }
        if wildcards.isEmpty { return nil }
        let bytes = Array(subject.utf8)
        return wildcards.first { Self.matches($0, bytes) }?.written
    }

    private static func normalise(_ pattern: String) throws(BullaError) -> String {
        func malformed(_ what: String) -> BullaError {
            BullaError(.invalidArgument, "pattern '\(pattern.prefix(300))' \(what)")
        }
        guard pattern.utf8.count <= 1024 else { throw malformed("is longer than 1024 bytes") }
        guard pattern.utf8.allSatisfy(isAllowed) else {
            throw malformed("holds a character that no image name has")
        }
        if pattern.contains("***") { throw malformed("has more than two '*' in a row") }
        if pattern == "**" { return pattern }
        guard let slash = pattern.firstIndex(of: "/") else { return "index.docker.io/library/" + pattern }
        let first = pattern[..<slash]
        if first.contains("*") { throw malformed("has a wildcard before the first '/', where the registry stands") }
        guard first.contains(".") || first.contains(":") || first == "localhost" else {
            return "index.docker.io/" + pattern
        }
        let rest = pattern[pattern.index(after: slash)...]
        if rest.isEmpty { throw malformed("names no repository") }
        guard ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(first) else { return pattern }
        return "index.docker.io/" + (rest.contains("/") || rest.contains("**") ? "" : "library/") + rest
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "*"), UInt8(ascii: "["),
            UInt8(ascii: "]"):
            true
        default: false
        }
    }

    private static func wildcard(_ pattern: String, written: String) -> Wildcard {
        let star = UInt8(ascii: "*")
        let bytes = Array(pattern.utf8)
        let prefix = Array(bytes.prefix { $0 != star })
        var steps: [Step] = []
        for byte in bytes.dropFirst(prefix.count) {
            if byte != star {
                steps.append(.byte(byte))
            } else if steps.last == .withinSegment {
                steps[steps.count - 1] = .anything
            } else {
                steps.append(.withinSegment)
            }
        }
        return Wildcard(written: written, prefix: prefix, steps: steps)
    }

    /// Walks all ways through the steps at once, so the time is at most steps times bytes, whatever the pattern; the
    /// usual pattern, with one wildcard at its end, is decided by its prefix.
    private static func matches(_ wildcard: Wildcard, _ name: [UInt8]) -> Bool {
        guard name.starts(with: wildcard.prefix) else { return false }
        let rest = name.dropFirst(wildcard.prefix.count)
        switch wildcard.steps {
        case [.anything]: return true
        case [.withinSegment]: return !rest.contains(UInt8(ascii: "/"))
        default: break
        }
        var reached = [Bool](repeating: false, count: wildcard.steps.count + 1)
        reached[0] = true
        skipWildcards(wildcard.steps, &reached)
        for byte in rest {
            var next = [Bool](repeating: false, count: reached.count)
            for (place, step) in wildcard.steps.enumerated() where reached[place] {
                switch step {
                case .byte(byte): next[place + 1] = true
                case .byte: break
                case .withinSegment: if byte != UInt8(ascii: "/") { next[place] = true }
                case .anything: next[place] = true
                }
            }
            skipWildcards(wildcard.steps, &next)
            reached = next
        }
        return reached[wildcard.steps.count]
    }

    /// A wildcard may stand for nothing.
    private static func skipWildcards(_ steps: [Step], _ reached: inout [Bool]) {
        for (place, step) in steps.enumerated() where reached[place] {
            switch step {
            case .byte: break
            case .withinSegment, .anything: reached[place + 1] = true
            }
        }
    }
}
