// SPDX-License-Identifier: Apache-2.0

public import BullaAdvisory
public import BullaArtifact
public import BullaCatalog
public import BullaRegistry

/// Manifest, configuration and layers in, report out: the part of a scan that is the same with and without a server.
public struct ImageScanner: Sendable {
    private let limits: CatalogLimits

    /// Makes a scanner.
    public init(limits: CatalogLimits = CatalogLimits()) { self.limits = limits }

    /// Reads the manifest of one image, choosing a platform where the source leads to an index.
    ///
    /// - Throws: `notFound` when the index has no such platform, and what the source throws.
    public func manifest(
        from source: any ImageSource, platform: Platform?
    ) async throws(BullaError) -> ManifestDocument {
        var document = try await source.manifest(nil)
        var depth = 0
        while MediaType.isIndex(document.mediaType) {
            depth += 1
            guard depth <= 4 else {
                throw BullaError(.invalidArgument, "the image's indexes are nested deeper than 4")
            }
            let index = try ImageIndex(document.bytes)
            let wanted = platform ?? .current
            guard let entry = index.manifest(for: wanted) ?? (platform == nil ? Self.onlyImage(of: index) : nil) else {
                let offered = index.manifests.compactMap { $0.platform?.description }.joined(separator: ", ")
                throw BullaError(.notFound, "the image has no platform \(wanted); it offers \(offered)")
            }
            document = try await source.manifest(entry.digest)
        }
        return document
    }

    /// Scans one image.
    ///
    /// - Parameters:
    ///   - document: The image's manifest.
    ///   - source: Where its blobs are.
    ///   - reference: The image's name for the report.
    ///   - advisories: What to judge by; none makes an inventory only.
    /// - Returns: The report.
    /// - Throws: `failedPrecondition` for what is no container image; typed errors that name the layer for bad content.
    public func scan(
        _ document: ManifestDocument, from source: any ImageSource, reference: String, advisories: AdvisoryDatabase?
    ) async throws(BullaError) -> ScanReport {
        let manifest = try ImageManifest(document.bytes)
        guard manifest.isImage else {
            throw BullaError(
                .failedPrecondition,
                "a manifest with config '\(manifest.config.mediaType.prefix(120))' is no container image",
                reason: "UNSUPPORTED")
        }
        let config = try await configuration(manifest.config, from: source)
        let layers = try Self.layers(of: manifest, config, from: source)
        let inventory = try await LayerStack(layers, limits: limits).inventory()
        return try Self.report(
            on: inventory,
            of: .init(reference: reference, digest: document.digest, platform: config.platform), by: advisories)
    }

    /// Judges an inventory.
    ///
    /// - Throws: `dataLoss` when the advisory database is corrupt.
    public static func report(
        on inventory: Inventory, of image: ScanReport.Image, by advisories: AdvisoryDatabase?
    ) throws(BullaError) -> ScanReport {
        let judgement = try Matcher(database: advisories).judge(inventory)
        return ScanReport(
            image: image, inventory: inventory, findings: judgement.findings, judged: judgement.judged,
            unjudged: judgement.unjudged,
            advisories: advisories.map { .init(digest: $0.digest, built: $0.built) })
    }

    /// Why a report is no result to decide by, if it is none.
    ///
    /// A package database that could not be read, an image without one, and packages that no loaded feed judges all look
    /// like an image without findings, and must not pass for one. The last two have the reason `UNSUPPORTED`. A report
    /// without an advisory set is an inventory and has no fault of this kind.
    public static func fault(in report: ScanReport) -> BullaError? {
        if let problem = report.inventory.problems.first(where: { isPackageDatabase($0.path) }) {
            return BullaError(.dataLoss, "package database \(problem.path): \(problem.reason)")
        }
        let count = report.inventory.packages.count
        guard count > 0 else {
            return BullaError(
                .failedPrecondition, "no package database that Bulla reads is in the image", reason: "UNSUPPORTED")
        }
        guard report.advisories == nil || report.judged > 0 else {
            let name = report.inventory.distribution.map { "\($0.id) \($0.version ?? "")" } ?? "unknown distribution"
            return BullaError(
                .failedPrecondition, "no loaded feed judges any of the \(count) packages (\(name))",
                reason: "UNSUPPORTED")
        }
        return nil
    }

    private static func isPackageDatabase(_ path: String) -> Bool {
        path.hasPrefix("var/lib/dpkg/status") || path.hasSuffix("lib/apk/db/installed")
    }

    private func configuration(
        _ descriptor: Descriptor, from source: any ImageSource
    ) async throws(BullaError) -> ImageConfig {
        let stream = try await source.blob(descriptor)
        do {
            return try ImageConfig(
                try await stream.collect(upTo: 8 << 20, of: "configuration \(descriptor.digest)"))
        } catch {
            throw BullaError(wrapping: error, while: "reading configuration \(descriptor.digest)")
        }
    }

    private static func layers(
        of manifest: ImageManifest, _ config: ImageConfig, from source: any ImageSource
    ) throws(BullaError) -> [LayerInput] {
        var inputs: [LayerInput] = []
        let diffIDs = config.rootfs.diffIDs
        for (index, layer) in manifest.layers.enumerated() {
            guard MediaType.isLayer(layer.mediaType) else {
                throw BullaError(
                    .failedPrecondition,
                    "layer \(layer.digest) of type '\(layer.mediaType.prefix(120))' is no file system",
                    reason: "UNSUPPORTED")
            }
            let diffID = index < diffIDs.count ? try Digest(diffIDs[index]) : nil
            inputs.append(
                LayerInput(descriptor: layer, diffID: diffID) { () async throws -> ByteStream in
                    try await source.blob(layer)
                })
        }
        return inputs
    }

    /// The image of an index that has one image and states no platform for it.
    private static func onlyImage(of index: ImageIndex) -> Descriptor? {
        index.manifests.count == 1 ? index.manifests.first : nil
    }
}
