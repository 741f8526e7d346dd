// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import Foundation

/// The outline of an OpenPGP message, read before the library sees it.
///
/// A seal is a signed message or a detached signature. Everything else that an OpenPGP library would happily process
/// (encrypted data, keys, cleartext signatures with their loose white space) is refused here.
/// See https://www.rfc-editor.org/rfc/rfc9580#section-4.2.
enum OpenPGPPackets {
    /// What a message is.
    enum Form: Hashable, Sendable {
        /// The payload is inside.
        case attached
        /// Signatures alone.
        case detached
    }

    /// Tells an attached message from a detached signature by its outermost packets.
    ///
    /// - Parameter bytes: The message without armor.
    /// - Returns: Which of the two it is.
    /// - Throws: `invalidArgument` when it is neither.
    static func form(of bytes: [UInt8]) throws(BullaError) -> Form {
        let tags = try tags(of: bytes).filter { $0 != marker }
        guard !tags.isEmpty else { throw BullaError(.invalidArgument, "OpenPGP message is empty") }
        if tags.allSatisfy({ $0 == signature }) { return .detached }
        if tags == [compressed] { return .attached }
        // One-pass headers, the data, and as many signatures; or, as before RFC 2440, the signatures first.
        let headers = tags.prefix { $0 == onePass }.count
        let before = tags.prefix { $0 == signature }.count
        let onePassForm =
            Array(repeating: onePass, count: headers) + [literal] + Array(repeating: signature, count: headers)
        let oldForm = Array(repeating: signature, count: before) + [literal]
        guard headers > 0 && tags == onePassForm || before > 0 && tags == oldForm else {
            let list = tags.prefix(8).map { String($0) }.joined(separator: ", ")
            throw BullaError(.invalidArgument, "OpenPGP message is no signed message (packets \(list))")
        }
        return .attached
    }

    private static let signature: UInt8 = 2
    private static let onePass: UInt8 = 4
    private static let compressed: UInt8 = 8
    private static let marker: UInt8 = 10
    private static let literal: UInt8 = 11

    /// The types of the outermost packets, in order.
    ///
    /// - Throws: `invalidArgument` when a header is malformed or a packet longer than the message, or when there are
    ///   more than 64.
    static func tags(of bytes: [UInt8]) throws(BullaError) -> [UInt8] {
        var tags: [UInt8] = []
        var place = 0
        func failure(_ reason: String) -> BullaError {
            BullaError(.invalidArgument, "OpenPGP message is malformed: \(reason) at byte \(place)")
        }
        func number(_ count: Int) throws(BullaError) -> Int {
            guard count <= bytes.count - place else { throw failure("end inside a packet's length") }
            defer { place += count }
            return bytes[place..<place + count].reduce(0) { $0 << 8 | Int($1) }
        }
        func skip(_ count: Int) throws(BullaError) {
            guard count <= bytes.count - place else { throw failure("packet longer than the message") }
            place += count
        }
        while place < bytes.count {
            let header = bytes[place]
            place += 1
            guard header & 0x80 != 0 else { throw failure("no packet") }
            guard tags.count < 64 else { throw failure("more than 64 packets") }
            if header & 0x40 == 0 {
                tags.append(header >> 2 & 15)
                switch header & 3 {
                case 0: try skip(number(1))
                case 1: try skip(number(2))
                case 2: try skip(number(4))
                default: place = bytes.count
                }
                continue
            }
            tags.append(header & 63)
            var isPartial = true
            while isPartial {
                let first = try number(1)
                isPartial = false
                switch first {
                case 0..<192: try skip(first)
                case 192..<224: try skip((first - 192) << 8 + number(1) + 192)
                case 255: try skip(number(4))
                default:
                    isPartial = true
                    try skip(1 << (first & 31))
                }
            }
        }
        return tags
    }
}
