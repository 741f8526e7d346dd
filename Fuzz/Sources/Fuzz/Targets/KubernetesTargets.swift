// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaKubernetes
import BullaPolicy

/// What a cluster sends, and the policies that people write.
enum KubernetesTargets {
    /// A review, or an object with a pod.
    static func admission(_ input: [UInt8]) {
        switch AdmissionReview.read(input) {
        case .review(let review):
            require(!review.uid.isEmpty, "a review has a uid")
            if let subject = try? review.subject(), case .images(let images, _) = subject {
                require(images.count <= PodSpec.maximumImages, "images keep their limit")
            }
            let problem = BullaError(.invalidArgument, input.text)
            let answer = AdmissionResponse.refuse(uid: review.uid, problem).encoded(as: review.version)
            guard case .unreadable = AdmissionReview.read(answer) else {
                return require(false, "an answer is JSON, and no review to be judged")
            }
        case .malformed(let uid, _, _): require(!uid.isEmpty, "a refusal has a uid")
        case .unreadable: break
        }
        _ = AdmissionReview.read(input, isWhole: false)
        if let pod = try? PodSpec.read(input) {
            require(pod.images.count <= PodSpec.maximumImages, "images keep their limit")
        }
        _ = try? PodSpec.kind(of: input)
    }

    /// Policies in YAML, and manifests.
    static func policy(_ input: [UInt8]) {
        if let resources = try? PolicyResource.read(input, file: "policy.yaml") {
            _ = try? Policy(resources, revision: Digest(of: input))
        }
        guard let documents = try? ManifestFile.documents(in: input, file: "pod.yaml") else { return }
        for document in documents.prefix(16) { _ = try? PodSpec.read(document) }
    }
}
