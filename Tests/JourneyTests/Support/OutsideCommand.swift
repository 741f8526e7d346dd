// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation

/// A command of another project, or our own, run to its end with what it said.
struct OutsideCommand: Sendable {
    /// What a command answered.
    struct Answer: Sendable {
        let status: Int32
        let output: [UInt8]
        let errors: String

        /// What it wrote to standard output, as text.
        var text: String { String(decoding: output, as: UTF8.self) }

        /// What it wrote to standard output, as JSON.
        var json: JSON { JSON(output) }
    }

    /// A command that did not end as it must.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The root of the repository.
    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The command line that is tested.
    static let bulla = repository.appending(path: ".build/release/bulla").path

    /// Runs a command, whatever its status; what it writes goes through files, so no pipe can fill.
    ///
    /// - Throws: when it cannot be started, or did not end in time.
    static func run(
        _ command: [String], in folder: URL? = nil, environment: [String: String] = [:], input: String? = nil,
        within seconds: Double = 120
    ) async throws -> Answer {
        let place = FileManager.default.temporaryDirectory.appending(path: "bulla-command-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: place) }
        let files = ["in", "out", "err"].map { place.appending(path: $0) }
        try Data((input ?? "").utf8).write(to: files[0])
        for file in files.dropFirst() { try Data().write(to: file) }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardInput = try FileHandle(forReadingFrom: files[0])
        process.standardOutput = try FileHandle(forWritingTo: files[1])
        process.standardError = try FileHandle(forWritingTo: files[2])
        try process.run()
        try await process.end(within: seconds)
        return Answer(
            status: process.terminationStatus, output: Array(try Data(contentsOf: files[1])),
            errors: String(decoding: try Data(contentsOf: files[2]), as: UTF8.self))
    }

    /// Runs a command that must succeed.
    ///
    /// - Throws: `Failure` when it exits with another status than 0.
    @discardableResult
    static func succeed(
        _ command: [String], in folder: URL? = nil, environment: [String: String] = [:], input: String? = nil
    ) async throws -> Answer {
        let answer = try await run(command, in: folder, environment: environment, input: input)
        guard answer.status == 0 else {
            throw Failure(
                description: "\(command.joined(separator: " ")) exits with \(answer.status): \(answer.errors)")
        }
        return answer
    }
}

extension Process {
    /// Waits for the end on a thread of its own, and brings it about when it takes too long.
    func end(within seconds: Double) async throws {
        let isLate = await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
            DispatchQueue.global().async {
                let deadline = Date(timeIntervalSinceNow: seconds)
                while self.isRunning, Date() < deadline { usleep(2_000) }
                let isLate = self.isRunning
                if isLate { kill(self.processIdentifier, SIGKILL) }
                self.waitUntilExit()
                continuation.resume(returning: isLate)
            }
        }
        if isLate {
            throw OutsideCommand.Failure(
                description: "\((arguments ?? []).joined(separator: " ")) did not end within \(seconds) seconds")
        }
    }
}
