// SPDX-License-Identifier: Apache-2.0

import BullaServer
import Testing

@Suite("RegistryPath")
struct RegistryPathTests {
    @Test(
        "reads every end point, whatever words the repository's name has",
        arguments: [
            ("/v2", .root), ("/v2/", .root), ("/v2/_catalog", .catalog), ("/v2/a/tags/list", .tags(repository: "a")),
            ("/v2/tags/list/tags/list", .tags(repository: "tags/list")),
            ("/v2/a/b/manifests/v1", .manifest(repository: "a/b", name: "v1")),
            ("/v2/manifests/manifests/manifests", .manifest(repository: "manifests", name: "manifests")),
            ("/v2/blobs/uploads/manifests/x", .manifest(repository: "blobs/uploads", name: "x")),
            ("/v2/a/blobs/sha256:0", .blob(repository: "a", digest: "sha256:0")),
            ("/v2/a/blobs/uploads", .uploads(repository: "a")), ("/v2/a/blobs/uploads/", .uploads(repository: "a")),
            ("/v2/blobs/uploads/blobs/uploads/", .uploads(repository: "blobs/uploads")),
            ("/v2/a/blobs/uploads/id", .upload(repository: "a", id: "id")),
            ("/v2/blobs/blobs/uploads/id", .upload(repository: "blobs", id: "id")),
            ("/v2/a/referrers/sha256:0", .referrers(repository: "a", digest: "sha256:0")),
        ] as [(String, RegistryPath)])
    func reads(path: String, expected: RegistryPath) {
        #expect(RegistryPath(path) == expected)
    }

    @Test(
        "knows no other path",
        arguments: [
            "", "/", "/v1/", "/v2x/", "/v2/a", "/v2/tags/list", "/v2/manifests/v1", "/v2//", "/v2/a/tags/other",
            "/v2/a/manifests/v1/", "/v2/a/blobs/", "/v2/blobs/uploads/",
        ])
    func refuses(path: String) {
        #expect(RegistryPath(path)?.repository == nil)
    }
}

@Suite("ByteRange")
struct ByteRangeTests {
    @Test(
        "reads what a client asks for, and sends the whole for what it cannot read",
        arguments: [
            (nil, nil), ("bytes=0-9", 0..<10), ("bytes=90-", 90..<100), ("bytes=90-1000", 90..<100),
            ("bytes=-10", 90..<100), ("bytes=-1000", 0..<100), ("bytes=100-", 0..<0), ("bytes=-0", 0..<0),
            ("bytes=5-4", nil), ("bytes=a-b", nil), ("bytes=0-1,5-6", nil), ("items=0-1", nil), ("bytes=", nil),
            ("bytes=99999999999999999999-", nil), ("bytes=+1-2", nil),
        ] as [(String?, Range<Int64>?)])
    func requested(field: String?, expected: Range<Int64>?) {
        #expect(ByteRange.requested(field, of: 100) == expected)
    }

    @Test(
        "reads the place of a chunk",
        arguments: [
            ("0-9", 0...9), ("bytes 10-19/*", 10...19), ("bytes 10-19/100", 10...19), ("9-0", nil), ("", nil),
            ("-", nil),
            ("0", nil), ("0-99999999999999999999", nil), ("-1-2", nil),
        ] as [(String, ClosedRange<Int64>?)])
    func chunk(field: String, expected: ClosedRange<Int64>?) {
        #expect(ByteRange.chunk(field) == expected)
    }
}
