// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BullaArtifact
import BullaFlow
import BullaGrafeas
import BullaSeal
import Foundation

/// The flags that name a signing key.
struct KeyOptions: ParsableArguments {
    @Option(help: "A file with an OpenPGP private key.")
    var pgpKey: String?

    @Option(help: "A file with a PKCS#8, PKCS#1 or SEC1 private key in PEM.")
    var pkixKey: String?

    @Option(help: "The signature algorithm of a PKIX key, such as ECDSA_P256_SHA256 (by the key).")
    var algorithm: String?

    @Option(help: "A file with the passphrase of the private key.")
    var passphraseFile: String?

    /// Whether a key was named.
    var isGiven: Bool { pgpKey != nil || pkixKey != nil }

    /// Reads the key.
    ///
    /// - Throws: `invalidArgument` when none or two are named, or the file holds none.
    func signingKey() throws(BullaError) -> SigningKey {
        guard let file = pgpKey ?? pkixKey, pgpKey == nil || pkixKey == nil else {
            throw BullaError(.invalidArgument, "give one of --pgp-key and --pkix-key")
        }
        var named: SignatureAlgorithm?
        if let algorithm {
            guard let known = SignatureAlgorithm(name: algorithm) else {
                throw BullaError(
                    .invalidArgument,
                    "algorithm '\(algorithm)' is none of \(SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
            named = known
        }
        var passphrase: String?
        if let passphraseFile {
            let text = String(decoding: try Command.contents(of: passphraseFile, limit: 64 << 10), as: UTF8.self)
            passphrase = text.hasSuffix("\n") ? String(text.dropLast()) : text
        }
        let key = try SigningKey(
            try Command.contents(of: file, limit: SigningKey.maximumSize), passphrase: passphrase,
            algorithm: named)
        let kind: PublicKey.Kind = pgpKey != nil ? .openPGP : .pkix
        guard key.publicKey.kind == kind else {
            throw BullaError(.invalidArgument, "file '\(file)' holds a key of the other kind")
        }
        return key
    }
}

/// Signs an image's digest and records the attestation.
struct AttestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attest", abstract: "Sign an image's digest as an attestor and record the attestation.",
        discussion: """
            With --payload-only the exact bytes to sign are written to standard output and nothing is recorded; \
            what a smart card or another tool signed is then attached with --signature and --key-id.
            """)

    /// What `bulla attest` answers: `bulla.attest/v1`.
    struct Answer: Codable {
        var schema = "bulla.attest/v1"
        var image: String
        var digest: String
        var occurrence: String
        var keyId: String
    }

    @Argument(help: "The image; a tag is resolved first.") var image: String
    @Option(help: "The attestor: a note's name, or projects/P/notes/N.") var attestor: String?
    @OptionGroup var key: KeyOptions
    @Option(help: "A file with a signature made elsewhere.") var signature: String?
    @Option(help: "The id of the key that made --signature.") var keyID: String?
    @Flag(help: "Write the bytes to sign and record nothing.") var payloadOnly = false
    @Option(help: "The project of the attestation (as for scans).") var attestationProject: String?
    @Option(
        help: "keep, replace or fail when the attestor attested the image with this key before.",
        transform: AttestCommand.policy)
    var ifExists = AttestationRecord.IfExists.keep
    @OptionGroup var client: ClientOptions

    func validate() throws {
        guard payloadOnly || attestor != nil else { throw ValidationError("--attestor is needed") }
        guard (signature == nil) == (keyID == nil) else {
            throw ValidationError("--signature and --key-id go together")
        }
    }

    private static func policy(_ text: String) throws -> AttestationRecord.IfExists {
        guard let policy = AttestationRecord.IfExists(rawValue: text) else {
            throw ValidationError("'\(text)' is none of keep, replace and fail")
        }
        return policy
    }

    func run() async throws {
        try await Command.run {
            try await client.withServer { server in
                let names = try await server.names()
                let asked = try ImageReference(image)
                let digest = try await server.resolve(asked, names)
                let subject = server.recorded(asked, names)
                if asked.digest == nil, !payloadOnly { Command.say("\(asked) is \(digest)") }
                let payload = SimpleSigning(subject, digest).payload
                if payloadOnly {
                    FileHandle.standardOutput.write(payload)
                    return
                }
                let answer = try await attest(payload, subject, digest, names, server.metadata)
                switch client.output {
                case .json: try Command.result(json: answer)
                case .table:
                    Command.result(
                        "\(answer.image)@\(answer.digest) attested by key \(answer.keyId)\n\(answer.occurrence)")
                }
            }
        }
    }

    private func attest(
        _ payload: Data, _ image: ImageReference, _ digest: Digest, _ names: RecordNames, _ metadata: MetadataClient
    ) async throws(BullaError) -> Answer {
        let signed: Data
        let id: String
        if let signature, let keyID {
            guard !key.isGiven else { throw BullaError(.invalidArgument, "give a key or --signature, not both") }
            signed = Data(try Command.contents(of: signature, limit: 1 << 20))
            id = keyID
        } else {
            let signer = try key.signingKey()
            signed = try signer.sign(payload, at: Date())
            id = signer.keyID
        }
        let project: ProjectName
        if let attestationProject {
            project = try ProjectName(project: attestationProject)
        } else {
            project = try names.project(of: image)
        }
        let note = try AttestationRecord.note(of: attestor ?? "", in: project)
        let record = AttestationRecord(names: names, metadata: metadata)
        try await record.ensure(note)
        let outcome = try await record.record(
            payload: payload, signature: signed, keyID: id, of: image, digest, under: note, in: project,
            ifExists: ifExists)
        if outcome.wasThere { client.progress("it was attested with this key before; nothing was written") }
        return Answer(image: image.name, digest: digest.description, occurrence: outcome.occurrence, keyId: id)
    }
}
