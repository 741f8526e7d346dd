// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import Foundation

/// A manifest or index as it was found, with the digest of exactly these bytes.
public struct ManifestDocument: Sendable, Hashable {
    /// The media type: the transport's word, else the document's own.
    public let mediaType: String
    /// The SHA-256 digest of `bytes`.
    public let digest: Digest
    /// The document.
    public let bytes: [UInt8]

    /// Makes a document, hashing its bytes.
    public init(mediaType: String, bytes: [UInt8]) {
        self.mediaType = mediaType
        self.digest = Digest(of: bytes)
        self.bytes = bytes
    }

    /// Makes a document of bytes that were asked for by digest.
    ///
    /// Where the transport's media type is none of a manifest's, the document's own counts, and at last its shape.
    ///
    /// - Throws: `dataLoss` (`DIGEST_INVALID`) when the bytes have another digest; `invalidArgument`
    ///   (`MANIFEST_INVALID`) when they are no manifest.
    init(claimed: String?, bytes: [UInt8], expecting digest: Digest?, from place: String) throws(BullaError) {
        let actual = Digest(of: bytes)
        guard digest == nil || digest == actual else {
            throw BullaError(
                .dataLoss, "\(place): the manifest has digest \(actual), not \(digest?.description ?? "")",
                reason: "DIGEST_INVALID")
        }
        let claimed = claimed.map { String($0.prefix { $0 != ";" }) }
        if let claimed, MediaType.isManifest(claimed) || MediaType.isIndex(claimed) {
            mediaType = claimed
        } else {
            mediaType = try MediaTypeOnly(bytes).guess
        }
        self.digest = actual
        self.bytes = bytes
    }
}

/// As much of a manifest as tells what it is.
struct MediaTypeOnly: Decodable {
    private struct Anything: Decodable {
        init(from decoder: any Decoder) throws {}
    }

    /// What the document calls itself.
    let mediaType: String?
    private let manifests: Anything?

    /// Reads a document.
    ///
    /// - Throws: `invalidArgument` (`MANIFEST_INVALID`) when it is too large, nested too deeply, or no JSON object.
    init(_ bytes: [UInt8]) throws(BullaError) {
        guard bytes.count <= ImageManifest.maximumSize, JSONDepth.isAtMost(64, in: bytes),
            let read = try? JSONDecoder().decode(Self.self, from: Data(bytes))
        else { throw BullaError(.invalidArgument, "the manifest is no JSON object", reason: "MANIFEST_INVALID") }
        self = read
    }

    /// What the document is, by its own word or by its shape.
    var guess: String {
        mediaType.flatMap { $0.isEmpty ? nil : $0 } ?? (manifests == nil ? MediaType.ociManifest : MediaType.ociIndex)
    }
}
