// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaFlow
import BullaKubernetes
import BullaPolicy
import Foundation
import Synchronization
import Testing

/// What a flow asked and recorded.
private final class Trace: Sendable {
    let asked = Mutex<[String]>([])
    let recordedFirst = Mutex<[DecisionRecord]>([])
    let recordedLater = Mutex<[DecisionRecord]>([])
    let revision = Mutex<Int64>(1)
}

@Suite("Admit flow")
struct AdmitFlowTests {
    private static let digest = "sha256:" + String(repeating: "a", count: 64)
    private static let good = "gcr.io/p/good@\(digest)"
    private static let bad = "gcr.io/p/bad@\(digest)"
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private static func policy(limits: Bool = false) throws -> Policy {
        let attestor = Attestor(
            id: "prod/ci", name: "ci", note: "projects/p/notes/ci", keys: [.init(format: .openPGP, text: "k")])
        var requirements: [Rule.Requirement] = [
            .attestations(
                AttestationRequirement(
                    exemptions: try Allowlist(["gcr.io/base/*"]),
                    alternatives: [.init(policy: "GenericAttestationPolicy prod/g", attestors: [attestor])]))
        ]
        if limits {
            requirements = [
                .vulnerabilities(
                    VulnerabilityRequirement(
                        policy: "I", maximumFixable: .atMost(.low), attestor: attestor, secret: "s"))
            ]
        }
        return Policy(rules: ["prod": Rule(requirements: requirements)], revision: Digest(of: [1]))
    }

    private static func flow(
        _ trace: Trace, policy: Policy, enforcement: Enforcement = .enforce, failing: BullaError? = nil,
        delay: Duration = .zero, recordFails: Bool = false
    ) -> AdmitFlow {
        AdmitFlow(
            policy: { policy }, enforcement: enforcement,
            source: .init(
                evidence: { image, _, attestors, _ throws(BullaError) in
                    trace.asked.withLock { $0.append(image.description) }
                    if let failing { throw failing }
                    do { try await Task.sleep(for: delay) } catch {
                        throw BullaError(.cancelled, "cancelled")
                    }
                    var evidence = Evidence(scan: .finished(at: Self.now, judged: true))
                    guard image.repository == "p/good" else { return evidence }
                    for attestor in attestors {
                        evidence.seals[attestor.id] = [.init(occurrence: "o", keyID: "k")]
                    }
                    return evidence
                },
                digestOfTag: { image in image.registry == "local:5000" ? try? Digest(Self.digest) : nil },
                revision: { _ throws(BullaError) in trace.revision.withLock { $0 } }),
            recorder: .init(
                now: { record throws(BullaError) in
                    if recordFails { throw BullaError(.unavailable, "the disk is full") }
                    trace.recordedFirst.withLock { $0.append(record) }
                },
                later: { record in trace.recordedLater.withLock { $0.append(record) } }),
            now: { Self.now })
    }

