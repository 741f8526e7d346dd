// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
import Crypto
public import Foundation

/// Makes and reads page tokens: opaque, signed, and bound to the list that they continue.
///
/// A token holds a place and its signature; the signature is over the place and the list's parent and filter. So a
/// client can neither make one up nor carry one to another list.
public struct PageTokens: Sendable {
    private let key: SymmetricKey

    /// Takes the server's secret key.
    ///
    /// - Throws: `failedPrecondition` when the key has fewer than 32 bytes.
    public init(key: some ContiguousBytes) throws(BullaError) {
        let symmetric = SymmetricKey(data: key)
        guard symmetric.bitCount >= 256 else {
            throw BullaError(.failedPrecondition, "the key of page tokens has fewer than 32 bytes")
        }
        self.key = symmetric
    }

    /// Makes the token that continues a list after a place.
    func token(after place: Int64, list: String) -> String {
        var bytes: [UInt8] = [Self.version]
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: place >> shift)) }
        bytes.append(contentsOf: signature(of: bytes, list))
        return Data(bytes).base64EncodedString()
            .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
    }

    /// The place after which a token continues a list.
    ///
    /// - Throws: `invalidArgument` when it is no token of this server for this list.
    func place(in token: String, list: String) throws(BullaError) -> Int64 {
        let text = token.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        guard token.utf8.count <= 64, let data = Data(base64Encoded: text), data.count == 9 + Self.length,
            data.first == Self.version
        else { throw Self.refusal }
        let bytes = Array(data)
        let expected = signature(of: Array(bytes.prefix(9)), list)
        // Compared without a branch, so that the time says nothing.
        var difference: UInt8 = 0
        for (left, right) in zip(expected, bytes.dropFirst(9)) { difference |= left ^ right }
        guard difference == 0 else { throw Self.refusal }
        return bytes[1..<9].reduce(0) { $0 << 8 | Int64($1) }
    }

    private static let version: UInt8 = 1
    private static let length = 18

    private static var refusal: BullaError {
        BullaError(
            .invalidArgument, "the page token is not one that this server gave for this parent and filter",
            violations: [BullaError.Violation(field: "page_token", description: "not a token of this list")])
    }

    private func signature(of bytes: [UInt8], _ list: String) -> [UInt8] {
        var code = HMAC<SHA256>(key: key)
        code.update(data: bytes)
        code.update(data: Array(list.utf8))
        return Array(code.finalize().prefix(Self.length))
    }
}
