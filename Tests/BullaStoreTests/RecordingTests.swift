// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaGrafeas
import BullaStore
import Foundation
import GrafeasMessages
import SwiftProtobuf
import Testing

@Suite("MetadataService.record")
struct RecordingTests {
    private static let image = Sample.image(1)

    private static func name(_ parts: String...) throws -> OccurrenceName {
        OccurrenceName(project: try ProjectName("projects/p"), derivedFrom: parts)
    }

    /// A scan's result: a discovery and some packages.
    private static func result(
        _ packages: [String], scanned time: Int64 = 1, expecting: Recording.Expectation = .anything
    ) throws -> Recording {
        let notes = try [Sample.discoveryNote, Sample.packageNote].map {
            Recording.EnsuredNote(
                try NoteName("projects/provider/notes/\($0.derivedKind.name.lowercased())"), $0)
        }
        let discovery = Recording.Upsert(
            try name("DISCOVERY", image),
            .with {
                $0 = Sample.discovery(image, .finishedSuccess)
                $0.discovery.lastScanTime.seconds = time
                $0.discovery.files = [.with { $0.digest = ["sha256": Digest(of: Array("report".utf8)).hexadecimal] }]
            }, expecting: expecting)
        let found = try packages.map { Recording.Upsert(try name("PACKAGE", image, $0), Sample.package(image, $0)) }
        return Recording(
            notes: notes, occurrences: [discovery] + found,
            replacing: .init(
                project: try ProjectName("projects/p"), resourceURI: image, kinds: [.package, .vulnerability]))
    }

    @Test("makes notes and occurrences, and writes nothing but the time for the same result")
    func repeats() async throws {
        let place = try await Workplace()
        let first = try await place.service.record(Self.result(["a", "b", "c"]))
        #expect(first == RecordingOutcome(created: 4))
        let place1 = try await place.store.log.lastSequence()
        let same = try await place.service.record(Self.result(["a", "b", "c"]))
        #expect(same == RecordingOutcome(unchanged: 4))
        #expect(try await place.store.log.lastSequence() == place1)
        let later = try await place.service.record(Self.result(["a", "b", "c"], scanned: 2))
        #expect(later == RecordingOutcome(updated: 1, unchanged: 3))
        let log = try await place.logged(after: place1)
        #expect(log == ["occurrence.updated \(try Self.name("DISCOVERY", Self.image))"])
        let discovery = try await place.store.records.occurrence(Self.name("DISCOVERY", Self.image))
        #expect(discovery?.revision == 2 && discovery?.occurrence.discovery.lastScanTime.seconds == 2)
        let made = discovery?.occurrence.createTime.seconds ?? 0
        #expect(discovery?.occurrence.updateTime.seconds ?? 0 > made)
    }

    @Test("deletes what is gone, keeps its revision, and leaves what clients made")
    func replaces() async throws {
        let place = try await Workplace()
        try await place.makeNotes(Sample.packageNote)
        let own = try await place.create(Sample.package(Self.image, "by hand"))
        _ = try await place.service.record(Self.result(["a", "b"]))
        let outcome = try await place.service.record(Self.result(["b", "c"], scanned: 2))
        #expect(outcome == RecordingOutcome(created: 1, updated: 1, unchanged: 1, deleted: 1))
        let names = try await place.list("kind=PACKAGE").map(\.package.name)
        #expect(names == ["by hand", "b", "c"])
        #expect(try await place.service.getOccurrence(.with { $0.name = own.name }) == own)
        let gone = try await place.store.records.occurrence(Self.name("PACKAGE", Self.image, "a"), revision: 1)
        #expect(gone?.occurrence.package.name == "a")
        _ = try await place.service.record(Self.result(["a"], scanned: 3))
        let back = try await place.store.records.occurrence(Self.name("PACKAGE", Self.image, "a"))
        #expect(back?.revision == 2)
        let deletion = Recording(deletions: [try Self.name("PACKAGE", Self.image, "a"), try Self.name("never")])
        #expect(try await place.service.record(deletion) == RecordingOutcome(deleted: 1))
    }

    @Test("keeps nothing when a record is not in the expected state")
    func expectations() async throws {
        let place = try await Workplace()
        _ = try await place.service.record(Self.result(["a"], expecting: .absent))
        let again = await failure { _ = try await place.service.record(Self.result(["b"], expecting: .absent)) }
        #expect(again?.code == .aborted)
        let name = try Self.name("DISCOVERY", Self.image)
        let read = try await place.service.getOccurrence(.with { $0.name = name.description })
        let stale = await failure {
            _ = try await place.service.record(
                Self.result(["b"], scanned: 2, expecting: .updated(at: .init(seconds: 1, nanos: 0))))
        }
        #expect(stale?.code == .aborted)
        #expect(try await place.list("kind=PACKAGE").map(\.package.name) == ["a"])
        let current = try await place.service.record(
            Self.result(["b"], scanned: 2, expecting: .updated(at: read.updateTime)))
        #expect(current == RecordingOutcome(created: 1, updated: 1, deleted: 1))
        let absent = Recording(occurrences: [
            .init(try Self.name("other"), Sample.discovery("r"), expecting: .updated(at: read.updateTime))
        ])
        #expect(await failure { _ = try await place.service.record(absent) }?.code == .aborted)
    }

    @Test("needs notes that exist or are ensured, and brings them up to date where asked")
    func notes() async throws {
        let place = try await Workplace()
        let alone = Recording(occurrences: [.init(try Self.name("x"), Sample.discovery("r"))])
        #expect(await failure { _ = try await place.service.record(alone) }?.code == .notFound)
        let name = try NoteName("projects/provider/notes/vulnerability")
        var note = Sample.vulnerabilityNote
        _ = try await place.service.record(.init(notes: [.init(name, note)]))
        note.shortDescription = "changed"
        _ = try await place.service.record(.init(notes: [.init(name, note)]))
        #expect(try await place.service.getNote(.with { $0.name = name.description }).shortDescription == "CVE-1")
        _ = try await place.service.record(.init(notes: [.init(name, note, refreshes: true)]))
        #expect(try await place.service.getNote(.with { $0.name = name.description }).shortDescription == "changed")
        _ = try await place.service.record(.init(notes: [.init(name, note, refreshes: true)]))
        #expect(try await place.store.records.note(name)?.revision == 2)
    }

    @Test("keeps the blobs that a discovery names from being collected")
    func files() async throws {
        let place = try await Workplace()
        _ = try await place.service.record(Self.result(["a"]))
        let report = Digest(of: Array("report".utf8))
        let other = Digest(of: Array("other".utf8))
        #expect(try await place.store.manifests.referencedBlobs(among: [report, other]) == [report])
        let name = try Self.name("DISCOVERY", Self.image)
        try await place.service.deleteOccurrence(.with { $0.name = name.description })
        #expect(try await place.store.manifests.referencedBlobs(among: [report, other]).isEmpty)
    }
}
