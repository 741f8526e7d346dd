// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Foundation

/// The inventory of images: `bulla scan oci-dir:` against `syft scan oci-dir:`, both as processes from start to end.
///
/// The images are made of this machine's own files, so that their databases are true ones: package databases alone,
/// with Python packages, with bulk. Syft runs with its default settings, but does not ask for updates; it knows more
/// ecosystems and reads the headers of executables, so a part of the difference is work that Bulla does not do.
struct InventoryBenchmark {
    private let options: Options

    /// Prepares a run.
    init(_ options: Options) { self.options = options }

    /// The images: name, and what their layers hold, lowest first.
    private static let images: [(name: String, layers: [[String]])] = [
        ("database", [["etc/os-release", "usr/lib/os-release", "var/lib/dpkg"]]),
        (
            "python",
            [["etc/os-release", "usr/lib/os-release", "var/lib/dpkg"], ["usr/lib/python3", "usr/lib/python3.11"]]
        ),
        (
            "bulk",
            [
                ["etc/os-release", "usr/lib/os-release", "var/lib/dpkg"], ["usr/lib/python3", "usr/lib/python3.11"],
                ["usr/bin", "usr/include", "usr/sbin"], ["usr/share/doc", "usr/share/perl", "usr/share/locale"],
            ]
        ),
    ]

    /// Measures and adds ratios of time and memory.
    func run(into report: inout Report) throws {
        for image in Self.images {
            let layout = "\(options.work)/image-\(image.name)"
            let unpacked = try ImageLayout(layout).build(image.layers)
            let ours = [options.bulla, "scan", "oci-dir:\(layout)", "-o", "json", "-q", "--db", "\(layout)/none"]
            let theirs = [options.syft, "scan", "oci-dir:\(layout)", "-o", "json"]
            let quiet = ["SYFT_CHECK_FOR_APP_UPDATE": "false"]
            var (subject, other): ([ChildProcess], [ChildProcess]) = ([], [])
            // One of each first, so that both find the files in memory; then in turns.
            for round in 0...options.rounds {
                say("inventory, \(image.name), round \(round) of \(options.rounds)")
                let left = try ChildProcess.run(ours, output: "\(options.work)/bulla.json")
                let right = try ChildProcess.run(theirs, output: "\(options.work)/syft.json", variables: quiet)
                if round > 0 {
                    subject.append(left)
                    other.append(right)
                }
            }
            let name = "inventory, \(image.name), \(unpacked >> 20) MiB unpacked"
            report.add(
                "\(name): time", unit: "s", median(subject.map(\.wall)), median(other.map(\.wall)))
            report.add(
                "\(name): processor", unit: "s", median(subject.map(\.cpu)), median(other.map(\.cpu)))
            report.add(
                "\(name): peak memory", unit: "MiB", median(subject.map(\.peak)),
                median(other.map(\.peak)))
            try compare(image.name, &report)
        }
    }

    /// Counts packages of the kinds that both know: a fast scan that misses some would be worth nothing.
    private func compare(_ image: String, _ report: inout Report) throws {
        struct Ours: Decodable {
            struct Package: Decodable {
                var name: String
                var version: String
                var type: String
            }
            var packages: [Package]
        }
        struct Theirs: Decodable {
            var artifacts: [Ours.Package]
        }
        let decoder = JSONDecoder()
        let ours = try decoder.decode(Ours.self, from: Data(contentsOf: URL(filePath: "\(options.work)/bulla.json")))
        let theirs = try decoder.decode(
            Theirs.self, from: Data(contentsOf: URL(filePath: "\(options.work)/syft.json")))
        for (type, name) in [("deb", "deb"), ("pypi", "python")] {
            func text(_ package: Ours.Package) -> String {
                guard type == "pypi" else { return "\(package.name) \(package.version)" }
                // Python's names are one under PEP 503, however they are written.
                let name = package.name.lowercased().split { "-_.".contains($0) }.joined(separator: "-")
                return "\(name) \(package.version)"
            }
            let left = Set(ours.packages.filter { $0.type == type }.map(text))
            let right = Set(theirs.artifacts.filter { $0.type == name }.map(text))
            report.counts["inventory, \(image): \(type) packages found"] = left.count
            report.counts["inventory, \(image): \(type) packages that syft alone finds"] = right.subtracting(left).count
            report.counts["inventory, \(image): \(type) packages that syft lacks"] = left.subtracting(right).count
        }
    }
}
