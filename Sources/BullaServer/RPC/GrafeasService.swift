// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
public import BullaGrafeas
public import GRPCCore
import GRPCProtobuf
import GoogleStubs
import GrafeasMessages
public import Logging
import SwiftProtobuf

/// Grafeas v1 over gRPC: every method of `grafeas.v1.Grafeas`.
///
/// What is written must be expressible in JSON, for it will be read over both doors: a time after the year 9999, say,
/// is refused here, not when somebody lists it. The size of a message is bounded by the transport
/// (`GrafeasRoutes.maximumBodySize`), what it may hold by `BoundedDeserializer`.
public struct GrafeasService: RegistrableRPCService {
    private typealias Method = Grafeas_V1_Grafeas.Method

    private let api: any MetadataAPI
    private let logger: Logger

    /// Serves an implementation of the metadata API; what is our own fault goes to the log.
    public init(api: any MetadataAPI, logger: Logger) {
        self.api = api
        self.logger = logger
    }

    /// Registers every method.
    public func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        add(Method.GetOccurrence.descriptor, to: &router) { (request: Method.GetOccurrence.Input) throws(BullaError) in
            try await api.getOccurrence(request)
        }
        add(Method.ListOccurrences.descriptor, to: &router) {
            (request: Method.ListOccurrences.Input) throws(BullaError) in
            try await api.listOccurrences(request)
        }
        add(Method.DeleteOccurrence.descriptor, to: &router) {
            (request: Method.DeleteOccurrence.Input) throws(BullaError) in
            try await api.deleteOccurrence(request)
            return Google_Protobuf_Empty()
        }
        add(Method.CreateOccurrence.descriptor, to: &router) {
            (request: Method.CreateOccurrence.Input) throws(BullaError) in
            try check(request)
            return try await api.createOccurrence(request)
        }
        add(Method.BatchCreateOccurrences.descriptor, to: &router) {
            (request: Method.BatchCreateOccurrences.Input) throws(BullaError) in
            try check(request)
            return try await api.batchCreateOccurrences(request)
        }
        add(Method.UpdateOccurrence.descriptor, to: &router) {
            (request: Method.UpdateOccurrence.Input) throws(BullaError) in
            try check(request.occurrence)
            return try await api.updateOccurrence(request)
        }
        add(Method.GetOccurrenceNote.descriptor, to: &router) {
            (request: Method.GetOccurrenceNote.Input) throws(BullaError) in
            try await api.getOccurrenceNote(request)
        }
        add(Method.GetNote.descriptor, to: &router) { (request: Method.GetNote.Input) throws(BullaError) in
            try await api.getNote(request)
        }
        add(Method.ListNotes.descriptor, to: &router) { (request: Method.ListNotes.Input) throws(BullaError) in
            try await api.listNotes(request)
        }
        add(Method.DeleteNote.descriptor, to: &router) { (request: Method.DeleteNote.Input) throws(BullaError) in
            try await api.deleteNote(request)
            return Google_Protobuf_Empty()
        }
        add(Method.CreateNote.descriptor, to: &router) { (request: Method.CreateNote.Input) throws(BullaError) in
            try check(request)
            return try await api.createNote(request)
        }
        add(Method.BatchCreateNotes.descriptor, to: &router) {
            (request: Method.BatchCreateNotes.Input) throws(BullaError) in
            try check(request)
            return try await api.batchCreateNotes(request)
        }
        add(Method.UpdateNote.descriptor, to: &router) { (request: Method.UpdateNote.Input) throws(BullaError) in
            try check(request.note)
            return try await api.updateNote(request)
        }
        add(Method.ListNoteOccurrences.descriptor, to: &router) {
            (request: Method.ListNoteOccurrences.Input) throws(BullaError) in
            try await api.listNoteOccurrences(request)
        }
    }

    /// Registers a method that takes one message and answers with one.
    private func add<Transport: ServerTransport, Input: Message, Output: Message>(
        _ method: MethodDescriptor, to router: inout RPCRouter<Transport>,
        _ work: @escaping @Sendable (Input) async throws(BullaError) -> Output
    ) {
        router.registerHandler(
            forMethod: method, deserializer: BoundedDeserializer<Input>(), serializer: ProtobufSerializer<Output>()
        ) { stream, _ in
            let request = try await ServerRequest(stream: stream)
            do {
                let output = try await work(request.message)
                return StreamingServerResponse(single: ServerResponse(message: output))
            } catch let error as BullaError {
                if error.isOurFault { logger.error("\(method.fullyQualifiedMethod): \(error)") }
                throw error.rpcStatus
            }
        }
    }

    /// Refuses what could not be read back as JSON.
    private func check(_ message: some Message) throws(BullaError) {
        do {
            _ = try ProtobufJSON.encode(message)
        } catch {
            throw BullaError(
                .invalidArgument,
                "a time, a value or an Any in the \(type(of: message).protoMessageName) cannot be said in JSON",
                cause: error.cause)
        }
    }
}
