// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaGrafeas
import BullaStore
import Foundation
import GrafeasMessages
import SwiftProtobuf
import Testing

@Suite("MetadataService over SQLite: notes")
struct NoteServiceTests {
    @Test("makes, reads, lists and deletes notes")
    func life() async throws {
        let place = try await Workplace()
        let made = try await place.service.createNote(
            .with {
                $0.parent = "projects/p"
                $0.noteID = "n"
                $0.note = Sample.attestationNote
                $0.note.name = "ignored"
                $0.note.createTime.seconds = 5
            })
        #expect(made.name == "projects/p/notes/n" && made.kind == .attestation)
        #expect(made.createTime.seconds > 1_600_000_000 && made.createTime == made.updateTime)
        let read = try await place.service.getNote(.with { $0.name = "projects/p/notes/n" })
        #expect(read == made)
        let again = await failure {
            _ = try await place.service.createNote(
                .with {
                    $0.parent = "projects/p"
                    $0.noteID = "n"
                    $0.note = Sample.buildNote
                })
        }
        #expect(again?.code == .alreadyExists && again?.message.contains("projects/p/notes/n") == true)
        let listed = try await place.service.listNotes(.with { $0.parent = "projects/p" })
        #expect(listed.notes == [made] && listed.nextPageToken.isEmpty)
        try await place.service.deleteNote(.with { $0.name = "projects/p/notes/n" })
        let gone = await failure { _ = try await place.service.getNote(.with { $0.name = "projects/p/notes/n" }) }
        #expect(gone?.code == .notFound)
        let twice = await failure { try await place.service.deleteNote(.with { $0.name = "projects/p/notes/n" }) }
        #expect(twice?.code == .notFound)
        let log = try await place.logged()
        #expect(log == ["note.created projects/p/notes/n", "note.deleted projects/p/notes/n"])
        let former = try await place.store.records.note(NoteName("projects/p/notes/n"), revision: 1)
        #expect(former?.note == made)
        let projects = try await place.store.projects(limit: 10)
        #expect(projects == ["p"])
    }

    @Test("keeps locations and projects apart, and lists a project's locations with it")
    func locations() async throws {
        let place = try await Workplace()
        for parent in ["projects/p", "projects/p/locations/eu", "projects/p2", "projects/p/locations/us"] {
            _ = try await place.service.createNote(
                .with {
                    $0.parent = parent
                    $0.noteID = "n"
                    $0.note = Sample.buildNote
                })
        }
        for (parent, count) in [
            ("projects/p", 3), ("projects/p/locations/eu", 1), ("projects/p/locations/-", 3), ("projects/p2", 1),
            ("projects/none", 0), ("projects/p/locations/none", 0),
        ] {
            let found = try await place.service.listNotes(.with { $0.parent = parent })
            #expect(found.notes.count == count, "\(parent)")
        }
        let name = "projects/p/locations/eu/notes/n"
        let read = try await place.service.getNote(.with { $0.name = name })
        #expect(read.name == name)
        let everywhere = await failure {
            _ = try await place.service.createNote(
                .with {
                    $0.parent = "projects/p/locations/-"
                    $0.noteID = "m"
                    $0.note = Sample.buildNote
                })
        }
        #expect(everywhere?.code == .invalidArgument)
    }

    @Test("makes a batch of notes, all or none")
    func batch() async throws {
        let place = try await Workplace()
        func make(_ notes: [String: Grafeas_V1_Note]) async -> BullaError? {
            await failure {
                let made = try await place.service.batchCreateNotes(
                    .with {
                        $0.parent = "projects/p"
                        $0.notes = notes
                    })
                #expect(made.notes.count == notes.count)
            }
        }
        #expect(await make(["a": Sample.buildNote, "b": Sample.discoveryNote]) == nil)
        #expect(await make([:])?.message == "at least one note must be specified")
        #expect(await make(["c": Sample.buildNote, "a": Sample.buildNote])?.code == .alreadyExists)
        let bad = await make(["d": Sample.buildNote, "e": .with { $0.build = .init() }])
        #expect(bad?.code == .invalidArgument && bad?.violations.first?.field == "notes[\"e\"].build.builder_version")
        let many = await make(
            Dictionary(uniqueKeysWithValues: (0..<1001).map { ("n\($0)", Sample.buildNote) }))
        #expect(many?.code == .invalidArgument)
        let listed = try await place.service.listNotes(.with { $0.parent = "projects/p" })
        #expect(Set(listed.notes.map(\.name)) == ["projects/p/notes/a", "projects/p/notes/b"])
    }

