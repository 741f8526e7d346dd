// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import CRNP
import Foundation
import Synchronization

/// Keys in the hands of RNP, one call at a time.
///
/// An RNP object may be used by one thread at once, so each has a lock of its own; no call under it waits for anything
/// but the processor. See https://github.com/rnpgp/rnp.
final class OpenPGPRing: Sendable {
    /// What is known about one key or subkey.
    struct Facts: Hashable, Sendable {
        /// The V4 fingerprint, 40 hexadecimal digits in upper case.
        let fingerprint: String
        /// When the key was made.
        let createdAt: Date
        /// When it ends, if ever.
        let expiresAt: Date?
        /// Whether its owner revoked it.
        let isRevoked: Bool
        /// Whether it may sign data.
        let canSign: Bool
        /// Whether its private half is here.
        let hasSecret: Bool
        /// Whether it is too short to rely on: RSA or DSA below 2048 bits.
        let isShort: Bool
    }

    /// A primary key with its subkeys.
    struct Entry: Hashable, Sendable {
        /// The primary key.
        let primary: Facts
        /// Its subkeys, in their order.
        let subkeys: [Facts]
        /// The public key with subkeys, in armor.
        let armored: String
    }

    /// What RNP says about one signature of a message.
    struct SignatureReport: Sendable {
        let status: UInt32
        let fingerprint: String?
        let hash: String
        let createdAt: Date
        let expiresAt: Date?
        let isSignerValid: Bool
    }

    /// The longest key or message that is read, in bytes.
    static let maximumSize = 1024 * 1024

    private let library: Mutex<Library>

    /// Loads keys, public and private, in armor or not.
    ///
    /// - Throws: `invalidArgument` when `bytes` hold no OpenPGP key.
    init(_ bytes: [UInt8]) throws(BullaError) {
        guard bytes.count <= Self.maximumSize else {
            throw BullaError(.invalidArgument, "OpenPGP key has \(bytes.count) bytes, more than \(Self.maximumSize)")
        }
        guard Self.isLikely(bytes) else {
            throw BullaError(.invalidArgument, "text is neither an OpenPGP key nor a PEM key")
        }
        let library = try Library()
        let input = try Input(bytes)
        let flags = UInt32(RNP_LOAD_SAVE_PUBLIC_KEYS | RNP_LOAD_SAVE_SECRET_KEYS | RNP_LOAD_SAVE_PERMISSIVE)
        guard rnp_import_keys(library.pointer, input.pointer, flags, nil) == RNP.success else {
            throw BullaError(.invalidArgument, "text is no OpenPGP key")
        }
        self.library = Mutex(library)
        guard try !entries().isEmpty else { throw BullaError(.invalidArgument, "text holds no OpenPGP key") }
    }

    /// Whether bytes begin with a key or hold armor; anything else is kept from the library, which would complain about
    /// it on standard error.
    private static func isLikely(_ bytes: [UInt8]) -> Bool {
        if let first = bytes.first, first & 0x80 != 0 {
            let tag = first & 0x40 == 0 ? first >> 2 & 15 : first & 63
            return tag == 5 || tag == 6
        }
        return String(decoding: bytes, as: UTF8.self).contains("-----BEGIN PGP ")
    }

