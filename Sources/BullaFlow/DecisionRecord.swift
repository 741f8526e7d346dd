// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import BullaKubernetes
public import BullaPolicy
public import Foundation

/// What was decided about one request, by which policy and on what grounds: the log's word about an admission.
///
/// Whatever follows from a decision (deployment occurrences, promised attestations, notices) is made from this record
/// and from nothing else.
public struct DecisionRecord: Codable, Hashable, Sendable {
    /// An image that was judged.
    public struct Image: Codable, Hashable, Sendable {
        /// One thing that spoke against it.
        public struct Reason: Codable, Hashable, Sendable {
            /// The kind of reason, such as `NOT_ATTESTED`.
            public var code: String
            /// The reason in a line.
            public var message: String
            /// The policy that gives it.
            public var policy: String
        }

        /// An attestation to be made because the image passed.
        public struct Promise: Codable, Hashable, Sendable {
            /// The attestor's identity within the policy.
            public var attestor: String
            /// The note that the attestation is to hang on.
            public var note: String
            /// The secret that holds the key.
            public var secret: String
            /// The policy that asks for it.
            public var policy: String
        }

        /// Every place that names it.
        public var paths: [String]
        /// The name as written.
        public var name: String
        /// The name as understood, `nil` when it is none.
        public var image: String?
        /// The digest, where the name has one.
        public var digest: String?
        /// The answer.
        public var verdict: Verdict.Outcome
        /// Why it may run.
        public var grounds: [String]
        /// What speaks against it.
        public var reasons: [Reason]
        /// The attestations to be made.
        public var promises: [Promise]
    }

    /// A label or annotation that broke the glass.
    public struct BrokenGlass: Codable, Hashable, Sendable {
        /// Its name.
        public var key: String
        /// Where it was.
        public var place: BreakGlass.Place
    }

    /// `bulla.decision/v1`.
    public var schema = "bulla.decision/v1"
    /// When it was decided.
    public var time: Date
    /// The identity of the request.
    public var uid: String
    /// The namespace of the request.
    public var namespace: String
    /// The object's name, or the prefix that its name is made of.
    public var name: String
    /// The object's API group and version.
    public var apiVersion: String
    /// The object's kind.
    public var kind: String
    /// What was done to it.
    public var operation: String
    /// The part of it that was concerned; empty for the whole.
    public var subResource: String
    /// Who asked.
    public var user: String
    /// The service account that the pods run under.
    public var serviceAccount: String
    /// Whether it was allowed.
    public var allowed: Bool
    /// Whether that was in spite of a verdict.
    public var inSpite: Bool
    /// Whether the policy only watched.
    public var auditOnly: Bool
    /// What broke the glass, if anything.
    public var breakGlass: BrokenGlass?
    /// Whether the request was a dry run; such a decision is never recorded.
    public var dryRun: Bool
    /// The revision of the policies that decided.
    public var policyRevision: String
    /// Every image that was judged.
    public var images: [Image]

    /// Writes down a decision.
    init(
        _ review: AdmissionReview, _ spec: PodSpec, _ decision: Decision, _ judged: [Denial.Judged],
        policy: Policy, at now: Date
    ) {
        time = now
        uid = review.uid
        namespace = review.namespace
        name = review.name.isEmpty ? spec.name : review.name
        apiVersion = review.kind.apiVersion
        kind = review.kind.kind
        operation = review.operation.rawValue
        subResource = review.subResource
        user = review.user
        serviceAccount = spec.serviceAccount
        allowed = decision.isAllowed
        inSpite = decision.inSpite
        auditOnly = decision.because == .auditOnly
        if case .breakGlass(let glass) = decision.because {
            breakGlass = BrokenGlass(key: glass.key, place: glass.place)
        }
        dryRun = review.isDryRun
        policyRevision = policy.revision.description
        images = judged.map(Image.init)
    }

    /// The record as JSON, members sorted, times in milliseconds since 1970.
    ///
    /// - Throws: `internal` when it cannot be encoded.
    public func encoded() throws(BullaError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .millisecondsSince1970
        do {
            return Array(try encoder.encode(self))
        } catch {
            throw BullaError(wrapping: error, while: "writing a decision")
        }
    }

    /// Reads a record.
    ///
    /// - Throws: `dataLoss` when the bytes are none.
    public init(decoding bytes: [UInt8]) throws(BullaError) {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .millisecondsSince1970
        do {
            self = try decoder.decode(DecisionRecord.self, from: Data(bytes))
        } catch {
            throw BullaError(.dataLoss, "the record of a decision cannot be read", cause: error)
        }
    }
}

extension DecisionRecord.Image {
    fileprivate init(_ judged: Denial.Judged) {
        paths = judged.paths
        name = judged.name
        image = judged.image?.description
        digest = judged.image?.digest?.description
        verdict = judged.verdict.outcome
        grounds = judged.verdict.grounds.map(\.description)
        reasons = judged.verdict.reasons.map { Reason(code: $0.code, message: $0.message, policy: $0.policy) }
        promises = judged.verdict.promises.map {
            Promise(attestor: $0.attestor.id, note: $0.attestor.note, secret: $0.secret, policy: $0.policy)
        }
    }
}
