// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import Foundation

/// ASCII armor around a message, under whatever label.
///
/// Read here and not by the library, which writes a line to standard error for each damaged one. See
/// https://www.rfc-editor.org/rfc/rfc9580#section-6.
enum OpenPGPArmor {
    /// The longest message that is read, in bytes.
    static let maximumSize = 1024 * 1024

    /// Removes armor; bytes without armor come back as they are.
    ///
    /// - Throws: `invalidArgument` when the armor is damaged, holds cleartext, or is not there.
    static func removed(from bytes: [UInt8]) throws(BullaError) -> [UInt8] {
        guard bytes.count <= maximumSize else {
            throw BullaError(.invalidArgument, "OpenPGP message has \(bytes.count) bytes, more than \(maximumSize)")
        }
        if let first = bytes.first, first & 0x80 != 0 { return bytes }
        let damaged = BullaError(.invalidArgument, "OpenPGP armor is damaged")
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).makeIterator()
        var label: ArraySlice<UInt8>?
        while label == nil, let line = lines.next() { label = Self.label(trimmed(line), after: "-----BEGIN PGP ") }
        guard let label else { throw BullaError(.invalidArgument, "text is no OpenPGP message") }
        guard !label.elementsEqual("SIGNED MESSAGE".utf8) else {
            throw BullaError(.invalidArgument, "cleartext signatures are not taken; sign with 'gpg --sign --armor'")
        }
        while let line = lines.next() {
            if trimmed(line).isEmpty { break }
            guard line.contains(UInt8(ascii: ":")) else { throw damaged }
        }
        var text: [UInt8] = []
        var sum: Data?
        while let line = lines.next().map(trimmed) {
            if let end = Self.label(line, after: "-----END PGP ") {
                guard end.elementsEqual(label), let data = Data(base64Encoded: Data(text)), !data.isEmpty else {
                    throw damaged
                }
                let message = Array(data)
                guard sum.map({ Array($0) == checksum(message) }) ?? true else { throw damaged }
                return message
            }
            guard sum == nil else { throw damaged }
            if line.first == UInt8(ascii: "=") {
                guard let decoded = Data(base64Encoded: Data(line.dropFirst())) else { throw damaged }
                sum = decoded
            } else {
                text += line
            }
        }
        throw damaged
    }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var line = line
        while let last = line.last, last == 0x20 || last == 0x09 || last == 0x0D { line.removeLast() }
        return line
    }

    private static func label(_ line: ArraySlice<UInt8>, after start: String) -> ArraySlice<UInt8>? {
        guard line.starts(with: start.utf8) else { return nil }
        let rest = line.dropFirst(start.utf8.count)
        guard rest.suffix(5).elementsEqual("-----".utf8) else { return nil }
        return rest.dropLast(5)
    }

    /// The CRC-24 of RFC 9580, section 6.1.
    private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
        var sum: UInt32 = 0xB704CE
        for byte in bytes {
            sum ^= UInt32(byte) << 16
            for _ in 0..<8 {
                sum <<= 1
                if sum & 0x100_0000 != 0 { sum ^= 0x186_4CFB }
            }
        }
        return [
            UInt8(truncatingIfNeeded: sum >> 16), UInt8(truncatingIfNeeded: sum >> 8), UInt8(truncatingIfNeeded: sum),
        ]
    }
}
