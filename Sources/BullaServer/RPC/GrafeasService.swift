// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
public import BullaGrafeas
public import GRPCCore
import GRPCProtobuf
public import GoogleStubs
public import GrafeasMessages
public import Logging
public import SwiftProtobuf

/// Grafeas v1 over gRPC: every method of `grafeas.v1.Grafeas`.
///
/// What is written must be expressible in JSON, for it will be read over both doors: a time after the year 9999, say,
/// is refused here, not when somebody lists it. The size of a message is bounded by the transport
/// (`GrafeasRoutes.maximumBodySize`).
public struct GrafeasService: Grafeas_V1_Grafeas.SimpleServiceProtocol {
    private let api: any MetadataAPI
    private let logger: Logger

    /// Serves an implementation of the metadata API; what is our own fault goes to the log.
    public init(api: any MetadataAPI, logger: Logger) {
        self.api = api
        self.logger = logger
    }

    /// Runs a call and turns its error into a status.
    private func answering<Answer>(
        _ context: ServerContext, _ work: () async throws(BullaError) -> Answer
    ) async throws(GoogleRPCStatus) -> Answer {
        do {
            return try await work()
        } catch {
            if error.isOurFault { logger.error("\(context.descriptor.fullyQualifiedMethod): \(error)") }
            throw error.rpcStatus
        }
    }

    /// Refuses what could not be read back as JSON.
    private func check(_ message: some Message) throws(BullaError) {
        do {
            _ = try ProtobufJSON.encode(message)
        } catch {
            throw BullaError(
                .invalidArgument,
                "a time, a value or an Any in the \(type(of: message).protoMessageName) is malformed: JSON cannot say it",
                cause: error.cause)
        }
    }

    /// Returns one occurrence.
    public func getOccurrence(
        request: Grafeas_V1_GetOccurrenceRequest, context: ServerContext
    ) async throws -> Grafeas_V1_Occurrence {
        try await answering(context) { () throws(BullaError) in try await api.getOccurrence(request) }
    }

    /// Lists a project's occurrences.
    public func listOccurrences(
        request: Grafeas_V1_ListOccurrencesRequest, context: ServerContext
    ) async throws -> Grafeas_V1_ListOccurrencesResponse {
        try await answering(context) { () throws(BullaError) in try await api.listOccurrences(request) }
    }

    /// Deletes an occurrence.
    public func deleteOccurrence(
        request: Grafeas_V1_DeleteOccurrenceRequest, context: ServerContext
    ) async throws -> Google_Protobuf_Empty {
        try await answering(context) { () throws(BullaError) in
            try await api.deleteOccurrence(request)
            return Google_Protobuf_Empty()
        }
    }

    /// Records an occurrence.
    public func createOccurrence(
        request: Grafeas_V1_CreateOccurrenceRequest, context: ServerContext
    ) async throws -> Grafeas_V1_Occurrence {
        try await answering(context) { () throws(BullaError) in
            try check(request.occurrence)
            return try await api.createOccurrence(request)
        }
    }

    /// Records several occurrences, all or none.
    public func batchCreateOccurrences(
        request: Grafeas_V1_BatchCreateOccurrencesRequest, context: ServerContext
    ) async throws -> Grafeas_V1_BatchCreateOccurrencesResponse {
        try await answering(context) { () throws(BullaError) in
            try check(request)
            return try await api.batchCreateOccurrences(request)
        }
    }

    /// Changes an occurrence.
    public func updateOccurrence(
        request: Grafeas_V1_UpdateOccurrenceRequest, context: ServerContext
    ) async throws -> Grafeas_V1_Occurrence {
        try await answering(context) { () throws(BullaError) in
            try check(request.occurrence)
            return try await api.updateOccurrence(request)
        }
    }

    /// Returns the note that an occurrence is attached to.
    public func getOccurrenceNote(
        request: Grafeas_V1_GetOccurrenceNoteRequest, context: ServerContext
    ) async throws -> Grafeas_V1_Note {
        try await answering(context) { () throws(BullaError) in try await api.getOccurrenceNote(request) }
    }

    /// Returns one note.
    public func getNote(
        request: Grafeas_V1_GetNoteRequest, context: ServerContext
    ) async throws -> Grafeas_V1_Note {
        try await answering(context) { () throws(BullaError) in try await api.getNote(request) }
    }

    /// Lists a project's notes.
    public func listNotes(
        request: Grafeas_V1_ListNotesRequest, context: ServerContext
    ) async throws -> Grafeas_V1_ListNotesResponse {
        try await answering(context) { () throws(BullaError) in try await api.listNotes(request) }
    }

    /// Deletes a note.
    public func deleteNote(
        request: Grafeas_V1_DeleteNoteRequest, context: ServerContext
    ) async throws -> Google_Protobuf_Empty {
        try await answering(context) { () throws(BullaError) in
            try await api.deleteNote(request)
            return Google_Protobuf_Empty()
        }
    }

    /// Makes a note.
    public func createNote(
        request: Grafeas_V1_CreateNoteRequest, context: ServerContext
    ) async throws -> Grafeas_V1_Note {
        try await answering(context) { () throws(BullaError) in
            try check(request.note)
            return try await api.createNote(request)
        }
    }

    /// Makes several notes, all or none.
    public func batchCreateNotes(
        request: Grafeas_V1_BatchCreateNotesRequest, context: ServerContext
    ) async throws -> Grafeas_V1_BatchCreateNotesResponse {
        try await answering(context) { () throws(BullaError) in
            try check(request)
            return try await api.batchCreateNotes(request)
        }
    }

    /// Changes a note.
    public func updateNote(
        request: Grafeas_V1_UpdateNoteRequest, context: ServerContext
    ) async throws -> Grafeas_V1_Note {
        try await answering(context) { () throws(BullaError) in
            try check(request.note)
            return try await api.updateNote(request)
        }
    }

    /// Lists the occurrences attached to a note.
    public func listNoteOccurrences(
        request: Grafeas_V1_ListNoteOccurrencesRequest, context: ServerContext
    ) async throws -> Grafeas_V1_ListNoteOccurrencesResponse {
        try await answering(context) { () throws(BullaError) in try await api.listNoteOccurrences(request) }
    }
}
