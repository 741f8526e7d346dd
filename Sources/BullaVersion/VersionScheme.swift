// SPDX-License-Identifier: Apache-2.0

/// A version of one scheme: parsed by a failable initializer, ordered by its key.
public protocol Version: Comparable, Hashable, Sendable {
    /// The bytes whose order is the scheme's.
    var key: VersionKey { get }

    /// Reads a version; `nil` when the scheme calls the text none.
    init?(_ text: some StringProtocol)
}

extension Version {
    /// Orders versions as their scheme does.
    public static func < (left: Self, right: Self) -> Bool { left.key < right.key }
}

/// An order of versions, by the name that the command line and the advisory database give it.
public enum VersionScheme: String, Sendable, Hashable, CaseIterable {
    /// Debian's and Ubuntu's.
    case deb
    /// Alpine's.
    case apk
    /// Python's, PEP 440.
    case pep440
    /// Semantic Versioning 2.0.0.
    case semver
    /// Go modules': semantic versions with an optional `v`, short forms allowed.
    case go

    /// The longest version text that is read, in bytes: no real one comes near, and no hostile one costs much.
    public static let longestText = 4096

    /// The key of a version, `nil` when the scheme calls the text none.
    public func key(of text: some StringProtocol) -> VersionKey? {
        switch self {
        case .deb: DebianVersion(text)?.key
        case .apk: AlpineVersion(text)?.key
        case .pep440: PythonVersion(text)?.key
        case .semver: SemanticVersion(text)?.key
        case .go: GoVersion(text)?.key
        }
    }

    /// Compares two texts: -1, 0 or 1, and `nil` when the scheme calls one of them no version.
    public func compare(_ left: some StringProtocol, _ right: some StringProtocol) -> Int? {
        guard let left = key(of: left), let right = key(of: right) else { return nil }
        return left < right ? -1 : left == right ? 0 : 1
    }
}
