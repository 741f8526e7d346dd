// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
package import BullaRegistry
import Foundation
import HTTPTypes
package import Hummingbird
import Logging
import NIOCore

/// The registry's HTTP: the distribution specification's end points under `/v2/`.
///
/// Bodies stream both ways at the pace of the slower side. Locations are relative, so no answer depends on the name that
/// the client used. Digests are computed, never taken from a field.
///
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>
package struct RegistryRoutes: Sendable {
    private let service: RegistryService
    /// How many tags, repositories or referrers one answer holds at most.
    private static let pageLimit = 10_000

    /// Makes the routes of a registry.
    package init(_ service: RegistryService) { self.service = service }

    /// Adds the routes to a router.
    package func add(to router: some RouterMethods<ConnectionContext>) {
        for method in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete] {
            for path in ["/v2", "/v2/**"] as [RouterPath] {
                router.on(path, method: method) { request, context in await answer(request, context) }
            }
        }
    }

    /// Answers one request; every error becomes the specification's JSON, and one that is our fault goes to the log.
    private func answer(_ request: Request, _ context: ConnectionContext) async -> Response {
        do {
            return try await route(request, on: context.channel)
        } catch {
            let failure = RegistryFailure(error)
            if failure.error.isOurFault {
                context.logger.error("registry request failed", metadata: ["error": "\(failure.error)"])
            }
            return failure.response(isHead: request.method == .head)
        }
    }

    private func route(_ request: Request, on channel: any Channel) async throws -> Response {
        guard let path = RegistryPath(request.uri.path.removingPercentEncoding ?? "") else {
            throw BullaError(.notFound, "no such end point", reason: "UNSUPPORTED")
        }
        if let repository = path.repository { try RegistryService.check(repository: repository) }
        let call = Call(request: request, service: service, channel: channel)
        switch (path, request.method) {
        case (.root, .get), (.root, .head): return call.root()
        case (.catalog, .get): return try await call.catalog()
        case (.tags(let repository), .get): return try await call.tags(repository)
        case (.manifest(let repository, let name), .get), (.manifest(let repository, let name), .head):
            return try await call.manifest(repository, try ManifestName(name))
        case (.manifest(let repository, let name), .put):
            return try await call.putManifest(repository, try ManifestName(name))
        case (.manifest(let repository, let name), .delete):
            try await service.deleteManifest(try ManifestName(name), in: repository)
            return Response(status: .accepted)
        case (.blob(let repository, let digest), .get), (.blob(let repository, let digest), .head):
            return try await call.blob(repository, try RegistryService.digest(digest))
        case (.blob(let repository, let digest), .delete):
            try await service.deleteBlob(try RegistryService.digest(digest), in: repository)
            return Response(status: .accepted)
        case (.uploads(let repository), .post): return try await call.beginUpload(repository)
        case (.upload(let repository, let id), .get), (.upload(let repository, let id), .head):
            return call.standing(try await service.upload(id, in: repository), .noContent)
        case (.upload(let repository, let id), .patch): return try await call.continueUpload(repository, id)
        case (.upload(let repository, let id), .put): return try await call.endUpload(repository, id)
        case (.upload(let repository, let id), .delete):
            try await service.cancel(try await service.upload(id, in: repository))
            return Response(status: .noContent)
        case (.referrers(let repository, let digest), .get):
            return try await call.referrers(repository, try RegistryService.digest(digest))
        default: throw BullaError(.unimplemented, "\(request.method) is not for this path", reason: "UNSUPPORTED")
        }
    }

    // MARK: One request

    private struct Call {
        let request: Request
        let service: RegistryService
        let channel: any Channel

        func root() -> Response {
            RegistryRoutes.json(text: "{}", [.dockerAPIVersion: "registry/2.0"], isHead: request.method == .head)
        }

        private func parameter(_ name: String) -> String? { request.uri.queryParameters[name[...]].map(String.init) }

        /// How many lines are asked for, and how many are sent.
        private func limit() throws(BullaError) -> Int {
            guard let text = parameter("n") else { return RegistryRoutes.pageLimit }
            guard let number = Int(text), number >= 0 else {
                throw BullaError(.invalidArgument, "n is not a number", reason: "PAGINATION_NUMBER_INVALID")
            }
            return min(number, RegistryRoutes.pageLimit)
        }

        private func link(_ path: String, last: String?, _ limit: Int, _ hasMore: Bool) -> HTTPFields {
            guard hasMore, limit > 0, let last else { return [:] }
            let escaped = last.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? last
            return [.link: "<\(path)?n=\(limit)&last=\(escaped)>; rel=\"next\""]
        }

        func catalog() async throws -> Response {
            struct Catalog: Encodable { let repositories: [String] }
            let limit = try limit()
            let (names, hasMore) = try await service.repositories(after: parameter("last"), limit: limit)
            return try RegistryRoutes.json(
                Catalog(repositories: names), link("/v2/_catalog", last: names.last, limit, hasMore))
        }

        func tags(_ repository: String) async throws -> Response {
            struct Tags: Encodable {
                let name: String
                let tags: [String]
            }
            let limit = try limit()
            let (tags, hasMore) = try await service.tags(of: repository, after: parameter("last"), limit: limit)
            return try RegistryRoutes.json(
                Tags(name: repository, tags: tags),
                link("/v2/\(repository)/tags/list", last: tags.last, limit, hasMore))
        }

        func referrers(_ repository: String, _ digest: Digest) async throws -> Response {
            let type = parameter("artifactType").flatMap { $0.isEmpty ? nil : $0 }
            let last = try parameter("last").map { (text) throws(BullaError) in try RegistryService.digest(text) }
            let limit = try limit()
            let (found, hasMore) = try await service.referrers(
                to: digest, in: repository, artifactType: type, after: last, limit: limit)
            let index = ImageIndex(
                manifests: found.map {
                    Descriptor(
                        mediaType: $0.mediaType, digest: $0.digest, size: $0.size, artifactType: $0.artifactType,
                        annotations: $0.annotations)
                })
            var fields: HTTPFields = [:]
            if hasMore, let last = found.last {
                let filter = type?.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
                fields[.link] =
                    "</v2/\(repository)/referrers/\(digest)?n=\(limit)&last=\(last.digest)"
                    + (filter.map { "&artifactType=\($0)" } ?? "") + ">; rel=\"next\""
            }
            if type != nil { fields[.ociFiltersApplied] = "artifactType" }
            fields[.contentType] = MediaType.ociIndex
            return try RegistryRoutes.json(index, fields)
        }

        func manifest(_ repository: String, _ name: ManifestName) async throws -> Response {
            let record = try await service.manifest(name, in: repository)
            let fields: HTTPFields = [
                .contentType: record.mediaType, .contentLength: String(record.bytes.count),
                .dockerContentDigest: record.digest.description, .eTag: "\"\(record.digest)\"",
            ]
            if request.headers[.ifNoneMatch] == "\"\(record.digest)\"" {
                return Response(status: .notModified, headers: [.eTag: "\"\(record.digest)\""])
            }
            if request.method == .head { return Response(status: .ok, headers: fields) }
            return Response(
                status: .ok, headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: record.bytes)))
        }

        func putManifest(_ repository: String, _ name: ManifestName) async throws -> Response {
            let bytes: [UInt8]
            do {
                bytes = try await request.byteStream.collect(upTo: ImageManifest.maximumSize, of: "a manifest")
            } catch let error as BullaError {
                throw BullaError(error.code, error.message, reason: "SIZE_INVALID")
            }
            let record = try await service.putManifest(
                bytes, mediaType: request.headers[.contentType], as: name, in: repository)
            var fields: HTTPFields = [
                .location: "/v2/\(repository)/manifests/\(record.digest)",
                .dockerContentDigest: record.digest.description,
            ]
            if let subject = record.subject { fields[.ociSubject] = subject.description }
            return Response(status: .created, headers: fields)
        }

        func blob(_ repository: String, _ digest: Digest) async throws -> Response {
            let size = try await service.blobSize(digest, in: repository)
            var fields: HTTPFields = [
                .contentType: "application/octet-stream", .acceptRanges: "bytes",
                .dockerContentDigest: digest.description, .eTag: "\"\(digest)\"",
            ]
            if request.method == .head {
                fields[.contentLength] = String(size)
                return Response(status: .ok, headers: fields)
            }
            let asked = ByteRange.requested(request.headers[.range], of: size)
            if let asked, asked.isEmpty {
                fields[.contentRange] = "bytes */\(size)"
                return RegistryFailure(
                    BullaError(.outOfRange, "the blob has \(size) bytes", reason: "RANGE_INVALID")
                ).response(fields: fields)
            }
            let part = asked ?? 0..<size
            if asked != nil { fields[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)" }
            let stream = try await service.openBlob(digest, in: repository, range: part)
            let body = ResponseBody(contentLength: part.count) { [channel] writer in
                for try await chunk in stream {
                    try await writer.write(ByteBuffer(bytes: chunk))
                    // A write returns before the connection's thread has seen it, and many would queue up there; once
                    // that thread has been by, the next write waits for a reader that is slow.
                    try await channel.eventLoop.submit {}.get()
                }
                try await writer.finish(nil)
            }
            return Response(status: asked == nil ? .ok : .partialContent, headers: fields, body: body)
        }

        // MARK: Uploads

        private func location(_ upload: UploadSession) -> String {
            "/v2/\(upload.repository)/blobs/uploads/\(upload.id.uuidString.lowercased())"
        }

        /// How far an upload has come, in the fields that every answer about it has.
        private func fields(_ upload: UploadSession) -> HTTPFields {
            [
                .location: location(upload), .range: "0-\(max(0, upload.count - 1))",
                .dockerUploadUUID: upload.id.uuidString.lowercased(),
            ]
        }

        func standing(_ upload: UploadSession, _ status: HTTPResponse.Status) -> Response {
            Response(status: status, headers: fields(upload))
        }

        private func created(_ repository: String, _ digest: Digest) -> Response {
            Response(
                status: .created,
                headers: [
                    .location: "/v2/\(repository)/blobs/\(digest)", .dockerContentDigest: digest.description,
                ])
        }

        func beginUpload(_ repository: String) async throws -> Response {
            if let mount = parameter("mount"), let digest = try? Digest(mount) {
                let source = parameter("from").flatMap { $0.isEmpty ? nil : $0 }
                if try await service.mount(digest, from: source, to: repository) { return created(repository, digest) }
            }
            guard let text = parameter("digest") else {
                return standing(try await service.beginUpload(to: repository), .accepted)
            }
            let digest = try RegistryService.digest(text)
            let upload = try await service.beginUpload(to: repository)
            do {
                let whole = try await service.append(request.byteStream, to: upload, from: 0)
                try await service.finish(whole, as: digest)
            } catch {
                // Nobody knows its name, so nobody will go on with it.
                try? await service.cancel(upload)
                throw error
            }
            return created(repository, digest)
        }

        /// Where the chunk of this request begins, if it says so.
        private func start() throws(BullaError) -> Int64? {
            guard let field = request.headers[.contentRange] else { return nil }
            guard let chunk = ByteRange.chunk(field) else {
                throw BullaError(
                    .invalidArgument, "Content-Range '\(field.prefix(80))' is not FIRST-LAST",
                    reason: "BLOB_UPLOAD_INVALID")
            }
            if let text = request.headers[.contentLength], Int64(text) != chunk.upperBound - chunk.lowerBound + 1 {
                throw BullaError(
                    .invalidArgument, "Content-Range \(field.prefix(80)) and Content-Length \(text.prefix(20)) differ",
                    reason: "SIZE_INVALID")
            }
            return chunk.lowerBound
        }

        /// Appends the request's body; a chunk out of order is answered with where the upload stands.
        private func append(to upload: UploadSession) async throws(BullaError) -> (UploadSession, refusal: Response?) {
            do {
                return (try await service.append(request.byteStream, to: upload, from: try start()), nil)
            } catch {
                guard error.code == .outOfRange else { throw error }
                return (upload, RegistryFailure(error).response(fields: fields(upload)))
            }
        }

        func continueUpload(_ repository: String, _ id: String) async throws -> Response {
            let (upload, refusal) = try await append(to: try await service.upload(id, in: repository))
            return refusal ?? standing(upload, .accepted)
        }

        func endUpload(_ repository: String, _ id: String) async throws -> Response {
            guard let text = parameter("digest") else {
                throw BullaError(.invalidArgument, "the digest parameter is missing", reason: "DIGEST_INVALID")
            }
            let digest = try RegistryService.digest(text)
            let (upload, refusal) = try await append(to: try await service.upload(id, in: repository))
            if let refusal { return refusal }
            try await service.finish(upload, as: digest)
            return created(repository, digest)
        }
    }

    // MARK: Bodies

    fileprivate static func json(_ value: some Encodable, _ fields: HTTPFields) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return json(text: String(decoding: try encoder.encode(value), as: UTF8.self), fields)
    }

    fileprivate static func json(
        text: String, _ fields: HTTPFields, status: HTTPResponse.Status = .ok, isHead: Bool = false
    ) -> Response {
        var fields = fields
        let body = ByteBuffer(string: text)
        if fields[.contentType] == nil { fields[.contentType] = "application/json" }
        fields[.contentLength] = String(body.readableBytes)
        return Response(status: status, headers: fields, body: isHead ? .init() : ResponseBody(byteBuffer: body))
    }
}

