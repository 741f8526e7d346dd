// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
import BullaArtifact
import BullaCatalog
import BullaFlow
import BullaHTTP
import BullaRegistry
import Foundation

/// A scan on this machine, without a server: a source in, a report out.
struct LocalScan: Sendable {
    /// A reference, `oci-dir:D[:TAG]`, `oci-archive:F`, `docker-archive:F` or `dir:D`.
    var source: String
    /// The advisory database; a path without a file means an inventory only.
    var db: String
    /// The platform to choose from an index.
    var platform: Platform?
    /// Whether to speak plain HTTP to a registry.
    var plainHTTP = false
    /// Whether to check a registry's certificate.
    var verifiesTLS = true

    /// Scans.
    ///
    /// - Throws: `notFound` for a source that is not there, and typed errors for one that cannot be read.
    func report() async throws -> ScanReport {
        let advisories = try CurrentAdvisories(path: db).database()
        let name = try SourceName(source)
        if case .folder(let path) = name {
            let inventory = try RootFolder(path).inventory()
            return try ImageScanner.report(
                on: inventory, of: .init(reference: source, digest: nil, platform: nil), by: advisories)
        }
        return try await AsyncHTTPClientTransport.with(trust: TLSTrust(verifies: verifiesTLS)) { transport in
            var registry = ImageReference(registry: "", repository: "")
            if case .registry(let image) = name { registry = image }
            let client = Registries.client(for: registry, plainHTTP: plainHTTP, transport: transport)
            guard let images = try await name.open(with: client) else {
                throw BullaError(.invalidArgument, "source '\(source)' holds no image")
            }
            return try await scan(images, advisories)
        }
    }

    private func scan(_ images: any ImageSource, _ advisories: AdvisoryDatabase?) async throws -> ScanReport {
        let scanner = ImageScanner()
        let document = try await scanner.manifest(from: images, platform: platform)
        return try await scanner.scan(document, from: images, reference: source, advisories: advisories)
    }
}
