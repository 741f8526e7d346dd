// SPDX-License-Identifier: Apache-2.0

import BullaTesting
import Foundation

/// Keys that gpg and OpenSSL made, in a folder.
struct SigningKeys: Sendable {
    static let passphrase = "open sesame"
    let folder: URL

    func path(_ name: String) -> String { folder.appending(path: name).path }

    func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: folder.appending(path: name)), as: UTF8.self)
    }

    /// Makes a P-256 key: `NAME.pem` and `NAME.pub.pem`.
    func makeEC(_ name: String) async throws {
        try await OutsideCommand.succeed([
            "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
            path(name + ".pem"),
        ])
        try await makePublic(name)
    }

    /// Makes an RSA key: `NAME.pem` and `NAME.pub.pem`.
    func makeRSA(_ name: String) async throws {
        try await OutsideCommand.succeed([
            "openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path(name + ".pem"),
        ])
        try await makePublic(name)
    }

    private func makePublic(_ name: String) async throws {
        try await OutsideCommand.succeed([
            "openssl", "pkey", "-in", path(name + ".pem"), "-pubout", "-out", path(name + ".pub.pem"),
        ])
    }

    /// Runs gpg in a home of its own.
    @discardableResult
    func gpg(_ arguments: [String]) async throws -> OutsideCommand.Answer {
        let home = path("gnupg")
        if !FileManager.default.fileExists(atPath: home) {
            try FileManager.default.createDirectory(
                atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        return try await OutsideCommand.succeed(
            ["gpg", "--homedir", home, "--batch", "--yes", "--pinentry-mode", "loopback"] + arguments)
    }

    /// Makes an OpenPGP key under a passphrase: `pgp.asc`, `pgp.pub.asc` and `passphrase`; answers with its fingerprint.
    func makePGP() async throws -> String {
        try Data((Self.passphrase + "\n").utf8).write(to: folder.appending(path: "passphrase"))
        let pass = ["--passphrase-file", path("passphrase")]
        try await gpg(pass + ["--quick-generate-key", "Release <release@example.com>", "rsa2048", "sign", "never"])
        try await gpg(pass + ["--armor", "--output", path("pgp.asc"), "--export-secret-keys"])
        try await gpg(["--armor", "--output", path("pgp.pub.asc"), "--export"])
        let listed = try await gpg(["--with-colons", "--list-keys"]).text
        let line = listed.split(separator: "\n").first { $0.hasPrefix("fpr:") } ?? ""
        return String(line.split(separator: ":").last ?? "")
    }

    /// Ends the agent that gpg started.
    func close() async { _ = try? await OutsideCommand.run(["gpgconf", "--homedir", path("gnupg"), "--kill", "all"]) }
}

/// Policies in Kritis' words.
enum SamplePolicy {
    private static func indented(_ text: String, by count: Int) -> String {
        text.split(separator: "\n").map { String(repeating: " ", count: count) + $0 }.joined(separator: "\n")
    }

    /// An attestor with a PKIX key.
    static func authority(_ name: String, in namespace: String, publicKey pem: String) -> String {
        """
        apiVersion: kritis.grafeas.io/v1beta1
        kind: AttestationAuthority
        metadata: {name: \(name), namespace: \(namespace)}
        spec:
          noteReference: projects/team/notes/\(name)
          publicKeys:
          - keyType: PKIX
            pkixPublicKey:
              signatureAlgorithm: ECDSA_P256_SHA256
              publicKeyPem: |
        \(indented(pem, by: 8))
        ---

        """
    }

    /// Attestors all of whom must vouch.
    static func attested(_ name: String, in namespace: String, by attestors: [String]) -> String {
        """
        apiVersion: kritis.grafeas.io/v1beta1
        kind: GenericAttestationPolicy
        metadata: {name: \(name), namespace: \(namespace)}
        spec:
          attestationAuthorityNames: [\(attestors.joined(separator: ", "))]
        ---

        """
    }

    /// Limits on vulnerabilities at admission.
    static func security(
        _ name: String, in namespace: String, maximum: String, further: [String] = []
    ) -> String {
        """
        apiVersion: kritis.grafeas.io/v1beta1
        kind: ImageSecurityPolicy
        metadata: {name: \(name), namespace: \(namespace)}
        spec:
        \(indented(further.joined(separator: "\n"), by: 2))
          packageVulnerabilityRequirements:
            maximumSeverity: \(maximum)
        ---

        """
    }

    /// Limits on vulnerabilities for signing.
    static func signing(_ name: String, fixable: String, allowed: [String] = []) -> String {
        """
        apiVersion: kritis.grafeas.io/v1beta1
        kind: VulnzSigningPolicy
        metadata: {name: \(name)}
        spec:
          imageVulnerabilityRequirements:
            maximumFixableSeverity: \(fixable)
            maximumUnfixableSeverity: ALLOW_ALL
            allowlistCVEs: [\(allowed.joined(separator: ", "))]

        """
    }
}
