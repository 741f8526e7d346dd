// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A version as bytes whose plain byte order is the order of its scheme.
///
/// A version is parsed once and compared many times, so parsing ends in a key: comparing two versions is one `memcmp`,
/// a compiled database can hold keys and never parse, and two versions that a scheme calls equal have equal keys. Keys
/// of different schemes have nothing to say to each other. Numbers are held as their count of digits and the digits, so
/// that they may be of any length. A key grows with its text, by about half.
public struct VersionKey: Hashable, Comparable, Sendable {
    /// The bytes.
    public private(set) var bytes: [UInt8]

    /// The key below every version's: where OSV's `introduced: "0"` begins.
    public static let lowest = VersionKey(bytes: [])

    /// Takes bytes that a key gave.
    public init(bytes: [UInt8]) { self.bytes = bytes }

    /// Starts a key for a text of so many bytes.
    init(capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity &+ capacity / 2 &+ 8)
    }

    /// Orders versions of one scheme.
    public static func < (left: VersionKey, right: VersionKey) -> Bool {
        left.bytes.withUnsafeBytes { left in right.bytes.withUnsafeBytes { order(left, $0) < 0 } }
    }

    /// Orders the bytes of two keys: negative, zero or positive, as `memcmp` does, the shorter first where one begins
    /// the other.
    public static func order(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        let count = min(left.count, right.count)
        if count > 0, let start = left.baseAddress, let other = right.baseAddress {
            let order = memcmp(start, other, count)
            if order != 0 { return Int(order) }
        }
        return left.count - right.count
    }

    /// Adds one byte.
    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// Adds text, ended by a zero that sorts before all that could follow in it.
    mutating func append(text: some Collection<UInt8>) {
        bytes.append(contentsOf: text)
        bytes.append(0)
    }

    /// Adds the number that decimal digits spell, however many there are; no digits are zero.
    mutating func append(number digits: ArraySlice<UInt8>) {
        let significant = digits.drop { $0 == UInt8(ascii: "0") }
        if significant.count < 255 {
            bytes.append(UInt8(truncatingIfNeeded: significant.count))
        } else {
            bytes.append(255)
            for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: significant.count >> shift)) }
        }
        bytes.append(contentsOf: significant)
    }
}

extension UInt8 {
    /// Whether this is an ASCII digit.
    var isDigit: Bool { self >= 48 && self <= 57 }

    /// Whether this is an ASCII letter.
    var isLetter: Bool { (self | 32) >= 97 && (self | 32) <= 122 }

    /// The lowercase of an ASCII letter, every other byte as it is.
    var lowercased: UInt8 { self >= 65 && self <= 90 ? self | 32 : self }
}

extension Array<UInt8> {
    /// The end of the digits that begin at an index.
    func endOfDigits(from start: Int) -> Int {
        var index = start
        while index < count, self[index].isDigit { index += 1 }
        return index
    }
}
