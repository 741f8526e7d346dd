// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import BullaHTTP
import Foundation
import HTTPTypes

extension RegistryClient {
    private func path(_ image: ImageReference, _ digest: Digest) -> String {
        "/v2/\(image.repository)/blobs/\(digest)"
    }

    /// Opens a blob of a reference's repository.
    ///
    /// A download that breaks off goes on where it was, up to as often as the retry policy allows, with the same digest
    /// running over all of it.
    ///
    /// - Returns: Its bytes; the stream fails with `dataLoss` when they are not of the described size and digest.
    /// - Throws: `notFound`.
    public func blob(_ descriptor: Descriptor, of image: ImageReference) async throws(BullaError) -> ByteStream {
        let first = try await open(descriptor, of: image, from: 0)
        let attempts = options.retries.attempts
        return ByteStream { [self] in
            var iterator = first.makeAsyncIterator()
            var (place, failures) = (Int64(0), 0)
            return {
                while true {
                    do {
                        guard let chunk = try await iterator.next() else { return nil }
                        place += Int64(chunk.count)
                        return chunk
                    } catch let error as BullaError where error.code == .unavailable && place < descriptor.size {
                        failures += 1
                        guard failures < attempts,
                            let pause = self.options.retries.pause(
                                afterAttempt: failures, retryAfter: nil)
                        else { throw error }
                        try await self.options.retries.wait(pause)
                        iterator = try await self.open(descriptor, of: image, from: place).makeAsyncIterator()
                    }
                }
            }
        }.verified(as: descriptor)
    }

    private func open(
        _ descriptor: Descriptor, of image: ImageReference, from start: Int64
    ) async throws(BullaError) -> ByteStream {
        let doing = "reading blob \(descriptor.digest) of \(image.name)"
        var request = request(.get, image.registry, path(image, descriptor.digest))
        if start > 0 { request.headerFields[.range] = "bytes=\(start)-" }
        let reply = try await exchange(request, for: pull(image), timeout: options.transferTimeout)
        switch reply.head.status {
        case .ok: return start == 0 ? reply.body : reply.body.dropping(start)
        case .partialContent where start > 0: return reply.body
        default: throw await failure(reply, doing)
        }
    }

    /// Whether the repository has a blob.
    ///
    /// - Throws: `unavailable`, `unauthenticated`.
    public func hasBlob(_ digest: Digest, of image: ImageReference) async throws(BullaError) -> Bool {
        let reply = try await exchange(request(.head, image.registry, path(image, digest)), for: push(image))
        switch reply.head.status {
        case .ok: return true
        case .notFound: return false
        default: throw await failure(reply, "asking for blob \(digest) of \(image.name)")
        }
    }

    /// Lets the repository have a blob of another repository of the same registry.
    ///
    /// - Returns: Whether the registry did so; else the blob must be uploaded.
    /// - Throws: `unavailable`, `unauthenticated`.
    public func mount(
        _ digest: Digest, from source: String, to image: ImageReference
    ) async throws(BullaError) -> Bool {
        let grant = Grant(
            registry: image.registry,
            scopes: [Self.scope(image.repository, "pull,push"), Self.scope(source, "pull")])
        let path = "/v2/\(image.repository)/blobs/uploads/?mount=\(digest)&from=\(Self.escape(source))"
        let begin = request(.post, image.registry, path, [.contentLength: "0"])
        let reply = try await exchange(begin, for: grant)
        switch reply.head.status {
        case .created: return true
        case .accepted:
            // The registry began an upload instead; it is not needed.
            let doing = "mounting blob \(digest)"
            if let url = try? location(reply, of: begin, doing), let cancel = HTTPRequest(.delete, to: url) {
                _ = try? await exchange(cancel, for: grant)
            }
            return false
        default: throw await failure(reply, "mounting blob \(digest) to \(image.name)")
        }
    }