    /// The primary keys with their subkeys.
    ///
    /// - Throws: `invalidArgument` for a key whose fingerprint is not of version 4.
    func entries() throws(BullaError) -> [Entry] {
        try library.withLock { (library) throws(BullaError) -> [Entry] in
            var entries: [Entry] = []
            for fingerprint in library.fingerprints() {
                guard let key = library.key(fingerprint), key.flag(rnp_key_is_primary) else { continue }
                var subkeys: [Facts] = []
                for index in 0..<key.subkeyCount {
                    if let subkey = key.subkey(at: index) { subkeys.append(try subkey.facts()) }
                }
                let output = try Output(limit: Self.maximumSize)
                let flags = UInt32(RNP_KEY_EXPORT_ARMORED | RNP_KEY_EXPORT_PUBLIC | RNP_KEY_EXPORT_SUBKEYS)
                guard rnp_key_export(key.pointer, output.pointer, flags) == RNP.success else {
                    throw BullaError(.internal, "public OpenPGP key \(fingerprint) cannot be written")
                }
                let facts = try key.facts()
                guard facts.fingerprint.utf8.count == 40 else {
                    throw BullaError(.invalidArgument, "OpenPGP key \(fingerprint.prefix(80)) is not of version 4")
                }
                entries.append(
                    Entry(primary: facts, subkeys: subkeys, armored: String(decoding: output.bytes, as: UTF8.self)))
            }
            return entries
        }
    }

    /// Unlocks the private half of one key for as long as the ring lives.
    ///
    /// - Returns: Whether the key is now open.
    func unlock(_ fingerprint: String, passphrase: String?) -> Bool {
        library.withLock { library in
            guard let key = library.key(fingerprint), key.flag(rnp_key_have_secret) else { return false }
            if !key.flag(rnp_key_is_locked) { return true }
            guard let passphrase else { return false }
            return passphrase.withCString { rnp_key_unlock(key.pointer, $0) } == RNP.success
        }
    }

    /// Signs a payload with one unlocked key: an armored message that holds the payload.
    ///
    /// - Throws: `internal` when RNP cannot sign.
    func sign(_ payload: [UInt8], with fingerprint: String, at now: Date) throws(BullaError) -> Data {
        try library.withLock { (library) throws(BullaError) -> Data in
            func failure(_ step: String) -> BullaError {
                BullaError(.internal, "signing with OpenPGP key \(fingerprint) failed (\(step))")
            }
            guard let key = library.key(fingerprint) else { throw failure("key") }
            let input = try Input(payload)
            let output = try Output(limit: payload.count &* 2 &+ Self.maximumSize)
            var operation: rnp_op_sign_t?
            guard rnp_op_sign_create(&operation, library.pointer, input.pointer, output.pointer) == RNP.success,
                let operation
            else { throw failure("start") }
            defer { rnp_op_sign_destroy(operation) }
            let seconds = UInt32(clamping: Int64(clamping: now))
            guard rnp_op_sign_set_armor(operation, true) == RNP.success,
                rnp_op_sign_set_compression(operation, "Uncompressed", 0) == RNP.success,
                rnp_op_sign_set_hash(operation, "SHA256") == RNP.success,
                rnp_op_sign_set_creation_time(operation, seconds) == RNP.success,
                rnp_op_sign_add_signature(operation, key.pointer, nil) == RNP.success
            else { throw failure("settings") }
            guard rnp_op_sign_execute(operation) == RNP.success else { throw failure("signature") }
            return Data(output.bytes)
        }
    }

    /// What verification of one message found.
    struct Report: Sendable {
        let isProcessed: Bool
        let isTruncated: Bool
        let payload: Data
        let signatures: [SignatureReport]
    }

    /// Checks a message without armor.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - payload: What a detached signature is over; absent for an attached message.
    ///   - limit: The longest payload that is unpacked.
    ///   - now: The present.
    /// - Returns: What RNP made of it.
    /// - Throws: `internal` when RNP cannot start.
    func verify(
        _ message: [UInt8], payload: [UInt8]?, limit: Int, at now: Date
    ) throws(BullaError) -> Report {
        try library.withLock { (library) throws(BullaError) -> Report in
            rnp_set_timestamp(library.pointer, UInt64(clamping: Int64(clamping: now)))
            let input = try Input(message)
            let output = try Output(limit: limit)
            // An attached message needs no data of its own, but the library refuses an input of no bytes.
            let data = try Input(payload ?? [0])
            var operation: rnp_op_verify_t?
            let created =
                payload == nil
                ? rnp_op_verify_create(&operation, library.pointer, input.pointer, output.pointer)
                : rnp_op_verify_detached_create(&operation, library.pointer, data.pointer, input.pointer)
            guard created == RNP.success, let operation else {
                throw BullaError(.internal, "OpenPGP verification cannot start")
            }
            defer { rnp_op_verify_destroy(operation) }
            let result = rnp_op_verify_execute(operation)
            var count = 0
            if rnp_op_verify_get_signature_count(operation, &count) != RNP.success { count = 0 }
            var signatures: [SignatureReport] = []
            for index in 0..<min(count, 64) {
                if let report = library.signature(of: operation, at: index) { signatures.append(report) }
            }
            return Report(
                isProcessed: result == RNP.success, isTruncated: result == RNP.code(RNP_ERROR_WRITE),
                payload: Data(output.bytes), signatures: signatures)
        }
    }
}

