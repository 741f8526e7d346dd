// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import BullaGrafeas
import BullaSeal
import Foundation
import GrafeasMessages
import SwiftProtobuf

/// Records where an image came from: a provenance statement becomes a BUILD occurrence.
///
/// Source, commit, user, builder and steps are kept in Grafeas' own fields; the statement itself is kept word for word in
/// `provenanceBytes`, and its signed envelope, where there is one, in `envelope`. Recording the same statement again
/// finds the first record and makes no second one.
public struct RecordBuildFlow: Sendable {
    private let names: RecordNames
    private let metadata: any MetadataAPI

    /// Makes the flow.
    public init(names: RecordNames, metadata: any MetadataAPI) {
        self.names = names
        self.metadata = metadata
    }

    /// Records a statement about an image.
    ///
    /// - Parameters:
    ///   - document: An in-toto statement with SLSA provenance 0.2 or 1.0, or a DSSE envelope around one.
    ///   - image: The image, under the name that the record knows it by.
    ///   - digest: The image's digest; a subject of the statement must have it.
    /// - Returns: The occurrence's name.
    /// - Throws: `invalidArgument` when the document is none, or `failedPrecondition` when it is about other images.
    public func record(
        _ document: [UInt8], of image: ImageReference, _ digest: Digest
    ) async throws(BullaError) -> String {
        let envelope = try? Envelope(parsing: document)
        let bytes = envelope.map { Array($0.payload) } ?? document
        let statement = try InTotoStatement(parsing: bytes)
        guard statement.subject(with: digest) != nil else {
            throw BullaError(
                .failedPrecondition,
                "the statement is about \(Self.subjects(of: statement)), none of which is \(digest)")
        }
        guard let provenance = statement.provenance else {
            throw BullaError(
                .invalidArgument,
                "the statement's predicate '\(statement.predicateType.prefix(120))' is not SLSA provenance 0.2 or 1.0")
        }
        let project = try names.project(of: image)
        let note = try NoteName(parent: project, id: "build")
        let resource = ResourceURI(image, digest).description
        let build = try Self.occurrence(of: statement, provenance, bytes: bytes)

        try await ensure(note)
        if let known = try await recorded(build, project, resource) { return known }
        return try await metadata.createOccurrence(
            .with {
                $0.parent = project.description
                $0.occurrence = .with { occurrence in
                    occurrence.resourceUri = resource
                    occurrence.noteName = note.description
                    occurrence.kind = .build
                    occurrence.build = build
                    if let envelope {
                        occurrence.envelope = .with { message in
                            message.payload = envelope.payload
                            message.payloadType = envelope.payloadType
                            message.signatures = envelope.signatures.map { signature in
                                .with {
                                    $0.sig = signature.bytes
                                    $0.keyid = signature.keyID
                                }
                            }
                        }
                    }
                }
            }
        ).name
    }

    private func ensure(_ note: NoteName) async throws(BullaError) {
        do {
            _ = try await metadata.createNote(
                .with {
                    $0.parent = note.parent.description
                    $0.noteID = note.id
                    $0.note = .with {
                        $0.kind = .build
                        $0.shortDescription = "Where images of this project were built, and from what"
                        $0.build = .with { $0.builderVersion = "in-toto" }
                    }
                })
        } catch {
            guard error.code == .alreadyExists else { throw error }
        }
    }

    /// The name of a record that says exactly the same about the same image.
    private func recorded(
        _ build: Grafeas_V1_BuildOccurrence, _ project: ProjectName, _ resource: String
    ) async throws(BullaError) -> String? {
        var token = ""
        repeat {
            let page = try await metadata.listOccurrences(
                .with {
                    $0.parent = project.description
                    $0.filter = "kind=\"BUILD\" AND resourceUrl=\"\(resource)\""
                    $0.pageSize = 1000
                    $0.pageToken = token
                })
            if let same = page.occurrences.first(where: { $0.build.provenanceBytes == build.provenanceBytes }) {
                return same.name
            }
            token = page.nextPageToken
        } while !token.isEmpty
        return nil
    }

    private static func subjects(of statement: InTotoStatement) -> String {
        statement.subjects.prefix(5).map { subject in
            "'\(subject.name.prefix(120))' \(subject.digests["sha256"].map { "sha256:" + $0 } ?? "without sha256")"
        }.joined(separator: ", ")
    }

    private static func occurrence(
        of statement: InTotoStatement, _ provenance: SLSAProvenance, bytes: [UInt8]
    ) throws(BullaError) -> Grafeas_V1_BuildOccurrence {
        var build = Grafeas_V1_BuildOccurrence()
        build.provenanceBytes = String(decoding: bytes, as: UTF8.self)
        build.provenance = .with { record in
            record.id = provenance.invocationID.isEmpty ? Digest(of: bytes).description : provenance.invocationID
            record.creator = provenance.user ?? ""
            record.builderVersion = provenance.builderID
            record.commands = provenance.steps.map { step in
                .with {
                    $0.id = step.id
                    $0.name = step.name.isEmpty ? step.id : step.name
                    $0.args = (step.entryPoint.isEmpty ? [] : [step.entryPoint]) + step.arguments
                    $0.env = step.environment
                    $0.dir = step.directory
                }
            }
            record.builtArtifacts = statement.subjects.map { subject in
                .with {
                    $0.checksum = subject.digests["sha256"].map { "sha256:" + $0 } ?? ""
                    $0.id = subject.name
                    $0.names = subject.name.isEmpty ? [] : [subject.name]
                }
            }
            if let date = provenance.startedOn { record.startTime = FindingRecord.timestamp(date) }
            if let date = provenance.finishedOn { record.endTime = FindingRecord.timestamp(date) }
            if !provenance.sourceURI.isEmpty {
                record.sourceProvenance = .with { source in
                    source.artifactStorageSourceUri = provenance.sourceURI
                    source.context = .with {
                        $0.git = .with {
                            $0.url = provenance.sourceURI
                            $0.revisionID = provenance.commit ?? ""
                        }
                    }
                }
            }
        }
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        do {
            switch provenance.version {
            case .one:
                build.inTotoSlsaProvenanceV1 = try Grafeas_V1_InTotoSlsaProvenanceV1(
                    jsonUTF8Bytes: bytes, options: options)
            case .zeroTwo:
                build.intotoStatement = .with {
                    $0.type = statement.type
                    $0.predicateType = statement.predicateType
                    $0.subject = statement.subjects.map { subject in
                        .with {
                            $0.name = subject.name
                            $0.digest = subject.digests
                        }
                    }
                }
                build.intotoStatement.slsaProvenanceZeroTwo = try Grafeas_V1_SlsaProvenanceZeroTwo(
                    jsonUTF8Bytes: statement.predicate, options: options)
            }
        } catch {
            throw BullaError(
                .invalidArgument,
                "the statement's predicate is not of the form of \(statement.predicateType): \(error)",
                cause: error)
        }
        return build
    }
}
