// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs the benchmarks and prints ratios: each compares two things measured in the same run, for times of a shared
/// machine mean little by themselves.
@main
enum Benchmarks {
    static func main() {
        do {
            let options = try Options(Array(CommandLine.arguments.dropFirst()))
            var report = Report()
            // The inventory comes first: a child's peak memory counts its parent's at the moment of its start.
            if options.wants("inventory") { try InventoryBenchmark(options).run(into: &report) }
            if options.wants("matching") { try MatchingBenchmark(options).run(into: &report) }
            if options.wants("webhook") { try WebhookBenchmark(options).run(into: &report) }
            print(options.isJSON ? try report.json() : report.table)
            let misses = try report.misses(of: options.thresholds)
            for miss in misses { say("threshold: \(miss)") }
            exit(misses.isEmpty ? 0 : 1)
        } catch {
            say("\(error)")
            exit(error is Usage ? 64 : 2)
        }
    }
}

/// A message on standard error.
func say(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

/// A fault of the command line.
struct Usage: Error, CustomStringConvertible {
    let description: String
}

/// Something that did not go as a benchmark needs it.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
