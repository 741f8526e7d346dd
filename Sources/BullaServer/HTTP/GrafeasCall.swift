// SPDX-License-Identifier: Apache-2.0

package import BullaArtifact
package import HTTPTypes

/// Which method of Grafeas v1 an HTTP request calls, and on which resource.
///
/// The name is cut from the path as it was sent: segments are told apart before they are decoded, so an encoded slash
/// never makes a segment, and nothing is collapsed. Every path exists below `projects/P` and below
/// `projects/P/locations/L` (https://google.aip.dev/127).
package struct GrafeasCall: Sendable, Hashable {
    /// The methods of `grafeas.v1.Grafeas`.
    package enum Method: Sendable, CaseIterable {
        case getOccurrence, listOccurrences, deleteOccurrence, createOccurrence, batchCreateOccurrences
        case updateOccurrence, getOccurrenceNote
        case getNote, listNotes, deleteNote, createNote, batchCreateNotes, updateNote, listNoteOccurrences
    }

    /// The method.
    package let method: Method
    /// The request's `name`, or its `parent` where the method has one.
    package let resource: String

    /// The methods of each path below a project; `*` is an id, and a verb is part of the last segment.
    private static let table: [String: [HTTPRequest.Method: Method]] = [
        "occurrences": [.get: .listOccurrences, .post: .createOccurrence],
        "occurrences:batchCreate": [.post: .batchCreateOccurrences],
        "occurrences/*": [.get: .getOccurrence, .patch: .updateOccurrence, .delete: .deleteOccurrence],
        "occurrences/*/notes": [.get: .getOccurrenceNote],
        "notes": [.get: .listNotes, .post: .createNote],
        "notes:batchCreate": [.post: .batchCreateNotes],
        "notes/*": [.get: .getNote, .patch: .updateNote, .delete: .deleteNote],
        "notes/*/occurrences": [.get: .listNoteOccurrences],
    ]

    /// Reads a request's method and path, the path without its query.
    ///
    /// - Throws: `notFound` when there is no such method or path, `invalidArgument` for a segment that is not
    ///   percent-encoded UTF-8 or holds a slash.
    package init(_ verb: HTTPRequest.Method, _ path: some StringProtocol) throws(BullaError) {
        let segments = path.split(separator: "/", maxSplits: 12, omittingEmptySubsequences: false)
        guard segments.count >= 5, segments[0].isEmpty, segments[1] == "v1", segments[2] == "projects" else {
            throw Self.unknown(verb, path)
        }
        var parent = "projects/" + (try Self.identifier(segments[3], in: path))
        var rest = segments[4...]
        if rest.count >= 3, rest[4] == "locations" {
            parent += "/locations/" + (try Self.identifier(rest[5], in: path))
            rest = rest.dropFirst(2)
        }
        let collection = rest.removeFirst()
        var shape = String(collection)
        var resource = parent
        if let identifier = rest.popFirst() {
            shape += "/*"
            resource += "/" + collection + "/" + (try Self.identifier(identifier, in: path))
        }
        if !rest.isEmpty { shape += "/" + rest.joined(separator: "/") }
        guard let methods = Self.table[shape] else { throw Self.unknown(verb, path) }
        guard let method = methods[verb] else {
            let known = methods.keys.map(\.rawValue).sorted().joined(separator: ", ")
            throw BullaError(.notFound, "\(verb.rawValue) \(path.prefix(200)): no such method; this path has \(known)")
        }
        self.method = method
        self.resource = resource
    }

    private static func identifier(_ segment: some StringProtocol, in path: some StringProtocol) throws(BullaError)
        -> String
    {
        guard !segment.isEmpty else {
            throw BullaError(.notFound, "\(path.prefix(200)): an empty segment names nothing")
        }
        guard let text = PercentEncoding.decode(segment.utf8), !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x2F })
        else {
            throw BullaError(
                .invalidArgument,
                "\(path.prefix(200)): segment '\(segment.prefix(80))' must be percent-encoded UTF-8 without a slash")
        }
        return text
    }

    private static func unknown(_ verb: HTTPRequest.Method, _ path: some StringProtocol) -> BullaError {
        BullaError(.notFound, "\(verb.rawValue) \(path.prefix(200)): no such path")
    }
}
