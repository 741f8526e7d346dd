// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaPolicy
public import Foundation

/// What the configuration adds to the policies of a folder.
public struct PolicyOptions: Sendable {
    /// Says what is wrong with a key, `nil` when it can be used.
    public typealias KeyCheck = @Sendable (Attestor.Key) -> String?

    /// How old a scan may be; `nil` for any age.
    public var maximumScanAge: TimeInterval?
    /// What holds in a namespace without policies.
    public var fallback: Policy.Fallback
    /// What is exempt from every policy.
    public var exemptions: Allowlist
    /// Tries each key of an authority, so that a broken one is refused with its line and not met at a denial.
    public var checkKey: KeyCheck?

    /// Describes the options; by default nothing is added.
    public init(
        maximumScanAge: TimeInterval? = nil, fallback: Policy.Fallback = .allow, exemptions: Allowlist = Allowlist(),
        checkKey: KeyCheck? = nil
    ) {
        self.maximumScanAge = maximumScanAge
        self.fallback = fallback
        self.exemptions = exemptions
        self.checkKey = checkKey
    }
}

extension Policy {
    /// Joins resources into the rules of their namespaces.
    ///
    /// Any one GenericAttestationPolicy of a namespace suffices, every ImageSecurityPolicy must hold, and authorities
    /// are looked up in the namespace of the policy that names them.
    ///
    /// - Throws: `invalidArgument` with every problem: a name given twice, an authority that is not there.
    public init(
        _ resources: [PolicyResource], options: PolicyOptions = PolicyOptions(), revision: Digest
    ) throws(BullaError) {
        var problems: [BullaError.Violation] = []
        var notices: [String] = []
        var attestors: [String: Attestor] = [:]
        var places: [String: String] = [:]
        for resource in resources {
            if let other = places.updateValue(resource.place, forKey: resource.title) {
                problems.append(.init(field: resource.place, description: "\(resource.title) is also at \(other)"))
            }
            guard case .attestationAuthority(let authority) = resource.content else { continue }
            let id = "\(resource.namespace)/\(resource.name)"
            attestors[id] = Attestor(
                id: id, name: resource.name, note: authority.noteReference, keys: authority.keys)
            if authority.keys.isEmpty {
                notices.append("\(resource.place): \(resource.title) has no key, so it can attest nothing")
            }
        }
        func attestor(_ name: String, for resource: PolicyResource) -> Attestor? {
            if let attestor = attestors["\(resource.namespace)/\(name)"] { return attestor }
            let what =
                "\(resource.title) names AttestationAuthority \(name), which namespace \(resource.namespace) lacks"
            problems.append(.init(field: resource.place, description: what))
            return nil
        }
        var exemptions: [String: Allowlist] = [:]
        var alternatives: [String: [AttestationRequirement.Alternative]] = [:]
        var limits: [String: [VulnerabilityRequirement]] = [:]
        for resource in resources {
            switch resource.content {
            case .genericAttestationPolicy(let patterns, let names):
                exemptions[resource.namespace, default: Allowlist()].formUnion(patterns)
                let named = names.compactMap { attestor($0, for: resource) }
                alternatives[resource.namespace, default: []].append(.init(policy: resource.title, attestors: named))
                if names.isEmpty {
                    notices.append(
                        "\(resource.place): \(resource.title) names no attestor, so it denies everything there")
                }
            case .imageSecurityPolicy(var requirement, let name):
                requirement.attestor = name.flatMap { attestor($0, for: resource) }
                if name == nil, requirement.secret != nil {
                    notices.append("\(resource.place): \(resource.title) has a secret but no authority to attest with")
                }
                limits[resource.namespace, default: []].append(requirement)
            case .attestationAuthority: break
            case .vulnzSigningPolicy, .buildPolicy, .kritisConfig:
                notices.append("\(resource.place): \(resource.title) has no effect at admission")
            }
        }
        guard problems.isEmpty else { throw PolicyResource.failure(problems) }
        var rules: [String: Rule] = [:]
        for namespace in Set(alternatives.keys).union(limits.keys) {
            var requirements: [Rule.Requirement] = []
            if let alternatives = alternatives[namespace] {
                let exempt = exemptions[namespace] ?? Allowlist()
                requirements.append(
                    .attestations(AttestationRequirement(exemptions: exempt, alternatives: alternatives)))
            }
            requirements += (limits[namespace] ?? []).map(Rule.Requirement.vulnerabilities)
            rules[namespace] = Rule(exemptions: options.exemptions, requirements: requirements)
        }
        self.init(rules: rules, fallback: options.fallback, revision: revision, notices: notices)
    }
}
