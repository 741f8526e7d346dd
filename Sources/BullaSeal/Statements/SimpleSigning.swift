// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import Foundation

/// The "simple signing" statement: this digest, in this repository.
///
/// Read as JSON, for producers differ in order, spacing and optional members; written as Kritis writes it, byte for
/// byte. See https://github.com/containers/image/blob/main/docs/containers-signature.5.md.
public struct SimpleSigning: Hashable, Sendable {
    /// The words by which producers mark the statement; all three say the same.
    public enum Kind: String, Sendable, CaseIterable {
        /// Written by Kritis and containers/image.
        case atomicContainer = "atomic container signature"
        /// Written by gcloud and voucher.
        case binaryAuthorization = "Google cloud binauthz container signature"
        /// Written by cosign.
        case cosign = "cosign container image signature"
    }

    /// The longest statement that is read, in bytes.
    public static let maximumSize = 64 * 1024

    /// Registry and repository as the statement spells them.
    public let reference: String
    /// The digest that is vouched for.
    public let digest: BullaArtifact.Digest
    /// The statement's kind, `critical.type`.
    public let kind: Kind

    /// Makes the statement about an image, by its normalised name.
    public init(_ image: ImageReference, _ digest: BullaArtifact.Digest, kind: Kind = .atomicContainer) {
        reference = image.name
        self.digest = digest
        self.kind = kind
    }

    /// Reads a statement.
    ///
    /// - Parameter payload: The bytes that were signed.
    /// - Throws: `invalidArgument` naming the member at fault.
    public init(parsing payload: some Collection<UInt8>) throws(BullaError) {
        let what = "simple signing payload"
        let root = try JSONValue(parsing: payload, limit: Self.maximumSize, what: what)
        func missing(_ member: String) -> BullaError { BullaError(.invalidArgument, "\(what) has no \(member)") }
        guard let critical = root["critical"] else { throw missing("critical") }
        guard let reference = critical["identity"]?["docker-reference"]?.string, !reference.isEmpty else {
            throw missing("critical.identity.docker-reference")
        }
        guard let digest = critical["image"]?["docker-manifest-digest"]?.string else {
            throw missing("critical.image.docker-manifest-digest")
        }
        guard let type = critical["type"]?.string else { throw missing("critical.type") }
        guard let kind = Kind(rawValue: type) else {
            throw BullaError(.invalidArgument, "\(what) has the unknown critical.type '\(type.prefix(80))'")
        }
        self.reference = reference
        self.digest = try BullaArtifact.Digest(digest)
        self.kind = kind
    }

    /// The exact bytes to sign: the order of Go's encoder, no spaces, no newline.
    public var payload: Data {
        var bytes = Array("{\"critical\":{\"identity\":{\"docker-reference\":".utf8)
        JSONValue.write(reference, to: &bytes)
        bytes += "},\"image\":{\"docker-manifest-digest\":\"\(digest)\"},\"type\":".utf8
        JSONValue.write(kind.rawValue, to: &bytes)
        bytes += "}}".utf8
        return Data(bytes)
    }

    /// Whether the statement names this repository, under any of Docker Hub's spellings; a tag beside it says nothing.
    public func names(_ image: ImageReference) -> Bool { normalisedReference == image.name }

    /// The repository as Bulla spells it; the statement's own text where that is no name.
    public var normalisedReference: String { (try? ImageReference(reference))?.name ?? reference }
}
