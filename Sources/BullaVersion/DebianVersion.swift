// SPDX-License-Identifier: Apache-2.0

/// A version of a Debian package, `[epoch:]upstream[-revision]`.
///
/// Ordered as Debian Policy 5.6.12 says (https://www.debian.org/doc/debian-policy/ch-controlfields.html#version): the
/// epoch as a number, then upstream version and revision as turns of non-digits and numbers, where `~` comes before the
/// end of the text, the end before letters, and letters before all else. No epoch is epoch 0, no revision revision 0.
/// What `dpkg --validate-version` refuses is refused.
public struct DebianVersion: Version {
    /// The bytes whose order is the scheme's.
    public let key: VersionKey

    /// Reads a version; `nil` when dpkg would call its syntax bad.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count <= VersionScheme.longestText else { return nil }
        var start = 0
        var epoch = bytes[0..<0]
        if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
            epoch = bytes[..<colon]
            guard !epoch.isEmpty, epoch.allSatisfy(\.isDigit), Self.fits(epoch) else { return nil }
            start = colon + 1
        }
        var end = bytes.count
        var revision = bytes[end...]
        if let dash = bytes[start...].lastIndex(of: UInt8(ascii: "-")) {
            end = dash
            revision = bytes[(dash + 1)...]
            guard !revision.isEmpty, revision.allSatisfy({ Self.isPlain($0) }) else { return nil }
        }
        let upstream = bytes[start..<end]
        guard let first = upstream.first, first.isDigit,
            upstream.allSatisfy({ Self.isPlain($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ":") })
        else { return nil }

        var key = VersionKey(capacity: bytes.count)
        key.append(number: epoch)
        Self.append(upstream, to: &key)
        Self.append(revision, to: &key)
        self.key = key
    }

    /// Adds turns of non-digits and numbers, the first turn even if it is empty, then the end of the text, which sorts
    /// as the end of the non-digits of one more turn.
    private static func append(_ part: ArraySlice<UInt8>, to key: inout VersionKey) {
        var index = part.startIndex
        repeat {
            while index < part.endIndex, !part[index].isDigit {
                switch part[index] {
                case UInt8(ascii: "~"): key.append(1)
                case let letter where letter.isLetter: key.append(letter)
                case let other: key.append(other | 128)
                }
                index += 1
            }
            key.append(2)
            let digits = index
            while index < part.endIndex, part[index].isDigit { index += 1 }
            key.append(number: part[digits..<index])
        } while index < part.endIndex
        key.append(2)
    }

    /// dpkg keeps an epoch in an `int`.
    private static func fits(_ digits: ArraySlice<UInt8>) -> Bool {
        var value = 0
        for digit in digits {
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
            if value > Int(Int32.max) { return false }
        }
        return true
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte.isDigit || byte.isLetter || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "+")
            || byte == UInt8(ascii: "~")
    }
}
