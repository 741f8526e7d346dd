// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaHTTP
import BullaRegistry
import BullaTesting
import Foundation
import HTTPTypes
import Synchronization
import Testing

@Suite("RegistryClient")
struct RegistryClientTests {
    private let image: ImageReference
    private let manifest =
        #"{"schemaVersion":2,"config":{"mediaType":"x","size":0,"digest":"sha256:\#(zeros)"},"layers":[]}"#
    private static let zeros = String(repeating: "0", count: 64)
    private static let patient = RegistryClient.Options(retries: RetryPolicy(sleep: { _ in }))

    init() throws { image = try ImageReference("registry.example/team/app:v1") }

    private func client(
        _ transport: ScriptedTransport, _ credentials: Credentials = .none
    ) -> RegistryClient {
        RegistryClient(transport: transport, credentials: credentials, options: Self.patient)
    }

    private var challenge: ScriptedTransport.Line {
        ScriptedTransport.reply(
            401,
            [.wwwAuthenticate: #"Bearer realm="https://auth.example/token",service="registry.example",scope="other""#])
    }

    @Test("exchanges its credential for a token, once per repository and action")
    func tokens() async throws {
        let transport = ScriptedTransport([
            challenge, ScriptedTransport.reply(200, [:], #"{"token":"t1","expires_in":300}"#),
            ScriptedTransport.reply(200, [.contentType: MediaType.ociManifest], manifest),
            ScriptedTransport.reply(200, [.contentType: MediaType.ociManifest], manifest),
        ])
        let credentials = Credentials(["registry.example": Credential(user: "bulla", password: "s3cret")])
        let client = client(transport, credentials)
        let first = try await client.manifest(image)
        let second = try await client.manifest(image)
        #expect(first == second)
        #expect(first.digest == Digest(of: manifest.utf8))
        let requests = transport.requests
        #expect(
            requests.map(\.path) == [
                "/v2/team/app/manifests/v1",
                "/token?service=registry.example&scope=repository:team/app:pull&account=bulla",
                "/v2/team/app/manifests/v1", "/v2/team/app/manifests/v1",
            ])
        let basic = "Basic " + Data("bulla:s3cret".utf8).base64EncodedString()
        #expect(requests.map { $0.headerFields[.authorization] } == [nil, basic, "Bearer t1", "Bearer t1"])
    }

    @Test(
        "gives no credential away to a realm without TLS, and none without a challenge",
        arguments: [#"Bearer realm="http://auth.example/token""#, "Bearer", "Negotiate", ""])
    func refusesChallenges(challenge: String) async throws {
        let transport = ScriptedTransport([ScriptedTransport.reply(401, [.wwwAuthenticate: challenge])])
        let client = client(transport, Credentials(["registry.example": Credential(user: "u", password: "p")]))
        let error = await #expect(throws: BullaError.self) { try await client.manifest(image) }
        #expect(error?.code == .unauthenticated)
        #expect(transport.requests.count == 1)
    }

    @Test("believes no digest but the one it computes")
    func lyingRegistry() async throws {
        let promised = ScriptedTransport.reply(
            200, [Self.digestField: "sha256:\(Self.zeros)", .contentType: MediaType.ociManifest], manifest)
        let byTag = await #expect(throws: BullaError.self) {
            try await client(ScriptedTransport([promised])).manifest(image)
        }
        #expect(byTag?.code == .dataLoss)
        let byDigest = await #expect(throws: BullaError.self) {
            try await client(
                ScriptedTransport([ScriptedTransport.reply(200, [.contentType: MediaType.ociManifest], manifest)])
            ).manifest(image.at(Digest(of: [1])))
        }
        #expect(byDigest?.code == .dataLoss)
    }

    @Test("goes on with a download where it broke off, by range or by skipping", arguments: [206, 200])
    func resumes(status: Int) async throws {
        let bytes = [UInt8](0..<200)
        let broken = ByteStream {
            var isFirst = true
            return {
                guard isFirst else { throw BullaError(.unavailable, "broken") }
                isFirst = false
                return Array(bytes[..<120])
            }
        }
        let rest = ByteStream(status == 206 ? Array(bytes[120...]) : bytes)
        let transport = ScriptedTransport([
            ScriptedTransport.reply(200, [:], broken), ScriptedTransport.reply(status, [:], rest),
        ])
        let descriptor = Descriptor(mediaType: "", digest: Digest(of: bytes), size: 200)
        let stream = try await client(transport).blob(descriptor, of: image)
        #expect(try await stream.collect(upTo: 200, of: "it") == bytes)
        #expect(transport.requests.last?.headerFields[.range] == "bytes=120-")
    }

    @Test(
        "turns statuses into errors with the registry's own code",
        arguments: [
            (404, BullaError.Code.notFound), (403, .permissionDenied), (429, .resourceExhausted), (500, .unavailable),
            (400, .invalidArgument),
        ])
    func errors(status: Int, code: BullaError.Code) async throws {
        let body = #"{"errors":[{"code":"SOME_CODE","message":"said so"}]}"#
        let transport = ScriptedTransport(Array(repeating: ScriptedTransport.reply(status, [:], body), count: 3))
        let error = await #expect(throws: BullaError.self) { try await client(transport).manifest(image) }
        #expect(error?.code == code)
        #expect(error?.reason == "SOME_CODE")
        #expect(error?.message.contains("said so") == true)
    }

    @Test("carries its authorization to no other host on an upload")
    func uploadElsewhere() async throws {
        let transport = ScriptedTransport([
            ScriptedTransport.reply(404),
            ScriptedTransport.reply(202, [.location: "https://storage.example/up?state=1"]),
            ScriptedTransport.reply(201),
        ])
        let client = client(transport)
        let descriptor = Descriptor(mediaType: "", digest: Digest(of: [1]), size: 1)
        try await client.upload(descriptor, to: image, ByteStream([1]))
        let put = transport.requests.last
        #expect(put?.target?.absoluteString == "https://storage.example/up?state=1&digest=\(descriptor.digest)")
        #expect(put?.headerFields[.authorization] == nil)
    }

    @Test("follows pages of tags at the same registry and ends")
    func pages() async throws {
        let link = HTTPField.Name("Link") ?? .via
        let transport = ScriptedTransport([
            ScriptedTransport.reply(
                200, [link: "</v2/team/app/tags/list?last=b&n=2>; rel=\"next\""], #"{"tags":["a","b"]}"#),
            ScriptedTransport.reply(200, [link: "<https://evil.example/>; rel=\"next\""], #"{"tags":["c"]}"#),
        ])
        #expect(try await client(transport).tags(of: image) == ["a", "b", "c"])
        #expect(transport.requests.map(\.authority) == ["registry.example", "registry.example"])
    }

    @Test("finds referrers under the fallback tag of a registry without the API")
    func referrersByTag() async throws {
        let entry = Descriptor(
            mediaType: MediaType.ociManifest, digest: Digest(of: [2]), size: 1, artifactType: "application/x")
        let index = String(decoding: try JSONEncoder().encode(ImageIndex(manifests: [entry])), as: UTF8.self)
        let transport = ScriptedTransport([
            ScriptedTransport.reply(404), ScriptedTransport.reply(200, [.contentType: MediaType.ociIndex], index),
        ])
        let found = try await client(transport).referrers(
            to: Digest(of: [1]), of: image, artifactType: "application/x")
        #expect(found.map(\.digest) == [entry.digest])
        #expect(transport.requests.last?.path == "/v2/team/app/manifests/sha256-\(Digest(of: [1]).hexadecimal)")
        let none = ScriptedTransport([ScriptedTransport.reply(404), ScriptedTransport.reply(404)])
        #expect(try await client(none).referrers(to: Digest(of: [1]), of: image).isEmpty)
    }

    private static let digestField = HTTPField.Name("Docker-Content-Digest") ?? .via
}

@Suite("Credentials")
struct CredentialsTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func credentials(_ text: String) throws -> Credentials {
        try folder.write("config.json", Array(text.utf8))
        return Credentials.ofUser(environment: ["DOCKER_CONFIG": folder.url.path])
    }

    @Test(
        "finds a registry under every spelling that Docker writes",
        arguments: [
            ("ghcr.io", "ghcr.io"), ("https://ghcr.io", "ghcr.io"), ("https://ghcr.io/v2/", "ghcr.io"),
            ("https://index.docker.io/v1/", "index.docker.io"), ("127.0.0.1:5000", "127.0.0.1:5000"),
        ])
    func spellings(key: String, registry: String) async throws {
        let auth = Data("user:pass:word".utf8).base64EncodedString()
        let credentials = try credentials(#"{"auths":{"\#(key)":{"auth":"\#(auth)"}}}"#)
        #expect(try await credentials.credential(for: registry) == Credential(user: "user", password: "pass:word"))
        #expect(try await credentials.credential(for: "other.example") == nil)
    }

    @Test(
        "needs no file, and says when one is malformed", arguments: ["", "[]", "{", #"{"auths":{"a":{"auth":"?"}}}"#])
    func malformed(text: String) async throws {
        let missing = Credentials(file: "\(folder.url.path)/none.json")
        #expect(try await missing.credential(for: "a") == nil)
        let credentials = try credentials(text)
        let error = await #expect(throws: BullaError.self) { try await credentials.credential(for: "a") }
        #expect(error?.code == .failedPrecondition)
    }

    @Test("prints no secret")
    func prints() {
        let credential = Credential(user: "bulla", password: "s3cret", identityToken: "t0ken")
        #expect(!"\(credential) \(String(reflecting: credential))".contains("s3cret"))
        #expect(!"\(credential)".contains("t0ken"))
    }

    @Test("asks no helper whose name leads elsewhere")
    func helperName() async throws {
        let credentials = try credentials(#"{"credsStore":"../../bin/sh"}"#)
        let error = await #expect(throws: BullaError.self) { try await credentials.credential(for: "a") }
        #expect(error?.code == .failedPrecondition)
    }
}

@Suite("SourceName")
struct SourceNameTests {
    @Test(
        "reads every form and writes it again",
        arguments: [
            "oci-dir:some/folder", "oci-dir:some/folder:v1", "oci-archive:/a/b.tar:v1", "docker-archive:x.tar", "dir:.",
            "dir:a:b", "registry.example:5000/team/app:v1",
        ])
    func reads(text: String) throws {
        #expect(try SourceName(text).description == text)
    }

    @Test("tells a tag from a path")
    func splits() throws {
        #expect(try SourceName("oci-dir:a:b/c:d") == .layout(folder: "a:b/c", tag: "d"))
        #expect(try SourceName("oci-dir:a:b/c") == .layout(folder: "a:b/c", tag: nil))
        #expect(try SourceName("dir:a:b") == .folder("a:b"))
    }

    @Test("refuses what names nothing", arguments: ["", "oci-dir:", "dir:", "oci-archive", "UPPER/case"])
    func refuses(text: String) {
        // A scheme without a colon is a reference to a repository of that name.
        guard text != "oci-archive" else { return }
        #expect(throws: BullaError.self) { try SourceName(text) }
    }
}
