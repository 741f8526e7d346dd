// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact

/// A webhook's answer to a review
/// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response).
public struct AdmissionResponse: Sendable, Hashable {
    /// Why a request was not allowed, as the API server hands it on.
    public struct Status: Sendable, Hashable {
        /// The HTTP status that the client of the API server sees.
        public let code: Int
        /// Kubernetes' word for it.
        public let reason: String
        /// What is wrong.
        public let message: String

        /// Describes a status.
        public init(code: Int, reason: String, message: String) {
            self.code = code
            self.reason = reason
            self.message = message
        }
    }

    /// The identity of the request.
    public let uid: String
    /// Whether it may go on.
    public let isAllowed: Bool
    /// Why not; `nil` when it may.
    public let status: Status?
    /// What the client should know although it may go on; each at most 120 characters.
    public let warnings: [String]
    /// What the API server's audit log should say; the names are prefixed with the webhook's by the API server.
    public let auditAnnotations: [String: String]

    /// Allows a request.
    public static func allow(
        uid: String, warnings: [String] = [], auditAnnotations: [String: String] = [:]
    ) -> AdmissionResponse {
        AdmissionResponse(
            uid: uid, isAllowed: true, status: nil, warnings: warnings, auditAnnotations: auditAnnotations)
    }

    /// Denies a request by policy.
    public static func deny(
        uid: String, message: String, warnings: [String] = [], auditAnnotations: [String: String] = [:]
    ) -> AdmissionResponse {
        AdmissionResponse(
            uid: uid, isAllowed: false, status: Status(code: 403, reason: "Forbidden", message: message),
            warnings: warnings, auditAnnotations: auditAnnotations)
    }

    /// Denies a request that could not be decided, saying so.
    public static func refuse(uid: String, _ problem: BullaError) -> AdmissionResponse {
        let (code, reason) =
            switch problem.code {
            case .invalidArgument: (400, "BadRequest")
            case .resourceExhausted: (413, "RequestEntityTooLarge")
            case .deadlineExceeded, .cancelled: (504, "Timeout")
            case .unavailable: (503, "ServiceUnavailable")
            default: (500, "InternalError")
            }
        let message = "denied, for it could not be decided: " + problem.message
        return AdmissionResponse(
            uid: uid, isAllowed: false,
            status: Status(code: code, reason: reason, message: String(message.prefix(1024))), warnings: [],
            auditAnnotations: [:])
    }

    private init(
        uid: String, isAllowed: Bool, status: Status?, warnings: [String], auditAnnotations: [String: String]
    ) {
        self.uid = uid
        self.isAllowed = isAllowed
        self.status = status
        self.warnings = warnings.prefix(16).map(Self.shorten)
        self.auditAnnotations = auditAnnotations
    }

    /// Clients cut what is longer than 120 characters, so it is cut here, visibly.
    private static func shorten(_ warning: String) -> String {
        let line = warning.map { $0.isNewline ? " " : $0 }
        return line.count <= 120 ? String(line) : String(line.prefix(119)) + "…"
    }

    /// The review in which this answers, in the version that was asked in; the same answer gives the same bytes.
    ///
    /// Warnings exist since v1, but v1beta1's field is the same and unknown fields are ignored.
    public func encoded(as version: AdmissionReview.Version) -> [UInt8] {
        var json = JSONWriter()
        json.raw(#"{"apiVersion":"#)
        json.string(version.rawValue)
        json.raw(#","kind":"AdmissionReview","response":{"uid":"#)
        json.string(uid)
        json.raw(isAllowed ? #","allowed":true"# : #","allowed":false"#)
        if let status {
            json.raw(#","status":{"code":"#)
            json.number(status.code)
            json.raw(#","message":"#)
            json.string(status.message)
            json.raw(#","reason":"#)
            json.string(status.reason)
            json.raw(#","status":"Failure"}"#)
        }
        if !auditAnnotations.isEmpty {
            json.raw(#","auditAnnotations":{"#)
            for (index, (name, value)) in auditAnnotations.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { json.raw(",") }
                json.string(name)
                json.raw(":")
                json.string(value)
            }
            json.raw("}")
        }
        if !warnings.isEmpty {
            json.raw(#","warnings":["#)
            for (index, warning) in warnings.enumerated() {
                if index > 0 { json.raw(",") }
                json.string(warning)
            }
            json.raw("]")
        }
        json.raw("}}")
        return json.bytes
    }
}
