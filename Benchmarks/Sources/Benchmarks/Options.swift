// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What is measured, and with which tools.
struct Options {
    /// The executable under test.
    var bulla = "../.build/release/bulla"
    /// The scanner that the inventory is compared with.
    var syft = "syft"
    /// A folder of advisories in OSV form, if there is one.
    var advisories: String?
    /// Where images and databases are made; they are used again when they are there.
    var work = "Work"
    /// How often each thing is measured; the median counts.
    var rounds = 5
    /// The part to run; all without one.
    var only: String?
    /// A file of counts that must be met.
    var thresholds: String?
    /// Whether the result is JSON.
    var isJSON = false

    /// Reads the command line.
    ///
    /// - Throws: `Usage` for what is not known.
    init(_ arguments: [String]) throws {
        var rest = arguments[...]
        func value() throws -> String {
            guard let value = rest.popFirst() else { throw Usage(description: "an option lacks its value") }
            return value
        }
        while let option = rest.popFirst() {
            switch option {
            case "--bulla": bulla = try value()
            case "--syft": syft = try value()
            case "--advisories": advisories = try value()
            case "--work": work = try value()
            case "--rounds": rounds = max(1, Int(try value()) ?? 5)
            case "--only": only = try value()
            case "--thresholds": thresholds = try value()
            case "--json": isJSON = true
            default: throw Usage(description: "option '\(option)' is not known")
            }
        }
        try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: true)
        // Servers and scanners run elsewhere, so that no path may depend on where this one was started.
        work = URL(filePath: work).standardizedFileURL.path
        bulla = URL(filePath: bulla).standardizedFileURL.path
    }

    /// Whether a part is to be run.
    func wants(_ part: String) -> Bool { only == nil || only == part }
}
