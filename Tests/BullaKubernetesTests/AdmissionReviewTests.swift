// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaKubernetes
import Foundation
import Testing

@Suite("Admission review")
struct AdmissionReviewTests {
    @Test("reads what the API server sends")
    func reads() throws {
        let bytes = Payload.review(
            version: "v1beta1", operation: "CREATE", object: Payload.pod(image: "nginx"),
            user: #"{"username":"system:node:n1","uid":"7","groups":["system:nodes","x"],"extra":{"a":["b"]}}"#,
            dryRun: true)
        let review = try Payload.read(bytes)
        #expect(review.version == .v1beta1)
        #expect(review.uid == "705ab4f5-6393-11e8-b7cc-42010a800002")
        #expect(review.kind == GroupVersionKind(group: "", version: "v1", kind: "Pod"))
        #expect(review.namespace == "prod")
        #expect(review.name == "p")
        #expect(review.operation == .create)
        #expect(review.user == "system:node:n1")
        #expect(review.groups == ["system:nodes", "x"])
        #expect(review.isDryRun)
        #expect(try Payload.judged(bytes) == [.init(path: "spec.containers[0]", name: "nginx")])
    }

    @Test("is answered in the version it asked in", arguments: AdmissionReview.Version.allCases)
    func answers(version: AdmissionReview.Version) throws {
        let allowed = AdmissionResponse.allow(uid: "u").encoded(as: version)
        #expect(
            String(decoding: allowed, as: UTF8.self)
                == #"{"apiVersion":"\#(version.rawValue)","kind":"AdmissionReview","#
                + #""response":{"uid":"u","allowed":true}}"#)
        let denied = AdmissionResponse.deny(
            uid: "u\"1", message: "a\nb\u{1}é", warnings: ["w"], auditAnnotations: ["b": "2", "a": "1"])
        #expect(
            String(decoding: denied.encoded(as: version), as: UTF8.self)
                == #"{"apiVersion":"\#(version.rawValue)","kind":"AdmissionReview","response":{"uid":"u\"1","#
                + #""allowed":false,"status":{"code":403,"message":"a\nb\u0001é","reason":"Forbidden","#
                + #""status":"Failure"},"auditAnnotations":{"a":"1","b":"2"},"warnings":["w"]}}"#)
    }

    @Test("answers with JSON that others read")
    func answersJSON() throws {
        let response = AdmissionResponse.deny(uid: "u", message: "\u{7F}\t\"\\/ \u{2028} 🦀")
        let object = try JSONSerialization.jsonObject(with: Data(response.encoded(as: .v1)))
        let status = ((object as? [String: Any])?["response"] as? [String: Any])?["status"] as? [String: Any]
        #expect(status?["message"] as? String == "\u{7F}\t\"\\/ \u{2028} 🦀")
    }

    @Test("cuts a warning at 120 characters")
    func warnings() {
        let response = AdmissionResponse.allow(uid: "u", warnings: [String(repeating: "é", count: 200), "a\nb"])
        #expect(response.warnings.map(\.count) == [120, 3])
        #expect(response.warnings[1] == "a b")
    }

    @Test(
        "cannot be told from anything without a uid",
        arguments: [
            "", "{", "null", "[]", "{}", "not json", #"{"kind":"AdmissionReview"}"#, #"{"request":null}"#,
            #"{"request":{}}"#, #"{"request":{"uid":""}}"#, #"{"request":{"uid":7}}"#, #"{"request":{"uid":null}}"#,
            #"{"request":[{"uid":"x"}]}"#, #"{"request":{"uid":"\#(String(repeating: "u", count: 300))"}}"#,
            "\u{FEFF}{}", #"{"request":{"uid":"x"#,
        ])
    func unreadable(text: String) {
        guard case .unreadable = AdmissionReview.read(Array(text.utf8)) else {
            Issue.record("\(text) was read")
            return
        }
    }

    @Test(
        "is denied, with its uid, when it says anything else than a review",
        arguments: [
            #"{"kind":"TokenReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"x"}}"#,
            #"{"apiVersion":"admission.k8s.io/v1","request":{"uid":"x"}}"#,
            #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v2","request":{"uid":"x"}}"#,
            #"{"kind":"AdmissionReview","request":{"uid":"x"}}"#,
            #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"x"}}"#,
            #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"x","kind":{"kind":"Pod"},"#
                + #""operation":"create"}}"#,
            #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"x","kind":{"group":""}}}"#,
            #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"x","kind":{"kind":"Po"#,
            #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"x"}} trailing"#,
            #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"x","a":01}}"#,
        ])
    func malformed(text: String) {
        guard case .malformed(let uid, let version, let problem) = AdmissionReview.read(Array(text.utf8)) else {
            Issue.record("\(text) was not denied")
            return
        }
        #expect(uid == "x")
        #expect(version == .v1)
        let response = AdmissionResponse.refuse(uid: uid, problem)
        #expect(!response.isAllowed)
        #expect(response.status?.code == 400)
    }

