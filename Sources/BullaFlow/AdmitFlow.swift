// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaKubernetes
public import BullaPolicy
public import Foundation

/// Decides whether a pod may enter: walk (c) of the house.
///
/// Every distinct image is judged once, however many containers use it, on evidence from our own store alone. What
/// cannot be decided, or not in time, is denied, saying so.
public struct AdmitFlow: Sendable {
    /// Where the evidence comes from.
    public struct Source: Sendable {
        /// The facts about an image by digest: whether the scan is needed, whose seals are, and the present.
        public var evidence: @Sendable (ImageReference, Bool, [Attestor], Date) async throws(BullaError) -> Evidence
        /// The digest that a tag points at, where our own registry knows it; for the text of a denial.
        public var digestOfTag: @Sendable (ImageReference) async -> Digest?
        /// The revision of the evidence about a digest; without it, no verdict is kept.
        public var revision: (@Sendable (Digest) async throws(BullaError) -> Int64)?

        /// Names the sources.
        public init(
            evidence:
                @escaping @Sendable (ImageReference, Bool, [Attestor], Date) async throws(BullaError) -> Evidence,
            digestOfTag: @escaping @Sendable (ImageReference) async -> Digest? = { _ in nil },
            revision: (@Sendable (Digest) async throws(BullaError) -> Int64)? = nil
        ) {
            self.evidence = evidence
            self.digestOfTag = digestOfTag
            self.revision = revision
        }
    }

    /// Where decisions are recorded.
    public struct Recorder: Sendable {
        /// Records and answers when it is durable; for what is allowed in spite of a denial.
        public var now: @Sendable (DecisionRecord) async throws(BullaError) -> Void
        /// Takes a decision to be recorded after the answer.
        public var later: @Sendable (DecisionRecord) -> Void

        /// Names the recorders.
        public init(
            now: @escaping @Sendable (DecisionRecord) async throws(BullaError) -> Void,
            later: @escaping @Sendable (DecisionRecord) -> Void
        ) {
            self.now = now
            self.later = later
        }
    }

    /// What was found about a request, before anything is recorded.
    public struct Evaluation: Sendable {
        /// The verdict on each distinct image; empty when nothing had to be judged.
        public let judged: [Denial.Judged]
        /// The decision.
        public let decision: Decision
        /// The revision of the policies that decided.
        public let policyRevision: Digest
        /// Why nothing had to be judged, when so.
        public let passes: String?
        /// The text of the denial, when denied or when it would be.
        public let denial: String?
    }

    private let policy: @Sendable () -> Policy
    private let enforcement: Enforcement
    private let source: Source
    private let recorder: Recorder
    private let clock: @Sendable () -> Date
    private let cache = VerdictCache()

    /// The most images that are looked up at once for one request.
    private static let width = 8

    /// Makes a flow; `policy` gives the policies in force and is asked once per request.
    public init(
        policy: @escaping @Sendable () -> Policy, enforcement: Enforcement = .enforce, source: Source,
        recorder: Recorder, now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.policy = policy
        self.enforcement = enforcement
        self.source = source
        self.recorder = recorder
        clock = now
    }

    /// Answers a review and records the decision; a dry run leaves no trace.
    ///
    /// - Throws: Nothing of its own: what fails is a denial.
    public func answer(_ review: AdmissionReview, within budget: Duration) async -> AdmissionResponse {
        let policy = policy()
        let subject: AdmissionReview.Subject
        do {
            subject = try review.subject()
        } catch {
            return .refuse(uid: review.uid, error)
        }
        guard case .images(let images, let spec) = subject else { return .allow(uid: review.uid) }
        let evaluation = await evaluate(images, of: spec, in: review.namespace, policy, within: budget)
        if !review.isDryRun {
            let record = DecisionRecord(
                review, spec, evaluation.decision, evaluation.judged, policy: policy, at: clock())
            do {
                if evaluation.decision.mustBeRecordedFirst {
                    try await recorder.now(record)
                } else {
                    recorder.later(record)
                }
            } catch {
                let what = "what is allowed in spite of a denial must be recorded first, and that failed"
                return .refuse(uid: review.uid, BullaError(error.code, "\(what): \(error.message)", cause: error))
            }
        }
        return Self.response(to: review, evaluation)
    }

