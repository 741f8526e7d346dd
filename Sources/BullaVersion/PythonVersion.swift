// SPDX-License-Identifier: Apache-2.0

/// A version of a Python package, `[N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local]`.
///
/// Read with every normalisation of PEP 440 (https://peps.python.org/pep-0440/#normalization) and ordered as its
/// section "Summary of permitted suffixes and relative ordering" says: trailing zeros do not count, `.devN` comes
/// before the pre-releases, these before the release, `.postN` after it; a local label comes after the version without
/// one, and in it numbers after words. Legacy versions are refused.
public struct PythonVersion: Version {
    /// The bytes whose order is the scheme's.
    public let key: VersionKey

    private static let prereleases: [(word: [UInt8], rank: UInt8)] = [
        ("alpha", 1), ("a", 1), ("beta", 2), ("b", 2), ("preview", 3), ("pre", 3), ("c", 3), ("rc", 3),
    ].map { (Array($0.0.utf8), $0.1) }
    private static let postreleases: [[UInt8]] = ["post", "rev", "r"].map { Array($0.utf8) }
    private static let development = Array("dev".utf8)

    /// Reads a version; `nil` when PEP 440 calls it none.
    public init?(_ text: some StringProtocol) {
        var bytes = text.utf8.map(\.lowercased)
        guard bytes.count <= VersionScheme.longestText else { return nil }
        while let last = bytes.last, Self.isSpace(last) { bytes.removeLast() }
        var index = bytes.firstIndex { !Self.isSpace($0) } ?? bytes.count
        if index < bytes.count, bytes[index] == UInt8(ascii: "v") { index += 1 }

        var key = VersionKey(capacity: bytes.count)
        var end = bytes.endOfDigits(from: index)
        guard end > index else { return nil }
        if end < bytes.count, bytes[end] == UInt8(ascii: "!") {
            key.append(number: bytes[index..<end])
            index = end + 1
            end = bytes.endOfDigits(from: index)
            guard end > index else { return nil }
        } else {
            key.append(number: bytes[0..<0])
        }
        index = Self.appendRelease(from: index, in: bytes, to: &key)

        let prerelease = Self.prerelease(at: &index, in: bytes)
        let postrelease = Self.postrelease(at: &index, in: bytes)
        let development = Self.number(after: [Self.development], at: &index, in: bytes)?.digits
        if let prerelease {
            key.append(2)
            key.append(prerelease.rank)
            key.append(number: prerelease.digits)
        } else {
            key.append(postrelease == nil && development != nil ? 1 : 3)
        }
        key.append(postrelease == nil ? 1 : 2)
        if let postrelease { key.append(number: postrelease) }
        key.append(development == nil ? 2 : 1)
        if let development { key.append(number: development) }
        guard Self.appendLocal(from: index, in: bytes, to: &key) else { return nil }
        self.key = key
    }

    /// Adds the release's numbers but for trailing zeros, and returns where they end.
    private static func appendRelease(from start: Int, in bytes: [UInt8], to key: inout VersionKey) -> Int {
        var index = start
        var zeros = 0
        while true {
            let end = bytes.endOfDigits(from: index)
            if bytes[index..<end].allSatisfy({ $0 == UInt8(ascii: "0") }) {
                zeros += 1
            } else {
                while zeros > 0 {
                    key.append(2)
                    key.append(number: bytes[0..<0])
                    zeros -= 1
                }
                key.append(2)
                key.append(number: bytes[index..<end])
            }
            guard end + 1 < bytes.count, bytes[end] == UInt8(ascii: "."), bytes[end + 1].isDigit else {
                key.append(1)
                return end
            }
            index = end + 1
        }
    }

    private static func prerelease(
        at index: inout Int, in bytes: [UInt8]
    ) -> (rank: UInt8, digits: ArraySlice<UInt8>)? {
        guard let (place, digits) = number(after: prereleases.map(\.word), at: &index, in: bytes) else { return nil }
        return (prereleases[place].rank, digits)
    }

    private static func postrelease(at index: inout Int, in bytes: [UInt8]) -> ArraySlice<UInt8>? {
        // The implicit form is a dash and a number.
        if index + 1 < bytes.count, bytes[index] == UInt8(ascii: "-"), bytes[index + 1].isDigit {
            let end = bytes.endOfDigits(from: index + 1)
            defer { index = end }
            return bytes[(index + 1)..<end]
        }
        return number(after: postreleases, at: &index, in: bytes)?.digits
    }

    /// Reads `[separator] word [separator] [digits]`; without the word nothing is taken.
    private static func number(
        after words: [[UInt8]], at index: inout Int, in bytes: [UInt8]
    ) -> (place: Int, digits: ArraySlice<UInt8>)? {
        var place = index
        if place < bytes.count, isSeparator(bytes[place]) { place += 1 }
        guard place < bytes.count, let word = words.firstIndex(where: { bytes[place...].starts(with: $0) }) else {
            return nil
        }
        place += words[word].count
        if place < bytes.count, isSeparator(bytes[place]) { place += 1 }
        let end = bytes.endOfDigits(from: place)
        index = end
        return (word, bytes[place..<end])
    }

    /// Adds the local label that must be all that is left; false when something else is.
    private static func appendLocal(from start: Int, in bytes: [UInt8], to key: inout VersionKey) -> Bool {
        guard start < bytes.count else {
            key.append(1)
            return true
        }
        guard bytes[start] == UInt8(ascii: "+") else { return false }
        key.append(2)
        for segment in bytes[(start + 1)...].split(omittingEmptySubsequences: false, whereSeparator: isSeparator) {
            guard !segment.isEmpty, segment.allSatisfy({ $0.isDigit || $0.isLetter }) else { return false }
            if segment.allSatisfy(\.isDigit) {
                key.append(3)
                key.append(number: segment)
            } else {
                key.append(2)
                key.append(text: segment)
            }
        }
        key.append(1)
        return true
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte >= 9 && byte <= 13 }
}
