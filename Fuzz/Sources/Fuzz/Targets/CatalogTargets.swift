// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaCatalog

/// Layers, and the files in them that tell of packages.
enum CatalogTargets {
    /// What separates the layers of one input.
    private static let cut = Array("=LAYER=\n".utf8)
    private static let limits = CatalogLimits(
        archive: ArchiveTargets.limits, fileBytes: 1 << 20, paths: 20_000, facts: 20_000, problems: 50,
        parallelLayers: 1)

    /// Up to four layers, compressed or plain, as they are and with the checksums of plain ones mended.
    static func layer(_ input: [UInt8]) {
        let layers = input.parts(at: cut, limit: 4)
        inventory(of: layers)
        guard layers.contains(where: { $0.count >= 512 && $0[0] != 0x1F && $0[0] != 0x28 }) else { return }
        inventory(of: layers.map { $0[safe: 0] == 0x1F || $0[safe: 0] == 0x28 ? $0 : ArchiveTargets.withChecksums($0) })
    }

    private static func inventory(of layers: [[UInt8]]) {
        let inputs = layers.map { layer in
            LayerInput(
                descriptor: Descriptor(
                    mediaType: MediaType.ociLayer, digest: Digest(of: layer), size: Int64(layer.count)), diffID: nil
            ) { ByteStream(layer) }
        }
        wait {
            guard let inventory = try? await LayerStack(inputs, limits: limits).inventory() else { return }
            require(inventory.problems.count <= 60, "problems keep their limit")
            for package in inventory.packages { check(package.purl) }
        }
    }

    /// A dpkg database.
    static func dpkg(_ input: [UInt8]) {
        for path in ["var/lib/dpkg/status", "var/lib/dpkg/status.d/base", "var/lib/dpkg/info/base-files.list"] {
            catalog(input, at: path, with: DebianCataloger(), in: Distribution(id: "debian", version: "12"))
        }
    }

    /// An apk database.
    static func apk(_ input: [UInt8]) {
        catalog(
            input, at: "lib/apk/db/installed", with: AlpineCataloger(),
            in: Distribution(id: "alpine", version: "3.20.1"))
    }

    /// Metadata of Python packages.
    static func python(_ input: [UInt8]) {
        let site = "usr/lib/python3/site-packages/"
        for path in ["a-1.dist-info/METADATA", "a-1.dist-info/RECORD", "a.egg-info/PKG-INFO", "a-1.egg-info"] {
            catalog(input, at: site + path, with: PythonCataloger(), in: nil)
        }
    }

    /// An os-release file.
    static func osRelease(_ input: [UInt8]) {
        let release = OSRelease(input)
        _ = release.distribution
        for (key, value) in release.values {
            require(key.utf8.count + value.utf8.count <= input.count * 3, "values do not grow beyond their file")
        }
    }

    private static func catalog(
        _ input: [UInt8], at path: String, with cataloger: some Cataloger, in distribution: Distribution?
    ) {
        guard let result = try? cataloger.catalog(CatalogFile(path: path, bytes: input)) else { return }
        for package in result.packages { check(cataloger.purl(of: package, in: distribution)) }
    }

    private static func check(_ purl: PackageURL) {
        let text = purl.description
        guard text.utf8.count <= 4096 else { return }
        guard let read = try? PackageURL(text) else {
            return require(false, "package URL '\(text)' that was written can be read")
        }
        require(read.description == text, "package URL '\(text)' reads as written, not '\(read)'")
    }
}

extension [UInt8] {
    fileprivate subscript(safe index: Int) -> UInt8? { index < count ? self[index] : nil }
}
