// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A program run to its end, and what it cost.
struct ChildProcess {
    /// The exit code.
    let status: Int32
    /// From start to end, in seconds.
    let wall: Double
    /// Processor time of the program and its children, in seconds.
    let cpu: Double
    /// The most memory it held at once, in MiB (`ru_maxrss`).
    let peak: Double

    /// Runs a program.
    ///
    /// - Parameters:
    ///   - command: The program, looked up in PATH, and its arguments.
    ///   - output: The file that takes its standard output; none is thrown away.
    ///   - variables: Added to the environment.
    ///   - accepting: The exit codes that are no failure.
    /// - Returns: What it cost.
    /// - Throws: `Failure` when it cannot be started, or ends with another code than those of `accepting`.
    @discardableResult
    static func run(
        _ command: [String], output: String = "/dev/null", variables: [String: String] = [:],
        accepting: Set<Int32> = [0]
    ) throws -> ChildProcess {
        let start = ContinuousClock.now
        let process = try spawn(command, output: output, variables: variables)
        var status: Int32 = 0
        var usage = rusage()
        guard wait4(process, &status, 0, &usage) == process else { throw Failure("waiting for \(command[0]) failed") }
        let taken = (ContinuousClock.now - start).components
        let result = ChildProcess(
            status: status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F),
            wall: Double(taken.seconds) + Double(taken.attoseconds) / 1e18,
            cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime), peak: Double(usage.ru_maxrss) / 1024)
        guard accepting.contains(result.status) else {
            throw Failure("\(command.joined(separator: " ")) ended with \(result.status)")
        }
        return result
    }

    /// Starts a program and returns its number.
    ///
    /// - Throws: `Failure` when it cannot be started.
    static func spawn(_ command: [String], output: String, variables: [String: String] = [:]) throws -> pid_t {
        var environment = ProcessInfo.processInfo.environment
        environment.merge(variables) { $1 }
        var arguments = command.map { strdup($0) } + [nil]
        var settings = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + settings { free(pointer) } }
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_addopen(&files, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        let errors = output == "/dev/null" ? output : output + ".log"
        posix_spawn_file_actions_addopen(&files, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        var process: pid_t = 0
        let code = posix_spawnp(&process, command[0], &files, nil, &arguments, &settings)
        guard code == 0 else { throw Failure("\(command[0]) cannot be started: \(String(cString: strerror(code)))") }
        return process
    }

    /// What a program writes.
    ///
    /// - Throws: as `run`.
    static func text(_ command: [String], in folder: String, accepting: Set<Int32> = [0]) throws -> String {
        let file = "\(folder)/output.txt"
        try run(command, output: file, accepting: accepting)
        return try String(contentsOfFile: file, encoding: .utf8)
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
}
