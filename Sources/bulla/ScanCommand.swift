// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BullaArtifact
import BullaDocument
import BullaFlow
import Foundation
import HTTPTypes

/// Scans an image here, or shows the report that the server keeps.
struct ScanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan", abstract: "List what an image holds and which advisories apply to it.",
        discussion: """
            SOURCE is a reference, oci-dir:D[:TAG], oci-archive:F, docker-archive:F or dir:D. Without a database the \
            inventory is whole and every package is unjudged. Exit code 1: a finding reaches --fail-on; 2: there is no \
            answer.
            """)

    /// One `-o`: a format, and a file in the place of standard output.
    private struct Output {
        var format: OutputFormat
        var file: String?

        init(_ text: String) throws(BullaError) {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first, let format = OutputFormat(rawValue: name) else {
                throw BullaError(.invalidArgument, "output '\(text)' is neither table nor json, nor one with =FILE")
            }
            self.format = format
            file = parts.count == 2 ? parts[1] : nil
        }
    }

    @Argument(help: "What to scan.") var source: String
    @Option(help: "The compiled advisory database.") var db = "./bulla-data/advisories.db"
    @Option(help: "The platform of an index, such as linux/arm64 (this machine's).") var platform: String?
    @Option(help: "Exit with 1 when a finding is at least so severe: low, medium, high, critical.") var failOn: String?
    @Flag(name: [.long, .customLong("ignore-unfixed")], help: "Leave out findings that no version fixes.")
    var onlyFixed = false
    @Flag(help: "Speak plain HTTP to the registry.") var plainHttp = false
    @Option(name: .customLong("tls-verify"), help: "Check the registry's certificate (true).") var tlsVerify = "true"
    @Option(name: .shortAndLong, help: "table or json, =FILE writes to a file; may repeat (table).")
    var output: [String] = []
    @Flag(help: "Show the report that the server keeps of the image's last scan.") var remote = false
    @Option(help: "The server's URL for --remote.") var server: String?
    @Option(help: "A file with the bearer token for --remote.") var tokenFile: String?
    @Flag(name: .shortAndLong, help: "No progress on standard error.") var quiet = false

    func run() async throws {
        try await Command.run {
            var outputs: [Output] = []
            for text in output { outputs.append(try Output(text)) }
            if outputs.isEmpty { outputs = [try Output("table")] }
            var threshold: Severity?
            if let failOn {
                guard let severity = Severity(failOn) else {
                    throw BullaError(.invalidArgument, "severity '\(failOn)' is none of low, medium, high, critical")
                }
                threshold = severity
            }
            let report = try await report()
            let shown = onlyFixed ? report.keeping { $0.fixedVersion != nil } : report
            for output in outputs { try write(shown, to: output) }
            guard let threshold else { return }
            guard report.advisories != nil else {
                throw BullaError(
                    .failedPrecondition,
                    "--fail-on has no answer: there is no advisory database at '\(db)' (bulla db import makes one)")
            }
            if shown.findings.contains(where: { $0.severity >= threshold }) { throw Command.no }
            if let fault = ImageScanner.fault(in: report) {
                throw BullaError(fault.code, "--fail-on has no answer: \(fault.message)")
            }
        }
    }

    private func report() async throws -> ScanReport {
        if remote {
            var client = try ClientOptions.parse([])
            client.server = server
            client.tokenFile = tokenFile
            return try await client.withServer { server in
                let names = try await server.names()
                let asked = try ImageReference(source)
                let digest = try await server.resolve(asked, names)
                let image = server.recorded(asked, names).at(digest)
                let bytes = try await server.call(
                    .get, "/bulla/v1/report", query: [URLQueryItem(name: "image", value: image.description)])
                return try JSONDocument.report(from: bytes)
            }
        }
        if !quiet, Command.errorIsTerminal { Command.say("reading \(source)") }
        return try await LocalScan(
            source: source, db: db, platform: try platform.map { text throws(BullaError) in try Platform(text) },
            plainHTTP: plainHttp, verifiesTLS: try Quantity.flag(tlsVerify)
        ).report()
    }

    private func write(_ report: ScanReport, to output: Output) throws {
        let bytes: [UInt8]
        switch output.format {
        case .json: bytes = JSONDocument.bytes(of: report)
        case .table:
            bytes = Array(
                TableDocument.text(of: report, isColoured: output.file == nil && Command.outputIsTerminal).utf8)
        }
        guard let file = output.file else {
            FileHandle.standardOutput.write(Data(bytes))
            return
        }
        do {
            try Data(bytes).write(to: URL(filePath: file), options: .atomic)
        } catch {
            throw BullaError(.unavailable, "file '\(file)' cannot be written", cause: error)
        }
    }
}

extension ScanReport {
    /// The same report with some findings only.
    fileprivate func keeping(_ isWanted: (Finding) -> Bool) -> ScanReport {
        ScanReport(
            image: image, inventory: inventory, findings: findings.filter(isWanted), judged: judged, unjudged: unjudged,
            advisories: advisories)
    }
}