extension OpenPGPRing {
    /// RNP's result codes, which C gives the type of an enumeration.
    enum RNP {
        static let success: UInt32 = 0

        static func code(_ error: some RawRepresentable<UInt32>) -> UInt32 { error.rawValue }

        static func code(_ error: some BinaryInteger) -> UInt32 { UInt32(truncatingIfNeeded: error) }
    }

    /// The library object, freed with its owner.
    private struct Library: ~Copyable {
        let pointer: rnp_ffi_t

        init() throws(BullaError) {
            var pointer: rnp_ffi_t?
            guard rnp_ffi_create(&pointer, "GPG", "GPG") == RNP.success, let pointer else {
                throw BullaError(.internal, "the OpenPGP library cannot start")
            }
            self.pointer = pointer
        }

        deinit { rnp_ffi_destroy(pointer) }

        func fingerprints() -> [String] {
            var iterator: rnp_identifier_iterator_t?
            guard rnp_identifier_iterator_create(pointer, &iterator, "fingerprint") == RNP.success, let iterator else {
                return []
            }
            defer { rnp_identifier_iterator_destroy(iterator) }
            var fingerprints: [String] = []
            var text: UnsafePointer<CChar>?
            while rnp_identifier_iterator_next(iterator, &text) == RNP.success, let found = text {
                fingerprints.append(String(cString: found))
            }
            return fingerprints
        }

        func key(_ fingerprint: String) -> Key? {
            var key: rnp_key_handle_t?
            guard rnp_locate_key(pointer, "fingerprint", fingerprint, &key) == RNP.success, let key else { return nil }
            return Key(pointer: key)
        }

        func signature(of operation: rnp_op_verify_t, at index: Int) -> SignatureReport? {
            var signature: rnp_op_verify_signature_t?
            guard rnp_op_verify_get_signature_at(operation, index, &signature) == RNP.success, let signature else {
                return nil
            }
            var created: UInt32 = 0
            var lifetime: UInt32 = 0
            var hash: UnsafeMutablePointer<CChar>?
            rnp_op_verify_signature_get_times(signature, &created, &lifetime)
            rnp_op_verify_signature_get_hash(signature, &hash)
            var key: rnp_key_handle_t?
            var fingerprint: String?
            var isValid = false
            if rnp_op_verify_signature_get_key(signature, &key) == RNP.success, let key {
                let signer = Key(pointer: key)
                fingerprint = signer.text(rnp_key_get_fprint)?.uppercased()
                isValid = signer.flag(rnp_key_is_valid)
            }
            return SignatureReport(
                status: rnp_op_verify_signature_get_status(signature), fingerprint: fingerprint,
                hash: Key.take(hash) ?? "", createdAt: Date(timeIntervalSince1970: Double(created)),
                expiresAt: lifetime == 0 ? nil : Date(timeIntervalSince1970: Double(created) + Double(lifetime)),
                isSignerValid: isValid)
        }
    }

    /// A handle of a key, given back with its owner.
    private struct Key: ~Copyable {
        let pointer: rnp_key_handle_t

        deinit { rnp_key_handle_destroy(pointer) }

