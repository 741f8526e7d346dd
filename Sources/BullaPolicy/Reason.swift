// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation

/// One thing that speaks against an image, with the policy that says so.
public struct Reason: Hashable, Sendable, CustomStringConvertible {
    /// What speaks against the image.
    public enum Problem: Hashable, Sendable {
        /// The name in the pod is no image reference.
        case malformedImage(String)
        /// No policy covers the namespace, and the configuration refuses that.
        case noPolicy(namespace: String)
        /// The policy itself can admit nothing.
        case brokenPolicy(String)
        /// What is recorded about the image could not be read.
        case evidenceUnavailable(String)
        /// The image is named by a tag, or by nothing; where our registry knows the tag, its digest is given.
        case notByDigest(known: Digest?)
        /// An attestor that must vouch has not; what it has that does not hold is named.
        case notAttested(by: Attestor, rejected: [Evidence.RejectedSeal])
        /// No scan was ever finished.
        case neverScanned
        /// The first scan waits its turn.
        case scanPending
        /// The first scan is running.
        case scanRunning
        /// The scan failed.
        case scanFailed(String)
        /// The image is of a kind that cannot be scanned.
        case scanUnsupported(String)
        /// The last scan is older than allowed.
        case scanTooOld(finished: Date, limit: TimeInterval)
        /// A vulnerability exceeds a limit.
        case vulnerability(Violation)
    }

    /// The policy that demands otherwise, such as `GenericAttestationPolicy prod/signed`; empty where none does.
    public let policy: String
    /// What speaks against the image.
    public let problem: Problem

    /// States a reason.
    public init(policy: String = "", _ problem: Problem) {
        self.policy = policy
        self.problem = problem
    }

    /// What is wrong, in one line, and by which policy.
    public var description: String { policy.isEmpty ? message : "\(message) (\(policy))" }

    /// What is wrong, in one line.
    public var message: String {
        switch problem {
        case .malformedImage(let what): what
        case .noPolicy(let namespace): "no policy covers namespace '\(namespace)', and that is refused here"
        case .brokenPolicy(let what): what
        case .evidenceUnavailable(let what): "what is recorded about the image could not be read: \(what)"
        case .notByDigest: "not named by a digest"
        case .notAttested(let attestor, let rejected): Self.message(for: attestor, rejected)
        case .neverScanned: "never scanned"
        case .scanPending: "not scanned yet: the scan is queued"
        case .scanRunning: "not scanned yet: the scan is running"
        case .scanFailed(let why): "the scan failed" + (why.isEmpty ? "" : ": \(why)")
        case .scanUnsupported(let why): "the image cannot be scanned" + (why.isEmpty ? "" : ": \(why)")
        case .scanTooOld(let finished, let limit):
            "the last scan, of \(finished.formatted(.iso8601)), is older than \(Self.text(of: limit))"
        case .vulnerability(let violation): violation.description
        }
    }

    /// What to do about it with that image; `nil` where there is nothing to advise.
    public func remedy(for image: ImageReference?) -> String? {
        switch problem {
        case .notByDigest(.some(let digest)):
            return image.map { "use \($0.at(digest))" }
        case .notByDigest(.none):
            return "name it by its digest: NAME@sha256:…"
        case .notAttested(let attestor, _):
            guard let image, let digest = image.digest, !attestor.keys.isEmpty else { return nil }
            let openPGP = attestor.keys.contains { $0.format == .openPGP }
            let flag = openPGP ? "--pgp-key" : "--pkix-key"
            return "bulla attest \(image.at(digest)) --attestor \(attestor.note) \(flag) FILE"
        case .neverScanned, .scanFailed, .scanTooOld:
            return image.map { "push it to the registry, then: bulla check \($0) --policy FILE" }
        case .scanPending, .scanRunning:
            return "try again when the scan has ended"
        case .vulnerability(let violation):
            guard let fixed = violation.fixedVersion else { return nil }
            return "upgrade \(violation.package ?? "the package") to \(fixed)"
        case .malformedImage, .noPolicy, .brokenPolicy, .evidenceUnavailable, .scanUnsupported:
            return nil
        }
    }

