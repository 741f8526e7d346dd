// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import BullaKubernetes
public import BullaPolicy

/// What `bulla admit` says about an object: `bulla.admit/v1`.
public struct AdmitReport: Codable, Hashable, Sendable {
    /// An image at a place, and what is said about it.
    public struct Image: Codable, Hashable, Sendable {
        /// The place that names it.
        public var path: String
        /// The name as written.
        public var image: String
        /// `allow`, `deny` or `unknown`.
        public var verdict: Verdict.Outcome
        /// Why, each reason in a line; of a denial with how to mend it.
        public var reasons: [String]
    }

    /// `bulla.admit/v1`.
    public var schema = "bulla.admit/v1"
    /// Whether the object may enter.
    public var allowed: Bool
    /// Every image at every place, in the order of the object.
    public var images: [Image]
    /// What decided besides the verdicts, such as break-glass.
    public var notes: [String]

    /// Joins what was found about several objects, each with a title for its paths; the title of a single one is left
    /// out.
    public init(_ evaluations: [(title: String, AdmitFlow.Evaluation)]) {
        allowed = evaluations.allSatisfy { $0.1.decision.isAllowed }
        images = []
        notes = []
        for (title, evaluation) in evaluations {
            let prefix = evaluations.count > 1 && !title.isEmpty ? "\(title): " : ""
            if let passes = evaluation.passes { notes.append("\(prefix)not judged: \(passes)") }
            switch evaluation.decision.because {
            case .verdicts: break
            case .breakGlass(let glass): notes.append("\(prefix)break-glass by \(glass.place.rawValue) \(glass.key)")
            case .auditOnly: notes.append("\(prefix)the policy only watches")
            }
            for judged in evaluation.judged {
                let verdict = judged.verdict
                let reasons =
                    verdict.isAllowed
                    ? verdict.grounds.map(\.description) + verdict.warnings
                    : verdict.reasons.map { reason in
                        reason.description + (reason.remedy(for: judged.image).map { "; \($0)" } ?? "")
                    }
                images += judged.paths.map {
                    Image(path: prefix + $0, image: judged.name, verdict: verdict.outcome, reasons: reasons)
                }
            }
        }
    }
}

extension AdmitFlow {
    /// Judges what a file or a body holds, and records nothing: a review, or Kubernetes objects in JSON or YAML.
    ///
    /// - Throws: `invalidArgument` when it is none of these, or an object cannot be read.
    public func report(
        on bytes: [UInt8], in namespace: String? = nil, within budget: Duration
    ) async throws(BullaError) -> AdmitReport {
        // JSON is read as such: it may be larger than a YAML file, and deeper.
        let kind = try? PodSpec.kind(of: bytes)
        let isPlain = kind != nil && kind?.kind != "List"
        let documents = isPlain ? [bytes] : try ManifestFile.documents(in: bytes, file: "input")
        guard !documents.isEmpty else { throw BullaError(.invalidArgument, "the input holds no object") }
        var evaluations: [(title: String, Evaluation)] = []
        for document in documents {
            let kind = try PodSpec.kind(of: document)
            guard kind.kind == "AdmissionReview" else {
                let spec = try PodSpec.read(document)
                let title = "\(kind.kind) \(spec?.name ?? "")"
                evaluations.append((title, await evaluate(spec, in: namespace, within: budget)))
                continue
            }
            switch AdmissionReview.read(document) {
            case .review(let review):
                let title = "\(review.kind.kind) \(review.name)"
                evaluations.append((title, try await evaluate(review, in: namespace, within: budget)))
            case .malformed(_, _, let problem), .unreadable(let problem): throw problem
            }
        }
        return AdmitReport(evaluations)
    }
}