    @Test("changes what the mask names, in either spelling, and nothing else")
    func masks() async throws {
        let place = try await Workplace()
        try await place.makeNotes(Sample.attestationNote, Sample.vulnerabilityNote)
        func update(_ name: String, _ paths: [String], _ note: Grafeas_V1_Note) async throws -> Grafeas_V1_Note {
            try await place.service.updateNote(
                .with {
                    $0.name = "projects/provider/notes/\(name)"
                    $0.note = note
                    $0.updateMask.paths = paths
                })
        }
        let update1 = Grafeas_V1_Note.with {
            $0.shortDescription = "short"
            $0.longDescription = "long"
            $0.attestation.hint.humanReadableName = "new"
        }
        let first = try await update("attestation", ["shortDescription"], update1)
        #expect(first.shortDescription == "short" && first.longDescription.isEmpty)
        #expect(first.attestation.hint.humanReadableName == "qa" && first.updateTime.seconds > first.createTime.seconds)
        let second = try await update(
            "attestation", ["attestation.hint.humanReadableName", "long_description", "name", "createTime"], update1)
        #expect(second.attestation.hint.humanReadableName == "new" && second.longDescription == "long")
        #expect(second.createTime == first.createTime && second.name == first.name)
        let third = try await update(
            "attestation", ["attestation.hint.human_readable_name", "longDescription"],
            .with { $0.attestation.hint.humanReadableName = "newer" })
        #expect(third.attestation.hint.humanReadableName == "newer" && third.longDescription.isEmpty)
        let whole = try await update("attestation", [], .with { $0.attestation.hint.humanReadableName = "last" })
        #expect(whole.shortDescription.isEmpty && whole.attestation.hint.humanReadableName == "last")
        let star = try await update("attestation", ["*"], .with { $0.shortDescription = "star" })
        #expect(star.shortDescription == "star" && star.attestation.hint.humanReadableName == "last")
        let severity = try await update(
            "vulnerability", ["vulnerability.severity", "vulnerability.cvssScore"],
            .with {
                $0.vulnerability.severity = .critical
                $0.vulnerability.cvssScore = 9.8
            })
        #expect(severity.vulnerability.severity == .critical && severity.vulnerability.cvssScore == 9.8)
        #expect(severity.vulnerability.details.count == 1)
        for paths in [["nonsense"], ["attestation.hint.nonsense"], [""], ["attestation..hint"], ["a\"b"]] {
            let error = await failure { _ = try await update("attestation", paths, update1) }
            #expect(error?.code == .invalidArgument && error?.violations.first?.field == "update_mask", "\(paths)")
        }
        let kind = await failure {
            _ = try await update("attestation", ["build"], .with { $0.build.builderVersion = "1" })
        }
        #expect(kind?.code == .failedPrecondition)
        let kindWithoutMask = await failure { _ = try await update("attestation", [], Sample.buildNote) }
        #expect(kindWithoutMask?.code == .failedPrecondition)
        let invalid = await failure { _ = try await update("vulnerability", ["vulnerability.details"], .init()) }
        #expect(invalid?.code == .invalidArgument)
        let missing = await failure { _ = try await update("none", [], Sample.buildNote) }
        #expect(missing?.code == .notFound)
        let present = try await place.store.records.note(NoteName("projects/provider/notes/attestation"))
        #expect(present?.revision == 6)
        for revision in 1...6 {
            let found = try await place.store.records.note(
                NoteName("projects/provider/notes/attestation"), revision: Int64(revision))
            #expect(found?.revision == Int64(revision))
        }
    }

