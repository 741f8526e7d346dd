// SPDX-License-Identifier: Apache-2.0

/// A semantic version, `major.minor.patch[-prerelease][+build]`.
///
/// Semantic Versioning 2.0.0 to the letter (https://semver.org/spec/v2.0.0.html, clauses 2, 9, 10 and 11), with numbers
/// of any length. Build metadata is checked and then ignored: versions that differ only there are equal.
public struct SemanticVersion: Version {
    /// The bytes whose order is the scheme's.
    public let key: VersionKey

    /// Reads a version; `nil` when the specification calls it none.
    public init?(_ text: some StringProtocol) {
        guard let key = Self.key(of: Array(text.utf8), shortFormsAllowed: false) else { return nil }
        self.key = key
    }

    /// Reads text from the first number on.
    static func key(of bytes: [UInt8], from start: Int = 0, shortFormsAllowed: Bool) -> VersionKey? {
        guard bytes.count <= VersionScheme.longestText else { return nil }
        var key = VersionKey(capacity: bytes.count)
        var index = start
        var numbers = 0
        while numbers < 3 {
            if numbers > 0 {
                guard index < bytes.count, bytes[index] == UInt8(ascii: ".") else { break }
                index += 1
            }
            let end = bytes.endOfDigits(from: index)
            guard isNumber(bytes[index..<end]) else { return nil }
            key.append(number: bytes[index..<end])
            index = end
            numbers += 1
        }
        if numbers < 3 {
            // A short form has neither pre-release nor build.
            guard shortFormsAllowed, index == bytes.count else { return nil }
            for _ in numbers..<3 { key.append(number: bytes[0..<0]) }
        }
        let build = bytes[index...].firstIndex(of: UInt8(ascii: "+")) ?? bytes.count
        if index < build {
            guard bytes[index] == UInt8(ascii: "-"), appendPrerelease(bytes[(index + 1)..<build], to: &key) else {
                return nil
            }
        } else {
            key.append(2)
        }
        if build < bytes.count {
            let identifiers = bytes[(build + 1)...].split(
                separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            guard identifiers.allSatisfy(isIdentifier) else { return nil }
        }
        return key
    }

    /// Adds the identifiers of a pre-release; false when one is malformed.
    private static func appendPrerelease(_ text: ArraySlice<UInt8>, to key: inout VersionKey) -> Bool {
        key.append(1)
        for identifier in text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard isIdentifier(identifier) else { return false }
            if identifier.allSatisfy(\.isDigit) {
                guard isNumber(identifier) else { return false }
                key.append(2)
                key.append(number: identifier)
            } else {
                key.append(3)
                key.append(text: identifier)
            }
        }
        key.append(1)
        return true
    }

    private static func isIdentifier(_ text: ArraySlice<UInt8>) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isDigit || $0.isLetter || $0 == UInt8(ascii: "-") }
    }

    private static func isNumber(_ digits: ArraySlice<UInt8>) -> Bool {
        !digits.isEmpty && (digits.count == 1 || digits.first != UInt8(ascii: "0"))
    }
}
