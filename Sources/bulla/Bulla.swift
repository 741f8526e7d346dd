// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BullaServer

/// The command line of Bulla.
@main
struct Bulla: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bulla",
        abstract: "Know what is in each image, where it came from, and let only what meets policy run.",
        discussion: """
            Results go to standard output, progress and logs to standard error.

            Exit codes: 0 done, or passes; 1 the answer is no (threshold met, policy violated, denied); \
            2 no answer (never scanned, scan failed or too old, bad input, unreachable); 64 usage.
            """,
        version: Release.version,
        subcommands: [
            ServeCommand.self, DemoCommand.self, ScanCommand.self, CheckCommand.self, AttestCommand.self,
            ProvenanceCommand.self, AdmitCommand.self, DatabaseCommand.self, VersionCommand.self,
        ])
}
