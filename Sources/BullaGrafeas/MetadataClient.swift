// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import BullaHTTP
public import Foundation
public import GrafeasMessages
import HTTPTypes
import SwiftProtobuf

/// The metadata API as a client of a server elsewhere, over REST/JSON.
///
/// The paths are those of the `google.api.http` annotations of `grafeas.v1.Grafeas`, so any server that speaks Google's
/// API answers it. Whole results (``record(_:)``) are Bulla's own and only work inside a server.
public struct MetadataClient: MetadataAPI {
    /// No answer of the API is longer.
    private static let answerLimit = 64 << 20

    private let server: URL
    private let transport: any HTTPTransport
    private let token: String?
    private let timeout: Duration

    /// Makes a client.
    ///
    /// - Parameters:
    ///   - server: The server's base URL, such as `http://127.0.0.1:8080`.
    ///   - transport: What carries the requests.
    ///   - token: A bearer token, if the server asks for one.
    ///   - timeout: How long one call may take.
    public init(
        server: URL, transport: any HTTPTransport, token: String? = nil, timeout: Duration = .seconds(30)
    ) {
        self.server = server
        self.transport = transport
        self.token = token
        self.timeout = timeout
    }

    /// Returns one occurrence.
    public func getOccurrence(
        _ request: Grafeas_V1_GetOccurrenceRequest
    ) async throws(BullaError) -> Grafeas_V1_Occurrence {
        try await call(.get, request.name)
    }

