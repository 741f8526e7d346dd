// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaKubernetes
import Foundation
import Testing

/// Reviews as an API server sends them, and what the suites of this target share.
enum Payload {
    static let digest = "sha256:" + String(repeating: "a", count: 64)

    /// A pod specification with an image in every place that can name one.
    static let podSpec = #"""
        {"serviceAccountName":"builder",
         "initContainers":[{"name":"i","image":"init:1"}],
         "containers":[{"name":"a","image":"gcr.io/p/app@\#(digest)","env":[{"name":"image","value":"evil"}]},
                       {"image":"side:1","name":"b"}],
         "ephemeralContainers":[{"name":"d","image":"debug:1"}],
         "volumes":[{"name":"c","configMap":{"name":"x"}},{"name":"v","image":{"reference":"data:1"}}]}
        """#

    /// The paths and images of `podSpec` under a prefix.
    static func images(_ prefix: String) -> [PodSpec.Image] {
        [
            .init(path: "\(prefix).initContainers[0]", name: "init:1"),
            .init(path: "\(prefix).containers[0]", name: "gcr.io/p/app@\(digest)"),
            .init(path: "\(prefix).containers[1]", name: "side:1"),
            .init(path: "\(prefix).ephemeralContainers[0]", name: "debug:1"),
            .init(path: "\(prefix).volumes[1].image", name: "data:1"),
        ]
    }

    static func pod(image: String, metadata: String = #"{"name":"p"}"#) -> String {
        #"{"apiVersion":"v1","kind":"Pod","metadata":\#(metadata),"spec":{"containers":[{"image":"\#(image)"}]}}"#
    }

    /// A review around an object, with the fields in the order of the API server.
    static func review(
        version: String = "v1", group: String = "", kindVersion: String = "v1", kind: String = "Pod",
        subResource: String = "", operation: String = "CREATE", object: String, oldObject: String = "null",
        user: String = #"{"username":"alice","groups":["system:authenticated"]}"#, dryRun: Bool = false
    ) -> [UInt8] {
        let sub = subResource.isEmpty ? "" : #","subResource":"\#(subResource)""#
        return Array(
            #"""
            {"kind":"AdmissionReview","apiVersion":"admission.k8s.io/\#(version)","request":{
            "uid":"705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind":{"group":"\#(group)","version":"\#(kindVersion)","kind":"\#(kind)"},
            "resource":{"group":"\#(group)","version":"\#(kindVersion)","resource":"pods"}\#(sub),
            "name":"p","namespace":"prod","operation":"\#(operation)","userInfo":\#(user),
            "object":\#(object),"oldObject":\#(oldObject),"dryRun":\#(dryRun),
            "options":{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}}}
            """#.utf8)
    }

    /// The review in a body, or a failed test.
    static func read(_ bytes: [UInt8]) throws -> AdmissionReview {
        guard case .review(let review) = AdmissionReview.read(bytes) else {
            Issue.record("no review")
            throw BullaError(.internal, "no review")
        }
        return review
    }

    /// What is to be judged, as paths and names.
    static func judged(_ bytes: [UInt8]) throws -> [PodSpec.Image]? {
        guard case .images(let images, _) = try read(bytes).subject() else { return nil }
        return images
    }
}

/// Numbers that are the same in every run: a linear congruential generator.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 2 &+ 1 }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let mixed = (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        return mixed ^ (mixed >> 29)
    }
}

extension [UInt8] {
    /// The bytes with a few of them changed, cut, doubled or moved.
    func mutated(by generator: inout SeededGenerator) -> [UInt8] {
        var bytes = self
        for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 2: bytes.removeSubrange(place..<Swift.min(bytes.count, place + 7))
            case 3:
                let token = ["{", "}", "[", "]", "\"", ":", ",", "\\", "null", "0", "\\u12", "\n", "- ", "&a ", "*a"]
                bytes.insert(contentsOf: (token.randomElement(using: &generator) ?? "").utf8, at: place)
            case 4: bytes.insert(contentsOf: bytes[place..<Swift.min(bytes.count, place + 40)], at: place)
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }
}
