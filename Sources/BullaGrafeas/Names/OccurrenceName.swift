// SPDX-License-Identifier: Apache-2.0
public import BullaArtifact

/// The name of an occurrence, `projects/P/occurrences/ID` or `projects/P/locations/L/occurrences/ID`.
public struct OccurrenceName: Hashable, Sendable, CustomStringConvertible {
    /// The project or location that the occurrence belongs to.
    public let parent: ProjectName
    /// The id: a UUID, made by the service or derived from what the occurrence says.
    public let id: String

    /// Reads a name.
    ///
    /// - Throws: `invalidArgument` unless it has one of the two forms.
    public init(_ text: some StringProtocol) throws(BullaError) {
        guard let parts = NameParts(text, collection: "occurrences") else {
            throw BullaError(
                .invalidArgument,
                NameParts.refusal("occurrence", "projects/[PROJECT_ID]/occurrences/[OCCURRENCE_ID]", text))
        }
        parent = ProjectName(trusted: parts.project, parts.location)
        id = parts.id
    }

    /// Makes a name of its parts.
    ///
    /// - Throws: `invalidArgument` when the id is empty, too long, or holds a slash or a control character.
    public init(parent: ProjectName, id: String) throws(BullaError) {
        try self.init("\(parent)/occurrences/\(id)")
    }

    /// Derives a name from what an occurrence says, so that saying the same again names the same occurrence.
    ///
    /// The id is a UUID of version 8 (https://www.rfc-editor.org/rfc/rfc9562#section-5.8) made from the SHA-256 of the
    /// project and the parts; each part is hashed with its length, so no two lists of parts are confused.
    public init(project: ProjectName, derivedFrom parts: [String]) {
        var hasher = DigestHasher()
        for part in [project.description] + parts {
            var length = UInt64(part.utf8.count)
            var framed: [UInt8] = []
            framed.reserveCapacity(part.utf8.count + 8)
            for _ in 0..<8 {
                framed.append(UInt8(truncatingIfNeeded: length))
                length >>= 8
            }
            framed.append(contentsOf: part.utf8)
            hasher.update(framed)
        }
        parent = project
        id = Self.uuid(Array(hasher.finalize().rawBytes.prefix(16)), version: 8)
    }

    init(made parent: ProjectName, by generator: inout some RandomNumberGenerator) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        for _ in 0..<2 {
            var word = generator.next()
            for _ in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
            }
        }
        self.parent = parent
        id = Self.uuid(bytes, version: 4)
    }

    /// The text of a UUID of the given version and the common variant.
    private static func uuid(_ bytes: [UInt8], version: UInt8) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, byte) in bytes.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append(UInt8(ascii: "-")) }
            let value = index == 6 ? byte & 0x0F | version << 4 : index == 8 ? byte & 0x3F | 0x80 : byte
            for digit in [value >> 4, value & 0x0F] { text.append(digit < 10 ? digit &+ 48 : digit &+ 87) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The name as it is written.
    public var description: String { "\(parent)/occurrences/\(id)" }
}
