// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// A manifest as a client sent it: parsed once, into what the store keeps and what it needs to be complete.
struct ManifestDraft: Sendable {
    /// What the store will keep.
    let record: ManifestRecord
    /// The blobs that must be there, with the sizes that the manifest claims.
    let needs: [Descriptor]

    /// Reads a manifest or index, OCI's or Docker's.
    ///
    /// Layers that live outside registries need not be there, and neither need the subject. Of a descriptor's size only
    /// the claim is taken here; the service compares it.
    ///
    /// - Throws: `invalidArgument` (`MANIFEST_INVALID`, `SIZE_INVALID`).
    init(_ bytes: [UInt8], mediaType claimed: String?, repository: String) throws(BullaError) {
        guard bytes.count <= ImageManifest.maximumSize else {
            throw BullaError(
                .invalidArgument, "a manifest may have at most \(ImageManifest.maximumSize) bytes",
                reason: "SIZE_INVALID")
        }
        let claimed = claimed.map { String($0.prefix { $0 != ";" }).filter { $0 != " " } }
        // Either shape tells the media type; which one is read follows from it.
        let mediaType: String
        if let claimed, MediaType.isManifest(claimed) || MediaType.isIndex(claimed) {
            mediaType = claimed
        } else if claimed == nil || claimed == "" || claimed == "application/json" {
            mediaType = try MediaTypeOnly(bytes).mediaType ?? ""
        } else {
            mediaType = claimed ?? ""
        }
        if MediaType.isManifest(mediaType) {
            (record, needs) = try Self.image(bytes, mediaType, repository)
        } else if MediaType.isIndex(mediaType) {
            (record, needs) = try Self.index(bytes, mediaType, repository)
        } else {
            throw Self.invalid("media type '\(mediaType.prefix(120))' is no manifest's that this registry keeps")
        }
    }

    private static func image(
        _ bytes: [UInt8], _ mediaType: String, _ repository: String
    ) throws(BullaError) -> (ManifestRecord, [Descriptor]) {
        let manifest = try ImageManifest(bytes)
        try check(manifest.mediaType, is: mediaType)
        let needs = [manifest.config] + manifest.layers.filter { !MediaType.isForeign($0.mediaType) }
        let record = ManifestRecord(
            repository: repository, digest: Digest(of: bytes), mediaType: mediaType, bytes: bytes,
            kind: manifest.isImage ? .image : .artifact,
            artifactType: manifest.artifactType ?? manifest.config.mediaType, subject: manifest.subject?.digest,
            annotations: manifest.annotations ?? [:], blobs: unique(needs.map(\.digest)))
        return (record, needs)
    }

    private static func index(
        _ bytes: [UInt8], _ mediaType: String, _ repository: String
    ) throws(BullaError) -> (ManifestRecord, [Descriptor]) {
        let index = try ImageIndex(bytes)
        try check(index.mediaType, is: mediaType)
        guard index.schemaVersion == 2 else { throw invalid("schemaVersion is \(index.schemaVersion), not 2") }
        // An index may list other content than manifests; that is a blob.
        let isManifest: (Descriptor) -> Bool = {
            MediaType.isManifest($0.mediaType) || MediaType.isIndex($0.mediaType) || $0.mediaType.isEmpty
        }
        let needs = index.manifests.filter { !isManifest($0) }
        let record = ManifestRecord(
            repository: repository, digest: Digest(of: bytes), mediaType: mediaType, bytes: bytes, kind: .index,
            artifactType: index.artifactType, subject: index.subject?.digest, annotations: index.annotations ?? [:],
            blobs: unique(needs.map(\.digest)), manifests: unique(index.manifests.filter(isManifest).map(\.digest)))
        return (record, needs)
    }

    private static func check(_ own: String?, is mediaType: String) throws(BullaError) {
        guard own == nil || own == "" || own == mediaType else {
            throw invalid("the request says '\(mediaType)', the document '\((own ?? "").prefix(120))'")
        }
    }

    private static func unique(_ digests: [Digest]) -> [Digest] {
        var seen: Set<Digest> = []
        return digests.filter { seen.insert($0).inserted }
    }

    private static func invalid(_ message: String) -> BullaError {
        BullaError(.invalidArgument, message, reason: "MANIFEST_INVALID")
    }
}
