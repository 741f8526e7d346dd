// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaGrafeas
public import Foundation
import GrafeasMessages
import SwiftProtobuf

/// Turns what a scan found into discovery, package and vulnerability occurrences; the only place that does.
///
/// Every name is derived from what the occurrence says, so a repeated scan of an unchanged image changes nothing but the
/// time of the last scan, and a finding that is gone is deleted because the result no longer names it. Cost: one
/// occurrence per package and per finding.
public struct FindingRecord: Sendable {
    /// How a scan ended, or where it stands.
    public enum State: Sendable, Hashable {
        case pending
        case scanning
        case failed(String)
        case unsupported(String)
    }

    /// The names of the chain.
    public let names: RecordNames

    /// Makes a recorder.
    public init(names: RecordNames) { self.names = names }

    /// The name of an image's discovery occurrence.
    ///
    /// - Throws: `invalidArgument` when the image's project cannot be named.
    public func discoveryName(of image: ImageReference, _ digest: Digest) throws(BullaError) -> OccurrenceName {
        let resource = ResourceURI(image, digest).description
        return OccurrenceName(project: try names.project(of: image), derivedFrom: ["DISCOVERY", resource])
    }

    /// A recording that says where a scan stands, without touching what an earlier scan found.
    ///
    /// - Throws: `invalidArgument` when the image's project cannot be named.
    public func recording(
        _ state: State, of image: ImageReference, _ digest: Digest, at now: Date,
        expecting expectation: Recording.Expectation = .anything
    ) throws(BullaError) -> Recording {
        var discovery = Grafeas_V1_DiscoveryOccurrence()
        discovery.continuousAnalysis = .active
        switch state {
        case .pending: discovery.analysisStatus = .pending
        case .scanning: discovery.analysisStatus = .scanning
        case .failed(let reason):
            discovery.analysisStatus = .finishedFailed
            discovery.analysisStatusError = .with {
                $0.code = 2
                $0.message = reason
            }
            discovery.lastScanTime = Self.timestamp(now)
        case .unsupported(let reason):
            discovery.analysisStatus = .finishedUnsupported
            discovery.analysisStatusError = .with {
                $0.code = 12
                $0.message = reason
            }
            discovery.lastScanTime = Self.timestamp(now)
        }
        return Recording(
            notes: [try discoveryNote()],
            occurrences: [try upsert(discovery, of: image, digest, expecting: expectation)])
    }

    /// The whole result of a scan that ended well, in one recording.
    ///
    /// - Parameters:
    ///   - report: What the scan found.
    ///   - image: The image, under the name that the record knows it by.
    ///   - digest: The digest of its manifest.
    ///   - reportDigest: The digest of the stored report, named in `files`.
    ///   - now: When the scan ended.
    /// - Returns: Notes, occurrences, and what they replace.
    /// - Throws: `invalidArgument` when the image's project or a note cannot be named.
    public func recording(
        _ report: ScanReport, of image: ImageReference, _ digest: Digest, reportDigest: Digest?, at now: Date
    ) throws(BullaError) -> Recording {
        let project = try names.project(of: image)
        let resource = ResourceURI(image, digest).description
        var discovery = Grafeas_V1_DiscoveryOccurrence()
        discovery.continuousAnalysis = .active
        discovery.analysisStatus = .finishedSuccess
        discovery.lastScanTime = Self.timestamp(now)
        if let advisories = report.advisories {
            discovery.analysisCompleted = .with { $0.analysisType = ["VULNERABILITY"] }
            discovery.lastVulnerabilityUpdateTime = Self.timestamp(advisories.built)
        }
        if let distribution = report.inventory.distribution { discovery.cpe = Self.cpe(distribution) }
        discovery.analysisError = report.inventory.problems.prefix(100).map { problem in
            .with {
                $0.code = 9
                $0.message = "\(problem.path): \(problem.reason)"
            }
        }
        if let reportDigest {
            discovery.files = [
                .with {
                    $0.name = "bulla.scan/v1"
                    $0.digest = ["sha256": reportDigest.hexadecimal]
                }
            ]
        }
        var notes = [try discoveryNote()]
        var occurrences = [try upsert(discovery, of: image, digest)]

        if !report.inventory.packages.isEmpty { notes.append(try packageNote()) }
        let packageNoteName = try names.packageNote().description
        for package in report.inventory.packages {
            let name = OccurrenceName(
                project: project,
                derivedFrom: ["PACKAGE", resource, package.purl.description, package.version])
            occurrences.append(
                .init(
                    name,
                    .with {
                        $0.resourceUri = resource
                        $0.noteName = packageNoteName
                        $0.kind = .package
                        $0.package = occurrence(of: package, in: report.inventory.distribution)
                    }))
        }

        var noted: Set<String> = []
        for finding in report.findings {
            let noteName = try names.vulnerabilityNote(finding.id)
            if noted.insert(finding.id).inserted { notes.append(.init(noteName, note(of: finding, in: report))) }
            let name = OccurrenceName(
                project: project,
                derivedFrom: [
                    "VULNERABILITY", resource, finding.id, finding.package.purl.description, finding.package.version,
                ])
            occurrences.append(
                .init(
                    name,
                    .with {
                        $0.resourceUri = resource
                        $0.noteName = noteName.description
                        $0.kind = .vulnerability
                        $0.vulnerability = occurrence(of: finding, in: report.inventory.distribution)
                    }))
        }
        return Recording(
            notes: notes, occurrences: occurrences,
            replacing: .init(project: project, resourceURI: resource, kinds: [.package, .vulnerability]))
    }

