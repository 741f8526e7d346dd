// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A tool that judges from outside, such as GNU tar.
public enum OutsideTool {
    /// A tool that failed, with what it said.
    public struct Failure: Error, CustomStringConvertible {
        /// What was run and what it said.
        public let description: String
    }

    /// Whether a tool is installed.
    public static func isInstalled(_ name: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
            .contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }
    }

    /// Runs a tool and returns its standard output.
    ///
    /// - Throws: `Failure` when it cannot be run or exits with another status than 0.
    @discardableResult
    public static func run(_ command: [String], in folder: URL? = nil) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.currentDirectoryURL = folder
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        let said = try errors.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(command.joined(separator: " ")): \(String(decoding: said, as: UTF8.self))")
        }
        return Array(bytes)
    }
}

/// A folder that is gone when its owner is.
public final class TemporaryFolder: Sendable {
    /// The folder.
    public let url: URL

    /// Makes a folder.
    ///
    /// - Throws: when it cannot be made.
    public init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("bulla-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// Writes a file in the folder, and the folders on the way.
    ///
    /// - Throws: when it cannot be written.
    public func write(_ path: String, _ bytes: some Sequence<UInt8>) throws {
        let file = url.appendingPathComponent(path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
    }
}
