// SPDX-License-Identifier: Apache-2.0

import Crypto

/// A SHA-256 content digest such as `sha256:9f86d0…`, the only name Bulla trusts for an image.
///
/// A tag can move; a digest cannot. Everything recorded, signed or admitted is keyed by one. The 32 bytes are held in
/// place, so a digest is copied, compared and hashed without touching the heap; text exists only at the rim. They are
/// four words and not one vector: a vector is aligned to 32 bytes, and the frames of asynchronous functions, which have
/// room for 16, are overrun by a value that holds one (seen with Swift 6.3.1: the heap is corrupted). The text
/// form is that of the OCI image specification
/// (https://github.com/opencontainers/image-spec/blob/v1.1.0/descriptor.md#digests).
public struct Digest: Hashable, Sendable, Comparable, CustomStringConvertible {
    private var words = Words()

    /// Reads a digest from its text form.
    ///
    /// - Throws: `invalidArgument` unless `text` is `sha256:` and 64 lowercase hexadecimal digits.
    public init(_ text: some StringProtocol) throws(BullaError) {
        guard text.utf8.starts(with: "sha256:".utf8) else { throw Self.malformed(text) }
        var count = 0
        for byte in text.utf8.dropFirst("sha256:".utf8.count) {
            guard count < 64, let digit = Self.value(ofHexadecimal: byte) else { throw Self.malformed(text) }
            words[count / 16] = words[count / 16] << 4 | digit
            count += 1
        }
        guard count == 64 else { throw Self.malformed(text) }
    }

    /// Reads a digest from 64 hexadecimal digits without the algorithm.
    ///
    /// - Throws: `invalidArgument` unless `hexadecimal` is 64 lowercase hexadecimal digits.
    public init(hexadecimal: some StringProtocol) throws(BullaError) {
        try self.init("sha256:" + String(hexadecimal))
    }

    /// Hashes bytes that are all in memory.
    public init(of bytes: some Sequence<UInt8>) {
        var hasher = DigestHasher()
        if bytes.withContiguousStorageIfAvailable({ hasher.update(UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes { hasher.update($0) }
        }
        self = hasher.finalize()
    }

    /// Takes the 32 bytes of a digest; `nil` for any other count.
    public init?(rawBytes: some Collection<UInt8>) {
        guard rawBytes.count == 32 else { return nil }
        var count = 0
        for byte in rawBytes {
            words[count / 8] = words[count / 8] << 8 | UInt64(byte)
            count += 1
        }
    }

    /// The 32 bytes.
    public var rawBytes: [UInt8] {
        var bytes = [UInt8]()
        bytes.reserveCapacity(32)
        for word in 0..<4 {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: words[word] >> UInt64(shift)))
            }
        }
        return bytes
    }

    /// The 64 hexadecimal digits without the algorithm.
    public var hexadecimal: String { String(description.dropFirst("sha256:".utf8.count)) }

    /// The text form, `sha256:` and 64 hexadecimal digits.
    public var description: String {
        String(unsafeUninitializedCapacity: 71) { buffer in
            var position = 0
            for byte in "sha256:".utf8 {
                buffer[position] = byte
                position += 1
            }
            for word in 0..<4 {
                for shift in stride(from: 60, through: 0, by: -4) {
                    let digit = UInt8(truncatingIfNeeded: words[word] >> UInt64(shift) & 15)
                    buffer[position] = digit < 10 ? digit &+ 48 : digit &+ 87
                    position += 1
                }
            }
            return position
        }
    }

    /// Orders digests as their text forms.
    public static func < (left: Digest, right: Digest) -> Bool {
        for word in 0..<4 where left.words[word] != right.words[word] { return left.words[word] < right.words[word] }
        return false
    }

    private static func value(ofHexadecimal byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        default: nil
        }
    }

    private static func malformed(_ text: some StringProtocol) -> BullaError {
        BullaError(.invalidArgument, "digest '\(text.prefix(80))' is not sha256: and 64 lowercase hexadecimal digits")
    }
}

/// The 32 bytes of a digest as four numbers, the first one first.
private struct Words: Hashable, Sendable {
    private var first: UInt64 = 0
    private var second: UInt64 = 0
    private var third: UInt64 = 0
    private var fourth: UInt64 = 0

    subscript(index: Int) -> UInt64 {
        get {
            switch index {
            case 0: first
            case 1: second
            case 2: third
            default: fourth
            }
        }
        set {
            switch index {
            case 0: first = newValue
            case 1: second = newValue
            case 2: third = newValue
            default: fourth = newValue
            }
        }
    }
}

/// A running SHA-256, for content that streams by.
public struct DigestHasher: Sendable {
    private var hash = SHA256()

    /// Starts a hash over nothing.
    public init() {}

    /// Adds bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }

    /// Adds bytes.
    public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { hash.update(bufferPointer: $0) } }

    /// The digest of everything added so far; the hash can go on.
    public func finalize() -> Digest {
        var digest = Digest(unchecked: ())
        hash.finalize().withUnsafeBytes { digest = Digest(rawBytes: $0) ?? digest }
        return digest
    }
}

extension Digest {
    /// All zero, to be overwritten at once.
    fileprivate init(unchecked: Void) {}
}