    /// Answers a review as the webhook would, and records nothing.
    ///
    /// - Throws: Nothing of its own: what fails is a denial.
    public func rehearse(
        _ review: AdmissionReview, in namespace: String? = nil, within budget: Duration
    ) async -> AdmissionResponse {
        do {
            return Self.response(to: review, try await evaluate(review, in: namespace, within: budget))
        } catch {
            return .refuse(uid: review.uid, error)
        }
    }

    /// Judges a review and records nothing.
    ///
    /// - Throws: `invalidArgument` when the object cannot be read.
    public func evaluate(
        _ review: AdmissionReview, in namespace: String? = nil, within budget: Duration
    ) async throws(BullaError) -> Evaluation {
        let policy = policy()
        switch try review.subject() {
        case .nothing(let why): return Self.passing(why, policy)
        case .images(let images, let spec):
            return await evaluate(images, of: spec, in: namespace ?? review.namespace, policy, within: budget)
        }
    }

    /// Judges a pod or workload as if it were being made, and records nothing; `nil` stands for a kind without pods.
    public func evaluate(
        _ spec: PodSpec?, in namespace: String? = nil, within budget: Duration
    ) async -> Evaluation {
        let policy = policy()
        guard let spec else { return Self.passing("the kind holds no pod of its own", policy) }
        let own = spec.namespace.isEmpty ? "default" : spec.namespace
        return await evaluate(spec.images, of: spec, in: namespace ?? own, policy, within: budget)
    }

    // MARK: - Judging

    private static func passing(_ why: String, _ policy: Policy) -> Evaluation {
        Evaluation(
            judged: [], decision: Enforcement.enforce.decide([], breakGlass: nil), policyRevision: policy.revision,
            passes: why, denial: nil)
    }

    private func evaluate(
        _ images: [PodSpec.Image], of spec: PodSpec, in namespace: String, _ policy: Policy, within budget: Duration
    ) async -> Evaluation {
        let judged = await judge(images, in: namespace, policy, until: .now + budget)
        let breakGlass = BreakGlass(labels: spec.labels, annotations: spec.annotations)
        let decision = enforcement.decide(judged.map(\.verdict), breakGlass: breakGlass)
        let isRefused = judged.contains { !$0.verdict.isAllowed }
        return Evaluation(
            judged: judged, decision: decision, policyRevision: policy.revision, passes: nil,
            denial: isRefused ? Denial(judged, in: namespace).text : nil)
    }

    /// An image as it is named, and the places that name it.
    private struct Named {
        let name: String
        var paths: [String]
    }

    private func judge(
        _ images: [PodSpec.Image], in namespace: String, _ policy: Policy, until deadline: ContinuousClock.Instant
    ) async -> [Denial.Judged] {
        var places: [String: Int] = [:]
        var distinct: [Named] = []
        for image in images {
            if let place = places[image.name] {
                distinct[place].paths.append(image.path)
            } else {
                places[image.name] = distinct.count
                distinct.append(Named(name: image.name, paths: [image.path]))
            }
        }
        if distinct.count == 1, let only = distinct.first {
            return [await judge(only, in: namespace, policy, until: deadline)]
        }
        return await withTaskGroup(of: (Int, Denial.Judged).self) { group in
            var judged = [Denial.Judged?](repeating: nil, count: distinct.count)
            for (place, image) in distinct.enumerated() {
                if place >= Self.width, let (done, verdict) = await group.next() { judged[done] = verdict }
                group.addTask { (place, await judge(image, in: namespace, policy, until: deadline)) }
            }
            for await (done, verdict) in group { judged[done] = verdict }
            return judged.compactMap { $0 }
        }
    }

    private func judge(
        _ named: Named, in namespace: String, _ policy: Policy, until deadline: ContinuousClock.Instant
    ) async -> Denial.Judged {
        let image: ImageReference
        do {
            image = try ImageReference(named.name)
        } catch {
            // Without a policy even this passes: the kubelet will say what is wrong with it.
            let unruled = policy.rule(in: namespace) == nil && policy.fallback == .allow
            let verdict = unruled ? policy.unruled(namespace) : .deny([Reason(.malformedImage(error.message))])
            return Denial.Judged(paths: named.paths, name: named.name, image: nil, verdict: verdict)
        }
        let verdict = await verdict(on: image, in: namespace, policy, until: deadline)
        return Denial.Judged(paths: named.paths, name: named.name, image: image, verdict: verdict)
    }

