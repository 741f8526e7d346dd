// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaVersion

/// The one form in which an advisory's content is hashed: every text behind its length, every list behind its count.
enum CanonicalAdvisory {
    static func digest(of advisory: Advisory) -> Digest {
        var writer = RecordWriter()
        func append(_ text: String) {
            writer.append(UInt32(truncatingIfNeeded: text.utf8.count))
            writer.append(contentsOf: Array(text.utf8))
        }
        func append(_ texts: [String]) {
            writer.append(UInt32(truncatingIfNeeded: texts.count))
            for text in texts { append(text) }
        }
        append([
            advisory.source.name, advisory.source.license, advisory.id, advisory.summary, advisory.details,
        ])
        for moment in [advisory.modified, advisory.published ?? .min, advisory.withdrawn ?? .min] {
            writer.append(moment)
        }
        append(advisory.aliases.sorted())
        append(advisory.upstream.sorted())
        append(advisory.references)
        append(advisory.vectors.sorted())
        writer.append(UInt64(bitPattern: Int64((advisory.score ?? -1) * 1000)))
        writer.append(UInt8(truncatingIfNeeded: advisory.severity.rawValue))
        writer.append(UInt32(truncatingIfNeeded: advisory.affected.count))
        for package in advisory.affected {
            append([package.ecosystem.name, package.name])
            writer.append(package.status.rawValue)
            writer.append(UInt8(truncatingIfNeeded: package.severity.rawValue))
            writer.append(UInt32(truncatingIfNeeded: package.ranges.count))
            for events in package.ranges {
                writer.append(UInt32(truncatingIfNeeded: events.count))
                for event in events {
                    let (kind, text): (UInt8, String) =
                        switch event {
                        case .introduced(let text): (0, text)
                        case .fixed(let text): (1, text)
                        case .lastAffected(let text): (2, text)
                        case .limit(let text): (3, text)
                        }
                    writer.append(kind)
                    append(text)
                }
            }
            append(package.versions.sorted())
        }
        return Digest(of: writer.bytes)
    }
}
