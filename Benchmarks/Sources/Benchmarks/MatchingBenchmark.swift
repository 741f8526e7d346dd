// SPDX-License-Identifier: Apache-2.0

import BullaAdvisory
import BullaArtifact
import Foundation

/// Matching 1,000 packages, in this process and as a process, against databases of different size.
///
/// A mapped database is not read at start, so a large one should cost hardly more than a small one; what a job would pay
/// that compiles its advisories each time is measured beside it.
struct MatchingBenchmark {
    private static let packages = 1_000
    private static let generated = 300_000
    private let options: Options

    /// Prepares a run.
    init(_ options: Options) { self.options = options }

    /// Measures and adds ratios.
    func run(into report: inout Report) throws {
        let names = Self.names()
        let root = try writeRoot(names)
        let (none, large) = ("\(options.work)/none.db", "\(options.work)/generated.db")
        // Processes come before the work in this one, for a child's peak memory counts its parent's.
        let lines = "\(options.work)/generated.jsonl"
        try writeAdvisories(names, to: lines)
        let importing = try compile([lines], into: large)
        let bare = try scan(root, none)
        let full = try scan(root, large)
        let name = "scan of 1,000 packages, 300,000 advisories"
        report.add("\(name), against compiling them each time: time", unit: "s", full.wall, importing.wall + full.wall)
        report.add("\(name), against compiling them each time: peak memory", unit: "MiB", full.peak, importing.peak)
        report.add("\(name), against no database: time", unit: "s", full.wall, bare.wall)
        report.add("\(name), against no database: peak memory", unit: "MiB", full.peak, bare.peak)
        report.add("\(name), against `bulla version`: time", unit: "s", full.wall, try version())
        var small: String?
        if let folder = options.advisories {
            let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.contains(".osv.jsonl") }
            let path = "\(options.work)/real.db"
            try compile(files.sorted().map { "\(folder)/\($0)" }, into: path)
            small = path
            report.add("\(name), against the real sample: time", unit: "s", full.wall, try scan(root, path).wall)
        }
        let inventory = inventory(names)
        let generated = try judge(inventory, large)
        report.counts["matching, generated: judged"] = generated.judgement.judged
        report.counts["matching, generated: findings"] = generated.judgement.findings.count
        report.add(
            "matching of 1,000 packages in process, 300,000 advisories, against the exec-to-exit scan: time", unit: "s",
            generated.time, full.wall)
        if let small {
            let real = try judge(inventory, small)
            report.counts["matching, real sample: judged"] = real.judgement.judged
            report.counts["matching, real sample: findings"] = real.judgement.findings.count
            report.add(
                "matching of 1,000 packages in process, 300,000 advisories, against the real sample: time", unit: "s",
                generated.time, real.time)
        }
    }

    /// The packages that the generated advisories are about.
    private static func names() -> [String] {
        var generator = Generator(seed: 7)
        return (0..<(generated / 6)).map { "package-\(String(generator.next() % 1_000_000, radix: 36))-\($0)" }
    }

    /// Writes advisories as OSV records, one a line.
    private func writeAdvisories(_ names: [String], to path: String) throws {
        var generator = Generator(seed: 9)
        guard FileManager.default.createFile(atPath: path, contents: nil) else { throw Failure("\(path) is not made") }
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        defer { try? handle.close() }
        var buffer = Data()
        for number in 0..<Self.generated {
            let name = names[number % names.count]
            let fixed = "\(generator.next() % 9 + 1).\(generator.next() % 40)-\(number % 5 + 1)"
            buffer.append(
                contentsOf: """
                    {"schema_version":"1.6.0","id":"GENERATED-\(number)","modified":"2026-01-01T00:00:00Z",\
                    "aliases":["CVE-2026-\(100_000 + number)"],"summary":"A generated advisory about \(name)",\
                    "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N"}],\
                    "references":[{"type":"WEB","url":"https://example.org/\(number)"}],\
                    "affected":[{"package":{"ecosystem":"Debian:12","name":"\(name)"},"ranges":[{"type":"ECOSYSTEM",\
                    "events":[{"introduced":"0"},{"fixed":"\(fixed)"}]}]}]}

                    """.utf8)
            if buffer.count > 1 << 20 || number == Self.generated - 1 {
                try handle.write(contentsOf: buffer)
                buffer.removeAll(keepingCapacity: true)
            }
        }
    }

    @discardableResult
    private func compile(_ files: [String], into path: String) throws -> ChildProcess {
        try ChildProcess.run([options.bulla, "db", "import", "--replace", "--db", path] + files)
    }

    private func inventory(_ names: [String]) -> Inventory {
        var generator = Generator(seed: 11)
        let packages = (0..<Self.packages).map { number in
            let name = names[number * (names.count / Self.packages)]
            let version = "\(generator.next() % 10).\(generator.next() % 40)-1"
            return Package(
                name: name, version: version, type: "deb",
                purl: PackageURL(type: "deb", namespace: "debian", name: name, version: version),
                source: Package.Source(name: name, version: version),
                locations: [Package.Location(path: "var/lib/dpkg/status", layer: nil)])
        }
        return Inventory(distribution: Distribution(id: "debian", version: "12"), packages: packages)
    }

    /// Opens a database and judges by it, several times.
    private func judge(_ inventory: Inventory, _ path: String) throws -> (time: Double, judgement: Judgement) {
        var times: [Double] = []
        var last: Judgement?
        for _ in 0..<max(5, options.rounds) {
            times.append(
                try seconds { last = try Matcher(database: AdvisoryDatabase(path: path)).judge(inventory) })
        }
        guard let last else { throw Failure("nothing was judged") }
        return (median(times), last)
    }

    /// A folder with a dpkg database of the packages.
    private func writeRoot(_ names: [String]) throws -> String {
        let root = "\(options.work)/root"
        for folder in ["etc", "var/lib/dpkg"] {
            try FileManager.default.createDirectory(atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
        }
        let status = inventory(names).packages.map {
            "Package: \($0.name)\nStatus: install ok installed\nArchitecture: amd64\nVersion: \($0.version)\n"
        }
        try Data(status.joined(separator: "\n").utf8).write(to: URL(filePath: "\(root)/var/lib/dpkg/status"))
        try Data("ID=debian\nVERSION_ID=12\n".utf8).write(to: URL(filePath: "\(root)/etc/os-release"))
        return root
    }

    private func scan(_ root: String, _ database: String) throws -> ChildProcess {
        var runs: [ChildProcess] = []
        for _ in 0..<max(5, options.rounds) {
            let command = [options.bulla, "scan", "dir:\(root)", "--db", database, "-o", "json", "-q"]
            runs.append(try ChildProcess.run(command))
        }
        return runs.sorted { $0.wall < $1.wall }[runs.count / 2]
    }

    private func version() throws -> Double {
        var runs: [Double] = []
        for _ in 0..<max(5, options.rounds) { runs.append(try ChildProcess.run([options.bulla, "version"]).wall) }
        return median(runs)
    }
}

/// Numbers that are the same in every run (splitmix64).
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    /// Starts a sequence.
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