        func flag(_ ask: (rnp_key_handle_t?, UnsafeMutablePointer<Bool>?) -> rnp_result_t) -> Bool {
            var result = false
            return ask(pointer, &result) == RNP.success && result
        }

        func number(_ ask: (rnp_key_handle_t?, UnsafeMutablePointer<UInt32>?) -> rnp_result_t) -> UInt32 {
            var result: UInt32 = 0
            return ask(pointer, &result) == RNP.success ? result : 0
        }

        func text(
            _ ask: (rnp_key_handle_t?, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> rnp_result_t
        ) -> String? {
            var result: UnsafeMutablePointer<CChar>?
            guard ask(pointer, &result) == RNP.success else { return nil }
            return Self.take(result)
        }

        /// Copies a string of RNP's and frees it.
        static func take(_ text: UnsafeMutablePointer<CChar>?) -> String? {
            guard let text else { return nil }
            defer { rnp_buffer_destroy(text) }
            return String(cString: text)
        }

        var subkeyCount: Int {
            var count = 0
            return rnp_key_get_subkey_count(pointer, &count) == RNP.success ? count : 0
        }

        func subkey(at index: Int) -> Key? {
            var key: rnp_key_handle_t?
            guard rnp_key_get_subkey_at(pointer, index, &key) == RNP.success, let key else { return nil }
            return Key(pointer: key)
        }

        func facts() throws(BullaError) -> Facts {
            guard let fingerprint = text(rnp_key_get_fprint)?.uppercased() else {
                throw BullaError(.invalidArgument, "OpenPGP key has no fingerprint")
            }
            let created = number(rnp_key_get_creation)
            let lifetime = number(rnp_key_get_expiration)
            let algorithm = text(rnp_key_get_alg) ?? ""
            var canSign = false
            rnp_key_allows_usage(pointer, "sign", &canSign)
            return Facts(
                fingerprint: fingerprint, createdAt: Date(timeIntervalSince1970: Double(created)),
                expiresAt: lifetime == 0 ? nil : Date(timeIntervalSince1970: Double(created) + Double(lifetime)),
                isRevoked: flag(rnp_key_is_revoked), canSign: canSign, hasSecret: flag(rnp_key_have_secret),
                isShort: ["RSA", "DSA"].contains(algorithm) && number(rnp_key_get_bits) < 2048)
        }
    }

    /// Bytes that RNP reads.
    private struct Input: ~Copyable {
        let pointer: rnp_input_t

        init(_ bytes: [UInt8]) throws(BullaError) {
            var pointer: rnp_input_t?
            guard rnp_input_from_memory(&pointer, bytes, bytes.count, true) == RNP.success, let pointer else {
                throw BullaError(.internal, "the OpenPGP library cannot read memory")
            }
            self.pointer = pointer
        }

        deinit { rnp_input_destroy(pointer) }
    }

    /// Memory that RNP writes to, up to a limit.
    private struct Output: ~Copyable {
        let pointer: rnp_output_t

        init(limit: Int) throws(BullaError) {
            var pointer: rnp_output_t?
            guard rnp_output_to_memory(&pointer, limit) == RNP.success, let pointer else {
                throw BullaError(.internal, "the OpenPGP library cannot write memory")
            }
            self.pointer = pointer
        }

        deinit { rnp_output_destroy(pointer) }

        /// What was written.
        var bytes: [UInt8] {
            var start: UnsafeMutablePointer<UInt8>?
            var count = 0
            guard rnp_output_memory_get_buf(pointer, &start, &count, false) == RNP.success, let start else { return [] }
            return Array(UnsafeBufferPointer(start: start, count: count))
        }
    }
}

extension Int64 {
    /// Whole seconds since 1970, held within range.
    fileprivate init(clamping date: Date) {
        self = Int64(Swift.min(Swift.max(date.timeIntervalSince1970, 1), 4_294_967_295))
    }
}
