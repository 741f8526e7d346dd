// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaTesting
import Foundation
import Testing

/// What was acknowledged is there, whatever happens to the process.
@Suite("Durability", .serialized)
struct DurabilityTests {
    // MARK: - Kill

    /// Something that was sent, and whether it was acknowledged.
    private struct Attempt: Sendable {
        enum Content: Sendable {
            case note(id: String, text: String)
            case occurrence(text: String)
            case image(tag: String, ImageWriter)
        }
        let content: Content
        var isAcknowledged = false
    }

    /// Everything that the writers of a round sent; each round has a project and a repository of its own.
    private struct Round: Sendable {
        let number: Int
        var attempts: [Attempt] = []
        var project: String { "round-\(number)" }
        var acknowledged: Int { attempts.count(where: \.isAcknowledged) }
    }

    private static let moments = 200
    private static let seed: UInt64 = 0xB011A

    @Test("a server killed at 200 random moments keeps every acknowledged write, and no half of any other")
    func killed() async throws {
        let folder = try TemporaryFolder()
        var generator = SeededGenerator(seed: Self.seed)
        var rounds: [Round] = []
        var server = try await RunningServer.start(in: folder.url, ["--log-level", "error"])
        for number in 0..<Self.moments {
            let delay = Int.random(in: 5...300, using: &generator)
            let seeds = (0..<4).map { _ in UInt64.random(in: 0...UInt64.max, using: &generator) }
            var round = Round(number: number)
            let running = server
            round.attempts = await withTaskGroup(of: [Attempt].self) { group in
                for (writer, seed) in seeds.enumerated() {
                    group.addTask { await Self.write(to: running, round: number, writer: writer, seed: seed) }
                }
                try? await Task.sleep(for: .milliseconds(delay))
                running.killNow()
                return await group.reduce(into: []) { $0 += $1 }
            }
            rounds.append(round)
            server = try await RunningServer.start(in: folder.url, ["--log-level", "error"])
            try await Self.verify(round, on: server)
        }
        for round in rounds { try await Self.verify(round, on: server) }
        let attempts = rounds.reduce(0) { $0 + $1.attempts.count }
        let acknowledged = rounds.reduce(0) { $0 + $1.acknowledged }
        print(
            "Durability: seed \(Self.seed), \(Self.moments) kills, \(acknowledged) of \(attempts) writes acknowledged, "
                + "all of them there")
        #expect(acknowledged > Self.moments)
        try await server.stop()
    }

    /// Writes until the server is gone.
    private static func write(to server: RunningServer, round: Int, writer: Int, seed: UInt64) async -> [Attempt] {
        var generator = SeededGenerator(seed: seed)
        var attempts: [Attempt] = []
        let project = "round-\(round)"
        for step in 0..<100_000 {
            let text = "\(writer)-\(step)-" + String(UInt64.random(in: 0...UInt64.max, using: &generator), radix: 36)
            let size = Int.random(in: 0...3000, using: &generator)
            let long = text + String(repeating: "x", count: size) + text
            do {
                let status: Int
                switch (writer, step % 3) {
                case (0, _), (1, _):
                    attempts.append(Attempt(content: .note(id: text, text: long)))
                    status = try await Web.send(
                        .post, "\(server.http)/v1/projects/\(project)/notes?noteId=\(text)", note(long)
                    ).status
                case (2, _):
                    if step == 0 {
                        attempts.append(Attempt(content: .note(id: "seals", text: "seals")))
                        let made = try await Web.send(
                            .post, "\(server.http)/v1/projects/\(project)/notes?noteId=seals", note("seals"))
                        guard made.status == 200 else { return attempts }
                        attempts[attempts.count - 1].isAcknowledged = true
                    }
                    attempts.append(Attempt(content: .occurrence(text: long)))
                    status = try await Web.send(
                        .post, "\(server.http)/v1/projects/\(project)/occurrences",
                        """
                        {"resourceUri":"https://example.com/app@\(Digest(of: Array(text.utf8)))","noteName":\
                        "projects/\(project)/notes/seals","attestation":{"serializedPayload":\
                        "\(Data(long.utf8).base64EncodedString())","signatures":[{"signature":"c2ln","publicKeyId":\
                        "k:1"}]}}
                        """
                    ).status
                default:
                    let image = try SampleImage.debian(mark: long)
                    attempts.append(Attempt(content: .image(tag: text, image)))
                    try await server.push(image, to: "\(project)/app", tag: text)
                    status = 201
                }
                guard status == 200 || status == 201 else {
                    Issue.record("a write answers \(status)")
                    return attempts
                }
                attempts[attempts.count - 1].isAcknowledged = true
            } catch {
                return attempts
            }
        }
        return attempts
    }

    private static func note(_ text: String) -> String {
        #"{"shortDescription":"\#(text)","attestation":{"hint":{"humanReadableName":"\#(text)"}}}"#
    }

