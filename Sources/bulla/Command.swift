// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BullaArtifact
import Foundation
import Glibc

/// What every command shares: exit codes, and how errors reach a person.
enum Command {
    /// The answer is no: a threshold is met, a policy violated, an image denied.
    static let no = ExitCode(1)
    /// There is no answer: never scanned, bad input, unreachable.
    static let noAnswer = ExitCode(2)

    /// Runs a command's work; an error is told on standard error and becomes exit code 2.
    static func run(_ work: () async throws -> Void) async throws {
        do {
            try await work()
        } catch let error as BullaError {
            say("bulla: \(error.message)")
            for violation in error.violations { say("  \(violation.field): \(violation.description)") }
            throw noAnswer
        }
    }

    /// Writes a line to standard error.
    static func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    /// Writes a result to standard output, ending with one newline.
    static func result(_ text: String) {
        FileHandle.standardOutput.write(Data((text.hasSuffix("\n") ? text : text + "\n").utf8))
    }

    /// Writes a value as JSON to standard output, keys sorted.
    static func result(json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        FileHandle.standardOutput.write(try encoder.encode(value) + Data("\n".utf8))
    }

    /// Whether standard output is a terminal, so that colours help.
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == nil }

    /// Whether standard error is a terminal, so that progress helps.
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Reads a file of at most `limit` bytes; `-` is standard input.
    ///
    /// - Throws: `invalidArgument` when it cannot be read or is larger.
    static func contents(of file: String, limit: Int = 16 << 20) throws(BullaError) -> [UInt8] {
        let handle: FileHandle
        if file == "-" {
            handle = .standardInput
        } else {
            guard let opened = FileHandle(forReadingAtPath: file) else {
                throw BullaError(.invalidArgument, "file '\(file)' cannot be read")
            }
            handle = opened
        }
        do {
            var bytes: [UInt8] = []
            while let chunk = try handle.read(upToCount: 1 << 20), !chunk.isEmpty {
                guard bytes.count + chunk.count <= limit else {
                    throw BullaError(.invalidArgument, "file '\(file)' is larger than \(limit) bytes")
                }
                bytes.append(contentsOf: chunk)
            }
            return bytes
        } catch {
            throw BullaError(wrapping: error, while: "reading file '\(file)'")
        }
    }
}