    @Test("is answered in v1beta1 even when it is malformed")
    func malformedVersion() {
        let text = #"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"x"}}"#
        guard case .malformed(_, let version, _) = AdmissionReview.read(Array(text.utf8)) else {
            Issue.record("was not denied")
            return
        }
        #expect(version == .v1beta1)
    }

    @Test("is read up to seven mebibytes and refused beyond, with its uid")
    func size() throws {
        let padding = AdmissionReview.maximumSize - 2000
        let metadata = #"{"name":"p","annotations":{"a":"\#(String(repeating: "x", count: padding))"}}"#
        var bytes = Payload.review(object: Payload.pod(image: "nginx", metadata: metadata))
        bytes += [UInt8](repeating: 0x20, count: AdmissionReview.maximumSize - bytes.count)
        #expect(try Payload.judged(bytes)?.map(\.name) == ["nginx"])
        bytes.append(0x20)
        guard case .malformed(let uid, _, let problem) = AdmissionReview.read(bytes) else {
            Issue.record("was not denied")
            return
        }
        #expect(uid == "705ab4f5-6393-11e8-b7cc-42010a800002")
        #expect(problem.code == .resourceExhausted)
        #expect(AdmissionResponse.refuse(uid: uid, problem).status?.code == 413)
    }

    @Test("bears any depth, and says that it is too deep")
    func depth() {
        for opening in ["[", #"{"a":"#] {
            let deep = String(repeating: opening, count: 500_000)
            let text =
                #"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"x","object":"# + deep
            guard case .malformed(_, _, let problem) = AdmissionReview.read(Array(text.utf8)) else {
                Issue.record("was not denied")
                return
            }
            #expect(problem.message.contains("nested deeper"))
        }
    }

    @Test(
        "passes what never changes what runs",
        arguments: [
            ("DELETE", "", "Pod"), ("CONNECT", "exec", "PodExecOptions"), ("CREATE", "binding", "Binding"),
            ("CREATE", "eviction", "Eviction"), ("UPDATE", "status", "Pod"), ("UPDATE", "scale", "Scale"),
            ("UPDATE", "finalizers", "Pod"), ("CREATE", "", "ConfigMap"), ("CREATE", "", "Unheard"),
        ])
    func passes(operation: String, subResource: String, kind: String) throws {
        let object = operation == "DELETE" ? "null" : Payload.pod(image: "evil")
        let bytes = Payload.review(kind: kind, subResource: subResource, operation: operation, object: object)
        #expect(try Payload.judged(bytes) == nil)
    }

    @Test("takes a kind of the same name in another group for another kind")
    func otherGroup() throws {
        let object = #"{"apiVersion":"example.com/v1","kind":"Pod","spec":{}}"#
        #expect(try Payload.judged(Payload.review(group: "example.com", object: object)) == nil)
    }

