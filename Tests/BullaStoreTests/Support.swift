// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaGrafeas
import BullaLog
import BullaStore
import Foundation
import GrafeasMessages
import SwiftProtobuf
import Synchronization
import Testing

/// A store in a folder of its own, with a clock that a test moves.
final class Workplace: Sendable {
    let folder: String
    let store: Store
    let service: MetadataService
    let clock = Clock()

    init() async throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("store-\(UUID().uuidString)").path
        store = try await Store.open(directory: folder)
        service = store.metadata(now: { [clock] in clock.now })
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Makes notes of the given kinds in project `provider`: `vulnerability`, `discovery` and so on.
    func makeNotes(_ notes: Grafeas_V1_Note...) async throws {
        for note in notes {
            _ = try await service.createNote(
                .with {
                    $0.parent = "projects/provider"
                    $0.noteID = note.derivedKind.name.lowercased()
                    $0.note = note
                })
        }
    }

    func create(_ occurrence: Grafeas_V1_Occurrence, in project: String = "p") async throws -> Grafeas_V1_Occurrence {
        try await service.createOccurrence(
            .with {
                $0.parent = "projects/\(project)"
                $0.occurrence = occurrence
            })
    }

    func list(_ filter: String, in project: String = "projects/p") async throws -> [Grafeas_V1_Occurrence] {
        try await service.listOccurrences(
            .with {
                $0.parent = project
                $0.filter = filter
                $0.pageSize = 1000
            }
        ).occurrences
    }

    func logged(after sequence: Int64 = 0) async throws -> [String] {
        try await store.log.entries(after: sequence, limit: 10_000).map { "\($0.kind) \($0.subject)" }
    }
}

/// A clock that moves a second with each look.
final class Clock: Sendable {
    private let seconds = Atomic<Int>(1_700_000_000)

    var now: Date { Date(timeIntervalSince1970: Double(seconds.add(1, ordering: .relaxed).newValue)) }
}

/// Records that pass validation.
enum Sample {
    static let discoveryNote = Grafeas_V1_Note.with { $0.discovery.analysisKind = .vulnerability }
    static let buildNote = Grafeas_V1_Note.with { $0.build.builderVersion = "1" }
    static let packageNote = Grafeas_V1_Note.with { $0.package.name = "PACKAGE" }
    static let attestationNote = Grafeas_V1_Note.with { $0.attestation.hint.humanReadableName = "qa" }
    static let vulnerabilityNote = Grafeas_V1_Note.with {
        $0.shortDescription = "CVE-1"
        $0.vulnerability.severity = .high
        $0.vulnerability.details = [
            .with {
                $0.affectedCpeUri = "cpe:/o:debian:debian_linux:12"
                $0.affectedPackage = "openssl"
            }
        ]
    }

    /// The URI of the image whose digest is the hash of a number.
    static func image(_ number: Int, scheme: String = "https://") -> String {
        "\(scheme)host/p/app@\(Digest(of: Array("image \(number)".utf8)))"
    }

    static func discovery(_ resource: String, _ status: Grafeas_V1_DiscoveryOccurrence.AnalysisStatus = .pending)
        -> Grafeas_V1_Occurrence
    {
        .with {
            $0.resourceUri = resource
            $0.noteName = "projects/provider/notes/discovery"
            $0.discovery.analysisStatus = status
        }
    }

    static func package(_ resource: String, _ name: String) -> Grafeas_V1_Occurrence {
        .with {
            $0.resourceUri = resource
            $0.noteName = "projects/provider/notes/package"
            $0.package.name = name
            $0.package.packageType = "OS"
            $0.package.version = .with {
                $0.kind = .normal
                $0.name = "1.0"
            }
        }
    }

    static func vulnerability(_ resource: String, package: String = "openssl") -> Grafeas_V1_Occurrence {
        .with {
            $0.resourceUri = resource
            $0.noteName = "projects/provider/notes/vulnerability"
            $0.vulnerability.packageIssue = [
                .with {
                    $0.affectedCpeUri = "cpe:/o:debian:debian_linux:12"
                    $0.affectedPackage = package
                    $0.affectedVersion = .with {
                        $0.kind = .normal
                        $0.name = "1.0"
                    }
                    $0.fixedVersion.kind = .maximum
                }
            ]
        }
    }

    static func attestation(_ resource: String, key: String = "k1", payload: String = "{}") -> Grafeas_V1_Occurrence {
        .with {
            $0.resourceUri = resource
            $0.noteName = "projects/provider/notes/attestation"
            $0.attestation.serializedPayload = Data(payload.utf8)
            $0.attestation.signatures = [
                .with {
                    $0.publicKeyID = key
                    $0.signature = Data([1, 2, 3])
                }
            ]
        }
    }

    static func build(_ resource: String, id: String = "b1") -> Grafeas_V1_Occurrence {
        .with {
            $0.resourceUri = resource
            $0.noteName = "projects/provider/notes/build"
            $0.build.provenance.id = id
        }
    }
}

/// The error that an asynchronous call throws, or nil.
func failure(_ body: () async throws -> Void) async -> BullaError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? BullaError ?? BullaError(.unknown, "\(error)")
    }
}
