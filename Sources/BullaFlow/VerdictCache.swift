// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaPolicy
import Foundation
import Synchronization

/// Verdicts that still hold: by namespace and image, for one revision of the policy and one of the evidence.
///
/// A verdict ends with the first fact behind it that can change by itself, and after ten seconds at the latest, so that
/// what the revision of the evidence does not tell (a note deleted with all that hangs on it) is not missed for long. At
/// most `capacity` verdicts are kept; then all are let go, which costs one look-up each.
final class VerdictCache: Sendable {
    private struct Key: Hashable {
        let namespace: String
        let image: ImageReference
    }

    private struct Kept {
        let verdict: Verdict
        let policy: Digest
        let evidence: Int64
        let until: Date
    }

    private let capacity: Int
    private let kept = Mutex<[Key: Kept]>([:])

    init(capacity: Int = 10_000) { self.capacity = capacity }

    func verdict(
        on image: ImageReference, in namespace: String, policy: Digest, evidence: Int64, at now: Date
    ) -> Verdict? {
        guard let found = kept.withLock({ $0[Key(namespace: namespace, image: image)] }) else { return nil }
        guard found.policy == policy, found.evidence == evidence, found.until > now else { return nil }
        return found.verdict
    }

    func keep(
        _ verdict: Verdict, on image: ImageReference, in namespace: String, policy: Digest, evidence: Int64,
        at now: Date
    ) {
        let until = min(verdict.until, now.addingTimeInterval(10))
        kept.withLock { kept in
            if kept.count >= capacity { kept.removeAll(keepingCapacity: true) }
            kept[Key(namespace: namespace, image: image)] = Kept(
                verdict: verdict, policy: policy, evidence: evidence, until: until)
        }
    }
}