    /// The order of a denial's lines: what is worst comes first.
    public var rank: Int {
        switch problem {
        case .malformedImage: 0
        case .noPolicy: 1
        case .brokenPolicy: 2
        case .evidenceUnavailable: 3
        case .notAttested(_, let rejected): rejected.isEmpty ? 5 : 4
        case .notByDigest: 6
        case .scanFailed: 7
        case .scanUnsupported: 8
        case .neverScanned: 9
        case .scanTooOld: 10
        case .scanPending, .scanRunning: 11
        case .vulnerability(let violation): 20 - violation.severity.rawValue
        }
    }

    /// A word for the kind of reason, for records and counters.
    public var code: String {
        switch problem {
        case .malformedImage: "MALFORMED_IMAGE"
        case .noPolicy: "NO_POLICY"
        case .brokenPolicy: "BROKEN_POLICY"
        case .evidenceUnavailable: "EVIDENCE_UNAVAILABLE"
        case .notByDigest: "NOT_BY_DIGEST"
        case .notAttested: "NOT_ATTESTED"
        case .neverScanned: "NEVER_SCANNED"
        case .scanPending: "SCAN_PENDING"
        case .scanRunning: "SCAN_RUNNING"
        case .scanFailed: "SCAN_FAILED"
        case .scanUnsupported: "SCAN_UNSUPPORTED"
        case .scanTooOld: "SCAN_TOO_OLD"
        case .vulnerability: "VULNERABILITY"
        }
    }

    private static func message(for attestor: Attestor, _ rejected: [Evidence.RejectedSeal]) -> String {
        if attestor.keys.isEmpty { return "attestor \(attestor.name) has no key, so it can attest nothing" }
        guard let first = rejected.first else { return "not attested by \(attestor.name)" }
        let key = first.keyID.map { " by key \($0.prefix(120))" } ?? ""
        let more = rejected.count > 1 ? " (and \(rejected.count - 1) more)" : ""
        return
            "not attested by \(attestor.name): an attestation\(key) does not hold: \(first.reason.prefix(300))\(more)"
    }

    /// A duration as the flags spell it, in the largest unit that fits.
    static func text(of interval: TimeInterval) -> String {
        let seconds = Int(exactly: interval.rounded()) ?? Int.max
        if seconds >= 3600, seconds % 3600 == 0 { return "\(seconds / 3600)h" }
        if seconds >= 60, seconds % 60 == 0 { return "\(seconds / 60)m" }
        return "\(seconds)s"
    }
}

/// A vulnerability that exceeds a policy's limit.
public struct Violation: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The vulnerability's name.
    public let id: String
    /// How bad it is.
    public let severity: Severity
    /// The version that fixes it, if any.
    public let fixedVersion: String?
    /// The package concerned, if known.
    public let package: String?
    /// The limit that it exceeds.
    public let limit: SeverityLimit

    /// Describes a violation.
    public init(
        id: String, severity: Severity, fixedVersion: String? = nil, package: String? = nil, limit: SeverityLimit
    ) {
        self.id = id
        self.severity = severity
        self.fixedVersion = fixedVersion
        self.package = package
        self.limit = limit
    }

    private enum CodingKeys: String, CodingKey {
        case id, severity, fixedVersion, package, limit
    }

    /// Reads a violation from its JSON form.
    ///
    /// - Throws: a decoding error for an unknown severity or limit.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func malformed(_ key: CodingKeys) -> DecodingError {
            .dataCorruptedError(forKey: key, in: values, debugDescription: "unknown word")
        }
        guard let severity = Severity(try values.decode(String.self, forKey: .severity)) else {
            throw malformed(.severity)
        }
        guard let limit = SeverityLimit(try values.decode(String.self, forKey: .limit)) else { throw malformed(.limit) }
        id = try values.decode(String.self, forKey: .id)
        self.severity = severity
        fixedVersion = try values.decodeIfPresent(String.self, forKey: .fixedVersion)
        package = try values.decodeIfPresent(String.self, forKey: .package)
        self.limit = limit
    }

    /// Writes `id`, `severity`, `fixedVersion` (null where there is none) and `limit`; `package` where it is known.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(id, forKey: .id)
        try values.encode(severity.description, forKey: .severity)
        try values.encode(fixedVersion, forKey: .fixedVersion)
        try values.encodeIfPresent(package, forKey: .package)
        try values.encode(limit.description, forKey: .limit)
    }

    /// The vulnerability and the limit, in one line.
    public var description: String {
        let place = package.map { " in \($0)" } ?? ""
        return "\(id) (\(severity))\(place) exceeds \(limit)"
    }
}