    private static func verify(_ round: Round, on server: RunningServer) async throws {
        var notes: [String: JSON] = [:]
        var token = ""
        repeat {
            let page = try await Web.send(
                .get, "\(server.http)/v1/projects/\(round.project)/notes?pageSize=1000&pageToken=\(token)")
            for note in page.json["notes"].items { notes[note["name"].string] = note }
            token = page.json["nextPageToken"].string
        } while !token.isEmpty
        var seals: [String: Int] = [:]
        for seal in try await server.occurrences(of: round.project, "kind=\"ATTESTATION\"") {
            seals[seal["attestation"]["serializedPayload"].string, default: 0] += 1
        }
        for attempt in round.attempts {
            let place = "round \(round.number)"
            switch attempt.content {
            case .note(let id, let text):
                let note = notes.removeValue(forKey: "projects/\(round.project)/notes/\(id)")
                if attempt.isAcknowledged { #expect(note != nil, "\(place): note \(id) is lost") }
                guard let note else { continue }
                let isWhole =
                    note["shortDescription"].string == text
                    && note["attestation"]["hint"]["humanReadableName"].string == text
                #expect(isWhole, "\(place): note \(id) is not whole")
            case .occurrence(let text):
                let count = seals.removeValue(forKey: Data(text.utf8).base64EncodedString()) ?? 0
                #expect(
                    attempt.isAcknowledged ? count == 1 : count <= 1, "\(place): an occurrence is there \(count) times")
            case .image(let tag, let image):
                let answer = try await Web.send(.get, "\(server.http)/v2/\(round.project)/app/manifests/\(tag)")
                if attempt.isAcknowledged { #expect(answer.status == 200, "\(place): image \(tag) is lost") }
                guard answer.status == 200 else {
                    #expect(answer.status == 404)
                    continue
                }
                #expect(answer.body == image.manifest, "\(place): manifest \(tag)")
                for (digest, bytes) in image.blobs {
                    let blob = try await Web.send(.get, "\(server.http)/v2/\(round.project)/app/blobs/\(digest)")
                    #expect(blob.body == bytes, "\(place): blob \(digest) of \(tag), status \(blob.status)")
                }
            }
        }
        let strange = notes.keys.filter { !$0.hasSuffix("/deployment") && !$0.hasSuffix("/build") }
        #expect(strange.isEmpty && seals.isEmpty, "nobody wrote \(strange) and \(seals.keys)")
    }

    // MARK: - Flush

    /// Whether this user may trace.
    private static let mayTrace: Bool = {
        guard OutsideTool.isInstalled("strace") else { return false }
        return (try? OutsideTool.run(["strace", "-o", "/dev/null", "true"])) != nil
    }()

    @Test("the log and blobs are flushed before they are acknowledged", .enabled(if: mayTrace))
    func flushed() async throws {
        let folder = try TemporaryFolder()
        let trace = folder.url.appending(path: "trace")
        let server = try await RunningServer.start(
            in: folder.url,
            under: [
                "/usr/bin/strace", "-f", "-y", "-s", "16384", "-o", trace.path, "-e",
                "trace=fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,sendmsg,rename,renameat,renameat2,link,linkat",
            ])
        let note = try await Web.send(
            .post, "\(server.http)/v1/projects/p/notes?noteId=mark-of-the-note", Self.note("mark-of-the-note"))
        #expect(note.status == 200)
        let blob = Array("mark-of-the-blob".utf8)
        let digest = Digest(of: blob)
        #expect(try await server.push(blob: blob, to: "team/app").status == 201)
        try await server.stop()

        let calls = Self.calls(in: String(decoding: try Data(contentsOf: trace), as: UTF8.self))
        func first(_ what: String, after start: Int = 0, where isIt: (String) -> Bool) throws -> Int {
            try #require(calls.indices.first { $0 >= start && isIt(calls[$0]) }, "\(what) is in the trace")
        }
        let logged = try first("the write to the log") {
            $0.hasPrefix("pwrite") && $0.contains("bulla.db-wal>") && $0.contains("mark-of-the-note")
        }
        let flushed = try first("the flush of the log", after: logged) {
            ($0.hasPrefix("fdatasync") || $0.hasPrefix("fsync")) && $0.contains("bulla.db-wal>")
        }
        let answered = try first("the answer") {
            $0.contains("<socket:") && $0.contains("HTTP/1.1 200") || $0.contains("TCP:") && $0.contains("HTTP/1.1 200")
        }
        #expect(flushed < answered)

        let written = try first("the write of the blob") {
            $0.contains("/data/") && !$0.contains("bulla.db") && $0.contains("mark-of-the-blob")
        }
        let kept = try first("the flush of the blob", after: written) {
            ($0.hasPrefix("fdatasync") || $0.hasPrefix("fsync")) && $0.contains("/data/uploads/")
        }
        let named = try first("the blob's name", after: kept) {
            ($0.hasPrefix("rename") || $0.hasPrefix("link")) && $0.contains(digest.hexadecimal)
        }
        let listed = try first("the flush of the blob's folder", after: named) {
            $0.hasPrefix("fsync") && $0.contains("/data/blobs")
        }
        let acknowledged = try first("the blob's answer") { $0.contains("HTTP/1.1 201") }
        #expect(listed < acknowledged)
    }

    /// The system calls of a trace in the order in which they ended.
    private static func calls(in trace: String) -> [String] {
        var begun: [Substring: String] = [:]
        var calls: [String] = []
        for line in trace.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let text = parts[1].drop { $0 == " " }
            if text.hasSuffix("<unfinished ...>") {
                // An answer counts from its beginning, everything else from its end.
                if text.contains("HTTP/1.1") { calls.append(String(text)) } else { begun[parts[0]] = String(text) }
            } else if text.hasPrefix("<... "), let call = begun.removeValue(forKey: parts[0]) {
                calls.append(call)
            } else {
                calls.append(String(text))
            }
        }
        return calls
    }
}