    private static func review(
        _ images: [String], namespace: String = "prod", annotations: String = "{}", dryRun: Bool = false,
        operation: String = "CREATE", metadataNamespace: String = "elsewhere"
    ) throws -> AdmissionReview {
        let containers = images.map { #"{"name":"c","image":"\#($0)"}"# }.joined(separator: ",")
        let text = #"""
            {"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u",
            "kind":{"group":"","version":"v1","kind":"Pod"},"namespace":"\#(namespace)","operation":"\#(operation)",
            "userInfo":{"username":"alice"},"dryRun":\#(dryRun),"object":{"apiVersion":"v1","kind":"Pod",
            "metadata":{"name":"p","namespace":"\#(metadataNamespace)","annotations":\#(annotations)},
            "spec":{"serviceAccountName":"sa","containers":[\#(containers)]}},"oldObject":null}}
            """#
        guard case .review(let review) = AdmissionReview.read(Array(text.utf8)) else {
            throw BullaError(.internal, "no review")
        }
        return review
    }

    @Test("admits what is attested and records it after the answer")
    func admits() async throws {
        let trace = Trace()
        let response = await Self.flow(trace, policy: try Self.policy())
            .answer(try Self.review([Self.good]), within: .seconds(5))
        #expect(response.isAllowed)
        #expect(response.auditAnnotations["decision"] == "allowed")
        let record = try #require(trace.recordedLater.withLock { $0 }.first)
        #expect(record.allowed && !record.inSpite && record.namespace == "prod" && record.user == "alice")
        #expect(record.images.map(\.grounds) == [["attested by ci (GenericAttestationPolicy prod/g)"]])
        #expect(try DecisionRecord(decoding: try record.encoded()) == record)
        #expect(trace.recordedFirst.withLock { $0 }.isEmpty)
    }

    @Test("denies, naming every image and place, and judges each image once")
    func denies() async throws {
        let trace = Trace()
        let review = try Self.review([
            Self.bad, Self.good, Self.bad, "nginx:1", "local:5000/a:1", "gcr.io/base/x:1", "A B",
        ])
        let response = await Self.flow(trace, policy: try Self.policy()).answer(review, within: .seconds(5))
        #expect(!response.isAllowed)
        let message = try #require(response.status?.message)
        #expect(
            message.hasPrefix("4 of 6 images refused in namespace prod\n- spec.containers[6]: A B: image reference"))
        #expect(message.contains("- spec.containers[0], spec.containers[2]: \(Self.bad): not attested by ci"))
        #expect(message.contains("bulla attest \(Self.bad) --attestor projects/p/notes/ci --pgp-key FILE"))
        #expect(message.contains("use local:5000/a@\(Self.digest)"))
        #expect(message.contains("nginx:1: not named by a digest"))
        #expect(trace.asked.withLock { $0.sorted() } == [Self.bad, Self.good])
        #expect(trace.recordedLater.withLock { $0 }.first?.allowed == false)
    }

    @Test("takes the namespace of the request and not of the object")
    func namespace() async throws {
        let trace = Trace()
        let flow = Self.flow(trace, policy: try Self.policy())
        let elsewhere = try Self.review([Self.bad], namespace: "other", metadataNamespace: "prod")
        #expect(await flow.answer(elsewhere, within: .seconds(5)).isAllowed)
        #expect(trace.asked.withLock { $0 }.isEmpty)
        #expect(trace.recordedLater.withLock { $0 }.first?.images.first?.grounds == ["no policy covers the namespace"])
    }

    @Test("fails closed when the evidence cannot be read, and says so")
    func unavailable() async throws {
        let trace = Trace()
        let flow = Self.flow(trace, policy: try Self.policy(), failing: BullaError(.unavailable, "the store is away"))
        let response = await flow.answer(try Self.review([Self.good]), within: .seconds(5))
        #expect(!response.isAllowed)
        #expect(response.status?.message.contains("could not be read: the store is away") == true)
    }

    @Test("fails closed when the time is up")
    func late() async throws {
        let trace = Trace()
        let flow = Self.flow(trace, policy: try Self.policy(), delay: .seconds(30))
        let response = await flow.answer(try Self.review([Self.good, Self.bad]), within: .milliseconds(50))
        #expect(!response.isAllowed)
        #expect(response.status?.message.contains("did not come in time") == true)
    }

    @Test("breaks the glass only for `true`, and records that first")
    func breakGlass() async throws {
        let trace = Trace()
        let flow = Self.flow(trace, policy: try Self.policy())
        let broken = try Self.review([Self.bad], annotations: #"{"kritis.grafeas.io/breakglass":"true"}"#)
        let response = await flow.answer(broken, within: .seconds(5))
        #expect(response.isAllowed)
        #expect(
            response.warnings == ["break-glass: allowed by annotation kritis.grafeas.io/breakglass; this is recorded"])
        #expect(response.auditAnnotations["decision"] == "break-glass")
        let record = try #require(trace.recordedFirst.withLock { $0 }.first)
        #expect(record.inSpite && record.breakGlass?.key == "kritis.grafeas.io/breakglass")
        #expect(record.images.first?.reasons.map(\.code) == ["NOT_ATTESTED"])
        #expect(trace.recordedLater.withLock { $0 }.isEmpty)
        let no = try Self.review([Self.bad], annotations: #"{"kritis.grafeas.io/breakglass":"false"}"#)
        #expect(await !flow.answer(no, within: .seconds(5)).isAllowed)
    }

    @Test("denies what may be allowed only with a record, when the record fails")
    func recordFails() async throws {
        let flow = Self.flow(Trace(), policy: try Self.policy(), recordFails: true)
        let broken = try Self.review([Self.bad], annotations: #"{"kritis.grafeas.io/breakglass":"true"}"#)
        let response = await flow.answer(broken, within: .seconds(5))
        #expect(!response.isAllowed)
        #expect(response.status?.code == 503)
    }

    @Test("decides a dry run alike and leaves no trace")
    func dryRun() async throws {
        let trace = Trace()
        let flow = Self.flow(trace, policy: try Self.policy(), recordFails: true)
        #expect(await flow.answer(try Self.review([Self.good], dryRun: true), within: .seconds(5)).isAllowed)
        #expect(await !flow.answer(try Self.review([Self.bad], dryRun: true), within: .seconds(5)).isAllowed)
        let broken = try Self.review(
            [Self.bad], annotations: #"{"kritis.grafeas.io/breakglass":"true"}"#, dryRun: true)
        #expect(await flow.answer(broken, within: .seconds(5)).isAllowed)
        #expect(trace.recordedLater.withLock { $0 }.isEmpty && trace.recordedFirst.withLock { $0 }.isEmpty)
    }

    @Test("rehearses without a trace")
    func rehearsal() async throws {
        let trace = Trace()
        let flow = Self.flow(trace, policy: try Self.policy())
        #expect(await !flow.rehearse(try Self.review([Self.bad]), within: .seconds(5)).isAllowed)
        #expect(trace.recordedLater.withLock { $0 }.isEmpty && trace.recordedFirst.withLock { $0 }.isEmpty)
    }

    @Test("warns instead of denying where the policy only watches, and records that first")
    func auditOnly() async throws {
        let trace = Trace()
        let flow = Self.flow(trace, policy: try Self.policy(), enforcement: .auditOnly)
        let response = await flow.answer(try Self.review([Self.bad]), within: .seconds(5))
        #expect(response.isAllowed)
        #expect(response.warnings.first?.hasPrefix("would be denied: - spec.containers[0]") == true)
        #expect(response.warnings.allSatisfy { $0.count <= 120 })
        #expect(trace.recordedFirst.withLock { $0 }.first?.auditOnly == true)
    }

    @Test("keeps a verdict until the evidence changes")
    func cache() async throws {
        let trace = Trace()
        let flow = Self.flow(trace, policy: try Self.policy())
        for _ in 0..<3 { _ = await flow.answer(try Self.review([Self.good]), within: .seconds(5)) }
        #expect(trace.asked.withLock { $0.count } == 1)
        trace.revision.withLock { $0 = 2 }
        _ = await flow.answer(try Self.review([Self.good]), within: .seconds(5))
        #expect(trace.asked.withLock { $0.count } == 2)
    }

    @Test("records the attestation that a policy wants made")
    func promises() async throws {
        let trace = Trace()
        let flow = Self.flow(trace, policy: try Self.policy(limits: true))
        #expect(await flow.answer(try Self.review([Self.bad]), within: .seconds(5)).isAllowed)
        let image = try #require(trace.recordedLater.withLock { $0 }.first?.images.first)
        #expect(image.promises.map(\.secret) == ["s"])
        #expect(image.promises.map(\.note) == ["projects/p/notes/ci"])
    }

    @Test("passes without a record what has nothing to judge")
    func passes() async throws {
        let trace = Trace()
        let flow = Self.flow(trace, policy: try Self.policy())
        let response = await flow.answer(try Self.review([Self.bad], operation: "DELETE"), within: .seconds(5))
        #expect(response == .allow(uid: "u"))
        #expect(trace.recordedLater.withLock { $0 }.isEmpty)
    }

    @Test("reports on objects as bulla admit does")
    func report() async throws {
        let flow = Self.flow(Trace(), policy: try Self.policy())
        let text = #"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"\#(Self.bad)"}]}}"#
        let pod = try PodSpec.read(Array(text.utf8))
        let denied = AdmitReport([("", await flow.evaluate(pod, in: "prod", within: .seconds(5)))])
        #expect(!denied.allowed)
        #expect(denied.images.map(\.path) == ["spec.containers[0]"])
        #expect(denied.images.map(\.verdict) == [.deny])
        #expect(denied.images.first?.reasons.first?.contains("bulla attest") == true)
        let allowed = AdmitReport([
            ("Pod a", await flow.evaluate(pod, within: .seconds(5))),
            ("Service b", await flow.evaluate(nil, within: .seconds(5))),
        ])
        #expect(allowed.allowed)
        #expect(allowed.images.map(\.path) == ["Pod a: spec.containers[0]"])
        #expect(allowed.notes == ["Service b: not judged: the kind holds no pod of its own"])
    }
}

extension AdmitFlowTests {
    @Test("reports on JSON, YAML, lists and reviews alike")
    func inputs() async throws {
        let flow = Self.flow(Trace(), policy: try Self.policy())
        let pod =
            #"{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"prod"},"#
            + #""spec":{"containers":[{"image":"nginx"}]}}"#
        let yaml = "apiVersion: v1\nkind: Pod\nmetadata: {namespace: prod}\nspec: {containers: [{image: nginx}]}\n"
        let review =
            #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","namespace":"prod","#
            + #""kind":{"version":"v1","kind":"Pod"},"operation":"CREATE","object":\#(pod)}}"#
        let list = #"{"apiVersion":"v1","kind":"List","items":[\#(pod)]}"#
        for text in [
            pod, yaml, review, list,
            "{apiVersion: v1, kind: Pod, metadata: {namespace: prod}, "
                + "spec: {containers: [{image: nginx}]}}",
        ] {
            let report = try await flow.report(on: Array(text.utf8), within: .seconds(5))
            #expect(!report.allowed, "\(text)")
            #expect(report.images.map(\.path) == ["spec.containers[0]"])
        }
        let two = try await flow.report(on: Array("\(yaml)---\n\(yaml)".utf8), in: "other", within: .seconds(5))
        #expect(two.allowed && two.images.count == 2)
        for text in ["", "{", "7", "a: b", "{}", #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}"#] {
            let error = await #expect(throws: BullaError.self) {
                try await flow.report(on: Array(text.utf8), within: .seconds(5))
            }
            #expect(error?.code == .invalidArgument)
        }
    }
}

@Suite("Decision queue")
struct DecisionQueueTests {
    private func record(_ uid: String) throws -> DecisionRecord {
        let json = #"""
            {"schema":"bulla.decision/v1","time":0,"uid":"\#(uid)","namespace":"n","name":"","apiVersion":"v1",
            "kind":"Pod","operation":"CREATE","subResource":"","user":"","serviceAccount":"","allowed":true,
            "inSpite":false,"auditOnly":false,"dryRun":false,"policyRevision":"r","images":[]}
            """#
        return try DecisionRecord(decoding: Array(json.utf8))
    }

    /// What was written.
    private final class Written: Sendable {
        let uids = Mutex<[String]>([])
        let failures = Mutex<Int>(0)
    }

    @Test("writes in order, in batches, and what waits at the end")
    func writes() async throws {
        let queue = DecisionQueue()
        for number in 0..<10 { queue.add(try record("\(number)")) }
        let written = Written()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await queue.run(batch: 4) { records throws(BullaError) in
                    written.uids.withLock { $0 += records.map(\.uid) }
                }
            }
            for _ in 0..<500 where written.uids.withLock({ $0.count }) < 10 {
                try? await Task.sleep(for: .milliseconds(5))
            }
            group.cancelAll()
        }
        #expect(written.uids.withLock { $0 } == (0..<10).map(String.init))
    }

    @Test("counts what does not fit")
    func drops() throws {
        let queue = DecisionQueue(capacity: 2)
        #expect(queue.add(try record("a")))
        #expect(queue.add(try record("b")))
        #expect(!queue.add(try record("c")))
        #expect(queue.dropped == 1)
    }

    @Test("tries again what could not be written")
    func retries() async throws {
        let queue = DecisionQueue()
        queue.add(try record("a"))
        let written = Written()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await queue.run { records throws(BullaError) in
                    let isFirst = written.failures.withLock { failures in
                        defer { failures += 1 }
                        return failures == 0
                    }
                    if isFirst { throw BullaError(.unavailable, "later") }
                    written.uids.withLock { $0 += records.map(\.uid) }
                }
            }
            for _ in 0..<500 where written.uids.withLock({ $0.isEmpty }) {
                try? await Task.sleep(for: .milliseconds(10))
            }
            group.cancelAll()
        }
        #expect(written.uids.withLock { $0 } == ["a"])
    }
}
