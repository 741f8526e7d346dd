// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
import BullaHTTP
import Foundation
import HTTPTypes

extension RegistryClient {
    /// All tags of a repository, page by page.
    ///
    /// - Parameters:
    ///   - image: Names the repository.
    ///   - limit: How many at most.
    /// - Returns: The tags as the registry orders them.
    /// - Throws: `notFound`; `resourceExhausted` when there are more.
    public func tags(of image: ImageReference, limit: Int = 100_000) async throws(BullaError) -> [String] {
        struct Page: Decodable { var tags: [String]? }
        var tags: [String] = []
        var next: HTTPRequest? = request(.get, image.registry, "/v2/\(image.repository)/tags/list?n=1000")
        while let page = next {
            let doing = "listing the tags of \(image.name)"
            let reply = try await exchange(page, for: pull(image))
            guard reply.head.status == .ok else { throw await failure(reply, doing) }
            let bytes = try await reply.bytes(upTo: 16 << 20, of: "the tags of \(image.name)")
            guard JSONDepth.isAtMost(16, in: bytes), let found = try? JSONDecoder().decode(Page.self, from: Data(bytes))
            else { throw BullaError(.dataLoss, "\(doing): the answer is malformed") }
            tags += found.tags ?? []
            guard tags.count <= limit else { throw BullaError(.resourceExhausted, "\(doing): more than \(limit)") }
            next = self.next(reply, after: page)
            if found.tags?.isEmpty ?? true { next = nil }
        }
        return tags
    }

    /// The request for the page that a `Link` field leads to, at the same registry (RFC 5988).
    func next(_ reply: HTTPReply, after page: HTTPRequest) -> HTTPRequest? {
        guard let link = reply.head.headerFields[.link], link.contains("rel=\"next\"") || link.contains("rel=next"),
            let open = link.firstIndex(of: "<"), let close = link[open...].firstIndex(of: ">"),
            let url = URL(string: String(link[link.index(after: open)..<close]), relativeTo: page.target),
            let next = HTTPRequest(.get, to: url, fields: page.headerFields),
            next.authority == page.authority, next.scheme == page.scheme
        else { return nil }
        return next
    }
}