/// An error as the distribution specification has it: a status, and JSON with its code.
private struct RegistryFailure {
    private struct Body: Encodable {
        struct Entry: Encodable {
            let code: String
            let message: String
        }
        let errors: [Entry]
    }

    let error: BullaError

    init(_ error: any Error) { self.error = BullaError(wrapping: error, while: "answering") }

    private var status: HTTPResponse.Status {
        switch (error.code, error.reason) {
        case (.outOfRange, _): .rangeNotSatisfiable
        case (.resourceExhausted, "SIZE_INVALID"): .contentTooLarge
        case (.unimplemented, _): .methodNotAllowed
        default: error.code.httpStatus
        }
    }

    /// The specification's code, or one in its style where it has none.
    private var word: String {
        if let reason = error.reason { return reason }
        return switch error.code {
        case .unauthenticated: "UNAUTHORIZED"
        case .permissionDenied: "DENIED"
        case .resourceExhausted: "TOOMANYREQUESTS"
        default: "UNKNOWN"
        }
    }

    func response(fields: HTTPFields = [:], isHead: Bool = false) -> Response {
        var fields = fields
        fields[.contentType] = "application/json"
        let body = Body(errors: [.init(code: word, message: error.message)])
        let text = (try? JSONEncoder().encode(body)).map { String(decoding: $0, as: UTF8.self) } ?? "{\"errors\":[]}"
        return RegistryRoutes.json(text: text, fields, status: status, isHead: isHead)
    }
}

extension Request {
    /// The body as the registry reads it.
    fileprivate var byteStream: ByteStream {
        let body = body
        return ByteStream {
            var iterator = body.makeAsyncIterator()
            return { try await iterator.next().map { Array($0.readableBytesView) } }
        }
    }
}

extension HTTPField.Name {
    fileprivate static let dockerAPIVersion = named("Docker-Distribution-API-Version")
    fileprivate static let dockerContentDigest = named("Docker-Content-Digest")
    fileprivate static let dockerUploadUUID = named("Docker-Upload-UUID")
    fileprivate static let ociSubject = named("OCI-Subject")
    fileprivate static let ociFiltersApplied = named("OCI-Filters-Applied")
    fileprivate static let link = named("Link")

    private static func named(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .via }
}
