// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaExpression
import BullaVersion

/// Manifests, names, versions and filters.
enum NounTargets {
    /// A manifest, an index or a configuration.
    static func manifest(_ input: [UInt8]) {
        if let manifest = try? ImageManifest(input) { _ = manifest.isImage }
        if let index = try? ImageIndex(input) { _ = index.manifest(for: .current) }
        if let config = try? ImageConfig(input) { _ = config.platform }
    }

    /// An image reference: what is written of one can be read, and is the same.
    static func reference(_ input: [UInt8]) {
        guard let image = try? ImageReference(input.text) else { return }
        let text = image.description
        guard let again = try? ImageReference(text) else {
            return require(false, "reference '\(text)' that was written can be read")
        }
        require(again == image, "reference '\(text)' reads as written")
        for spelling in image.spellings { _ = try? ImageReference(spelling) }
        _ = ResourceURI(image, Digest(of: input)).image
        _ = ResourceURI(text: input.text).image
        _ = ResourceURI.digest(in: input.text)
        _ = try? Platform(input.text)
        _ = try? Quantity.bytes(input.text)
        _ = try? Quantity.seconds(input.text)
    }

    /// A package URL.
    static func packageURL(_ input: [UInt8]) {
        guard let purl = try? PackageURL(input.text) else { return }
        let text = purl.description
        guard text.utf8.count <= 4096 else { return }
        guard let again = try? PackageURL(text) else {
            return require(false, "package URL '\(text)' that was written can be read")
        }
        require(again == purl, "package URL '\(text)' reads as written")
    }

    /// Three versions, one a line, in every scheme: compared they must form a total order.
    static func version(_ input: [UInt8]) {
        let texts = input.parts(at: [10], limit: 3).map(\.text)
        guard texts.count == 3 else { return }
        for scheme in VersionScheme.allCases {
            for left in texts {
                for right in texts {
                    guard let forth = scheme.compare(left, right) else { continue }
                    require(scheme.compare(right, left) == -forth, "\(scheme) is antisymmetric on \(left), \(right)")
                    require(left != right || forth == 0, "\(scheme) is reflexive on \(left)")
                    for last in texts where forth <= 0 {
                        guard let next = scheme.compare(right, last), next <= 0 else { continue }
                        let all = scheme.compare(left, last)
                        require(
                            all == min(forth, next), "\(scheme) is transitive on \(left), \(right), \(last)")
                    }
                }
            }
            let events: [VersionEvent] = [.introduced(texts[0]), .fixed(texts[1]), .introduced(texts[2])]
            if let range = try? VersionRange(events, in: scheme), let key = scheme.key(of: texts[1]) {
                _ = range.contains(key)
            }
        }
    }

    /// A filter: the tree that was read, written and read again is the same.
    static func filter(_ input: [UInt8]) {
        guard let tree = try? FilterLanguage.parse(input.text) else { return }
        _ = tree.description
    }

    /// A CVSS vector.
    static func cvss(_ input: [UInt8]) {
        guard let vector = CVSS(input.text) else { return }
        require((0...10).contains(vector.baseScore), "a score lies between 0 and 10")
        _ = vector.severity
        _ = vector.majorVersion
    }
}
