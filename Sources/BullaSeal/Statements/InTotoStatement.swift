// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import Foundation

/// An in-toto statement: these subjects, and what is claimed about them.
///
/// Versions 0.1 and 1 differ in their name alone. See
/// https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md.
public struct InTotoStatement: Hashable, Sendable {
    /// A thing that is spoken of, by its digests.
    public struct Subject: Hashable, Sendable {
        /// The name that its builder gave it; empty if none.
        public let name: String
        /// Digests by algorithm, such as `sha256`, in lowercase hexadecimal.
        public let digests: [String: String]
    }

    /// The longest statement that is read, in bytes.
    public static let maximumSize = 8 * 1024 * 1024
    /// The media type of a statement, and the payload type of its envelope.
    public static let mediaType = "application/vnd.in-toto+json"

    /// The version's URI, `https://in-toto.io/Statement/v1` or `…/v0.1`.
    public let type: String
    /// What the statement is about.
    public let subjects: [Subject]
    /// The URI that says what the predicate means.
    public let predicateType: String
    /// The predicate as JSON without white space, members in their order; what is recorded is made from it.
    public let predicate: Data
    /// The predicate, if it is provenance of a version that Bulla reads.
    public let provenance: SLSAProvenance?

    /// Reads a statement.
    ///
    /// - Parameter bytes: The JSON, without an envelope.
    /// - Throws: `invalidArgument` naming the member at fault.
    public init(parsing bytes: some Collection<UInt8>) throws(BullaError) {
        let what = "in-toto statement"
        let root = try JSONValue(parsing: bytes, limit: Self.maximumSize, what: what)
        func wrong(_ reason: String) -> BullaError { BullaError(.invalidArgument, "\(what) \(reason)") }
        guard let type = root["_type"]?.string else { throw wrong("has no _type") }
        guard type == "https://in-toto.io/Statement/v0.1" || type == "https://in-toto.io/Statement/v1" else {
            throw wrong("has the unknown _type '\(type.prefix(120))'")
        }
        guard let predicateType = root["predicateType"]?.string, !predicateType.isEmpty else {
            throw wrong("has no predicateType")
        }
        guard let subjects = root["subject"]?.array, !subjects.isEmpty else { throw wrong("has no subject") }
        var read: [Subject] = []
        for (index, subject) in subjects.enumerated() {
            guard subject.members != nil else { throw wrong("has a subject[\(index)] that is no object") }
            let digests = try Self.digests(subject["digest"], at: "subject[\(index)].digest", of: what)
            guard !digests.isEmpty else { throw wrong("has no digest in subject[\(index)]") }
            read.append(Subject(name: subject["name"]?.string ?? "", digests: digests))
        }
        let predicate = root["predicate"]
        if let predicate, predicate != .null, predicate.members == nil {
            throw wrong("has a predicate that is no object")
        }
        self.type = type
        self.subjects = read
        self.predicateType = predicateType
        self.predicate = predicate?.data ?? Data("null".utf8)
        switch SLSAProvenance.Version(predicateType: predicateType) {
        case .some(let version):
            guard let predicate, predicate.members != nil else { throw wrong("has no predicate") }
            provenance = try SLSAProvenance(version: version, predicate: predicate)
        case nil: provenance = nil
        }
    }

    /// The subject that is this image, if the statement speaks of it.
    public func subject(with digest: BullaArtifact.Digest) -> Subject? {
        let text = digest.hexadecimal
        return subjects.first { $0.digests["sha256"] == text }
    }

    /// Reads a set of digests; a SHA-256 must be one, other algorithms (`dirHash`) may write in other ways.
    static func digests(_ value: JSONValue?, at place: String, of what: String) throws(BullaError) -> [String: String] {
        guard let value, value != .null else { return [:] }
        guard let members = value.members else {
            throw BullaError(.invalidArgument, "\(what) has a \(place) that is no object")
        }
        var digests: [String: String] = [:]
        for member in members {
            guard let text = member.value.string else {
                throw BullaError(.invalidArgument, "\(what) has a \(place).\(member.name.prefix(40)) that is no string")
            }
            let lowercase = text.lowercased()
            let isHexadecimal = lowercase.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
            if member.name == "sha256" {
                guard lowercase.utf8.count == 64, isHexadecimal else {
                    throw BullaError(
                        .invalidArgument, "\(what) has a \(place).sha256 that is not 64 hexadecimal digits")
                }
            }
            digests[member.name] = isHexadecimal ? lowercase : text
        }
        return digests
    }
}
