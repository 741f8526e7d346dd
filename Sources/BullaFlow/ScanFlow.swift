// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
public import BullaArtifact
import BullaCatalog
import BullaDocument
public import BullaGrafeas
public import BullaRegistry
public import Foundation
import GrafeasMessages
public import Logging
import Metrics
import SwiftProtobuf

/// A pushed manifest becomes a result: read, catalogued, judged and recorded, all of it idempotent.
///
/// An error that lies in the image ends the scan as FINISHED_FAILED with its reason; one that lies in the server is
/// thrown, so that the job is tried again.
public struct ScanFlow: Sendable {
    private let registry: RegistryService
    private let metadata: any MetadataAPI
    private let record: FindingRecord
    private let scanner: ImageScanner
    private let advisories: CurrentAdvisories
    private let now: @Sendable () -> Date
    private let log: Logger

    /// Makes the flow.
    public init(
        registry: RegistryService, metadata: any MetadataAPI, names: RecordNames, scanner: ImageScanner,
        advisories: CurrentAdvisories, now: @escaping @Sendable () -> Date, log: Logger
    ) {
        self.registry = registry
        self.metadata = metadata
        self.record = FindingRecord(names: names)
        self.scanner = scanner
        self.advisories = advisories
        self.now = now
        self.log = log
    }

    /// Says that a scan is waiting, unless something is recorded about the image already.
    ///
    /// - Throws: What the store answers with.
    public func announce(_ repository: String, _ digest: Digest) async throws(BullaError) {
        let image = record.names.image(repository: repository, digest: digest)
        do {
            _ = try await metadata.record(
                record.recording(.pending, of: image, digest, at: now(), expecting: .absent))
        } catch {
            guard error.code == .aborted else { throw error }
        }
    }

    /// Whether anything is recorded about the scan of a manifest.
    ///
    /// - Throws: What the store answers with.
    public func isRecorded(_ repository: String, _ digest: Digest) async throws(BullaError) -> Bool {
        let image = record.names.image(repository: repository, digest: digest)
        let name = try record.discoveryName(of: image, digest).description
        do {
            let status = try await metadata.getOccurrence(.with { $0.name = name }).discovery.analysisStatus
            return status != .pending && status != .scanning
        } catch {
            guard error.code == .notFound else { throw error }
            return false
        }
    }

    /// Scans a manifest of our registry and records the result.
    ///
    /// - Throws: What the store answers with; the image's own faults are recorded instead.
    public func scan(_ repository: String, _ digest: Digest) async throws(BullaError) {
        let image = record.names.image(repository: repository, digest: digest)
        let started = ContinuousClock.now
        let outcome = try await outcome(of: image, repository, digest)
        let duration = ContinuousClock.now - started
        Metrics.Timer(label: "bulla_scan_duration_seconds").recordNanoseconds(
            duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000)
        Counter(label: "bulla_scans_total", dimensions: [("status", outcome.status)]).increment()
        log.info(
            "scan finished",
            metadata: ["image": "\(image)", "status": "\(outcome.status)", "detail": "\(outcome.detail)"])
    }

    /// Records that a scan is given up after too many attempts.
    ///
    /// - Throws: What the store answers with.
    public func giveUp(_ repository: String, _ digest: Digest, because reason: String) async throws(BullaError) {
        let image = record.names.image(repository: repository, digest: digest)
        _ = try await metadata.record(record.recording(.failed(reason), of: image, digest, at: now()))
    }

    private func outcome(
        of image: ImageReference, _ repository: String, _ digest: Digest
    ) async throws(BullaError) -> (status: String, detail: String) {
        let document: ManifestDocument
        do {
            document = try await registry.source(repository, .digest(digest)).manifest(nil)
        } catch {
            // Deleted since it was queued: there is nothing left to say about it.
            if error.code == .notFound { return ("GONE", "the manifest was deleted before its scan") }
            throw error
        }
        do throws(BullaError) {
            if MediaType.isIndex(document.mediaType) {
                return try await scanIndex(document, of: image, repository, digest)
            }
            let report = try await report(on: document, of: image, repository, digest)
            try await keep(report, of: image, digest)
            return (
                "FINISHED_SUCCESS", "\(report.inventory.packages.count) packages, \(report.findings.count) findings"
            )
        } catch {
            guard let state = Self.state(of: error) else { throw error }
            _ = try await metadata.record(record.recording(state, of: image, digest, at: now()))
            switch state {
            case .unsupported(let reason): return ("FINISHED_UNSUPPORTED", reason)
            default: return ("FINISHED_FAILED", error.message)
            }
        }
    }

    /// What an error says about the image; nothing when it is the server's, and the scan is to be tried again.
    private static func state(of error: BullaError) -> FindingRecord.State? {
        if error.reason == "UNSUPPORTED" { return .unsupported(error.message) }
        switch error.code {
        case .invalidArgument, .failedPrecondition, .dataLoss, .outOfRange, .resourceExhausted, .notFound,
            .unimplemented:
            return .failed(error.message)
        default: return nil
        }
    }