    @Test("says everything that is wrong with a record, with the paths of the fields")
    func validation() async throws {
        let place = try await Workplace()
        let error = await failure {
            _ = try await place.service.createNote(
                .with {
                    $0.parent = "projects/p"
                    $0.noteID = "n"
                    $0.note.vulnerability.details = [
                        .with {
                            $0.fixedVersion.kind = .normal
                            $0.affectedVersionStart.name = "1"
                        }
                    ]
                })
        }
        #expect(error?.code == .invalidArgument)
        #expect(
            error?.violations.map(\.field) == [
                "vulnerability.details[0].affected_cpe_uri", "vulnerability.details[0].affected_package",
                "vulnerability.details[0].affected_version_start.kind", "vulnerability.details[0].fixed_version.name",
                "vulnerability.details[0].fixed_cpe_uri", "vulnerability.details[0].fixed_package",
            ])
        #expect(
            error?.message.hasPrefix(
                "note is invalid: [vulnerability.details[0].affected_cpe_uri is required, ") == true)
    }
}

@Suite("MetadataService over SQLite: occurrences")
struct OccurrenceServiceTests {
    @Test("makes, reads, changes and deletes occurrences")
    func life() async throws {
        let place = try await Workplace()
        try await place.makeNotes(Sample.discoveryNote)
        let made = try await place.create(
            .with {
                $0 = Sample.discovery(Sample.image(1))
                $0.name = "projects/p/occurrences/mine"
                $0.kind = .discovery
            })
        #expect(made.name.hasPrefix("projects/p/occurrences/") && made.name != "projects/p/occurrences/mine")
        let id = made.name.dropFirst("projects/p/occurrences/".count)
        #expect(UUID(uuidString: String(id)) != nil && made.kind == .discovery)
        let read = try await place.service.getOccurrence(.with { $0.name = made.name })
        #expect(read == made)
        let note = try await place.service.getOccurrenceNote(.with { $0.name = made.name })
        #expect(note.name == "projects/provider/notes/discovery")
        let changed = try await place.service.updateOccurrence(
            .with {
                $0.name = made.name
                $0.occurrence = Sample.discovery("ignored", .finishedSuccess)
                $0.updateMask.paths = ["discovery.analysisStatus"]
            })
        #expect(changed.discovery.analysisStatus == .finishedSuccess && changed.resourceUri == made.resourceUri)
        #expect(changed.createTime == made.createTime && changed.updateTime.seconds > made.updateTime.seconds)
        try await place.service.deleteOccurrence(.with { $0.name = made.name })
        let gone = await failure { _ = try await place.service.getOccurrence(.with { $0.name = made.name }) }
        #expect(gone?.code == .notFound)
        let name = try OccurrenceName(made.name)
        let first = try await place.store.records.occurrence(name, revision: 1)
        let second = try await place.store.records.occurrence(name, revision: 2)
        #expect(first?.occurrence == made && second?.occurrence == changed)
        let log = try await place.logged(after: 1)
        #expect(log == ["occurrence.created", "occurrence.updated", "occurrence.deleted"].map { "\($0) \(made.name)" })
    }

