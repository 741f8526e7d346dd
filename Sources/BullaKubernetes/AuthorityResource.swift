// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
public import BullaPolicy
import Yams

/// Kritis' resource that names an attestor: a note and the public keys trusted for it.
public struct AttestationAuthority: Hashable, Sendable {
    /// The note that its attestations hang on, `projects/P/notes/N`.
    public let noteReference: String
    /// The keys, any one of which suffices.
    public let keys: [Attestor.Key]

    static func read(_ spec: Node?, _ reader: inout ResourceReader, check: PolicyOptions.KeyCheck?) -> Self? {
        let fields = reader.fields(spec, "spec", known: ["noteReference", "publicKeys"])
        let before = reader.problems.count
        var note = reader.string(fields["noteReference"], "spec.noteReference") ?? ""
        // Older documents put the API's version before the name.
        for prefix in ["v1beta1/", "v1/"] where note.hasPrefix(prefix) { note.removeFirst(prefix.utf8.count) }
        if !isNote(note) {
            reader.note(
                "is not projects/PROJECT/notes/NOTE", "spec.noteReference", at: fields["noteReference"] ?? spec)
        }
        var keys: [Attestor.Key] = []
        for (path, node) in reader.elements(fields["publicKeys"], "spec.publicKeys") {
            guard let key = key(node, path, &reader) else { continue }
            if let problem = check?(key) {
                reader.note("the key cannot be used: \(problem)", path, at: node)
            } else {
                keys.append(key)
            }
        }
        return reader.problems.count == before ? AttestationAuthority(noteReference: note, keys: keys) : nil
    }

    private static func isNote(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "projects" && parts[2] == "notes" && !parts[1].isEmpty
            && !parts[3].isEmpty && text.utf8.count <= 1024
    }

    private static func key(_ node: Node, _ path: String, _ reader: inout ResourceReader) -> Attestor.Key? {
        let known = ["keyType", "KeyType", "keyId", "asciiArmoredPgpPublicKey", "pkixPublicKey"]
        let fields = reader.fields(node, path, known: known)
        // Kritis documents one spelling and reads the other, so manifests of both are about.
        let type = reader.string(fields["keyType"] ?? fields["KeyType"], "\(path).keyType")
        let id = reader.string(fields["keyId"], "\(path).keyId")
        switch type {
        case "PGP":
            guard let armor = armor(fields["asciiArmoredPgpPublicKey"], "\(path).asciiArmoredPgpPublicKey", &reader)
            else {
                if fields["asciiArmoredPgpPublicKey"] == nil {
                    reader.note("asciiArmoredPgpPublicKey is missing", path, at: node)
                }
                return nil
            }
            return Attestor.Key(format: .openPGP, text: armor, id: id)
        case "PKIX":
            let place = "\(path).pkixPublicKey"
            let pkix = reader.fields(fields["pkixPublicKey"], place, known: ["publicKeyPem", "signatureAlgorithm"])
            guard let pem = reader.string(pkix["publicKeyPem"], "\(place).publicKeyPem"), !pem.isEmpty else {
                reader.note("publicKeyPem is missing", place, at: fields["pkixPublicKey"] ?? node)
                return nil
            }
            guard let algorithm = reader.string(pkix["signatureAlgorithm"], "\(place).signatureAlgorithm"),
                !algorithm.isEmpty
            else {
                reader.note("signatureAlgorithm is missing", place, at: fields["pkixPublicKey"] ?? node)
                return nil
            }
            return Attestor.Key(format: .pkix(algorithm: algorithm), text: pem, id: id)
        default:
            reader.note("keyType is neither PGP nor PKIX", path, at: fields["keyType"] ?? fields["KeyType"] ?? node)
            return nil
        }
    }

    /// The armor, which Kritis wants in base64 and people paste as it is.
    private static func armor(_ node: Node?, _ path: String, _ reader: inout ResourceReader) -> String? {
        guard let node, let text = reader.string(node, path) else { return nil }
        let isPlain = text.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----")
        guard let armor = isPlain ? text : reader.base64(node, path) else { return nil }
        guard armor.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----") else {
            reader.note("is not the base64 of an armored PGP public key", path, at: node)
            return nil
        }
        return armor
    }
}
