// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaServer
import Foundation
import Testing

@Suite("Configuration")
struct ConfigurationTests {
    @Test("takes flags before the environment, and the environment before the file")
    func order() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "bulla-\(UUID().uuidString).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("project: file\nscan-workers: 3\nmax-ratio: 7\n".utf8).write(to: file)
        let configuration = try Configuration(
            flags: ["project": "flag"], environment: ["BULLA_PROJECT": "variable", "BULLA_SCAN_WORKERS": "4"],
            file: file.path(percentEncoded: false))
        #expect(configuration.project == "flag")
        #expect(configuration.scanWorkers == 4)
        #expect(configuration.maximumRatio == 7)
        #expect(configuration.advisories == "./bulla-data/advisories.db")
    }

    @Test("reports every problem at once, and names the key")
    func problems() {
        let error = #expect(throws: BullaError.self) {
            try Configuration(flags: [
                "http": "0.0.0.0:80", "max-blob-size": "much", "tls-cert": "x", "log-format": "xml", "bogus": "1",
            ])
        }
        for word in ["http: '0.0.0.0:80' is not on loopback", "max-blob-size", "tls-key", "log-format", "'bogus'"] {
            #expect(error?.message.contains(word) == true, "\(word) is not in: \(error?.message ?? "")")
        }
    }

    @Test("names file and line of a key that it does not know")
    func unknownKey() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "bulla-\(UUID().uuidString).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("project: p\nhtpp: 127.0.0.1:1\n".utf8).write(to: file)
        let path = file.path(percentEncoded: false)
        let error = #expect(throws: BullaError.self) { try Configuration(flags: [:], file: path) }
        #expect(error?.message.contains("\(path):2: unknown key 'htpp'") == true)
    }

    @Test("prints what is in force as a file that reads back the same")
    func printed() throws {
        let configuration = try Configuration(flags: ["project": "p", "max-scan-age": "24h", "max-unpacked": "1GiB"])
        let file = FileManager.default.temporaryDirectory.appending(path: "bulla-\(UUID().uuidString).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(configuration.yaml.utf8).write(to: file)
        #expect(try Configuration(flags: [:], file: file.path(percentEncoded: false)) == configuration)
        #expect(configuration.maximumScanAge == 86400)
        #expect(configuration.maximumUnpacked == 1 << 30)
    }

    @Test(
        "knows which addresses only this machine can reach",
        arguments: [
            ("127.0.0.1:0", true), ("[::1]:80", true), ("localhost:8080", true), ("unix:/run/bulla.sock", true),
            ("0.0.0.0:80", false), ("10.0.0.1:80", false), ("127.evil.example:80", false), ("[::]:80", false),
        ])
    func loopback(text: String, isLoopback: Bool) throws {
        #expect(try ListenAddress(text).isLoopback == isLoopback)
    }

    @Test("refuses what is no address", arguments: ["", "8080", ":80", "host:", "host:65536", "unix:"])
    func malformed(text: String) {
        #expect(throws: BullaError.self) { try ListenAddress(text) }
    }
}
