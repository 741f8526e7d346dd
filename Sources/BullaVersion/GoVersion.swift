// SPDX-License-Identifier: Apache-2.0

/// A version of a Go module, such as `v1.2.3`, `v0.0.0-20210101000000-abcdefabcdef` or `v2.0.0+incompatible`.
///
/// Semantic versions as `golang.org/x/mod/semver` reads them (https://go.dev/ref/mod#versions): `v1` and `v1.2` are
/// short for `v1.0.0` and `v1.2.0`. The `v` may be left out, for the Go vulnerability database does
/// (https://ossf.github.io/osv-schema/#affectedrangestype-field).
public struct GoVersion: Version {
    /// The bytes whose order is the scheme's.
    public let key: VersionKey

    /// Reads a version; `nil` when it is none, such as the `(devel)` of a main module.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        let start = bytes.first == UInt8(ascii: "v") ? 1 : 0
        guard let key = SemanticVersion.key(of: bytes, from: start, shortFormsAllowed: true) else { return nil }
        self.key = key
    }
}