    private func verdict(
        on image: ImageReference, in namespace: String, _ policy: Policy, until deadline: ContinuousClock.Instant
    ) async -> Verdict {
        guard let rule = policy.rule(in: namespace) else { return policy.unruled(namespace) }
        let now = clock()
        guard let digest = image.digest, rule.needsEvidence(of: image) else {
            let plain = BullaPolicy.evaluate(rule, of: image, on: Evidence(), at: now)
            if plain.isAllowed || image.digest != nil { return plain }
            let known = try? await Self.within(deadline) { () async throws(BullaError) -> Digest? in
                await source.digestOfTag(image)
            }
            return BullaPolicy.evaluate(rule, of: image, on: Evidence(digestOfTag: known ?? nil), at: now)
        }
        do {
            // One look at an index, outside the race: most images end here, and a race costs more than they do.
            let revision = try await source.revision?(digest)
            if let revision,
                let kept = cache.verdict(
                    on: image, in: namespace, policy: policy.revision, evidence: revision, at: now)
            {
                return kept
            }
            let evidence = try await Self.within(deadline) { () async throws(BullaError) -> Evidence in
                try await source.evidence(image, rule.needsScan(of: image), rule.attestors(for: image), now)
            }
            let verdict = BullaPolicy.evaluate(rule, of: image, on: evidence, at: now)
            if let revision {
                cache.keep(verdict, on: image, in: namespace, policy: policy.revision, evidence: revision, at: now)
            }
            return verdict
        } catch {
            return .unknown([Reason(.evidenceUnavailable(error.message))])
        }
    }

    /// Does work that must end by a time; when the time comes it is cancelled.
    private static func within<Result: Sendable>(
        _ deadline: ContinuousClock.Instant, _ work: @escaping @Sendable () async throws(BullaError) -> Result
    ) async throws(BullaError) -> Result {
        do {
            return try await withThrowingTaskGroup(of: Result.self) { group in
                group.addTask { try await work() }
                group.addTask {
                    try await Task.sleep(until: deadline)
                    throw BullaError(.deadlineExceeded, "the evidence did not come in time")
                }
                defer { group.cancelAll() }
                guard let first = try await group.next() else {
                    throw BullaError(.internal, "judging an image ended without a verdict")
                }
                return first
            }
        } catch {
            throw BullaError(wrapping: error, while: "judging an image")
        }
    }

    // MARK: - Answering

    private static func response(to review: AdmissionReview, _ evaluation: Evaluation) -> AdmissionResponse {
        if evaluation.passes != nil { return .allow(uid: review.uid) }
        let decision = evaluation.decision
        var warnings = evaluation.judged.flatMap { judged in
            judged.verdict.warnings.map { "\(judged.paths.first ?? ""): \($0)" }
        }
        var annotations = ["policy-revision": evaluation.policyRevision.description]
        switch decision.because {
        case .verdicts: annotations["decision"] = decision.isAllowed ? "allowed" : "denied"
        case .breakGlass(let glass):
            annotations["decision"] = "break-glass"
            annotations["break-glass"] = "\(glass.place.rawValue) \(glass.key)"
            let recorded = review.isDryRun ? "" : "; this is recorded"
            warnings.insert("break-glass: allowed by \(glass.place.rawValue) \(glass.key)\(recorded)", at: 0)
        case .auditOnly:
            annotations["decision"] = "audit-only"
            warnings += (evaluation.denial ?? "").split(separator: "\n").dropFirst().map { "would be denied: \($0)" }
        }
        if let denial = evaluation.denial { annotations["reasons"] = String(denial.prefix(1024)) }
        guard decision.isAllowed else {
            return .deny(
                uid: review.uid, message: evaluation.denial ?? "denied", warnings: warnings,
                auditAnnotations: annotations)
        }
        return .allow(uid: review.uid, warnings: warnings, auditAnnotations: annotations)
    }
}
