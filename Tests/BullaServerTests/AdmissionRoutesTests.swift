// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaFlow
import BullaKubernetes
import BullaPolicy
import BullaServer
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Synchronization
import Testing

@Suite("Admission routes")
struct AdmissionRoutesTests {
    /// How many decisions were recorded.
    private final class Count: Sendable {
        let records = Mutex(0)
    }

    private static let digest = "sha256:" + String(repeating: "a", count: 64)

    /// Both doors over a policy of namespace `prod` under which only `p/good` is attested, after a wait.
    private func application(
        _ count: Count, wait: Duration = .zero
    ) -> some ApplicationProtocol {
        let attestor = Attestor(
            id: "prod/ci", name: "ci", note: "projects/p/notes/ci", keys: [.init(format: .openPGP, text: "k")])
        let requirement = AttestationRequirement(alternatives: [.init(policy: "G", attestors: [attestor])])
        let policy = Policy(
            rules: ["prod": Rule(requirements: [.attestations(requirement)])], revision: Digest(of: []))
        let flow = AdmitFlow(
            policy: { policy },
            source: .init(evidence: { image, _, _, _ throws(BullaError) in
                do { try await Task.sleep(for: wait) } catch { throw BullaError(.cancelled, "cancelled") }
                return Evidence(
                    seals: image.repository == "p/good" ? ["prod/ci": [.init(occurrence: "o", keyID: "k")]] : [:])
            }),
            recorder: .init(
                now: { _ in count.records.withLock { $0 += 1 } }, later: { _ in count.records.withLock { $0 += 1 } }))
        let router = Router()
        let routes = AdmissionRoutes(flow)
        routes.addWebhook(to: router)
        routes.addEvaluation(to: router)
        return Application(router: router)
    }

    private static func pod(_ name: String) -> String {
        #"{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"prod"},"#
            + #""spec":{"containers":[{"image":"gcr.io/p/\#(name)@\#(digest)"}]}}"#
    }

    private static func review(_ name: String, version: String = "v1", padding: Int = 0) -> String {
        #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/\#(version)","request":{"uid":"u-1","#
            + #""kind":{"group":"","version":"v1","kind":"Pod"},"namespace":"prod","operation":"CREATE","#
            + #""object":\#(pod(name)),"pad":"\#(String(repeating: "x", count: padding))"}}"#
    }

    private struct Answer: Decodable {
        struct Response: Decodable {
            struct Status: Decodable {
                let code: Int
                let message: String
                let reason: String
            }
            let uid: String
            let allowed: Bool
            let status: Status?
        }
        let apiVersion: String
        let kind: String
        let response: Response
    }

    private func decode(_ response: TestResponse) throws -> Answer {
        #expect(response.status == .ok)
        #expect(response.headers[.contentType]?.hasPrefix("application/json") == true)
        let answer = try JSONDecoder().decode(Answer.self, from: Data(response.body.readableBytesView))
        #expect(answer.kind == "AdmissionReview")
        return answer
    }

    @Test("answers each version in kind, on both paths", arguments: ["/", "/admit", "/admit?timeout=10s"])
    func inKind(path: String) async throws {
        let count = Count()
        try await application(count).test(.router) { client in
            for version in ["v1", "v1beta1"] {
                let allowed = try await client.execute(
                    uri: path, method: .post, body: ByteBuffer(string: Self.review("good", version: version)))
                let yes = try decode(allowed)
                #expect(yes.apiVersion == "admission.k8s.io/\(version)")
                #expect(yes.response.uid == "u-1" && yes.response.allowed && yes.response.status == nil)
                let denied = try await client.execute(
                    uri: path, method: .post, body: ByteBuffer(string: Self.review("bad", version: version)))
                let no = try decode(denied)
                #expect(no.apiVersion == "admission.k8s.io/\(version)")
                #expect(!no.response.allowed && no.response.status?.code == 403)
                #expect(no.response.status?.message.contains("not attested by ci") == true)
            }
        }
        #expect(count.records.withLock { $0 } == 4)
    }

    @Test("answers 400 to what is no review, and denies what names a request")
    func malformed() async throws {
        try await application(Count()).test(.router) { client in
            for body in ["", "no", "{}", Self.pod("good")] {
                let response = try await client.execute(uri: "/admit", method: .post, body: ByteBuffer(string: body))
                #expect(response.status == .badRequest)
            }
            let cut = String(Self.review("good").dropLast(10))
            let answer = try decode(try await client.execute(uri: "/", method: .post, body: ByteBuffer(string: cut)))
            #expect(!answer.response.allowed && answer.response.status?.code == 400)
        }
    }

    @Test("reads seven mebibytes, and beyond says clearly that it is too much")
    func size() async throws {
        let bare = Self.review("good").utf8.count
        try await application(Count()).test(.router) { client in
            let most = Self.review("good", padding: AdmissionReview.maximumSize - bare)
            let whole = try await client.execute(uri: "/", method: .post, body: ByteBuffer(string: most))
            #expect(try decode(whole).response.allowed)
            let over = Self.review("good", padding: AdmissionReview.maximumSize - bare + 1)
            let refused = try decode(
                try await client.execute(uri: "/", method: .post, body: ByteBuffer(string: over)))
            #expect(!refused.response.allowed && refused.response.status?.code == 413)
            let noise = ByteBuffer(repeating: 0x20, count: AdmissionReview.maximumSize + 1)
            #expect(try await client.execute(uri: "/", method: .post, body: noise).status == .contentTooLarge)
        }
    }

    @Test("answers before the API server gives up")
    func timeout() async throws {
        try await application(Count(), wait: .seconds(60)).test(.router) { client in
            let response = try await client.execute(
                uri: "/admit?timeout=1s", method: .post, body: ByteBuffer(string: Self.review("good")))
            let answer = try decode(response).response
            #expect(!answer.allowed && answer.status?.message.contains("did not come in time") == true)
        }
    }

    @Test("evaluates reviews and objects without a record")
    func evaluates() async throws {
        let count = Count()
        try await application(count).test(.router) { client in
            let review = try await client.execute(
                uri: "/bulla/v1/evaluate", method: .post, body: ByteBuffer(string: Self.review("bad")))
            #expect(try !decode(review).response.allowed)
            for body in [Self.pod("bad"), Self.review("bad"), "---\n" + Self.pod("bad")] {
                let response = try await client.execute(
                    uri: "/bulla/v1/evaluate?format=bulla.admit%2Fv1", method: .post, body: ByteBuffer(string: body))
                let report = try JSONDecoder().decode(AdmitReport.self, from: Data(response.body.readableBytesView))
                #expect(!report.allowed && report.images.map(\.verdict) == [.deny])
            }
            let elsewhere = try await client.execute(
                uri: "/bulla/v1/evaluate?namespace=other", method: .post, body: ByteBuffer(string: Self.pod("bad")))
            let report = try JSONDecoder().decode(AdmitReport.self, from: Data(elsewhere.body.readableBytesView))
            #expect(report.allowed && report.schema == "bulla.admit/v1")
            let wrong = try await client.execute(
                uri: "/bulla/v1/evaluate", method: .post, body: ByteBuffer(string: "a: b"))
            #expect(wrong.status == .badRequest)
        }
        #expect(count.records.withLock { $0 } == 0)
    }
}
