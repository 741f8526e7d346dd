// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
import Foundation

/// The signing keys of a folder: below it one folder per `privateKeySecretName`, as a cluster mounts Kritis' Secrets.
///
/// Each holds `private`, `public` and, where the key has one, `passphrase`; for a PKIX key also, as Bulla's extension,
/// `algorithm`. Files are read when a key is asked for, so a rotated Secret is seen at its next use.
public struct KeyStore: Sendable, Hashable {
    /// The folder.
    public let folder: String

    /// Names the folder; it need not exist yet.
    public init(folder: String) { self.folder = folder }

    /// The names of the keys that are there, sorted.
    public var names: [String] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return entries.filter { Self.isName($0) && FileManager.default.fileExists(atPath: path($0, "private")) }
            .sorted()
    }

    /// Reads the signing key of a name, and checks that its public file, if there is one, is of the same key.
    ///
    /// - Throws: `notFound` when there is no such key, `invalidArgument` when the name or a file is malformed.
    public func signingKey(named name: String) throws(BullaError) -> SigningKey {
        guard let bytes = try read(name, "private") else {
            throw BullaError(.notFound, "no private key '\(name.prefix(253))' in the folder of keys")
        }
        let passphrase = try text(name, "passphrase")
        let algorithm = try algorithm(name)
        let key: SigningKey
        do {
            key = try SigningKey(bytes, passphrase: passphrase, algorithm: algorithm)
        } catch {
            throw BullaError(error.code, "key '\(name)': \(error.message)", cause: error.cause)
        }
        if try read(name, "public") != nil {
            let stated = try publicKeys(named: name)
            guard stated.contains(where: { $0.id == key.keyID }) else {
                throw BullaError(.invalidArgument, "key '\(name)': the public file is not of the private key")
            }
        }
        return key
    }

    /// Reads the public keys of a name.
    ///
    /// - Throws: `notFound` when there is no public file, `invalidArgument` when the name or the file is malformed.
    public func publicKeys(named name: String) throws(BullaError) -> [PublicKey] {
        guard let bytes = try read(name, "public") else {
            throw BullaError(.notFound, "no public key '\(name.prefix(253))' in the folder of keys")
        }
        let algorithm = try algorithm(name)
        do {
            return try PublicKey.keys(in: bytes, algorithm: algorithm)
        } catch {
            throw BullaError(error.code, "key '\(name)': \(error.message)", cause: error.cause)
        }
    }

    /// Whether a text can name a key: what Kubernetes takes as a Secret's name, so never a path.
    public static func isName(_ text: String) -> Bool {
        guard (1...253).contains(text.utf8.count), text.utf8.first != UInt8(ascii: ".") else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }

    private func path(_ name: String, _ file: String) -> String { folder + "/" + name + "/" + file }

    private func algorithm(_ name: String) throws(BullaError) -> SignatureAlgorithm? {
        guard let text = try text(name, "algorithm") else { return nil }
        guard let algorithm = SignatureAlgorithm(name: text) else {
            throw BullaError(.invalidArgument, "key '\(name)': unknown algorithm '\(text.prefix(40))'")
        }
        return algorithm
    }

    /// A file's text without the newline that editors put at its end; nothing for an empty or missing file.
    private func text(_ name: String, _ file: String) throws(BullaError) -> String? {
        guard var bytes = try read(name, file) else { return nil }
        if bytes.last == 0x0A { bytes.removeLast() }
        if bytes.last == 0x0D { bytes.removeLast() }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    private func read(_ name: String, _ file: String) throws(BullaError) -> [UInt8]? {
        guard Self.isName(name) else {
            throw BullaError(.invalidArgument, "'\(name.prefix(80))' is no name of a key")
        }
        let place = path(name, file)
        guard let handle = FileHandle(forReadingAtPath: place) else {
            guard !FileManager.default.fileExists(atPath: place) else {
                throw BullaError(.permissionDenied, "key '\(name)': the file '\(file)' cannot be read")
            }
            return nil
        }
        defer { try? handle.close() }
        do {
            let data = try handle.read(upToCount: SigningKey.maximumSize + 1) ?? Data()
            guard data.count <= SigningKey.maximumSize else {
                throw BullaError(.invalidArgument, "key '\(name)': the file '\(file)' is too long")
            }
            return Array(data)
        } catch {
            throw BullaError(wrapping: error, while: "reading the file '\(file)' of key '\(name)'")
        }
    }
}
