// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaSeal
import Foundation
import Testing

/// What the tests sign for.
enum Sample {
    static let hexadecimal = String(repeating: "0123456789abcdef", count: 4)
    static var digest: BullaArtifact.Digest {
        get throws { try BullaArtifact.Digest("sha256:" + hexadecimal) }
    }
    static var image: ImageReference {
        get throws { try ImageReference("gcr.io/my-project/app") }
    }
    static let payload = Data(
        ("{\"critical\":{\"identity\":{\"docker-reference\":\"gcr.io/my-project/app\"},"
            + "\"image\":{\"docker-manifest-digest\":\"sha256:\(hexadecimal)\"},"
            + "\"type\":\"atomic container signature\"}}").utf8)
}

@Suite("SimpleSigning")
struct SimpleSigningTests {
    @Test("writes the exact bytes that Kritis signs")
    func writes() throws {
        #expect(try SimpleSigning(Sample.image, Sample.digest).payload == Sample.payload)
    }

    @Test(
        "names Docker Hub in full and keeps ports",
        arguments: [
            ("nginx", "index.docker.io/library/nginx"),
            ("docker.io/library/nginx:1.27", "index.docker.io/library/nginx"),
            ("bitnami/redis", "index.docker.io/bitnami/redis"), ("localhost:5000/team/app", "localhost:5000/team/app"),
        ])
    func names(text: String, reference: String) throws {
        let statement = try SimpleSigning(ImageReference(text), Sample.digest)
        #expect(statement.reference == reference)
        #expect(String(decoding: statement.payload, as: UTF8.self).contains("\"\(reference)\""))
    }

    @Test("reads what it writes, of every kind", arguments: SimpleSigning.Kind.allCases)
    func roundTrip(kind: SimpleSigning.Kind) throws {
        let statement = try SimpleSigning(Sample.image, Sample.digest, kind: kind)
        let read = try SimpleSigning(parsing: statement.payload)
        #expect(read == statement)
        #expect(read.kind == kind)
    }

    @Test("reads other orders, spaces and members")
    func reads() throws {
        let text = """
            { "optional": {"creator": "x", "timestamp": 1458239713},
              "critical": { "type": "cosign container image signature",
                "image": { "docker-manifest-digest": "sha256:\(Sample.hexadecimal)" },
                "identity": { "docker-reference": "docker.io/library/nginx:latest" } } }
            """
        let statement = try SimpleSigning(parsing: Array(text.utf8))
        #expect(statement.kind == .cosign)
        #expect(statement.normalisedReference == "index.docker.io/library/nginx")
        #expect(try statement.names(ImageReference("nginx")))
        #expect(try !statement.names(ImageReference("gcr.io/library/nginx")))
    }

    @Test(
        "refuses anything else",
        arguments: [
            "", "{}", "[]", "null", "{\"critical\":{}}", "{\"critical\":[]}",
            String(decoding: Sample.payload, as: UTF8.self) + "x",
            String(decoding: Sample.payload, as: UTF8.self).replacing("sha256:", with: "sha512:"),
            String(decoding: Sample.payload, as: UTF8.self).replacing("atomic", with: "ionic"),
            String(decoding: Sample.payload, as: UTF8.self).replacing("gcr.io/my-project/app", with: ""),
            String(decoding: Sample.payload, as: UTF8.self).replacing("\"identity\"", with: "\"Identity\""),
            String(repeating: "[", count: 100_000),
        ])
    func refuses(text: String) {
        let error = #expect(throws: BullaError.self) { try SimpleSigning(parsing: Array(text.utf8)) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("refuses a name that appears twice, for readers would differ")
    func refusesDuplicates() {
        let text = String(decoding: Sample.payload, as: UTF8.self).replacing(
            "\"image\":{", with: "\"image\":{\"docker-manifest-digest\":\"x\",")
        let error = #expect(throws: BullaError.self) { try SimpleSigning(parsing: Array(text.utf8)) }
        #expect(error?.message.contains("twice") == true)
    }

    @Test("refuses a payload beyond its limit")
    func refusesLong() {
        let text = Array(Sample.payload) + [UInt8](repeating: 0x20, count: SimpleSigning.maximumSize)
        #expect(throws: BullaError.self) { try SimpleSigning(parsing: text) }
    }

    @Test(
        "reads escapes as JSON has them, and refuses broken ones",
        arguments: [
            (#"gcr.io\/my-project\/app"#, true), (#"\u0067cr.io/my-project/app"#, true), (#"\ud83d"#, false),
            (#"\ud83d\u0041"#, false), (#"\x41"#, false), (#"\u12"#, false), ("\u{7}", false),
        ])
    func escapes(reference: String, isValid: Bool) {
        let text = String(decoding: Sample.payload, as: UTF8.self).replacing("gcr.io/my-project/app", with: reference)
        #expect((try? SimpleSigning(parsing: Array(text.utf8)))?.reference == (isValid ? "gcr.io/my-project/app" : nil))
    }

    @Test("survives damaged payloads")
    func mutated() {
        for bytes in mutations(of: Array(Sample.payload), seed: 1, count: 20_000) {
            guard let statement = try? SimpleSigning(parsing: bytes) else { continue }
            #expect((try? SimpleSigning(parsing: statement.payload)) == statement)
        }
    }
}
