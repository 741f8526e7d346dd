// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
public import BullaKubernetes
import BullaPolicy
public import Foundation

extension AdmitFlow {
    /// Makes a flow that decides by a folder's policies on evidence from wherever `gatherer` asks, and records nothing.
    ///
    /// This is `bulla admit --policies`: a policy is tried against what a server knows before it is put in force.
    public init(
        rehearsing policies: PolicyCache, gatherer: EvidenceGatherer, now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.init(
            policy: { policies.policy },
            source: Source(evidence: { image, needsScan, attestors, now throws(BullaError) in
                try await gatherer.evidence(of: image, needsScan: needsScan, attestors: attestors, at: now)
            }), recorder: Recorder(now: { _ in }, later: { _ in }), now: now)
    }
}