    // MARK: - Notes

    private func discoveryNote() throws(BullaError) -> Recording.EnsuredNote {
        .init(
            try names.discoveryNote(),
            .with {
                $0.kind = .discovery
                $0.shortDescription = "Vulnerability analysis of the packages of an image"
                $0.discovery = .with { $0.analysisKind = .vulnerability }
            })
    }

    private func packageNote() throws(BullaError) -> Recording.EnsuredNote {
        .init(
            try names.packageNote(),
            .with {
                $0.kind = .package
                $0.shortDescription = "A package that is installed in an image"
                $0.package = .with { $0.name = "PACKAGE" }
            })
    }

    private func note(of finding: Finding, in report: ScanReport) -> Grafeas_V1_Note {
        .with { note in
            note.kind = .vulnerability
            note.shortDescription = finding.id
            note.longDescription = finding.summary ?? ""
            note.relatedURL = finding.references.prefix(50).map { url in .with { $0.url = url } }
            note.vulnerability = .with { vulnerability in
                vulnerability.severity = Self.severity(finding.severity)
                vulnerability.details = [
                    .with { detail in
                        detail.affectedCpeUri = Self.cpe(of: finding.package, in: report.inventory.distribution)
                        detail.affectedPackage = Self.affectedName(of: finding.package)
                        detail.packageType = Self.packageType(of: finding.package)
                        detail.severityName = finding.severity.description
                    }
                ]
            }
        }
    }

    // MARK: - Occurrences

    private func upsert(
        _ discovery: Grafeas_V1_DiscoveryOccurrence, of image: ImageReference, _ digest: Digest,
        expecting expectation: Recording.Expectation = .anything
    ) throws(BullaError) -> Recording.Upsert {
        let note = try names.discoveryNote().description
        return .init(
            try discoveryName(of: image, digest),
            .with {
                $0.resourceUri = ResourceURI(image, digest).description
                $0.noteName = note
                $0.kind = .discovery
                $0.discovery = discovery
            }, expecting: expectation)
    }

    private func occurrence(
        of package: Package, in distribution: Distribution?
    ) -> Grafeas_V1_PackageOccurrence {
        let version = Self.version(package.version, type: package.type)
        let cpe = Self.cpe(of: package, in: distribution)
        return .with { occurrence in
            occurrence.name = package.name
            occurrence.packageType = Self.packageType(of: package)
            occurrence.cpeUri = cpe
            occurrence.version = version
            occurrence.architecture =
                switch package.architecture {
                case "amd64", "x86_64": .x64
                case "i386", "x86": .x86
                default: .unspecified
                }
            if let license = package.license { occurrence.license = .with { $0.expression = license } }
            occurrence.location = package.locations.map { location in
                .with {
                    $0.cpeUri = cpe
                    $0.version = version
                    $0.path = location.path
                }
            }
        }
    }

