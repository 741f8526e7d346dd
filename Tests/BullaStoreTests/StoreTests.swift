// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaGrafeas
import BullaLog
import BullaSQL
import BullaStore
import Foundation
import GrafeasMessages
import Testing

@Suite("Store")
struct StoreTests {
    @Test("belongs to one server at a time")
    func lock() async throws {
        let place = try await Workplace()
        let second = await failure { _ = try await Store.open(directory: place.folder) }
        #expect(second?.code == .failedPrecondition)
        #expect(second?.message.contains("process \(ProcessInfo.processInfo.processIdentifier)") == true)
        await place.store.close()
        let third = try await Store.open(directory: place.folder)
        await third.close()
    }

    @Test("remembers settings")
    func settings() async throws {
        let place = try await Workplace()
        #expect(try await place.store.settings.value(of: "registry-name") == nil)
        try await place.store.settings.set("registry-name", to: "a:1")
        try await place.store.settings.set("registry-name", to: "b:2")
        #expect(try await place.store.settings.value(of: "registry-name") == "b:2")
        try await place.store.ping()
    }

    @Test("keeps its secrets to itself")
    func permissions() async throws {
        let place = try await Workplace()
        for file in ["page-token.key", "lock"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(place.folder)/\(file)")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test("refuses a database that a later version wrote")
    func later() async throws {
        let place = try await Workplace()
        await place.store.close()
        let pool = try SQLPool(path: "\(place.folder)/bulla.db")
        try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try connection.execute("PRAGMA user_version = 1000")
        }
        await pool.close()
        let error = await failure { _ = try await Store.open(directory: place.folder) }
        #expect(error?.code == .failedPrecondition)
    }

    @Test("leaves a database whole when a migration fails")
    func migration() async throws {
        let place = try await Workplace()
        await place.store.close()
        let path = "\(place.folder)/bulla.db"
        let pool = try SQLPool(path: path)
        // As if the first version had never been: its first statement works and the second finds its table there.
        try await pool.write { (connection: any SQLConnection) throws(BullaError) in
            try connection.execute("DROP TABLE settings")
            try connection.execute("PRAGMA user_version = 0")
        }
        await pool.close()
        let error = await failure { _ = try await Store.open(directory: place.folder) }
        #expect(error != nil)
        let again = try SQLPool(path: path)
        let tables = try await again.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows("SELECT name FROM sqlite_master WHERE name = 'settings'") { $0.text(0) }
        }
        #expect(tables.isEmpty)
    }

    @Test("says in each row which version of the API its bytes are")
    func versions() async throws {
        let place = try await Workplace()
        try await place.makeNotes(Sample.buildNote)
        _ = try await place.create(Sample.build("r"))
        await place.store.close()
        let pool = try SQLPool(path: "\(place.folder)/bulla.db")
        let versions = try await pool.read { (connection: any SQLConnection) throws(BullaError) in
            try connection.rows("SELECT api_version FROM notes UNION ALL SELECT api_version FROM occurrences") {
                $0.text(0)
            }
        }
        #expect(versions == ["grafeas.v1", "grafeas.v1"])
    }

    @Test("keeps what it answered under concurrent writers, some of which fail, with few commits")
    func concurrent() async throws {
        let place = try await Workplace()
        try await place.makeNotes(Sample.packageNote, Sample.attestationNote)
        let before = place.store.commits
        let outcomes = await withTaskGroup(of: (String?, BullaError.Code?).self) { group in
            for number in 0..<400 {
                group.addTask {
                    do {
                        // Every fourth writes the same attestation, which only one of them may.
                        let made = try await place.create(
                            number % 4 == 0
                                ? Sample.attestation(Sample.image(0)) : Sample.package(Sample.image(number), "p"))
                        return (made.name, nil)
                    } catch {
                        return (nil, (error as? BullaError)?.code)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let answered = Set(outcomes.compactMap(\.0))
        #expect(answered.count == 301)
        #expect(outcomes.compactMap(\.1).allSatisfy { $0 == .alreadyExists })
        let kept = try await place.list("").map(\.name)
        #expect(Set(kept) == answered)
        let commits = place.store.commits.transactions - before.transactions
        #expect(commits < 300, "\(commits) commits")
        let entries = try await place.store.log.entries(after: 0, limit: 1000)
        #expect(entries.map(\.sequence) == Array(1...303))
        await place.store.close()
        let again = try await Store.open(directory: place.folder)
        let page = try await again.records.occurrences(
            RecordQuery(scope: .children(of: try ProjectName("projects/p")), limit: 1000))
        #expect(Set(page.records.map(\.name.description)) == answered)
        await again.close()
    }
}

@Suite("SQLLogStore")
struct SQLLogStoreTests {
    private func entry(_ number: Int, _ digest: Digest? = nil) -> NewEntry {
        NewEntry(
            kind: .decision, subject: "pod-\(number)", digest: digest, payload: [UInt8(number & 255)],
            time: Date(timeIntervalSince1970: 1_700_000_000.123456))
    }

    @Test("gives places without gaps and reads them back")
    func appends() async throws {
        let place = try await Workplace()
        let log = place.store.log
        #expect(try await log.lastSequence() == 0)
        let digest = Digest(of: [1])
        #expect(try await log.append([entry(1), entry(2, digest), entry(3)]) == [1, 2, 3])
        let read = try await log.entries(after: 1, limit: 1)
        #expect(read.map(\.subject) == ["pod-2"] && read.first?.digest == digest && read.first?.payload == [2])
        #expect(abs((read.first?.time.timeIntervalSince1970 ?? 0) - 1_700_000_000.123456) < 0.000_001)
        #expect(try await log.lastSequence() == 3)
        #expect(try await log.lastSequence(about: digest) == 2)
        #expect(try await log.lastSequence(about: Digest(of: [2])) == 0)
        #expect(try await log.entries(after: 3, limit: 10).isEmpty)
    }

    @Test("hands a reader what waits and what comes, from where it stood", .timeLimit(.minutes(1)))
    func readers() async throws {
        let place = try await Workplace()
        let log = place.store.log
        try await log.append((0..<10).map { entry($0) })
        let reader = LogReader(name: "r", log: log, batch: 3)
        let failed = await failure {
            try await reader.catchUp { entries in
                if entries.contains(where: { $0.sequence == 5 }) { throw BullaError(.unavailable, "later") }
            }
        }
        #expect(failed?.code == .unavailable)
        #expect(try await log.cursor(of: "r") == 3)
        try await log.advance("r", to: 1)
        #expect(try await log.cursor(of: "r") == 3)
        let (seen, sink) = AsyncStream.makeStream(of: Int64.self)
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await reader.run { entries in for entry in entries { sink.yield(entry.sequence) } }
            }
            group.addTask {
                for number in 0..<50 { try await log.append([self.entry(number)]) }
            }
            var places: [Int64] = []
            for await sequence in seen {
                places.append(sequence)
                if sequence == 60 { break }
            }
            #expect(places == Array(4...60))
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result { #expect(error is CancellationError || error is BullaError) }
            }
        }
    }
}
