// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaGrafeas
import GrafeasMessages
import SwiftProtobuf
import Synchronization

/// A metadata API that keeps what it was asked, and answers with what it was given.
final class RecordingAPI: MetadataAPI {
    /// What it was asked, in order.
    var asked: [any Message] { requests.withLock { $0 } }

    private let requests = Mutex<[any Message]>([])
    private let occurrence: Grafeas_V1_Occurrence
    private let note: Grafeas_V1_Note
    private let failure: BullaError?

    init(
        occurrence: Grafeas_V1_Occurrence = .init(), note: Grafeas_V1_Note = .init(), failure: BullaError? = nil
    ) {
        self.occurrence = occurrence
        self.note = note
        self.failure = failure
    }

    private func take(_ request: some Message) throws(BullaError) {
        requests.withLock { $0.append(request) }
        if let failure { throw failure }
    }

    func getOccurrence(
        _ request: Grafeas_V1_GetOccurrenceRequest
    ) async throws(BullaError) -> Grafeas_V1_Occurrence {
        try take(request)
        return occurrence
    }

    func listOccurrences(
        _ request: Grafeas_V1_ListOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_ListOccurrencesResponse {
        try take(request)
        return .with {
            $0.occurrences = [occurrence]
            $0.nextPageToken = "next"
        }
    }

    func deleteOccurrence(_ request: Grafeas_V1_DeleteOccurrenceRequest) async throws(BullaError) {
        try take(request)
    }

    func createOccurrence(
        _ request: Grafeas_V1_CreateOccurrenceRequest
    ) async throws(BullaError) -> Grafeas_V1_Occurrence {
        try take(request)
        return request.occurrence
    }

    func batchCreateOccurrences(
        _ request: Grafeas_V1_BatchCreateOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_BatchCreateOccurrencesResponse {
        try take(request)
        return .with { $0.occurrences = request.occurrences }
    }

    func updateOccurrence(
        _ request: Grafeas_V1_UpdateOccurrenceRequest
    ) async throws(BullaError) -> Grafeas_V1_Occurrence {
        try take(request)
        return request.occurrence
    }

    func getOccurrenceNote(
        _ request: Grafeas_V1_GetOccurrenceNoteRequest
    ) async throws(BullaError) -> Grafeas_V1_Note {
        try take(request)
        return note
    }

    func getNote(_ request: Grafeas_V1_GetNoteRequest) async throws(BullaError) -> Grafeas_V1_Note {
        try take(request)
        return note
    }

    func listNotes(
        _ request: Grafeas_V1_ListNotesRequest
    ) async throws(BullaError) -> Grafeas_V1_ListNotesResponse {
        try take(request)
        return .with { $0.notes = [note] }
    }

    func deleteNote(_ request: Grafeas_V1_DeleteNoteRequest) async throws(BullaError) { try take(request) }

    func createNote(_ request: Grafeas_V1_CreateNoteRequest) async throws(BullaError) -> Grafeas_V1_Note {
        try take(request)
        return request.note
    }

    func batchCreateNotes(
        _ request: Grafeas_V1_BatchCreateNotesRequest
    ) async throws(BullaError) -> Grafeas_V1_BatchCreateNotesResponse {
        try take(request)
        return .with { $0.notes = request.notes.sorted { $0.key < $1.key }.map(\.value) }
    }

    func updateNote(_ request: Grafeas_V1_UpdateNoteRequest) async throws(BullaError) -> Grafeas_V1_Note {
        try take(request)
        return request.note
    }

    func listNoteOccurrences(
        _ request: Grafeas_V1_ListNoteOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_ListNoteOccurrencesResponse {
        try take(request)
        return .with { $0.occurrences = [occurrence] }
    }

    func record(_ recording: Recording) async throws(BullaError) -> RecordingOutcome {
        throw BullaError(.unimplemented, "no door records a whole result")
    }
}
