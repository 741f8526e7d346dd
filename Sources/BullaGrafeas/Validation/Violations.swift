// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import GrafeasMessages

/// What is wrong with a record: everything at once, each with the path of its field.
struct Violations {
    private(set) var found: [BullaError.Violation] = []

    /// Past so many, one more line says that there are more.
    private static let most = 50

    mutating func add(_ field: String, _ what: String) {
        if found.count < Self.most { found.append(BullaError.Violation(field: field, description: what)) }
    }

    mutating func require(_ isThere: Bool, _ field: String) {
        if !isThere { add(field, "\(field) is required") }
    }

    /// A version that is given: of a kind, and named when it is a normal one.
    mutating func check(_ version: Grafeas_V1_Version, _ path: String) {
        require(version.kind != .unspecified, "\(path).kind")
        if version.kind == .normal { require(!version.name.isEmpty, "\(path).name") }
    }

    /// An image's fingerprint, with every part.
    mutating func check(_ fingerprint: Grafeas_V1_Fingerprint, _ path: String) {
        require(!fingerprint.v1Name.isEmpty, "\(path).v1_name")
        require(!fingerprint.v2Blob.isEmpty, "\(path).v2_blob")
        for (index, blob) in fingerprint.v2Blob.enumerated() {
            if blob.isEmpty { add("\(path).v2_blob[\(index)]", "\(path).v2_blob[\(index)] cannot be empty") }
        }
    }

    /// Throws all that was found.
    func check(_ what: String) throws(BullaError) {
        guard !found.isEmpty else { return }
        throw BullaError(
            .invalidArgument, "\(what) is invalid: [\(found.map(\.description).joined(separator: ", "))]",
            violations: found)
    }
}
