// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BullaArtifact
import BullaServer
import Foundation

/// Runs the server.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the server: registry, scanner, metadata API and admission webhook.",
        discussion: "Every flag is also a key of the configuration file, and a variable such as BULLA_MAX_BLOB_SIZE.")

    @Option(help: "The data directory (./bulla-data).") var data: String?
    @Option(help: "REST, registry and health (127.0.0.1:8080).") var http: String?
    @Option(help: "gRPC (127.0.0.1:8081).") var grpc: String?
    @Option(help: "The admission webhook, HTTPS (127.0.0.1:8443).") var webhook: String?
    @Option(help: "A PEM file with the certificate chain.") var tlsCert: String?
    @Option(help: "A PEM file with the certificate's key.") var tlsKey: String?
    @Flag(help: "Serve the other two ports with the same certificate.") var tls = false
    @Option(help: "A file that appears once every port answers.") var readyFile: String?
    @Option(help: "A folder of Kritis policies.") var policies: String?
    @Option(help: "A folder of signing keys.") var keys: String?
    @Option(help: "The compiled advisory database (DATA/advisories.db).") var advisories: String?
    @Option(help: "The name of the registry in every resource URI.") var registryName: String?
    @Option(help: "The project of images without one in their name (default).") var project: String?
    @Option(help: "The project of the notes about vulnerabilities (goog-vulnz).") var vulnerabilityProvider: String?
    @Option(help: "The project of the notes about discovery and packages (goog-analysis).") var analysisProvider:
        String?
    @Option(help: "The largest blob (10GiB).") var maxBlobSize: String?
    @Option(help: "The most an image may unpack to (20GiB).") var maxUnpacked: String?
    @Option(help: "The most a layer may grow by unpacking (200).") var maxRatio: String?
    @Option(help: "How many images are scanned at once (2).") var scanWorkers: String?
    @Option(help: "How old a scan may be to count; 0 is any age (0).") var maxScanAge: String?
    @Option(help: "text or json (text).") var logFormat: String?
    @Option(help: "The least important level that is logged (info).") var logLevel: String?
    @Option(help: "A YAML file with any of these keys.") var config: String?
    @Flag(help: "Print the configuration in force and exit.") var printConfig = false

    func run() async throws {
        try await Command.run {
            let configuration = try Configuration(
                flags: flags, environment: ProcessInfo.processInfo.environment, file: config)
            if printConfig {
                Command.result(configuration.yaml)
                return
            }
            try await Server(configuration).run()
        }
    }

    private var flags: [String: String] {
        var flags: [String: String] = [:]
        flags["data"] = data
        flags["http"] = http
        flags["grpc"] = grpc
        flags["webhook"] = webhook
        flags["tls-cert"] = tlsCert
        flags["tls-key"] = tlsKey
        if tls { flags["tls"] = "true" }
        flags["ready-file"] = readyFile
        flags["policies"] = policies
        flags["keys"] = keys
        flags["advisories"] = advisories
        flags["registry-name"] = registryName
        flags["project"] = project
        flags["vulnerability-provider"] = vulnerabilityProvider
        flags["analysis-provider"] = analysisProvider
        flags["max-blob-size"] = maxBlobSize
        flags["max-unpacked"] = maxUnpacked
        flags["max-ratio"] = maxRatio
        flags["scan-workers"] = scanWorkers
        flags["max-scan-age"] = maxScanAge
        flags["log-format"] = logFormat
        flags["log-level"] = logLevel
        return flags
    }
}