    private func report(
        on document: ManifestDocument, of image: ImageReference, _ repository: String, _ digest: Digest
    ) async throws(BullaError) -> ScanReport {
        try await begin(image, digest)
        let report = try await scanner.scan(
            document, from: registry.source(repository, .digest(digest)), reference: image.description,
            advisories: try advisories.database())
        if let fault = ImageScanner.fault(in: report) { throw fault }
        return report
    }

    /// Says that a scan is running, unless an earlier one has a result: that stands until this one ends.
    private func begin(_ image: ImageReference, _ digest: Digest) async throws(BullaError) {
        let name = try record.discoveryName(of: image, digest).description
        do {
            let known = try await metadata.getOccurrence(.with { $0.name = name })
            switch known.discovery.analysisStatus {
            case .finishedSuccess, .finishedFailed, .finishedUnsupported: return
            default: break
            }
        } catch {
            guard error.code == .notFound else { throw error }
        }
        _ = try await metadata.record(record.recording(.scanning, of: image, digest, at: now()))
    }

    private func keep(_ report: ScanReport, of image: ImageReference, _ digest: Digest) async throws(BullaError) {
        let reportDigest = try await registry.blobs.put(JSONDocument.bytes(of: report), at: now())
        _ = try await metadata.record(
            record.recording(report, of: image, digest, reportDigest: reportDigest, at: now()))
    }

    // MARK: - Indexes

    /// Scans the images of an index; its status is the worst of theirs, its evidence the union.
    private func scanIndex(
        _ document: ManifestDocument, of image: ImageReference, _ repository: String, _ digest: Digest
    ) async throws(BullaError) -> (status: String, detail: String) {
        try await begin(image, digest)
        let index = try ImageIndex(document.bytes)
        var reports: [ScanReport] = []
        var failure: BullaError?
        for entry in index.manifests {
            let child = record.names.image(repository: repository, digest: entry.digest)
            let source = registry.source(repository, .digest(entry.digest))
            do {
                let document = try await source.manifest(nil)
                guard MediaType.isManifest(document.mediaType), try ImageManifest(document.bytes).isImage else {
                    continue
                }
                // What buildkit attaches to an index says that it is for no platform, and is no image.
                if entry.platform?.os == "unknown" { continue }
                let report = try await report(on: document, of: child, repository, entry.digest)
                try await keep(report, of: child, entry.digest)
                reports.append(report)
            } catch {
                guard let state = Self.state(of: error) else { throw error }
                _ = try await metadata.record(record.recording(state, of: child, entry.digest, at: now()))
                let place = entry.platform.map { "\($0)" } ?? "\(entry.digest)"
                let worse = failure == nil || (failure?.reason == "UNSUPPORTED" && error.reason != "UNSUPPORTED")
                if worse { failure = BullaError(error.code, "\(place): \(error.message)", reason: error.reason) }
            }
        }
        if let failure { throw failure }
        guard let first = reports.first else {
            throw BullaError(.failedPrecondition, "the index holds no container image", reason: "UNSUPPORTED")
        }
        let union = Self.union(of: reports, first, image, digest)
        try await keep(union, of: image, digest)
        return ("FINISHED_SUCCESS", "\(reports.count) images, \(union.findings.count) findings")
    }

    private static func union(
        of reports: [ScanReport], _ first: ScanReport, _ image: ImageReference, _ digest: Digest
    ) -> ScanReport {
        var packages: [String: Package] = [:]
        var findings: [String: Finding] = [:]
        var unjudged: Set<ScanReport.Unjudged> = []
        for report in reports {
            for package in report.inventory.packages {
                let key = "\(package.purl) \(package.version)"
                packages[key] = package.merging(packages[key])
            }
            for finding in report.findings {
                findings["\(finding.id) \(finding.package.purl) \(finding.package.version)"] = finding
            }
            unjudged.formUnion(report.unjudged)
        }
        let inventory = Inventory(
            distribution: first.inventory.distribution,
            packages: packages.sorted { $0.key < $1.key }.map(\.value),
            problems: Set(reports.flatMap(\.inventory.problems)).sorted { ($0.path, $0.reason) < ($1.path, $1.reason) })
        return ScanReport(
            image: .init(reference: image.description, digest: digest, platform: nil), inventory: inventory,
            findings: findings.sorted { $0.key < $1.key }.map(\.value),
            judged: packages.count - unjudged.count,
            unjudged: unjudged.sorted { ($0.purl.description, $0.reason) < ($1.purl.description, $1.reason) },
            advisories: first.advisories)
    }
}

extension Package {
    /// The same package with the places of another platform's copy added.
    fileprivate func merging(_ other: Package?) -> Package {
        guard let other else { return self }
        var merged = self
        merged.locations = Set(locations + other.locations).sorted()
        return merged
    }
}
