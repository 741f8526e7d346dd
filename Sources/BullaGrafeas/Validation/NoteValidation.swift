// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
public import GrafeasMessages

extension Grafeas_V1_Note {
    /// The kind that the note's type makes it, `unspecified` where it has none.
    public var derivedKind: Grafeas_V1_NoteKind {
        switch type {
        case .vulnerability: .vulnerability
        case .build: .build
        case .image: .image
        case .package: .package
        case .deployment: .deployment
        case .discovery: .discovery
        case .attestation: .attestation
        case .upgrade: .upgrade
        case .compliance: .compliance
        case .dsseAttestation: .dsseAttestation
        case .vulnerabilityAssessment: .vulnerabilityAssessment
        case .sbomReference: .sbomReference
        case .secret: .secret
        case .aiSkillAnalysis: .aiSkillAnalysis
        case nil: .unspecified
        }
    }

    /// Checks what the reference server's validators check of a note.
    ///
    /// - Throws: `invalidArgument` with every violation at once.
    func validate() throws(BullaError) {
        var violations = Violations()
        violations.require(type != nil, "type")
        if type != nil, kind != .unspecified, kind != derivedKind {
            violations.add("kind", "kind contradicts the note's type")
        }
        switch type {
        case .vulnerability(let note): note.check(&violations)
        case .build(let note): violations.require(!note.builderVersion.isEmpty, "build.builder_version")
        case .image(let note):
            violations.require(!note.resourceURL.isEmpty, "image.resource_url")
            violations.require(note.hasFingerprint, "image.fingerprint")
            if note.hasFingerprint { violations.check(note.fingerprint, "image.fingerprint") }
        case .package(let note):
            violations.require(!note.name.isEmpty, "package.name")
            for (index, distribution) in note.distribution.enumerated() {
                let path = "package.distribution[\(index)]"
                violations.require(!distribution.cpeUri.isEmpty, "\(path).cpe_uri")
                if distribution.hasLatestVersion {
                    violations.check(distribution.latestVersion, "\(path).latest_version")
                }
            }
        case .deployment(let note):
            violations.require(!note.resourceUri.isEmpty, "deployment.resource_uri")
            for (index, resource) in note.resourceUri.enumerated() where resource.isEmpty {
                violations.add(
                    "deployment.resource_uri[\(index)]", "deployment.resource_uri[\(index)] cannot be empty")
            }
        case .discovery(let note): violations.require(note.analysisKind != .unspecified, "discovery.analysis_kind")
        case .attestation(let note):
            if note.hasHint {
                violations.require(!note.hint.humanReadableName.isEmpty, "attestation.hint.human_readable_name")
            }
        case .upgrade, .compliance, .dsseAttestation, .vulnerabilityAssessment, .sbomReference, .secret,
            .aiSkillAnalysis, nil:
            break
        }
        try violations.check("note")
    }
}

extension Grafeas_V1_VulnerabilityNote {
    fileprivate func check(_ violations: inout Violations) {
        violations.require(!details.isEmpty, "vulnerability.details")
        for (index, detail) in details.enumerated() {
            let path = "vulnerability.details[\(index)]"
            violations.require(!detail.affectedCpeUri.isEmpty, "\(path).affected_cpe_uri")
            violations.require(!detail.affectedPackage.isEmpty, "\(path).affected_package")
            if detail.hasAffectedVersionStart {
                violations.check(detail.affectedVersionStart, "\(path).affected_version_start")
            }
            if detail.hasAffectedVersionEnd {
                violations.check(detail.affectedVersionEnd, "\(path).affected_version_end")
            }
            if detail.hasFixedVersion {
                violations.check(detail.fixedVersion, "\(path).fixed_version")
                if detail.fixedVersion.kind == .normal {
                    violations.require(!detail.fixedCpeUri.isEmpty, "\(path).fixed_cpe_uri")
                    violations.require(!detail.fixedPackage.isEmpty, "\(path).fixed_package")
                }
            }
        }
    }
}
