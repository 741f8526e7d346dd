// SPDX-License-Identifier: Apache-2.0

/// What went wrong, in the form every door of Bulla can answer with.
///
/// The codes are the canonical ones of Google's APIs (https://google.aip.dev/193), so one place can turn them into HTTP
/// and gRPC statuses. The message says what was being done, to what, and what was wrong; it never holds a secret.
public struct BullaError: Error, Sendable, CustomStringConvertible {
    /// A canonical error code of Google's APIs, `OK` left out.
    public enum Code: String, Sendable, CaseIterable {
        case cancelled = "CANCELLED"
        case unknown = "UNKNOWN"
        case invalidArgument = "INVALID_ARGUMENT"
        case deadlineExceeded = "DEADLINE_EXCEEDED"
        case notFound = "NOT_FOUND"
        case alreadyExists = "ALREADY_EXISTS"
        case permissionDenied = "PERMISSION_DENIED"
        case resourceExhausted = "RESOURCE_EXHAUSTED"
        case failedPrecondition = "FAILED_PRECONDITION"
        case aborted = "ABORTED"
        case outOfRange = "OUT_OF_RANGE"
        case unimplemented = "UNIMPLEMENTED"
        case `internal` = "INTERNAL"
        case unavailable = "UNAVAILABLE"
        case dataLoss = "DATA_LOSS"
        case unauthenticated = "UNAUTHENTICATED"
    }

    /// A field of a request that is at fault, and why.
    public struct Violation: Sendable, Hashable {
        /// The path of the field, such as `vulnerability.details[0].affected_package`.
        public let field: String
        /// What is wrong with it.
        public let description: String

        /// Names a field at fault.
        public init(field: String, description: String) {
            self.field = field
            self.description = description
        }
    }

    /// The canonical code.
    public let code: Code
    /// What was being done, to what, and what was wrong, for the person or program that asked.
    public let message: String
    /// A protocol's own word for the failure, such as `MANIFEST_UNKNOWN`.
    public let reason: String?
    /// The fields at fault.
    public let violations: [Violation]
    /// The error beneath, for the log; never sent to a client.
    public let cause: (any Error)?

    /// Makes an error.
    public init(
        _ code: Code, _ message: String, reason: String? = nil, violations: [Violation] = [], cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.reason = reason
        self.violations = violations
        self.cause = cause
    }

    /// Wraps any error: a `BullaError` is kept, a cancellation becomes `cancelled`, everything else `internal`.
    public init(wrapping error: any Error, while doing: String) {
        if let error = error as? BullaError {
            self = error
        } else if error is CancellationError {
            self.init(.cancelled, "\(doing) was cancelled", cause: error)
        } else {
            self.init(.internal, "\(doing) failed", cause: error)
        }
    }

    /// The code and the message.
    public var description: String {
        let text = "\(code.rawValue): \(message)"
        guard let cause else { return text }
        return "\(text) (\(cause))"
    }
}
