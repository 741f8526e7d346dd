// SPDX-License-Identifier: Apache-2.0

package import GRPCCore
import GRPCProtobuf
package import SwiftProtobuf

/// Reads a message only when it holds no more submessages and strings than a body in JSON may hold elements.
///
/// An empty message takes two bytes on the wire and some hundred in memory: without this, 8 MiB would fill 2 GB.
package struct BoundedDeserializer<Message: SwiftProtobuf.Message>: MessageDeserializer {
    /// Makes the deserializer.
    package init() {}

    /// Reads a message.
    ///
    /// - Throws: `invalidArgument` when the bytes are no such message, or hold too many fields.
    package func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Message {
        let fits = bytes.withUnsafeBytes { buffer in
            WireFields.areAtMost(ProtobufJSON.maximumElements, in: buffer.bytes)
        }
        guard fits else {
            throw RPCError(
                code: .invalidArgument,
                message:
                    "the \(Message.protoMessageName) has more than \(ProtobufJSON.maximumElements) submessages and strings"
            )
        }
        return try ProtobufDeserializer<Message>().deserialize(bytes)
    }
}

/// The fields that have a length, counted without knowing the message's type: submessages, strings and bytes.
///
/// Numbers take no more memory than room on the wire (https://protobuf.dev/programming-guides/encoding/).
package enum WireFields {
    /// Whether a message holds at most so many such fields, those of its submessages included; one pass, no recursion.
    ///
    /// Whatever has a length might be a message, so text is looked into too: the count is never too low, and can be
    /// too high only where text or bytes happen to read as fields.
    package static func areAtMost(_ limit: Int, in bytes: RawSpan) -> Bool {
        var fields = 0
        var index = 0
        // Where the message being read ends, and those around it.
        var ends = [bytes.byteCount]
        while let end = ends.last {
            guard index < end, let tag = varint(in: bytes, &index, end) else {
                index = end
                ends.removeLast()
                continue
            }
            switch tag & 7 {
            case 0: if varint(in: bytes, &index, end) == nil { index = end }
            case 1: index = end - index > 8 ? index + 8 : end
            case 5: index = end - index > 4 ? index + 4 : end
            case 2:
                guard let length = varint(in: bytes, &index, end), length <= UInt64(end - index) else {
                    index = end
                    continue
                }
                fields &+= 1
                guard fields <= limit else { return false }
                let stop = index + Int(length)
                // No message is read that is nested deeper: SwiftProtobuf's limit is the same.
                if ends.count <= 100 { ends.append(stop) } else { index = stop }
            case 3, 4: break
            default: index = end
            }
        }
        return true
    }

    private static func varint(in bytes: RawSpan, _ index: inout Int, _ end: Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while index < end, shift < 70 {
            let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            index += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
}
