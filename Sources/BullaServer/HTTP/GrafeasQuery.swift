// SPDX-License-Identifier: Apache-2.0

package import BullaArtifact

/// The query of a call of Grafeas: the fields of the request that are neither in the path nor in the body.
///
/// Names are taken as `pageSize` and as `page_size`. Google's system parameters
/// (https://cloud.google.com/apis/docs/system-parameters) are ignored, but for `alt`; any other name that the method
/// lacks is refused, for a misspelt `updateMask` that is ignored would replace everything.
package struct GrafeasQuery: Sendable, Hashable {
    /// The filter of a list, or empty.
    package private(set) var filter = ""
    /// How many records a page of a list may hold; 0 leaves it to the service.
    package private(set) var pageSize: Int32 = 0
    /// Where a list goes on, or empty.
    package private(set) var pageToken = ""
    /// Whether a list may leave out what cannot be reached.
    package private(set) var returnPartialSuccess = false
    /// The id of a note to be made, or empty.
    package private(set) var noteID = ""
    /// The paths that an update replaces, in snake case; empty when all that may change is replaced.
    package private(set) var updateMask: [String] = []
    /// Whether the answer writes enumerations as numbers (`$alt=json;enum-encoding=int`).
    package private(set) var enumsAsNumbers = false

    /// Reads a query, without its question mark.
    ///
    /// - Throws: `invalidArgument` naming the parameter that is unknown, given twice, or has no such value.
    package init(_ query: some StringProtocol, of method: GrafeasCall.Method) throws(BullaError) {
        var seen: Set<String> = []
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0].utf8, plusIsSpace: true),
                let value = PercentEncoding.decode((parts.count == 2 ? String(parts[1]) : "").utf8, plusIsSpace: true)
            else {
                throw BullaError(.invalidArgument, "query '\(pair.prefix(80))' is not percent-encoded UTF-8")
            }
            try take(name, value, of: method, seen: &seen)
        }
    }

    private mutating func take(
        _ name: String, _ value: String, of method: GrafeasCall.Method, seen: inout Set<String>
    ) throws(BullaError) {
        switch name {
        case "alt", "$alt": return try takeEncoding(value, name)
        case let name where Self.systemParameters.contains(name.hasPrefix("$") ? String(name.dropFirst()) : name):
            return
        default: break
        }
        guard let parameter = Self.parameters[name], parameter.methods.contains(method) else {
            throw Self.refusal(name, "no such parameter of this method")
        }
        guard seen.insert(parameter.field).inserted || parameter.field == "update_mask" else {
            throw Self.refusal(parameter.field, "given more than once")
        }
        switch parameter.field {
        case "filter": filter = value
        case "page_token": pageToken = value
        case "note_id": noteID = value
        case "page_size":
            guard let size = Int32(value) else {
                throw Self.refusal("page_size", "'\(value.prefix(80))' is not an integer of 32 bits")
            }
            pageSize = size
        case "return_partial_success":
            guard let flag = Bool(value) else {
                throw Self.refusal("return_partial_success", "'\(value.prefix(80))' is neither true nor false")
            }
            returnPartialSuccess = flag
        default:
            for path in value.split(separator: ",") { updateMask.append(Self.snakeCase(path)) }
        }
    }

    private mutating func takeEncoding(_ value: String, _ name: String) throws(BullaError) {
        switch value {
        case "json", "": break
        case "json;enum-encoding=int": enumsAsNumbers = true
        default: throw Self.refusal(name, "'\(value.prefix(80))': only json and json;enum-encoding=int are spoken")
        }
    }

    /// A path of a field mask in the words of the definitions: `shortDescription` is `short_description`.
    private static func snakeCase(_ path: Substring) -> String {
        var result: [UInt8] = []
        for byte in path.utf8 where byte != UInt8(ascii: " ") {
            if UInt8(ascii: "A") <= byte, byte <= UInt8(ascii: "Z") {
                result.append(UInt8(ascii: "_"))
                result.append(byte | 0x20)
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func refusal(_ field: String, _ description: String) -> BullaError {
        BullaError(
            .invalidArgument, "query parameter '\(field.prefix(80))': \(description)",
            violations: [.init(field: String(field.prefix(80)), description: description)])
    }

    /// The parameters that every Google API takes and that change nothing here.
    private static let systemParameters: Set<String> = [
        ".xgafv", "access_token", "callback", "fields", "key", "oauth_token", "prettyPrint", "quotaUser",
        "uploadType", "upload_protocol", "userProject",
    ]

    /// A parameter's field, and the methods that have it, by every spelling of its name.
    private static let parameters: [String: (field: String, methods: Set<GrafeasCall.Method>)] = {
        let lists: Set<GrafeasCall.Method> = [.listOccurrences, .listNotes, .listNoteOccurrences]
        let updates: Set<GrafeasCall.Method> = [.updateOccurrence, .updateNote]
        return [
            "filter": ("filter", lists),
            "pageSize": ("page_size", lists), "page_size": ("page_size", lists),
            "pageToken": ("page_token", lists), "page_token": ("page_token", lists),
            "returnPartialSuccess": ("return_partial_success", [.listOccurrences, .listNotes]),
            "return_partial_success": ("return_partial_success", [.listOccurrences, .listNotes]),
            "noteId": ("note_id", [.createNote]), "note_id": ("note_id", [.createNote]),
            "updateMask": ("update_mask", updates), "update_mask": ("update_mask", updates),
            "updateMask.paths": ("update_mask", updates), "update_mask.paths": ("update_mask", updates),
        ]
    }()
}
