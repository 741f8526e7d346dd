// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact
public import GrafeasMessages

/// The metadata API: Google's methods of `grafeas.v1.Grafeas`, and one of ours, ``record(_:)``.
///
/// Whoever speaks it does not know whether the service is in this process or far away. Every method throws the error
/// that Google's service would answer with: `invalidArgument` for a malformed name, filter or record, `notFound`,
/// `alreadyExists`, `failedPrecondition` for a change of what is immutable, `aborted` for a lost race.
public protocol MetadataAPI: Sendable {
    /// Returns one occurrence.
    func getOccurrence(_ request: Grafeas_V1_GetOccurrenceRequest) async throws(BullaError) -> Grafeas_V1_Occurrence

    /// Lists a project's occurrences, oldest first.
    func listOccurrences(
        _ request: Grafeas_V1_ListOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_ListOccurrencesResponse

    /// Deletes one occurrence; its last revision is kept in the store.
    func deleteOccurrence(_ request: Grafeas_V1_DeleteOccurrenceRequest) async throws(BullaError)

    /// Records one occurrence under a name that the service makes.
    func createOccurrence(
        _ request: Grafeas_V1_CreateOccurrenceRequest
    ) async throws(BullaError) -> Grafeas_V1_Occurrence

    /// Records up to 1,000 occurrences, all or none.
    func batchCreateOccurrences(
        _ request: Grafeas_V1_BatchCreateOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_BatchCreateOccurrencesResponse

    /// Changes the fields that the mask names; without a mask, every mutable field.
    func updateOccurrence(
        _ request: Grafeas_V1_UpdateOccurrenceRequest
    ) async throws(BullaError) -> Grafeas_V1_Occurrence

    /// Returns the note that an occurrence is attached to, in whichever project that note is.
    func getOccurrenceNote(_ request: Grafeas_V1_GetOccurrenceNoteRequest) async throws(BullaError) -> Grafeas_V1_Note

    /// Returns one note.
    func getNote(_ request: Grafeas_V1_GetNoteRequest) async throws(BullaError) -> Grafeas_V1_Note

    /// Lists a project's notes, oldest first.
    func listNotes(_ request: Grafeas_V1_ListNotesRequest) async throws(BullaError) -> Grafeas_V1_ListNotesResponse

    /// Deletes one note; its last revision is kept in the store.
    func deleteNote(_ request: Grafeas_V1_DeleteNoteRequest) async throws(BullaError)

    /// Makes a note under an id that the caller chooses.
    func createNote(_ request: Grafeas_V1_CreateNoteRequest) async throws(BullaError) -> Grafeas_V1_Note

    /// Makes up to 1,000 notes, all or none.
    func batchCreateNotes(
        _ request: Grafeas_V1_BatchCreateNotesRequest
    ) async throws(BullaError) -> Grafeas_V1_BatchCreateNotesResponse

    /// Changes the fields that the mask names; without a mask, every mutable field.
    func updateNote(_ request: Grafeas_V1_UpdateNoteRequest) async throws(BullaError) -> Grafeas_V1_Note

    /// Lists the occurrences attached to a note, of whichever project.
    func listNoteOccurrences(
        _ request: Grafeas_V1_ListNoteOccurrencesRequest
    ) async throws(BullaError) -> Grafeas_V1_ListNoteOccurrencesResponse

    /// Keeps a whole result in one transaction, or nothing of it.
    ///
    /// - Throws: `aborted` when a record is not in the state that the recording expects.
    func record(_ recording: Recording) async throws(BullaError) -> RecordingOutcome
}
