// SPDX-License-Identifier: Apache-2.0
public import Foundation

/// The bytes that a DSSE signature is made over: type and payload, each with its length.
///
/// See https://github.com/secure-systems-lab/dsse/blob/master/protocol.md.
public enum PreAuthenticationEncoding {
    /// Encodes a payload and its type.
    public static func encode(payloadType: String, payload: Data) -> Data {
        var bytes = Data("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8)
        bytes.append(payload)
        return bytes
    }
}
