// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaGrafeas
public import Foundation
import GrafeasMessages
import SwiftProtobuf

/// Turns a signature into an attestation occurrence under an attestor's note.
public struct AttestationRecord: Sendable {
    /// What to do when the attestor attested the image with the same key before.
    public enum IfExists: String, Sendable, Hashable, CaseIterable {
        /// Leave what is there and answer with its name.
        case keep
        /// Delete what is there and record anew.
        case replace
        /// Refuse.
        case fail
    }

    /// What was recorded.
    public struct Outcome: Sendable, Hashable {
        /// The occurrence's name.
        public let occurrence: String
        /// Whether it was there before.
        public let wasThere: Bool
    }

    private let names: RecordNames
    private let metadata: any MetadataAPI

    /// Makes a recorder.
    public init(names: RecordNames, metadata: any MetadataAPI) {
        self.names = names
        self.metadata = metadata
    }

    /// The note of an attestor: `projects/P/notes/N` as it is, a bare name in the project.
    ///
    /// - Throws: `invalidArgument` when the text is neither.
    public static func note(of attestor: String, in project: ProjectName) throws(BullaError) -> NoteName {
        if attestor.hasPrefix("projects/") { return try NoteName(attestor) }
        return try NoteName(parent: project, id: attestor)
    }

    /// Makes the attestor's note, if it is missing.
    ///
    /// - Throws: What the service answers with; `failedPrecondition` when the note is of another kind.
    public func ensure(_ note: NoteName) async throws(BullaError) {
        do throws(BullaError) {
            let known = try await metadata.getNote(.with { $0.name = note.description })
            guard known.kind == .attestation else {
                throw BullaError(.failedPrecondition, "note '\(note)' is of kind \(known.kind), not ATTESTATION")
            }
            return
        } catch {
            guard error.code == .notFound else { throw error }
        }
        do {
            _ = try await metadata.createNote(
                .with {
                    $0.parent = note.parent.description
                    $0.noteID = note.id
                    $0.note = .with {
                        $0.kind = .attestation
                        $0.shortDescription = "Attestations by \(note.id)"
                        $0.attestation = .with { $0.hint = .with { $0.humanReadableName = note.id } }
                    }
                })
        } catch {
            guard error.code == .alreadyExists else { throw error }
        }
    }

    /// Records a signature.
    ///
    /// - Parameters:
    ///   - payload: The bytes that were signed.
    ///   - signature: The signature in the form that its kind of key has.
    ///   - keyID: The id under which verifiers find the key.
    ///   - image: The image, under the name that the record knows it by.
    ///   - digest: The image's digest.
    ///   - note: The attestor's note, which must exist.
    ///   - project: The project that the occurrence goes to.
    ///   - policy: What to do when there is one already.
    /// - Returns: The occurrence, and whether it was there before.
    /// - Throws: `alreadyExists` under `.fail`, and what the service answers with.
    public func record(
        payload: Data, signature: Data, keyID: String, of image: ImageReference, _ digest: Digest, under note: NoteName,
        in project: ProjectName, ifExists policy: IfExists
    ) async throws(BullaError) -> Outcome {
        let resource = ResourceURI(image, digest).description
        var existing: [String] = []
        var token = ""
        repeat {
            let page = try await metadata.listNoteOccurrences(
                .with {
                    $0.name = note.description
                    $0.filter = "resourceUrl=\"\(resource)\""
                    $0.pageSize = 1000
                    $0.pageToken = token
                })
            existing += page.occurrences.filter { occurrence in
                occurrence.attestation.signatures.contains { $0.publicKeyID == keyID }
            }.map(\.name)
            token = page.nextPageToken
        } while !token.isEmpty

        if let first = existing.first {
            switch policy {
            case .keep: return Outcome(occurrence: first, wasThere: true)
            case .fail:
                throw BullaError(
                    .alreadyExists,
                    "'\(image.at(digest))' is attested under '\(note)' with key '\(keyID)' already: \(first)")
            case .replace:
                for name in existing { try await metadata.deleteOccurrence(.with { $0.name = name }) }
            }
        }
        let made = try await metadata.createOccurrence(
            .with {
                $0.parent = project.description
                $0.occurrence = .with {
                    $0.resourceUri = resource
                    $0.noteName = note.description
                    $0.kind = .attestation
                    $0.attestation = .with {
                        $0.serializedPayload = payload
                        $0.signatures = [
                            .with {
                                $0.signature = signature
                                $0.publicKeyID = keyID
                            }
                        ]
                    }
                }
            })
        return Outcome(occurrence: made.name, wasThere: false)
    }
}
