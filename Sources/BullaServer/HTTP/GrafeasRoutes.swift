// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
public import BullaGrafeas
import GrafeasMessages
package import HTTPTypes
public import Hummingbird
import Logging
import NIOCore
import SwiftProtobuf

/// Grafeas v1 as JSON over HTTP: every method of `grafeas.v1.Grafeas` under `/v1`, as Google's API has it.
///
/// A call's body is at most ``maximumBodySize``. Errors are Google's (`ErrorMapping.swift`).
public struct GrafeasRoutes: Sendable {
    /// The most bytes that a call's body may have: 8 MiB, as many as a call over gRPC.
    public static let maximumBodySize = 8 << 20

    private let api: any MetadataAPI

    /// Serves an implementation of the metadata API.
    public init(api: any MetadataAPI) {
        self.api = api
    }

    /// Adds every path below `/v1`.
    public func add<Context: RequestContext>(to router: Router<Context>) {
        for verb in [HTTPRequest.Method.get, .post, .patch, .delete, .put] {
            router.on("/v1/**", method: verb) { request, context in
                let answer = await respond(to: request, logger: context.logger)
                return ErrorMapping.response(answer.status, json: answer.json)
            }
        }
    }

    /// What is sent back: a status and JSON.
    package struct Answer: Sendable {
        /// The status.
        package let status: HTTPResponse.Status
        /// A message, or the error.
        package let json: [UInt8]
    }

    /// Answers a call that has been read whole.
    ///
    /// - Parameters:
    ///   - verb: The request's method.
    ///   - target: Path and query, as they were sent.
    ///   - body: The body, empty where there is none.
    /// - Returns: The message or the error, with its status.
    package func answer(_ verb: HTTPRequest.Method, _ target: String, body: [UInt8] = []) async -> Answer {
        do {
            return try await perform(verb, target) { body }
        } catch {
            return Self.answer(for: error)
        }
    }

    private func respond(to request: Request, logger: Logger) async -> Answer {
        do {
            return try await perform(request.method, request.head.path ?? "") { () throws(BullaError) in
                try await read(request)
            }
        } catch {
            if error.isOurFault { logger.error("\(request.method) \(request.uri.path): \(error)") }
            return Self.answer(for: error)
        }
    }

    private static func answer(for error: BullaError) -> Answer {
        Answer(status: error.code.httpStatus, json: error.googleJSON)
    }

    private func read(_ request: Request) async throws(BullaError) -> [UInt8] {
        // A browser sends a form's types to any address without asking it first; JSON it has to ask for.
        if request.headers[.origin] != nil, request.headers[.contentType]?.contains("json") != true {
            throw BullaError(.invalidArgument, "a call from a web page must have the content type application/json")
        }
        do {
            return Array(buffer: try await request.body.collect(upTo: Self.maximumBodySize))
        } catch is NIOTooManyBytesError {
            throw BullaError(.invalidArgument, "the body is larger than \(Self.maximumBodySize) bytes")
        } catch {
            throw BullaError(wrapping: error, while: "reading the body")
        }
    }

    private func perform(
        _ verb: HTTPRequest.Method, _ target: String, body: () async throws(BullaError) -> [UInt8]
    ) async throws(BullaError) -> Answer {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let call = try GrafeasCall(verb, parts.first ?? "")
        let query = try GrafeasQuery(parts.count == 2 ? parts[1] : "", of: call.method)
        let json = try await dispatch(call, query, body)
        return Answer(status: .ok, json: json)
    }

    private func dispatch(
        _ call: GrafeasCall, _ query: GrafeasQuery, _ body: () async throws(BullaError) -> [UInt8]
    ) async throws(BullaError) -> [UInt8] {
        func written(_ message: some Message) throws(BullaError) -> [UInt8] {
            try ProtobufJSON.encode(message, enumsAsNumbers: query.enumsAsNumbers)
        }
        switch call.method {
        case .getOccurrence:
            return try written(await api.getOccurrence(.with { $0.name = call.resource }))
        case .getOccurrenceNote:
            return try written(await api.getOccurrenceNote(.with { $0.name = call.resource }))
        case .getNote:
            return try written(await api.getNote(.with { $0.name = call.resource }))
        case .deleteOccurrence:
            try await api.deleteOccurrence(.with { $0.name = call.resource })
            return Array("{}".utf8)
        case .deleteNote:
            try await api.deleteNote(.with { $0.name = call.resource })
            return Array("{}".utf8)
        case .listOccurrences:
            return try written(
                await api.listOccurrences(
                    .with {
                        $0.parent = call.resource
                        $0.filter = query.filter
                        $0.pageSize = query.pageSize
                        $0.pageToken = query.pageToken
                        $0.returnPartialSuccess = query.returnPartialSuccess
                    }))
        case .listNotes:
            return try written(
                await api.listNotes(
                    .with {
                        $0.parent = call.resource
                        $0.filter = query.filter
                        $0.pageSize = query.pageSize
                        $0.pageToken = query.pageToken
                        $0.returnPartialSuccess = query.returnPartialSuccess
                    }))
        case .listNoteOccurrences:
            return try written(
                await api.listNoteOccurrences(
                    .with {
                        $0.name = call.resource
                        $0.filter = query.filter
                        $0.pageSize = query.pageSize
                        $0.pageToken = query.pageToken
                    }))
        case .createOccurrence:
            var occurrence = try ProtobufJSON.decode(Grafeas_V1_Occurrence.self, from: await body())
            try ProtobufJSON.settle(&occurrence)
            return try written(
                await api.createOccurrence(
                    .with {
                        $0.parent = call.resource
                        $0.occurrence = occurrence
                    }))
        case .batchCreateOccurrences:
            var request = try ProtobufJSON.decode(
                Grafeas_V1_BatchCreateOccurrencesRequest.self, from: await body())
            try ProtobufJSON.settle(&request)
            request.parent = call.resource
            return try written(await api.batchCreateOccurrences(request))
        case .updateOccurrence:
            var occurrence = try ProtobufJSON.decode(Grafeas_V1_Occurrence.self, from: await body())
            try ProtobufJSON.settle(&occurrence)
            return try written(
                await api.updateOccurrence(
                    .with {
                        $0.name = call.resource
                        $0.occurrence = occurrence
                        if !query.updateMask.isEmpty { $0.updateMask.paths = query.updateMask }
                    }))
        case .createNote:
            let note = try ProtobufJSON.decode(Grafeas_V1_Note.self, from: await body())
            return try written(
                await api.createNote(
                    .with {
                        $0.parent = call.resource
                        $0.noteID = query.noteID
                        $0.note = note
                    }))
        case .batchCreateNotes:
            var request = try ProtobufJSON.decode(Grafeas_V1_BatchCreateNotesRequest.self, from: await body())
            request.parent = call.resource
            return try written(await api.batchCreateNotes(request))
        case .updateNote:
            let note = try ProtobufJSON.decode(Grafeas_V1_Note.self, from: await body())
            return try written(
                await api.updateNote(
                    .with {
                        $0.name = call.resource
                        $0.note = note
                        if !query.updateMask.isEmpty { $0.updateMask.paths = query.updateMask }
                    }))
        }
    }
}
