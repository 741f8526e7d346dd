// SPDX-License-Identifier: Apache-2.0

public import BullaArtifact
public import Foundation
import Yams

/// Everything that can be set about a server, read once and checked whole.
///
/// Flags win over the environment (`BULLA_` and the key in capitals), which wins over the file (YAML, keys as the
/// flags), which wins over the defaults. Every problem is reported, not only the first.
public struct Configuration: Sendable, Hashable {
    /// A setting: its key, which is also its flag, and its default as text.
    public struct Setting: Sendable, Hashable {
        /// The key, such as `max-blob-size`.
        public let key: String
        /// The default; empty for none.
        public let standard: String
        /// One line about it.
        public let help: String
    }

    /// How log lines are written.
    public enum LogFormat: String, Sendable, Hashable { case text, json }

    /// Every setting there is, in the order of the documentation.
    public static let settings: [Setting] = [
        Setting(key: "data", standard: "./bulla-data", help: "the data directory"),
        Setting(key: "http", standard: "127.0.0.1:8080", help: "where REST, registry and health listen"),
        Setting(key: "grpc", standard: "127.0.0.1:8081", help: "where gRPC listens"),
        Setting(key: "webhook", standard: "127.0.0.1:8443", help: "where the admission webhook listens (HTTPS)"),
        Setting(key: "tls-cert", standard: "", help: "a PEM file with the certificate chain"),
        Setting(key: "tls-key", standard: "", help: "a PEM file with the certificate's key"),
        Setting(key: "tls", standard: "false", help: "serve the other two ports with the same certificate"),
        Setting(key: "ready-file", standard: "", help: "a file that appears once every port answers"),
        Setting(key: "policies", standard: "", help: "a folder of Kritis policies"),
        Setting(key: "keys", standard: "", help: "a folder with one folder of key files per privateKeySecretName"),
        Setting(key: "advisories", standard: "", help: "the compiled advisory database (DATA/advisories.db)"),
        Setting(key: "registry-name", standard: "", help: "the name of the registry in every resource URI"),
        Setting(key: "project", standard: "default", help: "the project of images without one in their name"),
        Setting(
            key: "vulnerability-provider", standard: "goog-vulnz",
            help: "the project of the notes about vulnerabilities; only its notes count as evidence"),
        Setting(
            key: "analysis-provider", standard: "goog-analysis",
            help: "the project of the notes about discovery and packages; only its notes count as evidence"),
        Setting(key: "max-blob-size", standard: "10GiB", help: "the largest blob the registry takes"),
        Setting(key: "max-unpacked", standard: "20GiB", help: "the most a scanned image may unpack to"),
        Setting(key: "max-ratio", standard: "200", help: "the most a layer may grow by unpacking"),
        Setting(key: "scan-workers", standard: "2", help: "how many images are scanned at once"),
        Setting(key: "max-scan-age", standard: "0", help: "how old a scan may be to count; 0 is any age"),
        Setting(key: "log-format", standard: "text", help: "text or json"),
        Setting(key: "log-level", standard: "info", help: "trace, debug, info, notice, warning, error or critical"),
    ]

    /// The data directory.
    public let data: String
    /// Where REST, registry and health listen.
    public let http: ListenAddress
    /// Where gRPC listens.
    public let grpc: ListenAddress
    /// Where the webhook listens.
    public let webhook: ListenAddress
    /// A PEM file with the certificate chain; none: an own authority in the data directory.
    public let certificateFile: String?
    /// A PEM file with the certificate's key.
    public let certificateKeyFile: String?
    /// Whether the other two ports are served with TLS as well.
    public let servesTLS: Bool
    /// A file that appears once every port answers.
    public let readyFile: String?
    /// A folder of Kritis policies.
    public let policies: String?
    /// A folder of signing keys.
    public let keys: String?
    /// The compiled advisory database.
    public let advisories: String
    /// The registry's name, where one was set.
    public let registryName: String?
    /// The project of images whose name has none.
    public let project: String
    /// The project of the notes about vulnerabilities.
    public let vulnerabilityProvider: String
    /// The project of the notes about discovery and packages.
    public let analysisProvider: String
    /// The largest blob, in bytes.
    public let maximumBlobSize: Int64
    /// The most an image may unpack to, in bytes.
    public let maximumUnpacked: Int64
    /// The most a layer may grow by unpacking.
    public let maximumRatio: Int
    /// How many images are scanned at once.
    public let scanWorkers: Int
    /// How old a scan may be, in seconds; none is any age.
    public let maximumScanAge: TimeInterval?
    /// How log lines are written.
    public let logFormat: LogFormat
    /// The least important level that is logged.
    public let logLevel: String

    private let texts: [String: String]