    @Test("judges on an update only the images that were not there before")
    func updates() throws {
        let old = Payload.pod(image: "old:1")
        #expect(try Payload.judged(Payload.review(operation: "UPDATE", object: old, oldObject: old)) == nil)
        let new = Payload.pod(image: "new:1")
        #expect(
            try Payload.judged(Payload.review(operation: "UPDATE", object: new, oldObject: old))?.map(\.name)
                == ["new:1"])
        #expect(
            try Payload.judged(Payload.review(operation: "UPDATE", object: new))?.map(\.name) == ["new:1"])
    }

    @Test("judges the debug container that kubectl debug adds")
    func ephemeral() throws {
        let old = Payload.pod(image: "app:1")
        let new =
            #"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"image":"app:1"}],"#
            + #""ephemeralContainers":[{"name":"debugger","image":"evil"}]}}"#
        let bytes = Payload.review(
            subResource: "ephemeralcontainers", operation: "UPDATE", object: new, oldObject: old)
        #expect(try Payload.judged(bytes) == [.init(path: "spec.ephemeralContainers[0]", name: "evil")])
        let list = #"{"apiVersion":"v1","kind":"EphemeralContainers","ephemeralContainers":[{"image":"evil"}]}"#
        let former = Payload.review(
            kind: "EphemeralContainers", subResource: "ephemeralcontainers", operation: "UPDATE", object: list,
            oldObject: #"{"apiVersion":"v1","kind":"EphemeralContainers"}"#)
        #expect(try Payload.judged(former) == [.init(path: "ephemeralContainers[0]", name: "evil")])
    }

    @Test("lets an object go that is being deleted, but not one that only says so at its making")
    func deletion() throws {
        let going = Payload.pod(image: "new", metadata: #"{"deletionTimestamp":"2026-01-01T00:00:00Z"}"#)
        let old = Payload.pod(image: "old")
        #expect(try Payload.judged(Payload.review(operation: "UPDATE", object: going, oldObject: old)) == nil)
        #expect(try Payload.judged(Payload.review(operation: "CREATE", object: going)) != nil)
    }

    @Test("exempts a mirror pod only when a node reports it")
    func mirrors() throws {
        let pod = Payload.pod(image: "x", metadata: #"{"annotations":{"kubernetes.io/config.mirror":"h"}}"#)
        #expect(try Payload.judged(Payload.review(object: pod)) != nil)
        let node = #"{"username":"system:node:a","groups":["system:nodes"]}"#
        #expect(try Payload.judged(Payload.review(object: pod, user: node)) == nil)
    }

    @Test("exempts nothing for its owner references")
    func owners() throws {
        let metadata = #"{"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r","uid":"u"}]}"#
        #expect(try Payload.judged(Payload.review(object: Payload.pod(image: "x", metadata: metadata))) != nil)
    }

    @Test(
        "refuses an object that cannot be read",
        arguments: [
            "null", "7", "[]", "{}", #"{"kind":"Pod"}"#, #"{"spec":null}"#, #"{"spec":{}}"#,
            #"{"spec":{"containers":[]}}"#, #"{"spec":{"containers":{}}}"#, #"{"spec":{"containers":[7]}}"#,
            #"{"spec":{"containers":[{"image":7}]}}"#, #"{"spec":{"containers":[null]}}"#,
            #"{"spec":{"containers":[{"image":"a"}],"volumes":[{"image":"x"}]}}"#,
            #"{"spec":{"containers":[{"image":"a"}],"initContainers":"x"}}"#,
            #"{"kind":"Deployment","spec":{"containers":[{"image":"a"}]}}"#,
            #"{"apiVersion":"apps/v1","spec":{"containers":[{"image":"a"}]}}"#,
        ])
    func objects(object: String) throws {
        let review = try Payload.read(Payload.review(object: object))
        let error = #expect(throws: BullaError.self) { try review.subject() }
        #expect(error?.code == .invalidArgument)
    }

    @Test("reads names with escapes")
    func escapes() throws {
        let object = #"{"sp\u0065c":{"containers":[{"im\u0061ge":"a\/b\u00e9\ud83e\udd80\n"}]}}"#
        #expect(try Payload.judged(Payload.review(object: object))?.map(\.name) == ["a/bé🦀\n"])
    }

    @Test("refuses an object with more images than are looked at")
    func tooMany() throws {
        let containers = Array(repeating: #"{"image":"a"}"#, count: 1001).joined(separator: ",")
        let review = try Payload.read(Payload.review(object: #"{"spec":{"containers":[\#(containers)]}}"#))
        #expect(throws: BullaError.self) { try review.subject() }
    }

    @Test(
        "survives 20,000 mutated reviews, and never loses an image that it says it has read", arguments: [UInt64(1), 2])
    func mutations(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let whole = Payload.review(
            group: "apps", kind: "Deployment", operation: "UPDATE",
            object: #"{"kind":"Deployment","apiVersion":"apps/v1","spec":{"template":{"spec":\#(Payload.podSpec)}}}"#,
            oldObject: Payload.pod(image: "nginx"))
        var reviews = 0
        for _ in 0..<10_000 {
            let bytes = whole.mutated(by: &generator)
            guard case .review(let review) = AdmissionReview.read(bytes) else { continue }
            // What passes here is JSON to others too.
            let parsed = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
            if String(validating: bytes, as: UTF8.self) != nil { #expect(parsed != nil) }
            reviews += 1
            _ = try? review.subject()
        }
        #expect(reviews > 1000)
    }

    @Test("survives every truncation")
    func truncations() {
        let whole = Payload.review(object: Payload.pod(image: "nginx"))
        for count in 0..<whole.count {
            if case .review = AdmissionReview.read(Array(whole[..<count])) {
                Issue.record("\(count) bytes of \(whole.count) were read as a review")
            }
        }
    }
}