    /// Uploads a blob, unless the repository has it: in one request, or in chunks where the options say so.
    ///
    /// - Parameters:
    ///   - descriptor: Its digest and size.
    ///   - image: Names the repository.
    ///   - content: Its bytes.
    /// - Throws: `invalidArgument` when the bytes are not those of the digest.
    public func upload(
        _ descriptor: Descriptor, to image: ImageReference, _ content: ByteStream
    ) async throws(BullaError) {
        if try await hasBlob(descriptor.digest, of: image) { return }
        let doing = "uploading blob \(descriptor.digest) to \(image.name)"
        let begin = request(
            .post, image.registry, "/v2/\(image.repository)/blobs/uploads/", [.contentLength: "0"])
        let begun = try await exchange(begin, for: push(image))
        guard begun.head.status == .accepted else { throw await failure(begun, doing) }
        var place = try location(begun, of: begin, doing)
        var rest = OutgoingBody.stream(content, length: descriptor.size)
        if let size = options.chunkSize {
            place = try await sendChunks(content, of: max(1, size), to: place, image, doing)
            rest = .none
        }
        let separator = place.query == nil ? "?" : "&"
        guard let url = URL(string: "\(place.absoluteString)\(separator)digest=\(descriptor.digest)"),
            var end = HTTPRequest(.put, to: url, fields: [.contentType: "application/octet-stream"])
        else { throw BullaError(.unavailable, "\(doing): the registry answered an unusable Location") }
        if case .none = rest { end.headerFields[.contentLength] = "0" }
        try checkOrigin(end, doing, image)
        let reply = try await exchange(end, body: rest, for: push(image), timeout: options.transferTimeout)
        guard reply.head.status == .created else { throw await failure(reply, doing) }
    }

    private func sendChunks(
        _ content: ByteStream, of size: Int, to first: URL, _ image: ImageReference, _ doing: String
    ) async throws(BullaError) -> URL {
        var place = first
        var sent: Int64 = 0
        var gathered: [UInt8] = []
        var iterator = content.makeAsyncIterator()
        var isDone = false
        while !isDone {
            do {
                if let chunk = try await iterator.next() { gathered.append(contentsOf: chunk) } else { isDone = true }
            } catch { throw BullaError(wrapping: error, while: doing) }
            while gathered.count >= size || (isDone && !gathered.isEmpty) {
                let chunk = Array(gathered.prefix(size))
                gathered.removeFirst(chunk.count)
                let range = "\(sent)-\(sent + Int64(chunk.count) - 1)"
                guard
                    let patch = HTTPRequest(
                        .patch, to: place, fields: [.contentType: "application/octet-stream", .contentRange: range])
                else { throw BullaError(.unavailable, "\(doing): the registry answered an unusable Location") }
                try checkOrigin(patch, doing, image)
                let reply = try await exchange(
                    patch, body: .bytes(chunk), for: push(image), timeout: options.transferTimeout)
                guard reply.head.status == .accepted else { throw await failure(reply, doing) }
                place = try location(reply, of: patch, doing)
                sent += Int64(chunk.count)
            }
        }
        return place
    }

    /// Refuses to carry a registry's authorization, or the blob, to where TLS is given up.
    private func checkOrigin(
        _ request: HTTPRequest, _ doing: String, _ image: ImageReference
    ) throws(BullaError) {
        guard request.scheme == "https" || options.usesPlainHTTP else {
            throw BullaError(.failedPrecondition, "\(doing): the upload's Location gives up TLS")
        }
    }
}

extension ByteStream {
    /// The stream without its first bytes, for a server that does not know ranges.
    fileprivate func dropping(_ count: Int64) -> ByteStream {
        ByteStream {
            var iterator = makeAsyncIterator()
            var rest = count
            return {
                while let chunk = try await iterator.next() {
                    if rest == 0 { return chunk }
                    if Int64(chunk.count) > rest {
                        defer { rest = 0 }
                        return Array(chunk.dropFirst(Int(rest)))
                    }
                    rest -= Int64(chunk.count)
                }
                return nil
            }
        }
    }
}
