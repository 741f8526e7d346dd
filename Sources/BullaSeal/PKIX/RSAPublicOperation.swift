// SPDX-License-Identifier: Apache-2.0
import Crypto
import Foundation

/// The public RSA operation and the check of a PSS encoding with any length of salt.
///
/// The crypto library verifies only salts as long as the hash; Kritis' signer and OpenSSL's default use the longest
/// that fits. Only public numbers pass through here, so nothing needs to run in constant time. Quadratic in the size
/// of the key. See https://www.rfc-editor.org/rfc/rfc8017#section-9.1.2.
struct RSAPublicOperation {
    private let modulus: [UInt64]
    private let exponent: UInt64
    private let bits: Int
    private let negatedInverse: UInt64

    /// Takes a key's numbers, most significant byte first; nothing unless the key fills whole words, as every size that
    /// an algorithm names does.
    init?(modulus: [UInt8], exponent: [UInt8]) {
        let modulus = Array(modulus.drop { $0 == 0 })
        let exponent = exponent.drop { $0 == 0 }
        guard let first = modulus.first, let last = modulus.last, last & 1 == 1, (64...2048).contains(modulus.count),
            !exponent.isEmpty, exponent.count <= 8
        else { return nil }
        self.modulus = Self.words(modulus)
        self.exponent = exponent.reduce(0) { $0 << 8 | UInt64($1) }
        bits = modulus.count * 8 - first.leadingZeroBitCount
        var inverse: UInt64 = 1
        for _ in 0..<6 { inverse = inverse &* (2 &- self.modulus[0] &* inverse) }
        negatedInverse = 0 &- inverse
        guard self.exponent > 1, bits == self.modulus.count * 64 else { return nil }
    }

    /// Whether `signature` is a PSS signature of `message`.
    func verifiesPSS<Hash: HashFunction>(_ signature: [UInt8], of message: [UInt8], hash: Hash.Type) -> Bool {
        guard signature.count == (bits + 7) / 8, let encoded = power(signature) else { return false }
        let length = (bits - 1 + 7) / 8
        let size = Hash.Digest.byteCount
        guard encoded.count >= length, encoded.dropLast(length).allSatisfy({ $0 == 0 }) else { return false }
        let block = Array(encoded.suffix(length))
        guard length >= size + 2, block.last == 0xBC else { return false }
        let maskedCount = length - size - 1
        let unused = 8 * length - (bits - 1)
        let topMask: UInt8 = unused == 0 ? 0xFF : 0xFF >> UInt8(unused)
        guard block[0] & ~topMask == 0 else { return false }
        let stated = Array(block[maskedCount..<maskedCount + size])
        let mask = Self.mask(stated, count: maskedCount, hash: hash)
        var plain = zip(block.prefix(maskedCount), mask).map { $0 ^ $1 }
        plain[0] &= topMask
        guard let mark = plain.firstIndex(where: { $0 != 0 }), plain[mark] == 1 else { return false }
        var hasher = Hash()
        hasher.update(data: [UInt8](repeating: 0, count: 8))
        hasher.update(data: Array(Hash.hash(data: message)))
        hasher.update(data: Array(plain[(mark + 1)...]))
        return Array(hasher.finalize()) == stated
    }

    /// The mask generation function MGF1 (RFC 8017, B.2.1).
    private static func mask<Hash: HashFunction>(_ seed: [UInt8], count: Int, hash: Hash.Type) -> [UInt8] {
        var mask: [UInt8] = []
        var counter: UInt32 = 0
        while mask.count < count {
            let number = (0..<4).map { UInt8(truncatingIfNeeded: counter >> UInt32(24 - 8 * $0)) }
            mask += Array(Hash.hash(data: seed + number))
            counter &+= 1
        }
        return Array(mask.prefix(count))
    }

    /// `base` to the public exponent, modulo the modulus; nothing if `base` is not below it.
    private func power(_ base: [UInt8]) -> [UInt8]? {
        let base = Self.words(base)
        guard base.count <= modulus.count else { return nil }
        let value = base + [UInt64](repeating: 0, count: modulus.count - base.count)
        guard Self.isLess(value, modulus) else { return nil }
        // The radix modulo the modulus, whose highest bit is set; then the radix squared, by square and double.
        let zero = [UInt64](repeating: 0, count: modulus.count)
        let radix = Self.difference(zero, modulus)
        var square = radix
        let exponentOfRadix = 64 * modulus.count
        for bit in stride(from: Int.bitWidth - 1 - exponentOfRadix.leadingZeroBitCount, through: 0, by: -1) {
            square = product(square, square)
            if exponentOfRadix >> bit & 1 == 1 { square = doubled(square) }
        }
        let factor = product(value, square)
        var result = factor
        for bit in stride(from: 62 - exponent.leadingZeroBitCount, through: 0, by: -1) {
            result = product(result, result)
            if exponent >> UInt64(bit) & 1 == 1 { result = product(result, factor) }
        }
        var one = [UInt64](repeating: 0, count: modulus.count)
        one[0] = 1
        let plain = product(result, one)
        return plain.reversed().flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
        }
    }

    /// Montgomery's product, `left` times `right` divided by the radix, modulo the modulus.
    private func product(_ left: [UInt64], _ right: [UInt64]) -> [UInt64] {
        let count = modulus.count
        var sum = [UInt64](repeating: 0, count: count + 2)
        for index in 0..<count {
            Self.add(left, times: right[index], to: &sum)
            Self.add(modulus, times: sum[0] &* negatedInverse, to: &sum)
            for place in 0...count { sum[place] = sum[place + 1] }
            sum[count + 1] = 0
        }
        let low = Array(sum.prefix(count))
        return sum[count] == 0 && Self.isLess(low, modulus) ? low : Self.difference(low, modulus)
    }

    private static func add(_ words: [UInt64], times factor: UInt64, to sum: inout [UInt64]) {
        var carry: UInt64 = 0
        for index in words.indices {
            let (high, low) = words[index].multipliedFullWidth(by: factor)
            let (first, overflow) = sum[index].addingReportingOverflow(low)
            let (second, again) = first.addingReportingOverflow(carry)
            sum[index] = second
            carry = high &+ (overflow ? 1 : 0) &+ (again ? 1 : 0)
        }
        var index = words.count
        while carry != 0, index < sum.count {
            let (value, overflow) = sum[index].addingReportingOverflow(carry)
            sum[index] = value
            carry = overflow ? 1 : 0
            index += 1
        }
    }

    private func doubled(_ value: [UInt64]) -> [UInt64] {
        var result = value
        var carry: UInt64 = 0
        for index in result.indices {
            let next = result[index] >> 63
            result[index] = result[index] << 1 | carry
            carry = next
        }
        return carry == 0 && Self.isLess(result, modulus) ? result : Self.difference(result, modulus)
    }

    private static func difference(_ left: [UInt64], _ right: [UInt64]) -> [UInt64] {
        var result = left
        var borrow: UInt64 = 0
        for index in result.indices {
            let (first, overflow) = result[index].subtractingReportingOverflow(right[index])
            let (second, again) = first.subtractingReportingOverflow(borrow)
            result[index] = second
            borrow = overflow || again ? 1 : 0
        }
        return result
    }

    private static func isLess(_ left: [UInt64], _ right: [UInt64]) -> Bool {
        for index in left.indices.reversed() where left[index] != right[index] { return left[index] < right[index] }
        return false
    }

    /// Words, least significant first, of bytes, most significant first.
    private static func words(_ bytes: [UInt8]) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: (bytes.count + 7) / 8)
        for (index, byte) in bytes.reversed().enumerated() { words[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8) }
        return words
    }
}