    /// Lists a project's occurrences.
    public func listOccurrences(
        _ request: Grafeas_V1_ListOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_ListOccurrencesResponse {
        try await call(
            .get, request.parent + "/occurrences",
            query: paging(request.filter, request.pageSize, request.pageToken))
    }

    /// Deletes one occurrence.
    public func deleteOccurrence(_ request: Grafeas_V1_DeleteOccurrenceRequest) async throws(BullaError) {
        let _: Google_Protobuf_Empty = try await call(.delete, request.name)
    }

    /// Records one occurrence.
    public func createOccurrence(
        _ request: Grafeas_V1_CreateOccurrenceRequest
    ) async throws(BullaError) -> Grafeas_V1_Occurrence {
        try await call(.post, request.parent + "/occurrences", body: request.occurrence)
    }

    /// Records several occurrences, all or none.
    public func batchCreateOccurrences(
        _ request: Grafeas_V1_BatchCreateOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_BatchCreateOccurrencesResponse {
        try await call(.post, request.parent + "/occurrences:batchCreate", body: request)
    }

    /// Changes an occurrence.
    public func updateOccurrence(
        _ request: Grafeas_V1_UpdateOccurrenceRequest
    ) async throws(BullaError) -> Grafeas_V1_Occurrence {
        try await call(.patch, request.name, query: mask(request.updateMask), body: request.occurrence)
    }

    /// Returns the note of an occurrence.
    public func getOccurrenceNote(
        _ request: Grafeas_V1_GetOccurrenceNoteRequest
    ) async throws(BullaError) -> Grafeas_V1_Note {
        try await call(.get, request.name + "/notes")
    }

    /// Returns one note.
    public func getNote(_ request: Grafeas_V1_GetNoteRequest) async throws(BullaError) -> Grafeas_V1_Note {
        try await call(.get, request.name)
    }

    /// Lists a project's notes.
    public func listNotes(
        _ request: Grafeas_V1_ListNotesRequest
    ) async throws(BullaError) -> Grafeas_V1_ListNotesResponse {
        try await call(
            .get, request.parent + "/notes", query: paging(request.filter, request.pageSize, request.pageToken))
    }

    /// Deletes one note.
    public func deleteNote(_ request: Grafeas_V1_DeleteNoteRequest) async throws(BullaError) {
        let _: Google_Protobuf_Empty = try await call(.delete, request.name)
    }

    /// Makes a note.
    public func createNote(_ request: Grafeas_V1_CreateNoteRequest) async throws(BullaError) -> Grafeas_V1_Note {
        try await call(
            .post, request.parent + "/notes", query: [URLQueryItem(name: "noteId", value: request.noteID)],
            body: request.note)
    }

    /// Makes several notes, all or none.
    public func batchCreateNotes(
        _ request: Grafeas_V1_BatchCreateNotesRequest
    ) async throws(BullaError) -> Grafeas_V1_BatchCreateNotesResponse {
        try await call(.post, request.parent + "/notes:batchCreate", body: request)
    }

    /// Changes a note.
    public func updateNote(_ request: Grafeas_V1_UpdateNoteRequest) async throws(BullaError) -> Grafeas_V1_Note {
        try await call(.patch, request.name, query: mask(request.updateMask), body: request.note)
    }

    /// Lists the occurrences attached to a note.
    public func listNoteOccurrences(
        _ request: Grafeas_V1_ListNoteOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_ListNoteOccurrencesResponse {
        try await call(
            .get, request.name + "/occurrences",
            query: paging(request.filter, request.pageSize, request.pageToken))
    }

    /// Refuses: Google's API has no method for a whole result.
    ///
    /// - Throws: `unimplemented`, always.
    public func record(_ recording: Recording) async throws(BullaError) -> RecordingOutcome {
        throw BullaError(.unimplemented, "a whole result can only be recorded inside the server")
    }

    // MARK: - The wire

    private func paging(_ filter: String, _ size: Int32, _ token: String) -> [URLQueryItem] {
        var items: [URLQueryItem] = []
        if !filter.isEmpty { items.append(URLQueryItem(name: "filter", value: filter)) }
        if size != 0 { items.append(URLQueryItem(name: "pageSize", value: String(size))) }
        if !token.isEmpty { items.append(URLQueryItem(name: "pageToken", value: token)) }
        return items
    }

    private func mask(_ mask: Google_Protobuf_FieldMask) -> [URLQueryItem] {
        mask.paths.isEmpty ? [] : [URLQueryItem(name: "updateMask", value: mask.paths.joined(separator: ","))]
    }

    private func call<Answer: Message>(
        _ method: HTTPRequest.Method, _ name: String, query: [URLQueryItem] = [], body: (any Message)? = nil
    ) async throws(BullaError) -> Answer {
        let doing = "\(method.rawValue) /v1/\(name)"
        guard var parts = URLComponents(url: server, resolvingAgainstBaseURL: true) else {
            throw BullaError(.invalidArgument, "'\(server)' is not a server's URL")
        }
        let allowed = CharacterSet.urlPathAllowed.subtracting(CharacterSet(charactersIn: "%?#"))
        parts.percentEncodedPath = "/v1/" + (name.addingPercentEncoding(withAllowedCharacters: allowed) ?? name)
        if !query.isEmpty {
            parts.queryItems = query
            parts.percentEncodedQuery = parts.percentEncodedQuery?.replacingOccurrences(of: "+", with: "%2B")
        }
        guard let url = parts.url, var request = HTTPRequest(method, to: url) else {
            throw BullaError(.invalidArgument, "'\(server)' is not a server's URL")
        }
        request.headerFields[.accept] = "application/json"
        if let token { request.headerFields[.authorization] = "Bearer \(token)" }
        var content = OutgoingBody.none
        if let body {
            request.headerFields[.contentType] = "application/json"
            do {
                content = .bytes(try body.jsonUTF8Bytes())
            } catch {
                throw BullaError(.invalidArgument, "\(doing): the record cannot be written as JSON", cause: error)
            }
        }
        let reply = try await transport.send(request, body: content, timeout: timeout)
        let bytes = try await reply.bytes(upTo: Self.answerLimit, of: "the answer to \(doing)")
        guard reply.head.status.kind == .successful else {
            throw Self.failure(status: reply.head.status.code, bytes, doing)
        }
        do {
            var options = JSONDecodingOptions()
            options.ignoreUnknownFields = true
            return try Answer(jsonUTF8Bytes: bytes, options: options)
        } catch {
            throw BullaError(.unavailable, "\(doing): the answer is not of the API", cause: error)
        }
    }

    private struct Failure: Decodable {
        struct Status: Decodable {
            var message: String?
            var status: String?
        }
        var error: Status
    }

    /// Reads the error that a server of Google's APIs answered with.
    public static func failure(status: Int, _ bytes: [UInt8], _ doing: String) -> BullaError {
        guard JSONDepth.isAtMost(64, in: bytes),
            let failure = try? JSONDecoder().decode(Failure.self, from: Data(bytes))
        else { return BullaError(.unavailable, "\(doing): the server answered with status \(status)") }
        let code = failure.error.status.flatMap(BullaError.Code.init(rawValue:)) ?? .unknown
        return BullaError(code, failure.error.message ?? "\(doing): status \(status)")
    }
}
