// SPDX-License-Identifier: Apache-2.0

/// A version of an Alpine package, as apk-tools 2.14 orders them.
///
/// `digits{.digits}{letter{digits}}{_suffix{digits}}{-r digits}`. `_alpha`, `_beta`, `_pre` and `_rc` come before the
/// bare version, `_cvs`, `_svn`, `_git`, `_hg` and `_p` after it. apk walks a version as tokens, each a number and the
/// kind of token that follows; numbers decide first, then the kinds. A part after a dot that begins with zeros is worth
/// less than any number: the zeros beyond the first count as a negative token of their own. The release is fixed on
/// purpose: apk-tools 3 reads some texts otherwise (`1-r-0`, letters followed by digits, `~hash`, which 2.14 refuses).
public struct AlpineVersion: Version {
    /// The bytes whose order is the scheme's.
    public let key: VersionKey

    /// What kind of token comes next.
    ///
    /// The raw value is where apk sorts it when the other version has another kind there.
    private enum Token: UInt8 {
        case prereleaseSuffix = 1
        case end
        case revision
        case suffixNumber
        case suffix
        case letter
        case digits
        case digitsAfterDot
    }

    /// The words of suffixes in the order in which apk tries them, `pre` before `p`.
    private static let suffixes: [(word: [UInt8], isPrerelease: Bool)] = [
        ("alpha", true), ("beta", true), ("pre", true), ("rc", true),
        ("cvs", false), ("svn", false), ("git", false), ("hg", false), ("p", false),
    ].map { (Array($0.0.utf8), $0.1) }

    /// Reads a version; `nil` when apk-tools 2.14 calls it invalid, or it is empty.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, bytes.count <= VersionScheme.longestText else { return nil }
        var key = VersionKey(capacity: bytes.count * 2)
        var index = 0
        var token = Token.digits
        while token != .end {
            guard index < bytes.count else {
                // A dot, `-r` or `_` that ends the text counts as zero, which among suffixes is what `cvs` counts.
                key.append(token == .suffix ? 5 : 1)
                key.append(Token.end.rawValue)
                break
            }
            var next: Token?
            switch token {
            case .digitsAfterDot where bytes[index] == UInt8(ascii: "0"):
                var zeros = 0
                while index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "0") {
                    index += 1
                    zeros += 1
                }
                if zeros == 0 {
                    key.append(1)
                } else {
                    key.append(0)
                    key.append(UInt8(truncatingIfNeeded: (0xFFFF - zeros) >> 8))
                    key.append(UInt8(truncatingIfNeeded: 0xFFFF - zeros))
                }
                next = .digits
            case .digitsAfterDot, .digits, .suffixNumber, .revision:
                let end = bytes.endOfDigits(from: index)
                guard end - index < 18 else { return nil }
                let significant = bytes[index..<end].drop { $0 == UInt8(ascii: "0") }
                key.append(UInt8(truncatingIfNeeded: significant.count + 1))
                for digit in significant { key.append(digit) }
                index = end
            case .letter:
                key.append(bytes[index])
                index += 1
            case .suffix, .prereleaseSuffix:
                guard let place = Self.suffix(at: index, in: bytes) else { return nil }
                key.append(UInt8(truncatingIfNeeded: place + 1))
                index += Self.suffixes[place].word.count
            case .end: break
            }
            if next == nil {
                guard let following = Self.token(after: token, at: &index, in: bytes) else { return nil }
                next = following
            }
            token = next ?? .end
            key.append(token.rawValue)
        }
        self.key = key
    }

    /// The kind of token that follows one of another kind, its introduction skipped; `nil` when none may.
    private static func token(after token: Token, at index: inout Int, in bytes: [UInt8]) -> Token? {
        guard index < bytes.count else { return .end }
        let byte = bytes[index]
        switch token {
        case .digits, .digitsAfterDot:
            if byte.isLetter, byte == byte.lowercased { return .letter }
        case .letter:
            if byte.isDigit { return .digits }
        case .suffix, .prereleaseSuffix:
            if byte.isDigit { return .suffixNumber }
        default: break
        }
        index += 1
        switch byte {
        case UInt8(ascii: "."): return token == .digits || token == .digitsAfterDot ? .digitsAfterDot : nil
        case UInt8(ascii: "_"):
            guard token != .revision else { return nil }
            guard index < bytes.count else { return .suffix }
            guard let place = suffix(at: index, in: bytes) else { return nil }
            return suffixes[place].isPrerelease ? .prereleaseSuffix : .suffix
        case UInt8(ascii: "-"):
            guard index < bytes.count, bytes[index] == UInt8(ascii: "r") else { return nil }
            index += 1
            return .revision
        default: return nil
        }
    }

    /// The place in the table of the suffix that begins at an index.
    private static func suffix(at index: Int, in bytes: [UInt8]) -> Int? {
        suffixes.firstIndex { bytes[index...].starts(with: $0.word) }
    }
}
