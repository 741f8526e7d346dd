// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaGrafeas
import BullaStore
import BullaTesting
import Foundation
import GrafeasMessages
import SwiftProtobuf
import Testing

@Suite("Pages of a list")
struct PagingTests {
    private func page(
        _ place: Workplace, size: Int32, token: String = "", filter: String = "", parent: String = "projects/p"
    ) async throws -> Grafeas_V1_ListOccurrencesResponse {
        try await place.service.listOccurrences(
            .with {
                $0.parent = parent
                $0.pageSize = size
                $0.pageToken = token
                $0.filter = filter
            })
    }

    private func filled(_ count: Int) async throws -> Workplace {
        let place = try await Workplace()
        try await place.makeNotes(Sample.packageNote)
        for start in stride(from: 0, to: count, by: 1000) {
            _ = try await place.service.batchCreateOccurrences(
                .with {
                    $0.parent = "projects/p"
                    $0.occurrences = (start..<min(start + 1000, count)).map {
                        Sample.package(Sample.image($0 % 7), "package-\($0)")
                    }
                })
        }
        return place
    }

    @Test("have 20 records unless asked otherwise, 1,000 at most, and a token unless they are the last")
    func sizes() async throws {
        let place = try await filled(1005)
        for (asked, count) in [(0, 20), (1, 1), (1000, 1000), (1001, 1000), (Int32.max, 1000)] as [(Int32, Int)] {
            let found = try await page(place, size: asked)
            #expect(found.occurrences.count == count)
            #expect(!found.nextPageToken.isEmpty)
        }
        let negative = await failure { _ = try await page(place, size: -1) }
        #expect(negative?.code == .invalidArgument && negative?.message == "page size -1 cannot be negative")
        let exactly = try await page(place, size: 5, filter: "kind=BUILD")
        #expect(exactly.occurrences.isEmpty && exactly.nextPageToken.isEmpty)
    }

    @Test("hold every record once, in order, while others write and delete", .timeLimit(.minutes(1)))
    func complete() async throws {
        let place = try await filled(500)
        let before = try await place.list("").map(\.name)
        var seen: [String] = []
        var token = ""
        var round = 0
        repeat {
            let found = try await page(place, size: 37, token: token)
            seen += found.occurrences.map(\.name)
            token = found.nextPageToken
            _ = try await place.create(Sample.package(Sample.image(1), "late-\(round)"))
            // The deleted one was listed already, so the place of the token itself may be gone.
            if let last = found.occurrences.last, round % 2 == 0 {
                try await place.service.deleteOccurrence(.with { $0.name = last.name })
            }
            round += 1
        } while !token.isEmpty && round < 100
        #expect(seen.starts(with: before))
        #expect(Set(seen).count == seen.count)
    }

    @Test("have tokens that fit only their own list, and that nobody can make")
    func tokens() async throws {
        let place = try await filled(50)
        let token = try await page(place, size: 10).nextPageToken
        #expect(try await page(place, size: 30, token: token).occurrences.first?.package.name == "package-10")
        for (filter, parent) in [("kind=PACKAGE", "projects/p"), ("", "projects/q"), ("", "projects/p/locations/-")] {
            let error = await failure {
                _ = try await page(place, size: 10, token: token, filter: filter, parent: parent)
            }
            #expect(error?.code == .invalidArgument && error?.violations.first?.field == "page_token")
        }
        let notes = await failure {
            _ = try await place.service.listNotes(
                .with {
                    $0.parent = "projects/p"
                    $0.pageToken = token
                })
        }
        #expect(notes?.code == .invalidArgument)
        let another = try await filled(20)
        let elsewhere = await failure { _ = try await page(another, size: 10, token: token) }
        #expect(elsewhere?.code == .invalidArgument)
        var generator = SeededGenerator(seed: 0x70CE)
        for _ in 0..<2000 {
            let forged = String(decoding: generator.mutated(Array(token.utf8)), as: UTF8.self)
            guard forged != token else { continue }
            let error = await failure { _ = try await page(place, size: 10, token: forged) }
            if !forged.isEmpty { #expect(error?.code == .invalidArgument, "\(forged)") }
        }
    }

    @Test("have tokens that outlive the server")
    func restart() async throws {
        let place = try await filled(30)
        let token = try await page(place, size: 10).nextPageToken
        await place.store.close()
        let again = try await Store.open(directory: place.folder)
        let rest = try await again.metadata().listOccurrences(
            .with {
                $0.parent = "projects/p"
                $0.pageToken = token
            })
        #expect(rest.occurrences.count == 20 && rest.nextPageToken.isEmpty)
        let refused = await failure { _ = try await page(place, size: 10) }
        #expect(refused?.code == .unavailable)
        await again.close()
    }

    @Test("are read by an index that fits the question")
    func plans() async throws {
        let place = try await filled(10)
        let image = Sample.image(1)
        let project = try ProjectName("projects/p")
        let note = try NoteName("projects/p/notes/n")
        let table: [(RecordQuery.Scope, String, String)] = [
            (.children(of: project), "", "occurrences_in_project (project=? AND sequence>?)"),
            (.children(of: project), "kind=BUILD", "occurrences_of_kind (project=? AND kind=? AND sequence>?)"),
            (.children(of: project), "kind=BUILD OR kind=IMAGE", "occurrences_in_project (project=? AND sequence>?)"),
            (.children(of: project), "resourceUrl=\"\(image)\"", "occurrences_by_digest (digest=?"),
            (
                .children(of: project), "resourceUrl=\"\(image)\" AND kind=BUILD",
                "occurrences_by_digest (digest=? AND kind=? AND sequence>?)"
            ),
            (
                .children(of: project), "(resourceUrl=\"\(image)\" OR resourceUrl=\"\(Sample.image(2))\") kind!=BUILD",
                "occurrences_by_digest (digest=?"
            ),
            (
                .children(of: project), "noteId=\"n\"",
                "occurrences_of_note (project=? AND note_id=? AND sequence>?)"
            ),
            (
                .children(of: project), "noteName=\"projects/q/notes/n\" AND kind=BUILD",
                "occurrences_of_note (project=? AND note_id=? AND sequence>?)"
            ),
            (.children(of: project), "resourceUrl=\"https://a/b.tgz\"", "occurrences_by_resource (resource=?"),
            (.attached(to: note), "", "occurrences_by_note (note_id=? AND note_project=? AND sequence>?)"),
            (
                .attached(to: note), "has_suffix(resourceUrl, \"\(image.suffix(71))\")",
                "occurrences_by_digest (digest=?"
            ),
        ]
        for (scope, filter, expected) in table {
            let plan = try await place.store.records.plan(
                RecordQuery(scope: scope, filter: try RecordFilter(filter), limit: 100))
            #expect(plan.contains { $0.contains("USING INDEX \(expected)") }, "\(filter): \(plan)")
            #expect(!plan.contains { $0.hasPrefix("SCAN") }, "\(filter): \(plan)")
        }
        let notes = try await place.store.records.plan(
            RecordQuery(scope: .children(of: project), limit: 10), ofNotes: true)
        #expect(notes.contains { $0.contains("notes_in_project (project=? AND sequence>?)") }, "\(notes)")
    }
}