    private func occurrence(
        of finding: Finding, in distribution: Distribution?
    ) -> Grafeas_V1_VulnerabilityOccurrence {
        let package = finding.package
        let cpe = Self.cpe(of: package, in: distribution)
        let severity = Self.severity(finding.severity)
        return .with { occurrence in
            occurrence.type = package.type
            occurrence.severity = severity
            occurrence.effectiveSeverity = severity
            occurrence.shortDescription = finding.id
            occurrence.longDescription = finding.summary ?? ""
            occurrence.relatedUrls = finding.references.prefix(50).map { url in .with { $0.url = url } }
            occurrence.fixAvailable = finding.fixedVersion != nil
            occurrence.packageIssue = [
                .with { issue in
                    issue.affectedCpeUri = cpe
                    issue.affectedPackage = Self.affectedName(of: package)
                    issue.affectedVersion = Self.version(
                        package.source?.version ?? package.version, type: package.type)
                    issue.packageType = Self.packageType(of: package)
                    issue.effectiveSeverity = severity
                    issue.fixAvailable = finding.fixedVersion != nil
                    if let fixed = finding.fixedVersion {
                        issue.fixedCpeUri = cpe
                        issue.fixedPackage = Self.affectedName(of: package)
                        issue.fixedVersion = Self.version(fixed, type: package.type)
                    } else {
                        issue.fixedVersion = .with { $0.kind = .maximum }
                    }
                    issue.fileLocation = package.locations.prefix(100).map { location in
                        .with { $0.filePath = location.path }
                    }
                }
            ]
            occurrence.extraDetails = package.purl.description
        }
    }

    // MARK: - Words

    static func severity(_ severity: Severity) -> Grafeas_V1_Severity {
        Grafeas_V1_Severity(rawValue: severity.rawValue) ?? .unspecified
    }

    /// A distribution package is judged by its source package, so that is what is affected.
    private static func affectedName(of package: Package) -> String { package.source?.name ?? package.name }

    private static func packageType(of package: Package) -> String {
        switch package.type {
        case "deb", "apk", "rpm": "OS"
        default: package.type.uppercased()
        }
    }

    private static func cpe(_ distribution: Distribution) -> String {
        let vendor: String
        let product: String
        switch distribution.id {
        case "debian": (vendor, product) = ("debian", "debian_linux")
        case "ubuntu": (vendor, product) = ("canonical", "ubuntu_linux")
        case "alpine": (vendor, product) = ("alpinelinux", "alpine_linux")
        default: (vendor, product) = (distribution.id, distribution.id)
        }
        return "cpe:/o:\(vendor):\(product)" + (distribution.version.map { ":" + $0 } ?? "")
    }

    /// The CPE of the distribution for its packages; a language package has none, and is named by its purl instead.
    private static func cpe(of package: Package, in distribution: Distribution?) -> String {
        if packageType(of: package) == "OS", let distribution { return cpe(distribution) }
        return PackageURL(type: package.purl.type, namespace: package.purl.namespace, name: package.purl.name)
            .description
    }

    /// A version in Grafeas' parts; the full name is the version as the package's own system writes it.
    static func version(_ text: String, type: String) -> Grafeas_V1_Version {
        .with { version in
            version.kind = .normal
            version.fullName = text
            var rest = Substring(text)
            if type == "deb" || type == "rpm", let colon = rest.firstIndex(of: ":"),
                let epoch = Int32(rest[..<colon])
            {
                version.epoch = epoch
                rest = rest[rest.index(after: colon)...]
            }
            if type == "deb" || type == "rpm" || type == "apk", let dash = rest.lastIndex(of: "-"),
                dash != rest.startIndex
            {
                version.revision = String(rest[rest.index(after: dash)...])
                rest = rest[..<dash]
            }
            version.name = String(rest)
        }
    }

    static func timestamp(_ date: Date) -> Google_Protobuf_Timestamp { Google_Protobuf_Timestamp(date: date) }
}
