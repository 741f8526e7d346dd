// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaFlow
import BullaGrafeas
import BullaRegistry
import Foundation
import GrafeasMessages
import HTTPTypes
import Hummingbird
import NIOCore
import SwiftProtobuf

/// What only Bulla offers: what the server is, and the whole report of an image's last scan.
struct ServerRoutes: Sendable {
    let names: RecordNames
    let maximumScanAge: TimeInterval?
    let metadata: any MetadataAPI
    let blobs: any BlobStore

    private struct Description: Encodable {
        var version = Release.version
        var registryName: String
        var project: String
        var vulnerabilityProvider: String
        var analysisProvider: String
        var maximumScanAge: Double?
    }

    func add(to router: Router<some RequestContext>) {
        router.get("/bulla/v1/server") { _, _ in
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let description = Description(
                registryName: names.registryName, project: names.defaultProject,
                vulnerabilityProvider: names.vulnerabilityProvider, analysisProvider: names.analysisProvider,
                maximumScanAge: maximumScanAge)
            return Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: try encoder.encode(description))))
        }
        router.get("/bulla/v1/report") { request, _ in
            do throws(BullaError) {
                return try await report(of: String(request.uri.queryParameters["image"] ?? ""))
            } catch {
                return Response(
                    status: error.code.httpStatus, headers: [.contentType: "application/json"],
                    body: ResponseBody(byteBuffer: ByteBuffer(bytes: error.googleJSON)))
            }
        }
    }

    private func report(of text: String) async throws(BullaError) -> Response {
        let image = try ImageReference(text)
        guard let digest = image.digest else {
            throw BullaError(.invalidArgument, "image '\(image)' has no digest")
        }
        let name = try FindingRecord(names: names).discoveryName(of: image, digest)
        let discovery: Grafeas_V1_DiscoveryOccurrence
        do {
            discovery = try await metadata.getOccurrence(.with { $0.name = name.description }).discovery
        } catch {
            guard error.code == .notFound else { throw error }
            throw BullaError(.notFound, "image '\(image)' was never scanned")
        }
        guard let file = discovery.files.first(where: { $0.name == "bulla.scan/v1" }),
            let hexadecimal = file.digest["sha256"]
        else {
            let reason = discovery.analysisStatusError.message
            throw BullaError(
                .failedPrecondition,
                "the scan of '\(image)' has no report: \(Self.word(for: discovery.analysisStatus))\(reason.isEmpty ? "" : ", \(reason)")"
            )
        }
        let stream = try await blobs.open(try Digest(hexadecimal: hexadecimal), range: nil)
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody { writer in
                for try await chunk in stream { try await writer.write(ByteBuffer(bytes: chunk)) }
                try await writer.finish(nil)
            })
    }

    /// The status as the API writes it.
    private static func word(for status: Grafeas_V1_DiscoveryOccurrence.AnalysisStatus) -> String {
        switch status {
        case .pending: "PENDING"
        case .scanning: "SCANNING"
        case .finishedSuccess: "FINISHED_SUCCESS"
        case .finishedFailed: "FINISHED_FAILED"
        case .finishedUnsupported: "FINISHED_UNSUPPORTED"
        case .unspecified, .UNRECOGNIZED: "ANALYSIS_STATUS_UNSPECIFIED"
        }
    }
}
