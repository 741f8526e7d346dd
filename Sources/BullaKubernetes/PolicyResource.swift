// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaPolicy
import Yams

/// A policy document of Kritis, group `kritis.grafeas.io`, version `v1beta1`, as its author wrote it.
public struct PolicyResource: Hashable, Sendable {
    /// What a document says, by its kind.
    public enum Content: Hashable, Sendable {
        /// Attestors all of whom must vouch, and what is exempt.
        case genericAttestationPolicy(exemptions: Allowlist, attestors: [String])
        /// Limits on vulnerabilities at admission. Its attestor is not resolved yet.
        case imageSecurityPolicy(VulnerabilityRequirement, attestor: String?)
        /// An attestor.
        case attestationAuthority(AttestationAuthority)
        /// Limits on vulnerabilities for signing; of no effect at admission.
        case vulnzSigningPolicy(VulnerabilityRequirement)
        /// Sources that an image may be built from; of no effect at admission, as in Kritis.
        case buildPolicy
        /// How Kritis itself runs; of no effect here.
        case kritisConfig
    }

    /// The kind, such as `ImageSecurityPolicy`.
    public let kind: String
    /// The namespace; `default` where the document names none.
    public let namespace: String
    /// The name.
    public let name: String
    /// The file and line where the document begins.
    public let place: String
    /// What it says.
    public let content: Content

    /// Kind, namespace and name, as reasons and grounds name it.
    public var title: String { "\(kind) \(namespace)/\(name)" }

    /// The limits on vulnerabilities, for a kind that has them; what `bulla check` judges by.
    public var requirement: VulnerabilityRequirement? {
        switch content {
        case .imageSecurityPolicy(let requirement, _), .vulnzSigningPolicy(let requirement): requirement
        default: nil
        }
    }

    /// Reads every document of a file, YAML or JSON; the items of a `List` count as documents.
    ///
    /// - Throws: `invalidArgument` with every problem, each naming file, line and field.
    public static func read(
        _ bytes: [UInt8], file: String, options: PolicyOptions = PolicyOptions()
    ) throws(BullaError) -> [PolicyResource] {
        var reader = ResourceReader(file: file)
        var resources: [PolicyResource] = []
        for document in try YAMLText.documents(in: bytes, file: file) {
            var nodes = [document]
            if document["kind"]?.string == "List", document["apiVersion"]?.string == "v1" {
                let fields = reader.fields(document, "", known: ["apiVersion", "kind", "metadata", "items"])
                nodes = reader.elements(fields["items"], "items").map(\.node)
            }
            for node in nodes {
                if let resource = read(node, &reader, options) { resources.append(resource) }
            }
        }
        guard reader.problems.isEmpty else { throw failure(reader.problems) }
        return resources
    }

    /// One error of many problems: the first few in the message, all of them as violations.
    static func failure(_ problems: [BullaError.Violation]) -> BullaError {
        let shown = problems.prefix(5).map { "\($0.field): \($0.description)" }.joined(separator: "; ")
        let more = problems.count > 5 ? "; and \(problems.count - 5) more problems" : ""
        return BullaError(.invalidArgument, "policies are refused: \(shown)\(more)", violations: problems)
    }

