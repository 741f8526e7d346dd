// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BullaArtifact
import BullaFlow
import BullaGrafeas
import BullaKubernetes
import BullaPolicy
import BullaRegistry
import BullaSeal
import Foundation

/// Decides whether an image meets a policy, and attests it if asked to.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Decide whether an image meets a vulnerability policy.",
        discussion: """
            The policy is an ImageSecurityPolicy or a VulnzSigningPolicy as Kritis writes them; without one, no \
            critical vulnerability that has a fix passes. Exit code 0: pass, 1: fail, 2: unknown (never scanned, scan \
            failed, too old or not supported).
            """)

    @Argument(help: "The image; with --local a source as for `bulla scan`.") var image: String
    @Flag(help: "Scan the source here, without a server.") var local = false
    @Option(help: "The advisory database for --local (./bulla-data/advisories.db).")
    var db = "./bulla-data/advisories.db"
    @Option(help: "A file with the policy.") var policy: String?
    @Option(help: "How long to wait while a scan is queued or running (5m).") var wait = "5m"
    @Option(help: "How old a scan may be; 0 is any age (the server's).") var maxScanAge: String?
    @Option(help: "Attest what passes as this attestor.") var attestWith: String?
    @OptionGroup var key: KeyOptions
    @OptionGroup var client: ClientOptions

    func validate() throws {
        if attestWith != nil {
            guard key.isGiven else { throw ValidationError("--attest-with needs --pgp-key or --pkix-key") }
            guard !local else { throw ValidationError("--attest-with needs a server") }
        }
    }

    func run() async throws {
        try await Command.run {
            let requirement = try requirement()
            let result = local ? try await checkLocally(requirement) : try await checkOnServer(requirement)
            switch client.output {
            case .json: try Command.result(json: result)
            case .table: Self.show(result)
            }
            switch result.verdict {
            case .pass: break
            case .fail: throw Command.no
            case .unknown: throw Command.noAnswer
            }
        }
    }

    private func requirement() throws(BullaError) -> VulnerabilityRequirement {
        var requirement = VulnerabilityRequirement(
            policy: "the default", maximumFixable: .atMost(.high), maximumUnfixable: .allowAll)
        if let policy {
            let found = try PolicyResource.read(try Command.contents(of: policy), file: policy).compactMap(
                \.requirement)
            guard let only = found.first, found.count == 1 else {
                throw BullaError(
                    .invalidArgument,
                    "file '\(policy)' holds \(found.count) policies about vulnerabilities, not one")
            }
            requirement = only
        }
        if let maxScanAge {
            let age = try Quantity.seconds(maxScanAge)
            requirement.maximumScanAge = age == 0 ? nil : age
        }
        return requirement
    }

    private func checkLocally(_ requirement: VulnerabilityRequirement) async throws -> CheckResult {
        let report = try await LocalScan(source: image, db: db).report()
        let vulnerabilities = report.findings.map { finding in
            Evidence.Vulnerability(
                id: finding.id, severity: finding.severity, hasFix: finding.fixedVersion != nil,
                fixedVersion: finding.fixedVersion, package: finding.package.source?.name ?? finding.package.name)
        }
        let now = Date()
        var scan = Evidence.Scan.finished(at: now, judged: report.judged > 0)
        if report.advisories != nil, let fault = ImageScanner.fault(in: report) {
            scan = fault.reason == "UNSUPPORTED" ? .unsupported(fault.message) : .failed(fault.message)
        }
        let evidence = Evidence(scan: scan, vulnerabilities: vulnerabilities)
        let digest = report.image.digest ?? Digest(of: Array(image.utf8))
        let result = requirement.check(
            ImageReference(registry: "local", repository: "source", digest: digest), on: evidence, at: now)
        return CheckResult(
            image: image, verdict: result.verdict, reason: result.reason, violations: result.violations,
            warnings: result.warnings)
    }

    private func checkOnServer(_ requirement: VulnerabilityRequirement) async throws -> CheckResult {
        let patience = try Quantity.seconds(wait)
        return try await client.withServer { server in
            let description = try await server.description()
            let names = try await server.names()
            let asked = try ImageReference(image)
            let digest = try await server.resolve(asked, names)
            let subject = server.recorded(asked, names).at(digest)
            var requirement = requirement
            if maxScanAge == nil { requirement.maximumScanAge = description.maximumScanAge }

            let gatherer = EvidenceGatherer(names: names, metadata: server.metadata)
            let deadline = ContinuousClock.now + .seconds(patience)
            var pause = Duration.milliseconds(100)
            while true {
                let evidence = try await gatherer.evidence(
                    of: subject, needsScan: true, attestors: requirement.attestor.map { [$0] } ?? [], at: Date())
                let isUnderWay =
                    switch evidence.scan {
                    case .pending, .scanning: true
                    case .never: await isStored(subject, names, server)
                    default: false
                    }
                guard isUnderWay, ContinuousClock.now < deadline else {
                    let result = requirement.check(subject, on: evidence, at: Date())
                    if result.verdict == .pass, let attestWith {
                        try await attest(subject, digest, as: attestWith, names, server.metadata)
                    }
                    return result
                }
                client.progress("the scan of \(subject) is under way")
                try await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
    }

    /// Whether the server's own registry has the image: then its scan is queued, even before a record says so.
    private func isStored(_ image: ImageReference, _ names: RecordNames, _ server: ServerClient) async -> Bool {
        guard image.registry == names.registryName else { return false }
        let place = ImageReference(
            registry: server.authority, repository: image.repository, digest: image.digest)
        return (try? await Registries.client(for: place, transport: server.transport).manifest(place)) != nil
    }

    private func attest(
        _ image: ImageReference, _ digest: Digest, as attestor: String, _ names: RecordNames, _ metadata: MetadataClient
    ) async throws(BullaError) {
        let signer = try key.signingKey()
        let payload = SimpleSigning(image, digest).payload
        let project = try names.project(of: image)
        let note = try AttestationRecord.note(of: attestor, in: project)
        let record = AttestationRecord(names: names, metadata: metadata)
        try await record.ensure(note)
        let outcome = try await record.record(
            payload: payload, signature: try signer.sign(payload, at: Date()), keyID: signer.keyID, of: image, digest,
            under: note, in: project, ifExists: .keep)
        if !client.quiet { Command.say("attested as \(note): \(outcome.occurrence)") }
    }

    private static func show(_ result: CheckResult) {
        Command.result("\(result.verdict.rawValue)  \(result.image)  \(result.reason)")
        for violation in result.violations {
            let fix = violation.fixedVersion.map { "fixed in \($0)" } ?? "no fix"
            Command.result("    \(violation.id)  \(violation.severity)  \(fix)  limit \(violation.limit)")
        }
        for warning in result.warnings { Command.say("warning: \(warning)") }
    }
}
