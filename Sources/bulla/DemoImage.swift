// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaRegistry

/// An image that is assembled in memory for the demo: package databases with true names and versions, and no program.
///
/// Its bytes depend on nothing but the versions, so its digest is the same on every machine.
struct DemoImage: ImageSource {
    /// The versions of one state of the image.
    struct Versions: Sendable {
        /// Debian packages: binary name, source name, version.
        var debian: [(name: String, source: String, version: String)]
        /// Python packages: name, version.
        var python: [(name: String, version: String)]

        /// A Debian 12 as of its first release, which has since been mended in many places.
        static let outdated = Versions(
            debian: [
                ("libc6", "glibc", "2.36-9+deb12u1"), ("curl", "curl", "7.88.1-10+deb12u1"),
                ("libssl3", "openssl", "3.0.9-1"), ("zlib1g", "zlib", "1:1.2.13.dfsg-1"),
            ], python: [("requests", "2.28.1")])

        /// The same packages as Debian 12 and PyPI have them today.
        static let current = Versions(
            debian: [
                ("libc6", "glibc", "2.36-9+deb12u14"), ("curl", "curl", "7.88.1-10+deb12u15"),
                ("libssl3", "openssl", "3.0.22-1~deb12u2"), ("zlib1g", "zlib", "1:1.2.13.dfsg-1"),
            ], python: [("requests", "2.32.5")])

        /// The same state with one package at another version.
        func with(_ name: String, _ version: String) throws(BullaError) -> Versions {
            var copy = self
            guard
                copy.debian.contains(where: { $0.name == name }) || copy.python.contains(where: { $0.name == name })
            else { throw BullaError(.invalidArgument, "the demo's image has no package '\(name)'") }
            for index in copy.debian.indices where copy.debian[index].name == name {
                copy.debian[index].version = version
            }
            for index in copy.python.indices where copy.python[index].name == name {
                copy.python[index].version = version
            }
            return copy
        }
    }

    /// The manifest.
    let document: ManifestDocument
    private let blobs: [Digest: [UInt8]]

    /// Assembles an image of two layers: the distribution, and the application's packages.
    ///
    /// - Throws: `internal` when a compressor fails.
    init(_ versions: Versions) throws(BullaError) {
        var base = TarWriter()
        base.addDirectory("etc")
        base.addFile(
            "etc/os-release",
            Array(
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"
                    .utf8))
        var status = ""
        for package in versions.debian {
            status += "Package: \(package.name)\nStatus: install ok installed\nArchitecture: amd64\n"
            if package.source != package.name { status += "Source: \(package.source)\n" }
            status += "Version: \(package.version)\nDescription: as Debian 12 ships it\n\n"
        }
        base.addDirectory("var/lib/dpkg")
        base.addFile("var/lib/dpkg/status", Array(status.utf8))
        var application = TarWriter()
        for package in versions.python {
            let folder = "usr/local/lib/python3.11/site-packages/\(package.name)-\(package.version).dist-info"
            application.addDirectory(folder)
            application.addFile(
                folder + "/METADATA",
                Array("Metadata-Version: 2.1\nName: \(package.name)\nVersion: \(package.version)\n\n".utf8))
        }

        let layers = [try LayerWriter.layer(of: base.finished()), try LayerWriter.layer(of: application.finished())]
        let diffIDs = layers.map { "\"\($0.diffID)\"" }.joined(separator: ",")
        let config = Array(
            "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\(diffIDs)]}}"
                .utf8)
        func entry(_ type: String, _ digest: Digest, _ size: Int64) -> String {
            "{\"mediaType\":\"\(type)\",\"digest\":\"\(digest)\",\"size\":\(size)}"
        }
        let configEntry = entry(MediaType.ociConfig, Digest(of: config), Int64(config.count))
        let layerEntries = layers.map { entry($0.descriptor.mediaType, $0.descriptor.digest, $0.descriptor.size) }
        let manifest =
            "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.ociManifest)\",\"config\":\(configEntry),"
            + "\"layers\":[\(layerEntries.joined(separator: ","))]}"
        document = ManifestDocument(mediaType: MediaType.ociManifest, bytes: Array(manifest.utf8))
        var blobs = [Digest(of: config): config]
        for layer in layers { blobs[layer.descriptor.digest] = layer.blob }
        self.blobs = blobs
    }

    func manifest(_ digest: Digest?) async throws(BullaError) -> ManifestDocument {
        guard digest == nil || digest == document.digest else {
            throw BullaError(.notFound, "the demo's image has no manifest \(digest.map(\.description) ?? "")")
        }
        return document
    }

    func blob(_ descriptor: Descriptor) async throws(BullaError) -> ByteStream {
        guard let bytes = blobs[descriptor.digest] else {
            throw BullaError(.notFound, "the demo's image has no blob \(descriptor.digest)")
        }
        return ByteStream(bytes)
    }
}