    private static let metadataFields = [
        "name", "namespace", "labels", "annotations", "uid", "resourceVersion", "generation", "creationTimestamp",
        "managedFields", "selfLink", "finalizers", "ownerReferences", "generateName", "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ]

    private static func read(
        _ node: Node, _ reader: inout ResourceReader, _ options: PolicyOptions
    ) -> PolicyResource? {
        guard case .mapping = node else {
            reader.note("is no policy document", "document", at: node)
            return nil
        }
        let before = reader.problems.count
        let fields = reader.fields(node, "", known: ["apiVersion", "kind", "metadata", "spec", "status"])
        let version = reader.string(fields["apiVersion"], "apiVersion") ?? ""
        if version != "kritis.grafeas.io/v1beta1" {
            reader.note("is not kritis.grafeas.io/v1beta1", "apiVersion", at: fields["apiVersion"] ?? node)
        }
        let metadata = reader.fields(fields["metadata"], "metadata", known: metadataFields)
        let name = reader.string(metadata["name"], "metadata.name") ?? ""
        if name.isEmpty { reader.note("is missing", "metadata.name", at: fields["metadata"] ?? node) }
        let named = reader.string(metadata["namespace"], "metadata.namespace") ?? ""
        let namespace = named.isEmpty ? "default" : named
        let kind = reader.string(fields["kind"], "kind") ?? ""
        let title = "\(kind) \(namespace)/\(name)"
        let content: Content?
        switch kind {
        case "GenericAttestationPolicy": content = genericAttestationPolicy(fields["spec"], &reader)
        case "ImageSecurityPolicy": content = imageSecurityPolicy(fields["spec"], title, &reader, options)
        case "AttestationAuthority":
            content = AttestationAuthority.read(fields["spec"], &reader, check: options.checkKey)
                .map(Content.attestationAuthority)
        case "VulnzSigningPolicy": content = vulnzSigningPolicy(fields["spec"], title, &reader, options)
        case "BuildPolicy": content = buildPolicy(fields["spec"], &reader)
        case "KritisConfig":
            _ = reader.fields(
                fields["spec"], "spec", known: ["metadataBackend", "cronInterval", "serverAddr", "grafeas"])
            content = .kritisConfig
        default:
            reader.note("'\(kind.prefix(100))' is no kind of Kritis", "kind", at: fields["kind"] ?? node)
            content = nil
        }
        guard reader.problems.count == before, let content else { return nil }
        return PolicyResource(
            kind: kind, namespace: namespace, name: name, place: "\(reader.file):\(node.mark?.line ?? 1)",
            content: content)
    }

    private static func genericAttestationPolicy(_ spec: Node?, _ reader: inout ResourceReader) -> Content {
        let known = ["admissionAllowlistPatterns", "attestationAuthorityNames"]
        let fields = reader.fields(spec, "spec", known: known)
        var exemptions = Allowlist()
        for (path, node) in reader.elements(
            fields["admissionAllowlistPatterns"], "spec.admissionAllowlistPatterns")
        {
            let pattern = reader.fields(node, path, known: ["namePattern"])
            guard let text = reader.string(pattern["namePattern"], "\(path).namePattern") else {
                if pattern["namePattern"] == nil { reader.note("namePattern is missing", path, at: node) }
                continue
            }
            insert(text, .wildcards, "\(path).namePattern", pattern["namePattern"], into: &exemptions, &reader)
        }
        let names = reader.strings(fields["attestationAuthorityNames"], "spec.attestationAuthorityNames")
        return .genericAttestationPolicy(exemptions: exemptions, attestors: names.map(\.text))
    }

    private static func imageSecurityPolicy(
        _ spec: Node?, _ title: String, _ reader: inout ResourceReader, _ options: PolicyOptions
    ) -> Content {
        let fields = reader.fields(
            spec, "spec",
            known: [
                "imageAllowlist", "packageVulnerabilityRequirements", "attestationAuthorityName",
                "privateKeySecretName",
            ])
        var requirement = requirement(
            fields["packageVulnerabilityRequirements"], "spec.packageVulnerabilityRequirements", title,
            fixable: "maximumSeverity", unfixable: "maximumFixUnavailableSeverity", &reader, options)
        var exemptions = Allowlist()
        for (path, text, node) in reader.strings(fields["imageAllowlist"], "spec.imageAllowlist") {
            insert(text, .exact, path, node, into: &exemptions, &reader)
        }
        requirement.exemptions = exemptions
        let attestor = reader.string(fields["attestationAuthorityName"], "spec.attestationAuthorityName") ?? ""
        let secret = reader.string(fields["privateKeySecretName"], "spec.privateKeySecretName") ?? ""
        requirement.secret = secret.isEmpty ? nil : secret
        return .imageSecurityPolicy(requirement, attestor: attestor.isEmpty ? nil : attestor)
    }

    private static func vulnzSigningPolicy(
        _ spec: Node?, _ title: String, _ reader: inout ResourceReader, _ options: PolicyOptions
    ) -> Content {
        let fields = reader.fields(spec, "spec", known: ["imageVulnerabilityRequirements"])
        return .vulnzSigningPolicy(
            requirement(
                fields["imageVulnerabilityRequirements"], "spec.imageVulnerabilityRequirements", title,
                fixable: "maximumFixableSeverity", unfixable: "maximumUnfixableSeverity", &reader, options))
    }

    private static func buildPolicy(_ spec: Node?, _ reader: inout ResourceReader) -> Content {
        let known = ["attestationAuthorityName", "privateKeySecretName", "buildRequirements"]
        let fields = reader.fields(spec, "spec", known: known)
        let requirements = reader.fields(
            fields["buildRequirements"], "spec.buildRequirements", known: ["builtFrom"])
        _ = reader.string(requirements["builtFrom"], "spec.buildRequirements.builtFrom")
        return .buildPolicy
    }

    private static func requirement(
        _ node: Node?, _ path: String, _ title: String, fixable: String, unfixable: String,
        _ reader: inout ResourceReader, _ options: PolicyOptions
    ) -> VulnerabilityRequirement {
        let fields = reader.fields(node, path, known: [fixable, unfixable, "allowlistCVEs", "unknownSeverity"])
        let fix = limit(fields[fixable], "\(path).\(fixable)", &reader) ?? .atMost(.critical)
        let noFix = limit(fields[unfixable], "\(path).\(unfixable)", &reader) ?? .allowAll
        let allowed = reader.strings(fields["allowlistCVEs"], "\(path).allowlistCVEs").map(\.text)
        var unknown: Severity?
        if let text = reader.string(fields["unknownSeverity"], "\(path).unknownSeverity") {
            unknown = Severity.allCases.first { $0.description == text }
            if unknown == nil {
                let words = "MINIMAL, LOW, MEDIUM, HIGH or CRITICAL"
                reader.note(
                    "'\(text.prefix(100))' is not \(words)", "\(path).unknownSeverity",
                    at: fields["unknownSeverity"])
            }
        }
        return VulnerabilityRequirement(
            policy: title, maximumFixable: fix, maximumUnfixable: noFix, allowedIDs: allowed,
            unknownSeverity: unknown == .unspecified ? nil : unknown, maximumScanAge: options.maximumScanAge)
    }

    private static func limit(_ node: Node?, _ path: String, _ reader: inout ResourceReader) -> SeverityLimit? {
        guard let text = reader.string(node, path), !text.isEmpty else { return nil }
        guard let limit = SeverityLimit(text) else {
            reader.note("invalid max severity level '\(text.prefix(100))': not \(SeverityLimit.words)", path, at: node)
            return nil
        }
        return limit
    }

    private static func insert(
        _ pattern: String, _ style: Allowlist.Style, _ path: String, _ node: Node?, into list: inout Allowlist,
        _ reader: inout ResourceReader
    ) {
        do {
            try list.insert(pattern, style: style)
        } catch {
            reader.note(error.message, path, at: node)
        }
    }
}
