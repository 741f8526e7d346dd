// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
public import GrafeasMessages

extension Grafeas_V1_Occurrence {
    /// The kind that the occurrence's details make it, `unspecified` where it has none.
    public var derivedKind: Grafeas_V1_NoteKind {
        switch details {
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
        case .sbomReference: .sbomReference
        case .secret: .secret
        case .aiSkillAnalysis: .aiSkillAnalysis
        case nil: .unspecified
        }
    }

    /// A resource's URI is an index key, so it has a bound.
    private static let longestResource = 4096

    /// Checks what the reference server's validators check of an occurrence, and that its kind is not contradicted.
    ///
    /// A package occurrence may have name, type and version instead of locations, as Google's service writes them.
    ///
    /// - Throws: `invalidArgument` with every violation at once.
    func validate() throws(BullaError) {
        var violations = Violations()
        violations.require(!resourceUri.isEmpty, "resource_uri")
        if resourceUri.utf8.count > Self.longestResource {
            violations.add("resource_uri", "resource_uri has more than \(Self.longestResource) bytes")
        }
        violations.require(!noteName.isEmpty, "note_name")
        violations.require(details != nil, "details")
        if details != nil, kind != .unspecified, kind != derivedKind {
            violations.add("kind", "kind contradicts the occurrence's details")
        }
        switch details {
        case .vulnerability(let occurrence): occurrence.check(&violations)
        case .build(let occurrence): occurrence.check(&violations)
        case .image(let occurrence):
            violations.require(occurrence.hasFingerprint, "image.fingerprint")
            if occurrence.hasFingerprint { violations.check(occurrence.fingerprint, "image.fingerprint") }
            for (index, layer) in occurrence.layerInfo.enumerated() {
                violations.require(!layer.directive.isEmpty, "image.layer_info[\(index)].directive")
            }
        case .package(let occurrence): occurrence.check(&violations)
        case .deployment(let occurrence): violations.require(occurrence.hasDeployTime, "deployment.deploy_time")
        case .attestation(let occurrence):
            violations.require(
                !occurrence.serializedPayload.isEmpty || !occurrence.jwts.isEmpty, "attestation.serialized_payload")
            for (index, signature) in occurrence.signatures.enumerated() {
                let path = "attestation.signatures[\(index)]"
                violations.require(!signature.publicKeyID.isEmpty, "\(path).public_key_id")
                violations.require(!signature.signature.isEmpty, "\(path).signature")
            }
        case .secret(let occurrence): violations.require(occurrence.kind != .unspecified, "secret.kind")
        case .discovery, .upgrade, .compliance, .dsseAttestation, .sbomReference, .aiSkillAnalysis, nil: break
        }
        try violations.check("occurrence")
    }
}

extension Grafeas_V1_VulnerabilityOccurrence {
    fileprivate func check(_ violations: inout Violations) {
        violations.require(!packageIssue.isEmpty, "vulnerability.package_issue")
        for (index, issue) in packageIssue.enumerated() {
            let path = "vulnerability.package_issue[\(index)]"
            violations.require(!issue.affectedCpeUri.isEmpty, "\(path).affected_cpe_uri")
            violations.require(!issue.affectedPackage.isEmpty, "\(path).affected_package")
            violations.require(issue.hasAffectedVersion, "\(path).affected_version")
            if issue.hasAffectedVersion { violations.check(issue.affectedVersion, "\(path).affected_version") }
            violations.require(issue.hasFixedVersion, "\(path).fixed_version")
            if issue.hasFixedVersion {
                violations.check(issue.fixedVersion, "\(path).fixed_version")
                if issue.fixedVersion.kind == .normal {
                    violations.require(!issue.fixedCpeUri.isEmpty, "\(path).fixed_cpe_uri")
                    violations.require(!issue.fixedPackage.isEmpty, "\(path).fixed_package")
                }
            }
        }
    }
}

extension Grafeas_V1_BuildOccurrence {
    fileprivate func check(_ violations: inout Violations) {
        violations.require(
            hasProvenance || hasIntotoProvenance || hasIntotoStatement || hasInTotoSlsaProvenanceV1,
            "build.provenance")
        guard hasProvenance else { return }
        violations.require(!provenance.id.isEmpty, "build.provenance.id")
        for (index, command) in provenance.commands.enumerated() {
            violations.require(!command.name.isEmpty, "build.provenance.commands[\(index)].name")
        }
        guard provenance.hasSourceProvenance else { return }
        let sorted = provenance.sourceProvenance.fileHashes.sorted { $0.key < $1.key }
        for (file, hashes) in sorted {
            let path = "build.provenance.source_provenance.file_hashes[\"\(file.prefix(200))\"].file_hash"
            violations.require(!hashes.fileHash.isEmpty, path)
            for (index, hash) in hashes.fileHash.enumerated() {
                violations.require(!hash.type.isEmpty, "\(path)[\(index)].type")
                violations.require(!hash.value.isEmpty, "\(path)[\(index)].value")
            }
        }
    }
}

extension Grafeas_V1_PackageOccurrence {
    fileprivate func check(_ violations: inout Violations) {
        if location.isEmpty {
            let isNamed = !name.isEmpty && !packageType.isEmpty && hasVersion
            violations.require(isNamed, "package.location")
        }
        for (index, place) in location.enumerated() {
            let path = "package.location[\(index)]"
            // What has a version of its own names the location by its path alone.
            if !hasVersion { violations.require(!place.cpeUri.isEmpty, "\(path).cpe_uri") }
            if place.hasVersion { violations.check(place.version, "\(path).version") }
        }
        if hasVersion { violations.check(version, "package.version") }
    }
}