    /// Reads the configuration.
    ///
    /// - Parameters:
    ///   - flags: Values by key, as the command line gave them.
    ///   - environment: The process' environment.
    ///   - file: A YAML file, if any.
    /// - Throws: `invalidArgument` that lists every problem.
    public init(
        flags: [String: String], environment: [String: String] = [:], file: String? = nil
    ) throws(BullaError) {
        var problems: [String] = []
        var values: [String: String] = [:]
        for setting in Self.settings { values[setting.key] = setting.standard }
        if let file {
            for (key, value) in try Self.read(file, problems: &problems) { values[key] = value }
        }
        for setting in Self.settings {
            let name = "BULLA_" + setting.key.uppercased().replacing("-", with: "_")
            if let value = environment[name] { values[setting.key] = value }
            if let value = flags[setting.key] { values[setting.key] = value }
        }
        for key in flags.keys.sorted() where !Self.settings.contains(where: { $0.key == key }) {
            problems.append("unknown key '\(key)'")
        }

        func text(_ key: String) -> String { values[key] ?? "" }
        func optional(_ key: String) -> String? { text(key).isEmpty ? nil : text(key) }
        func read<Value>(_ key: String, _ fallback: Value, _ parse: (String) throws(BullaError) -> Value) -> Value {
            do { return try parse(text(key)) } catch {
                problems.append("\(key): \(error.message)")
                return fallback
            }
        }
        func count(_ key: String, in range: ClosedRange<Int>) -> Int {
            read(key, range.lowerBound) { text throws(BullaError) in
                guard let value = Int(text), range.contains(value) else {
                    throw BullaError(
                        .invalidArgument, "'\(text)' is not a number from \(range.lowerBound) to \(range.upperBound)")
                }
                return value
            }
        }

        let nowhere = ListenAddress.tcp(host: "127.0.0.1", port: 0)
        data = text("data")
        http = read("http", nowhere, ListenAddress.init)
        grpc = read("grpc", nowhere, ListenAddress.init)
        webhook = read("webhook", nowhere, ListenAddress.init)
        certificateFile = optional("tls-cert")
        certificateKeyFile = optional("tls-key")
        servesTLS = read("tls", false, Quantity.flag)
        readyFile = optional("ready-file")
        policies = optional("policies")
        keys = optional("keys")
        advisories = optional("advisories") ?? text("data") + "/advisories.db"
        registryName = optional("registry-name")
        project = text("project")
        vulnerabilityProvider = text("vulnerability-provider")
        analysisProvider = text("analysis-provider")
        maximumBlobSize = read("max-blob-size", 1, Quantity.bytes)
        maximumUnpacked = read("max-unpacked", 1, Quantity.bytes)
        maximumRatio = count("max-ratio", in: 1...1_000_000)
        scanWorkers = count("scan-workers", in: 1...64)
        let age = read("max-scan-age", 0, Quantity.seconds)
        maximumScanAge = age == 0 ? nil : age
        logFormat = read("log-format", .text) { text throws(BullaError) in
            guard let format = LogFormat(rawValue: text) else {
                throw BullaError(.invalidArgument, "'\(text)' is neither text nor json")
            }
            return format
        }
        logLevel = text("log-level")
        texts = values

        if data.isEmpty { problems.append("data: no directory given") }
        if (certificateFile == nil) != (certificateKeyFile == nil) {
            problems.append("tls-cert and tls-key go together")
        }
        if !["trace", "debug", "info", "notice", "warning", "error", "critical"].contains(logLevel) {
            problems.append("log-level: '\(logLevel)' is no level")
        }
        if let registryName, !Self.isRegistryName(registryName) {
            problems.append("registry-name: '\(registryName)' is not a host with an optional port")
        }
        for (key, address) in [("http", http), ("grpc", grpc), ("webhook", webhook)] where !address.isLoopback {
            problems.append(
                "\(key): '\(address)' is not on loopback; until there is access control Bulla listens on this machine only"
            )
        }
        guard problems.isEmpty else {
            throw BullaError(.invalidArgument, "configuration: " + problems.joined(separator: "; "))
        }
    }

    /// The configuration in force as YAML, as `--print-config` shows it.
    public var yaml: String {
        Self.settings.map { setting in
            let value = texts[setting.key] ?? ""
            return
                "# \(setting.help)\n\(setting.key): \(value.isEmpty ? "\"\"" : "\"\(value.replacing("\"", with: "\\\""))\"")"
        }.joined(separator: "\n") + "\n"
    }

    private static func isRegistryName(_ name: String) -> Bool {
        guard let reference = try? ImageReference(name + "/x") else { return false }
        return reference.registry == name
    }

    private static func read(
        _ file: String, problems: inout [String]
    ) throws(BullaError) -> [String: String] {
        guard let bytes = FileManager.default.contents(atPath: file) else {
            throw BullaError(.invalidArgument, "configuration file '\(file)' cannot be read")
        }
        guard bytes.count <= 1 << 20 else {
            throw BullaError(.invalidArgument, "configuration file '\(file)' is larger than 1 MiB")
        }
        let node: Node?
        do {
            node = try Yams.compose(yaml: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw BullaError(.invalidArgument, "configuration file '\(file)' is not YAML: \(error)")
        }
        guard let node else { return [:] }
        guard let mapping = node.mapping else {
            throw BullaError(.invalidArgument, "configuration file '\(file)' is not a mapping of keys to values")
        }
        var values: [String: String] = [:]
        for (keyNode, valueNode) in mapping {
            let line = keyNode.mark.map { ":\($0.line)" } ?? ""
            guard let key = keyNode.scalar?.string, settings.contains(where: { $0.key == key }) else {
                problems.append("\(file)\(line): unknown key '\(keyNode.scalar?.string ?? "?")'")
                continue
            }
            guard let value = valueNode.scalar?.string else {
                problems.append("\(file)\(line): '\(key)' is not a single value")
                continue
            }
            values[key] = value
        }
        return values
    }
}
