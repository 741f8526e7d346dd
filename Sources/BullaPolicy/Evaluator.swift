// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation

/// Decides whether the evidence about an image satisfies a rule.
///
/// Reads no clock, no network and no store: the same arguments always give the same verdict. The image is judged by
/// its whole name, for the same digest in another repository is another image to a rule.
public func evaluate(_ rule: Rule, of image: ImageReference, on evidence: Evidence, at now: Date) -> Verdict {
    if let pattern = rule.exemption(of: image) {
        return .allow(because: .exempt(pattern: pattern, policy: ""), until: .distantFuture)
    }
    return Verdict(folding: rule.requirements.map { $0.judge(image, on: evidence, at: now) })
}

extension Policy {
    /// Decides about an image in a namespace, which may have no rule.
    public func evaluate(
        _ image: ImageReference, in namespace: String, on evidence: Evidence, at now: Date
    ) -> Verdict {
        guard let rule = rule(in: namespace) else { return unruled(namespace) }
        return BullaPolicy.evaluate(rule, of: image, on: evidence, at: now)
    }

    /// The verdict on anything in a namespace that no rule covers.
    public func unruled(_ namespace: String) -> Verdict {
        switch fallback {
        case .allow: .allow(because: .noPolicy, until: .distantFuture)
        case .deny: .deny([Reason(.noPolicy(namespace: namespace))])
        }
    }
}
