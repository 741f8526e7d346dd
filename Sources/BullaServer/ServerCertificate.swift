// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Crypto
import Foundation
import SwiftASN1
import X509

/// The server's certificate: one that was given, or one of an own authority that is kept in the data directory.
///
/// The authority lives ten years and its certificate is what a `caBundle` holds; the leaf lives 90 days and is made anew
/// at a start in its last 30.
struct ServerCertificate: Sendable {
    /// The PEM file of the chain.
    let chainFile: String
    /// The PEM file of the key.
    let keyFile: String
    /// The PEM file of the authority that clients have to trust; none for a given certificate.
    let authorityFile: String?

    /// Finds or makes the certificate.
    ///
    /// - Throws: `unavailable` when a file cannot be read or written, `invalidArgument` when a given one is malformed.
    init(_ configuration: Configuration, at now: Date) throws(BullaError) {
        if let chain = configuration.certificateFile, let key = configuration.certificateKeyFile {
            for file in [chain, key] where !FileManager.default.isReadableFile(atPath: file) {
                throw BullaError(.invalidArgument, "certificate file '\(file)' cannot be read")
            }
            self.init(chainFile: chain, keyFile: key, authorityFile: nil)
            return
        }
        let folder = URL(filePath: configuration.data).appending(path: "tls").path(percentEncoded: false)
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let authority = try Self.authority(in: folder, at: now)
            try Self.leaf(in: folder, signedBy: authority, for: Self.hosts(of: configuration), at: now)
        } catch {
            throw BullaError(.unavailable, "making the server's certificate in '\(folder)' failed", cause: error)
        }
        self.init(chainFile: folder + "/server.crt", keyFile: folder + "/server.key", authorityFile: folder + "/ca.crt")
    }

    private init(chainFile: String, keyFile: String, authorityFile: String?) {
        self.chainFile = chainFile
        self.keyFile = keyFile
        self.authorityFile = authorityFile
    }

    private typealias Authority = (certificate: Certificate, key: P256.Signing.PrivateKey)

    private static func hosts(of configuration: Configuration) -> [String] {
        var hosts = ["localhost", "127.0.0.1", "::1", "bulla", "bulla.bulla.svc"]
        for address in [configuration.http, configuration.grpc, configuration.webhook] {
            if case .tcp(let host, _) = address, !hosts.contains(host) { hosts.append(host) }
        }
        return hosts
    }

    private static func authority(in folder: String, at now: Date) throws -> Authority {
        let certificateFile = folder + "/ca.crt"
        let keyFile = folder + "/ca.key"
        if let certificate = try? String(contentsOfFile: certificateFile, encoding: .utf8),
            let key = try? String(contentsOfFile: keyFile, encoding: .utf8)
        {
            return (try Certificate(pemEncoded: certificate), try P256.Signing.PrivateKey(pemRepresentation: key))
        }
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("Bulla authority of this data directory") }
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey),
            notValidBefore: now.addingTimeInterval(-3600), notValidAfter: now.addingTimeInterval(10 * 365 * 86400),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            },
            issuerPrivateKey: .init(key))
        try write(key.pemRepresentation, to: keyFile, mode: 0o600)
        try write(try certificate.serializeAsPEM().pemString + "\n", to: certificateFile, mode: 0o644)
        return (certificate, key)
    }

    private static func leaf(
        in folder: String, signedBy authority: Authority, for hosts: [String], at now: Date
    ) throws {
        let certificateFile = folder + "/server.crt"
        let names = hosts.map { host -> GeneralName in
            if let address = addressBytes(host) { return .ipAddress(ASN1OctetString(contentBytes: address[...])) }
            return .dnsName(host)
        }
        if let text = try? String(contentsOfFile: certificateFile, encoding: .utf8),
            let old = try? Certificate(pemEncoded: text), old.notValidAfter > now.addingTimeInterval(30 * 86400),
            old.issuer == authority.certificate.subject,
            let known = try? old.extensions.subjectAlternativeNames, Set(names).isSubset(of: Set(known)),
            FileManager.default.isReadableFile(atPath: folder + "/server.key")
        {
            return
        }
        let key = P256.Signing.PrivateKey()
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey),
            notValidBefore: now.addingTimeInterval(-3600), notValidAfter: now.addingTimeInterval(90 * 86400),
            issuer: authority.certificate.subject, subject: try DistinguishedName { CommonName("bulla") },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(names)
            },
            issuerPrivateKey: .init(authority.key))
        try write(key.pemRepresentation, to: folder + "/server.key", mode: 0o600)
        try write(try certificate.serializeAsPEM().pemString + "\n", to: certificateFile, mode: 0o644)
    }

    private static func addressBytes(_ host: String) -> [UInt8]? {
        if host == "::1" { return [UInt8](repeating: 0, count: 15) + [1] }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4 else { return nil }
        let bytes = parts.compactMap { $0 }
        return bytes.count == 4 ? bytes : nil
    }

    private static func write(_ text: String, to file: String, mode: Int) throws {
        let temporary = file + ".new"
        _ = FileManager.default.createFile(
            atPath: temporary, contents: Data(text.utf8), attributes: [.posixPermissions: mode])
        guard rename(temporary, file) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
