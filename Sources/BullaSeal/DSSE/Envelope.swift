// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import Foundation

/// A DSSE envelope: a payload, its type, and signatures over both.
///
/// See https://github.com/secure-systems-lab/dsse/blob/master/envelope.md.
public struct Envelope: Hashable, Sendable {
    /// One signature with the hint at its key.
    public struct Signature: Hashable, Sendable {
        /// The signer's hint at its key, empty if none: where to look, not whom to trust.
        public let keyID: String
        /// The signature over the pre-authentication encoding.
        public let bytes: Data

        /// Makes a signature of an envelope.
        public init(keyID: String, bytes: Data) {
            self.keyID = keyID
            self.bytes = bytes
        }
    }

    /// The longest envelope that is read, in bytes.
    public static let maximumSize = 16 * 1024 * 1024
    /// The most signatures that an envelope may hold.
    public static let maximumSignatures = 64

    /// The media type of the payload.
    public let payloadType: String
    /// The payload.
    public let payload: Data
    /// The signatures.
    public let signatures: [Signature]

    /// Makes an envelope of its parts.
    public init(payloadType: String, payload: Data, signatures: [Signature]) {
        self.payloadType = payloadType
        self.payload = payload
        self.signatures = signatures
    }

    /// Wraps a payload and signs it.
    ///
    /// - Parameters:
    ///   - payload: The payload, as it is.
    ///   - payloadType: Its media type.
    ///   - signers: PKIX keys; DSSE has no OpenPGP signatures.
    ///   - now: The time of signing, for signers that state it.
    /// - Throws: `invalidArgument` for an OpenPGP key, else what `Signer.sign` throws.
    public init(
        signing payload: Data, payloadType: String, with signers: [any Signer], at now: Date
    ) throws(BullaError) {
        let encoded = PreAuthenticationEncoding.encode(payloadType: payloadType, payload: payload)
        var signatures: [Signature] = []
        for signer in signers {
            guard signer.publicKey.kind == .pkix else {
                throw BullaError(
                    .invalidArgument, "a DSSE envelope cannot be signed with the OpenPGP key \(signer.keyID)")
            }
            signatures.append(Signature(keyID: signer.keyID, bytes: try signer.sign(encoded, at: now)))
        }
        self.init(payloadType: payloadType, payload: payload, signatures: signatures)
    }

    /// Reads an envelope; base64 may be of the standard or the URL-safe alphabet.
    ///
    /// - Parameter bytes: The envelope's JSON.
    /// - Throws: `invalidArgument` naming the member at fault.
    public init(parsing bytes: some Collection<UInt8>) throws(BullaError) {
        let what = "DSSE envelope"
        let root = try JSONValue(parsing: bytes, limit: Self.maximumSize, what: what)
        func wrong(_ reason: String) -> BullaError { BullaError(.invalidArgument, "\(what) \(reason)") }
        guard let type = root["payloadType"]?.string, !type.isEmpty else { throw wrong("has no payloadType") }
        guard let text = root["payload"]?.string else { throw wrong("has no payload") }
        guard let payload = Base64.decode(text) else { throw wrong("has a payload that is not base64") }
        guard let values = root["signatures"]?.array, !values.isEmpty else { throw wrong("has no signatures") }
        guard values.count <= Self.maximumSignatures else {
            throw wrong("has \(values.count) signatures, more than \(Self.maximumSignatures)")
        }
        var signatures: [Signature] = []
        for (index, value) in values.enumerated() {
            guard let text = value["sig"]?.string, let bytes = Base64.decode(text), !bytes.isEmpty else {
                throw wrong("has no base64 in signatures[\(index)].sig")
            }
            signatures.append(Signature(keyID: value["keyid"]?.string ?? "", bytes: bytes))
        }
        self.init(payloadType: type, payload: payload, signatures: signatures)
    }

    /// The envelope as JSON.
    public var data: Data {
        func member(_ name: String, _ text: String) -> JSONValue.Member {
            JSONValue.Member(name: name, value: .string(text))
        }
        let signatures = signatures.map { signature in
            JSONValue.object([
                member("keyid", signature.keyID), member("sig", signature.bytes.base64EncodedString()),
            ])
        }
        return JSONValue.object([
            member("payloadType", payloadType), member("payload", payload.base64EncodedString()),
            JSONValue.Member(name: "signatures", value: .array(signatures)),
        ]).data
    }

    /// What each signature is worth under the trusted keys.
    ///
    /// A signature without a key id is tried with every PKIX key, as the protocol asks.
    ///
    /// - Parameter keys: The trusted keys; OpenPGP keys never verify an envelope.
    /// - Returns: Per signature the id of the key that verified it, or the reason why none did.
    public func verify(with keys: [PublicKey]) -> [Result<String, SealFailure>] {
        let encoded = PreAuthenticationEncoding.encode(payloadType: payloadType, payload: payload)
        return signatures.map { signature in
            let candidates = keys.filter {
                $0.kind == .pkix && (signature.keyID.isEmpty || $0.answers(to: signature.keyID))
            }
            let verifying = candidates.first { $0.pkix?.isValidSignature(signature.bytes, for: encoded) ?? false }
            if let verifying { return .success(verifying.id) }
            guard let first = candidates.first else { return .failure(.unknownKey(signature.keyID)) }
            return .failure(.badSignature(key: first.id))
        }
    }
}

/// Base64 of either alphabet, with or without padding.
enum Base64 {
    /// Decodes a whole text; white space is skipped, anything else foreign is refused.
    static func decode(_ text: String) -> Data? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count + 3)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "-"): bytes.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): bytes.append(UInt8(ascii: "/"))
            case UInt8(ascii: "="), 0x20, 0x0A, 0x0D, 0x09: continue
            default: bytes.append(byte)
            }
        }
        guard bytes.count % 4 != 1 else { return nil }
        while bytes.count % 4 != 0 { bytes.append(UInt8(ascii: "=")) }
        return Data(base64Encoded: Data(bytes))
    }

    /// The URL-safe alphabet without padding, as RFC 6920 names digests.
    static func urlSafe(_ bytes: some Collection<UInt8>) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
