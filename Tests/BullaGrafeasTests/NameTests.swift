// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaGrafeas
import Testing

@Suite("Names of projects, notes and occurrences")
struct NameTests {
    @Test("are read and written in both forms")
    func forms() throws {
        #expect(try ProjectName("projects/p").description == "projects/p")
        #expect(try ProjectName("projects/p/locations/l").location == "l")
        #expect(try NoteName("projects/p/notes/n:1 é").description == "projects/p/notes/n:1 é")
        let note = try NoteName("projects/p/locations/l/notes/n")
        #expect(note.parent == (try ProjectName(project: "p", location: "l")) && note.id == "n")
        #expect(note.description == "projects/p/locations/l/notes/n")
        let occurrence = try OccurrenceName("projects/p/occurrences/o")
        #expect(occurrence.id == "o" && occurrence.parent.coversEveryLocation)
    }

    @Test(
        "are refused in any other",
        arguments: [
            "", "projects", "projects/", "projects//notes/n", "project/p/notes/n", "projects/p/notes/",
            "projects/p/notes",
            "projects/p/notes/n/", "projects/p/notes/n/x", "projects/p/locations//notes/n", "/projects/p/notes/n",
            "projects/p/Notes/n", "projects/p/notes/a\nb", "projects/locations/l/notes/n",
        ])
    func refused(text: String) {
        let note = #expect(throws: BullaError.self) { try NoteName(text) }
        #expect(
            note?.message == "note name must be in the form \"projects/[PROJECT_ID]/notes/[NOTE_ID]\", got \"\(text)\"")
        let occurrence = #expect(throws: BullaError.self) {
            try OccurrenceName(text.replacing("notes", with: "occurrences"))
        }
        #expect(occurrence?.code == .invalidArgument)
    }

    @Test("have bounded ids")
    func bounds() throws {
        #expect(throws: Never.self) { try NoteName("projects/p/notes/" + String(repeating: "n", count: 1024)) }
        #expect(throws: BullaError.self) { try NoteName("projects/p/notes/" + String(repeating: "n", count: 1025)) }
        let parent = try ProjectName("projects/p")
        let slash = #expect(throws: BullaError.self) { try NoteName(parent: parent, id: "a/b") }
        #expect(slash?.message == "a noteId must not contain /")
        let empty = #expect(throws: BullaError.self) { try NoteName(parent: parent, id: "") }
        #expect(empty?.message == "a noteId must be specified")
    }

    @Test("are derived from what an occurrence says, the same for the same and no other")
    func derived() throws {
        let project = try ProjectName("projects/p")
        let first = OccurrenceName(project: project, derivedFrom: ["a", "bc"])
        #expect(first == OccurrenceName(project: project, derivedFrom: ["a", "bc"]))
        #expect(first != OccurrenceName(project: project, derivedFrom: ["ab", "c"]))
        #expect(first != OccurrenceName(project: try ProjectName("projects/q"), derivedFrom: ["a", "bc"]))
        let parts = first.id.split(separator: "-").map(\.count)
        #expect(parts == [8, 4, 4, 4, 12])
        #expect(first.id.dropFirst(14).first == "8")
        #expect(try OccurrenceName(first.description) == first)
    }
}