    @Test("needs its note, of its kind")
    func notes() async throws {
        let place = try await Workplace()
        let missing = await failure { _ = try await place.create(Sample.build(Sample.image(1))) }
        #expect(missing?.code == .notFound)
        #expect(missing?.message == "note with name \"projects/provider/notes/build\" does not exist")
        try await place.makeNotes(Sample.buildNote)
        let other = await failure {
            _ = try await place.create(
                .with {
                    $0 = Sample.discovery(Sample.image(1))
                    $0.noteName = "projects/provider/notes/build"
                })
        }
        #expect(other?.code == .invalidArgument && other?.message.contains("BUILD") == true)
        let malformed = await failure {
            _ = try await place.create(
                .with {
                    $0 = Sample.build("r")
                    $0.noteName = "build"
                })
        }
        #expect(malformed?.code == .invalidArgument)
        let empty = await failure { _ = try await place.create(.init()) }
        #expect(
            empty?.message
                == "occurrence is invalid: [resource_uri is required, note_name is required, details is required]")
        let contradiction = await failure {
            _ = try await place.create(
                .with {
                    $0 = Sample.build("r")
                    $0.kind = .discovery
                })
        }
        #expect(contradiction?.violations.first?.field == "kind")
        let projects = try await place.store.projects(limit: 10)
        #expect(projects == ["provider"])
    }

    @Test("makes a batch of occurrences, all or none, and refuses none and too many")
    func batch() async throws {
        let place = try await Workplace()
        try await place.makeNotes(Sample.packageNote)
        func make(_ occurrences: [Grafeas_V1_Occurrence]) async -> BullaError? {
            await failure {
                let made = try await place.service.batchCreateOccurrences(
                    .with {
                        $0.parent = "projects/p"
                        $0.occurrences = occurrences
                    })
                #expect(made.occurrences.map(\.package.name) == occurrences.map(\.package.name))
                #expect(Set(made.occurrences.map(\.name)).count == occurrences.count)
            }
        }
        let good = (0..<1000).map { Sample.package(Sample.image(1), "package-\($0)") }
        #expect(await make(good) == nil)
        #expect(await make([])?.message == "at least one occurrence must be specified")
        #expect(await make(good + [good[0]])?.code == .invalidArgument)
        let bad = await make([good[0], .with { $0.resourceUri = "x" }])
        #expect(bad?.code == .invalidArgument)
        #expect(bad?.violations.map(\.field) == ["occurrences[1].note_name", "occurrences[1].details"])
        let noNote = await make([good[0], Sample.build("r")])
        #expect(noNote?.code == .notFound && noNote?.message.hasPrefix("occurrences[1]: ") == true)
        let all = try await place.list("")
        #expect(all.count == 1000)
        #expect(all.map(\.package.name) == good.map(\.package.name))
    }

    @Test("never changes evidence, a resource, a note or a kind")
    func immutability() async throws {
        let place = try await Workplace()
        try await place.makeNotes(Sample.attestationNote, Sample.buildNote, Sample.discoveryNote)
        let attestation = try await place.create(Sample.attestation(Sample.image(1)))
        let build = try await place.create(Sample.build(Sample.image(1)))
        let discovery = try await place.create(Sample.discovery(Sample.image(1)))
        func update(
            _ occurrence: Grafeas_V1_Occurrence, _ paths: [String], _ change: (inout Grafeas_V1_Occurrence) -> Void
        ) async -> BullaError? {
            var changed = occurrence
            change(&changed)
            let update = changed
            return await failure {
                _ = try await place.service.updateOccurrence(
                    .with {
                        $0.name = occurrence.name
                        $0.occurrence = update
                        $0.updateMask.paths = paths
                    })
            }
        }
        #expect(await update(attestation, []) { $0.remediation = "ask us" } == nil)
        #expect(await update(attestation, ["remediation"]) { $0.remediation = "ask them" } == nil)
        #expect(await update(attestation, []) { $0.clearEnvelope() } == nil)
        for (occurrence, paths) in [
            (attestation, []), (attestation, ["attestation"]), (attestation, ["attestation.serializedPayload"]),
            (attestation, ["resource_uri"]), (attestation, ["noteName"]), (attestation, ["envelope"]),
        ] {
            let error = await update(occurrence, paths) {
                $0.attestation.serializedPayload = Data("other".utf8)
                $0.resourceUri = "other"
                $0.noteName = "projects/provider/notes/build"
                $0.envelope.payloadType = "x"
            }
            #expect(error?.code == .failedPrecondition, "\(paths)")
        }
        #expect(
            await update(build, ["build.provenance.id"]) { $0.build.provenance.id = "b2" }?.code == .failedPrecondition)
        #expect(await update(build, []) { $0.build.provenance.id = "b2" }?.code == .failedPrecondition)
        #expect(await update(discovery, []) { $0.resourceUri = "other" }?.code == .failedPrecondition)
        #expect(await update(discovery, []) { $0.build = build.build }?.code == .failedPrecondition)
        #expect(await update(discovery, ["build"]) { $0.build = build.build }?.code == .failedPrecondition)
        #expect(await update(discovery, []) { $0.discovery.cpe = "cpe" } == nil)
        #expect(await update(discovery, ["discovery"]) { $0.discovery = .init() } == nil)
        let read = try await place.service.getOccurrence(.with { $0.name = attestation.name })
        #expect(read.attestation == attestation.attestation && read.remediation.isEmpty)
    }

    @Test("refuses an attestation that is there already")
    func duplicates() async throws {
        let place = try await Workplace()
        try await place.makeNotes(Sample.attestationNote)
        let first = try await place.create(Sample.attestation(Sample.image(1)))
        let again = await failure { _ = try await place.create(Sample.attestation(Sample.image(1)), in: "other") }
        #expect(again?.code == .alreadyExists)
        #expect(again?.message.contains(first.name.split(separator: "/").last ?? "?") == true)
        for different in [
            Sample.attestation(Sample.image(2)), Sample.attestation(Sample.image(1), key: "k2"),
            Sample.attestation(Sample.image(1), payload: "{ }"),
        ] {
            #expect(await failure { _ = try await place.create(different) } == nil)
        }
        let batch = await failure {
            _ = try await place.service.batchCreateOccurrences(
                .with {
                    $0.parent = "projects/p"
                    $0.occurrences = [
                        Sample.attestation(Sample.image(9)), Sample.attestation(Sample.image(1), key: "k2"),
                    ]
                })
        }
        #expect(batch?.code == .alreadyExists)
        #expect(try await place.list("").count == 4)
        try await place.service.deleteOccurrence(.with { $0.name = first.name })
        #expect(await failure { _ = try await place.create(Sample.attestation(Sample.image(1))) } == nil)
    }

    @Test("takes a package by name, type and version without a location, and by location as the older form")
    func packages() async throws {
        let place = try await Workplace()
        try await place.makeNotes(Sample.packageNote)
        #expect(await failure { _ = try await place.create(Sample.package("r", "x")) } == nil)
        let located = Grafeas_V1_Occurrence.with {
            $0.resourceUri = "r"
            $0.noteName = "projects/provider/notes/package"
            $0.package.location = [.with { $0.cpeUri = "cpe" }]
        }
        #expect(await failure { _ = try await place.create(located) } == nil)
        let neither = await failure {
            _ = try await place.create(
                .with {
                    $0 = located
                    $0.package.location = []
                })
        }
        #expect(neither?.violations.map(\.field) == ["package.location"])
    }

    @Test("lists what each filter asks for")
    func filters() async throws {
        let place = try await Workplace()
        try await place.makeNotes(
            Sample.discoveryNote, Sample.vulnerabilityNote, Sample.buildNote, Sample.attestationNote)
        var names: [String: String] = [:]
        for number in 1...3 {
            names["d\(number)"] = try await place.create(Sample.discovery(Sample.image(number))).name
            names["v\(number)"] = try await place.create(Sample.vulnerability(Sample.image(number))).name
        }
        names["a"] = try await place.create(Sample.attestation(Sample.image(1, scheme: ""))).name
        names["b"] = try await place.create(Sample.build("https://host/file.tgz")).name
        _ = try await place.create(Sample.discovery(Sample.image(1)), in: "other")
        let digest = Sample.image(1).split(separator: "@")[1]
        let (one, two) = (Sample.image(1), Sample.image(2))
        let create = try await place.service.getOccurrence(.with { $0.name = names["d3"] ?? "" }).createTime
        let time = Date(timeIntervalSince1970: Double(create.seconds)).ISO8601Format()
        let table: [(String, [String])] = [
            ("", ["d1", "v1", "d2", "v2", "d3", "v3", "a", "b"]),
            ("kind=\"VULNERABILITY\" AND resourceUrl=\"\(one)\"", ["v1"]),
            ("resourceUrl=\"\(one)\"", ["d1", "v1", "a"]),
            ("resourceUrl=\"\(Sample.image(1, scheme: ""))\"", ["d1", "v1", "a"]),
            ("has_suffix(resourceUrl, \"\(digest)\")", ["d1", "v1", "a"]),
            ("has_suffix(resourceUrl, \"app@\(digest)\") AND kind=\"ATTESTATION_AUTHORITY\"", ["a"]),
            (
                "(resourceUrl=\"\(one)\" OR resourceUrl=\"\(two)\") AND (kind=\"DISCOVERY\" OR kind=\"BUILD\")",
                ["d1", "d2"]
            ),
            ("resourceUrl=\"https://host/file.tgz\"", ["b"]), ("resourceUrl=\"host/file.tgz\"", []),
            ("has_prefix(resourceUrl, \"https://host/f\")", ["b"]),
            ("has_prefix(resourceUrl, \"host/\") OR has_prefix(resourceUrl, \"https://host/file\")", ["a", "b"]),
            ("noteId=\"vulnerability\" AND noteProjectId=\"provider\"", ["v1", "v2", "v3"]),
            ("noteId=\"vulnerability\" AND noteProjectId=\"elsewhere\"", []),
            ("noteName=\"projects/provider/notes/build\"", ["b"]),
            ("noteProjectId=\"provider\" kind=BUILD", ["b"]),
            ("-kind=\"DISCOVERY\" NOT kind=\"VULNERABILITY\"", ["a", "b"]),
            ("kind!=\"DISCOVERY\" AND resourceUrl!=\"\(one)\"", ["v2", "v3", "b"]),
            ("createTime>=\"\(time)\" AND kind=\"DISCOVERY\"", ["d3"]),
            ("createTime<\"\(time)\" kind=\"DISCOVERY\"", ["d1", "d2"]),
            ("createTime>\"2019-04-10T\" AND kind=\"BUILD\"", ["b"]),
            ("has_suffix(resourceUrl, \"\") kind=BUILD", ["b"]), ("has_prefix(resourceUrl, \"\") kind=BUILD", ["b"]),
            ("has_suffix(noteId, \"ility\") has_prefix(noteProjectId, \"pro\") resource.uri=\"\(two)\"", ["v2"]),
            ("resourceUrl=\"\(one)\" AND resourceUrl=\"\(two)\"", []),
            ("NOT (resourceUrl=\"\(one)\" OR kind=\"DISCOVERY\")", ["v2", "v3", "b"]),
            ("resourceUrl=\"' OR '1'='1\"", []), ("resourceUrl=\"%\"", []), ("has_prefix(resourceUrl, \"%\")", []),
        ]
        for (filter, expected) in table {
            let found = try await place.list(filter).map(\.name)
            #expect(found == expected.map { names[$0] ?? "?" }, "\(filter)")
        }
        let note = try await place.service.listNoteOccurrences(
            .with {
                $0.name = "projects/provider/notes/discovery"
                $0.filter = "has_suffix(resourceUrl, \"\(digest)\")"
            })
        #expect(note.occurrences.count == 2 && note.occurrences.contains { $0.name.hasPrefix("projects/other/") })
        let none = await failure {
            _ = try await place.service.listNoteOccurrences(.with { $0.name = "projects/provider/notes/none" })
        }
        #expect(none?.code == .notFound)
    }

    @Test("reads all about an image by its digest, whatever its name")
    func byDigest() async throws {
        let place = try await Workplace()
        try await place.makeNotes(Sample.discoveryNote, Sample.attestationNote)
        _ = try await place.create(Sample.discovery(Sample.image(1)))
        _ = try await place.create(Sample.attestation(Sample.image(1, scheme: "mirror/")), in: "q")
        _ = try await place.create(Sample.discovery(Sample.image(2)))
        let digest = try #require(OccurrenceRecord.digest(ofResource: Sample.image(1)))
        let all = try await place.store.records.occurrences(about: digest, kinds: [])
        #expect(all.map(\.occurrence.kind) == [.discovery, .attestation])
        let seals = try await place.store.records.occurrences(about: digest, kinds: [.attestation, .build])
        #expect(seals.count == 1)
        let revision = try await place.store.log.lastSequence(about: digest)
        #expect(revision == 4)
    }
}
