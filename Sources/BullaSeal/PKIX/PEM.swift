// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import Foundation

/// The blocks of a PEM text.
///
/// Text around blocks is skipped, as RFC 7468 allows; the old headers of encrypted PKCS#1 are refused with a reason.
/// See https://www.rfc-editor.org/rfc/rfc7468.
enum PEM {
    /// One block.
    struct Block: Hashable, Sendable {
        /// The label, such as `PUBLIC KEY`.
        let label: String
        /// The bytes between the lines.
        let der: Data
    }

    /// The longest text that is read, in bytes.
    static let maximumSize = 256 * 1024

    /// Whether a text looks like PEM that holds a key.
    static func isPEM(_ text: String) -> Bool {
        text.contains("-----BEGIN ") && !text.contains("-----BEGIN PGP ")
    }

    /// Reads all blocks.
    ///
    /// - Throws: `invalidArgument` when there is none or one does not end or is not base64.
    static func blocks(_ text: String) throws(BullaError) -> [Block] {
        guard text.utf8.count <= maximumSize else {
            throw BullaError(.invalidArgument, "PEM text has \(text.utf8.count) bytes, more than \(maximumSize)")
        }
        var blocks: [Block] = []
        var open: (label: String, lines: String)?
        for line in text.split(omittingEmptySubsequences: true, whereSeparator: \.isNewline) {
            let line = line.trimmingCharacters(in: .whitespaces)
            if let current = open {
                if line == "-----END \(current.label)-----" {
                    guard let der = Base64.decode(current.lines), !der.isEmpty else {
                        throw BullaError(.invalidArgument, "PEM block '\(current.label)' is not base64")
                    }
                    blocks.append(Block(label: current.label, der: der))
                    open = nil
                } else if line.hasPrefix("-----") {
                    throw BullaError(.invalidArgument, "PEM block '\(current.label)' does not end")
                } else if line.contains(":") {
                    throw BullaError(
                        .invalidArgument,
                        "PEM block '\(current.label)' has headers (encrypted PKCS#1 or SEC1); convert it to PKCS#8")
                } else {
                    open = (current.label, current.lines + line)
                }
            } else if line.hasPrefix("-----BEGIN "), line.hasSuffix("-----"), line.utf8.count > 16 {
                open = (String(line.dropFirst(11).dropLast(5)), "")
            }
        }
        if let open { throw BullaError(.invalidArgument, "PEM block '\(open.label.prefix(40))' does not end") }
        guard !blocks.isEmpty else { throw BullaError(.invalidArgument, "text holds no PEM block") }
        return blocks
    }

    /// Writes one block in lines of 64.
    static func text(label: String, der: some Collection<UInt8>) -> String {
        let base64 = Array(Data(der).base64EncodedString().utf8)
        var text = "-----BEGIN \(label)-----\n"
        for start in stride(from: 0, to: base64.count, by: 64) {
            text += String(decoding: base64[start..<min(start + 64, base64.count)], as: UTF8.self) + "\n"
        }
        return text + "-----END \(label)-----\n"
    }
}
