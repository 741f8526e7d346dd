// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaPolicy
import Testing

@Suite("Allowlist")
struct AllowlistTests {
    static let digest = "sha256:" + String(repeating: "a", count: 64)

    @Test(
        "matches exact names and wildcards on normalised names",
        arguments: [
            // Exact, in any spelling of Docker Hub.
            ("nginx", "nginx", true),
            ("nginx", "docker.io/library/nginx", true),
            ("docker.io/library/nginx", "index.docker.io/library/nginx", true),
            ("registry-1.docker.io/nginx", "nginx", true),
            ("nginx:1.27", "docker.io/nginx:1.27", true),
            ("nginx", "nginx:1.27", false),
            ("gcr.io/p/app", "gcr.io/p/app", true),
            ("gcr.io/p/app", "gcr.io/p/app2", false),
            ("localhost:5000/team/app:v1", "localhost:5000/team/app:v1", true),
            // One star stays within a segment.
            ("gcr.io/p/*", "gcr.io/p/app:v1", true),
            ("gcr.io/p/*", "gcr.io/p/team/app", false),
            ("gcr.io/p/app*", "gcr.io/p/app:v1", true),
            ("gcr.io/p/app*", "gcr.io/p/application", true),
            ("gcr.io/p/app*", "gcr.io/p/ap", false),
            ("gcr.io/*", "gcr.io/app", true),
            ("gcr.io/*", "gcr.io/p/app", false),
            ("gcr.io/*", "us.gcr.io/app", false),
            ("*", "nginx", true),
            ("*", "team/app", false),
            ("nginx*", "nginx:1.27", true),
            ("nginx*", "docker.io/library/nginx-unprivileged", true),
            ("docker.io/*", "nginx", true),
            ("team/*", "docker.io/team/app:1", true),
            ("team/*", "gcr.io/team/app:1", false),
            // Two stars cross.
            ("gcr.io/p/**", "gcr.io/p/team/app", true),
            ("gcr.io/nginx**", "gcr.io/nginx/image", true),
            ("gcr.io/nginx**", "gcr.io/nginx:1", true),
            ("docker.io/**", "team/app", true),
            ("docker.io/**", "nginx", true),
            ("**", "gcr.io/p/team/app:1", true),
            ("**", "nginx", true),
            // In the middle.
            ("gcr.io/*/app", "gcr.io/p/app", true),
            ("gcr.io/*/app", "gcr.io/p/q/app", false),
            ("gcr.io/**/app", "gcr.io/p/q/app", true),
            ("gcr.io/**/app:*", "gcr.io/p/q/app:1", true),
            ("gcr.io/**/app:*", "gcr.io/p/q/app", false),
            ("gcr.io/a*b*c", "gcr.io/aXXbYYc".lowercased(), true),
            ("gcr.io/a*b*c", "gcr.io/ab/c", false),
            ("gcr.io/**a/*b", "gcr.io/a/xa/b", true),
        ])
    func matches(pattern: String, image: String, expected: Bool) throws {
        let list = try Allowlist([pattern])
        #expect((list.match(try ImageReference(image)) == pattern) == expected)
    }

    @Test("takes a tag beside a digest for decoration")
    func tagWithDigest() throws {
        let image = try ImageReference("gcr.io/p/app:release-1@\(Self.digest)")
        #expect(try Allowlist(["gcr.io/p/app:release-*"]).match(image) == nil)
        #expect(try Allowlist(["gcr.io/p/app@*"]).match(image) == "gcr.io/p/app@*")
        #expect(try Allowlist(["gcr.io/p/app@\(Self.digest)"]).match(image) != nil)
        #expect(try Allowlist(["gcr.io/p/app:release-1"]).match(image) == nil)
    }

    @Test(
        "refuses what is no pattern",
        arguments: [
            "", "*/app", "*.gcr.io/app", "gc*r.io/app", "gcr.io/***", "gcr.io/a b*", "gcr.io/ü*", "GCR/App", "gcr.io/",
            "**/app", String(repeating: "a/", count: 600) + "*",
        ])
    func refuses(pattern: String) {
        let error = #expect(throws: BullaError.self) { try Allowlist([pattern]) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("knows no wildcard in the exact style")
    func exact() throws {
        #expect(throws: BullaError.self) { try Allowlist(["gcr.io/p/*"], style: .exact) }
        let list = try Allowlist(["docker.io/nginx:1"], style: .exact)
        #expect(list.match(try ImageReference("nginx:1")) != nil)
        #expect(list.match(try ImageReference("nginx:2")) == nil)
    }

    @Test("is not slowed by many wildcards")
    func manyWildcards() throws {
        let pattern = "gcr.io/" + String(repeating: "a*", count: 200) + "b"
        let list = try Allowlist([pattern])
        let image = try ImageReference("gcr.io/" + String(repeating: "a", count: 240))
        // A matcher that tries every way would not end within the life of the machine.
        #expect(list.match(image) == nil)
    }

    @Test("joins lists")
    func union() throws {
        var list = try Allowlist(["gcr.io/a/*"])
        list.formUnion(try Allowlist(["gcr.io/b/*", "nginx"]))
        #expect(list.match(try ImageReference("gcr.io/a/x")) != nil)
        #expect(list.match(try ImageReference("gcr.io/b/x")) != nil)
        #expect(list.match(try ImageReference("nginx")) != nil)
        #expect(!list.isEmpty)
    }
}
