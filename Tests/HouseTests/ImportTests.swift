// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Which target may import what, besides Foundation, Synchronization, Glibc and Dispatch; imports go down, never up.
private let allowed: [String: Set<String>] = [
    "BullaArtifact": ["Crypto"],
    "BullaArchive": ["BullaArtifact", "CISAL", "CZstd"],
    "BullaVersion": [],
    "BullaExpression": ["BullaArtifact"],
    "BullaHTTP": ["BullaArtifact", "HTTPTypes", "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOSSL", "Logging"],
    "BullaSQL": ["BullaArtifact", "CSQLite", "Logging"],
    "GrafeasMessages": ["SwiftProtobuf"],
    "GoogleStubs": ["GrafeasMessages", "SwiftProtobuf", "GRPCCore", "GRPCProtobuf"],
    "BullaRegistry": ["BullaArtifact", "BullaArchive", "BullaHTTP", "HTTPTypes"],
    "BullaCatalog": ["BullaArtifact", "BullaArchive"],
    "BullaAdvisory": ["BullaArtifact", "BullaArchive", "BullaVersion"],
    "BullaDocument": ["BullaArtifact"],
    "BullaSeal": ["BullaArtifact", "CRNP", "Crypto", "CryptoExtras", "SwiftASN1"],
    "BullaPolicy": ["BullaArtifact"],
    "BullaGrafeas": [
        "BullaArtifact", "BullaExpression", "BullaHTTP", "HTTPTypes", "GrafeasMessages", "SwiftProtobuf", "Crypto",
    ],
    "BullaLog": ["BullaArtifact"],
    "BullaJobs": ["BullaArtifact", "Logging"],
    "BullaKubernetes": ["BullaArtifact", "BullaPolicy", "CYaml", "Yams"],
    "BullaStore": [
        "BullaArtifact", "BullaSQL", "BullaExpression", "BullaGrafeas", "BullaRegistry", "BullaLog", "BullaJobs",
        "GrafeasMessages", "SwiftProtobuf", "Crypto",
    ],
    "BullaFlow": [
        "BullaArtifact", "BullaArchive", "BullaVersion", "BullaExpression", "BullaHTTP", "BullaRegistry",
        "BullaCatalog", "BullaAdvisory", "BullaDocument", "BullaSeal", "BullaPolicy", "BullaGrafeas", "BullaLog",
        "BullaJobs", "BullaKubernetes", "GrafeasMessages", "SwiftProtobuf", "Logging", "Metrics",
    ],
    "BullaServer": [
        "BullaArtifact", "BullaArchive", "BullaVersion", "BullaExpression", "BullaHTTP", "BullaSQL", "BullaRegistry",
        "BullaCatalog", "BullaAdvisory", "BullaDocument", "BullaSeal", "BullaPolicy", "BullaGrafeas", "BullaLog",
        "BullaJobs", "BullaKubernetes", "BullaStore", "BullaFlow", "GrafeasMessages", "GoogleStubs", "SwiftProtobuf",
        "Hummingbird", "HummingbirdTLS", "HummingbirdCore", "GRPCCore", "GRPCProtobuf", "GRPCNIOTransportHTTP2Posix",
        "ServiceLifecycle", "UnixSignals", "NIOCore", "NIOPosix", "NIOSSL", "HTTPTypes", "Crypto", "X509", "SwiftASN1",
        "Logging", "Metrics", "Yams",
    ],
]

@Suite("Imports")
struct ImportTests {
    private static let everywhere: Set<String> = [
        "Foundation", "Synchronization", "Glibc", "Dispatch", "Swift", "FoundationEssentials",
    ]

    private static var sources: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Sources")
    }

    @Test("go down the house's floors and never up", arguments: allowed.keys.sorted())
    func imports(target: String) throws {
        let rooms = try #require(allowed[target])
        let folder = Self.sources.appending(path: target)
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var read = 0
        for case let file as URL in files where file.pathExtension == "swift" {
            read += 1
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ").filter {
                    !["public", "internal", "package", "@preconcurrency", "@_exported"].contains($0)
                }
                guard words.first == "import", words.count >= 2 else { continue }
                let kinds = ["struct", "enum", "class", "protocol", "func", "typealias", "var", "let"]
                let path = kinds.contains(String(words[1])) ? words.dropFirst(2).first : words[1]
                let module = String((path ?? "").prefix { $0 != "." })
                #expect(
                    rooms.contains(module) || Self.everywhere.contains(module),
                    "\(file.lastPathComponent) of \(target) imports \(module)")
            }
        }
        #expect(read > 0, "\(target) has no file")
    }

    @Test("know every target under Sources")
    func targets() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path())
        let known = Set(allowed.keys).union(["bulla", "BullaTesting"])
        for folder in folders where !folder.hasPrefix("C") {
            #expect(known.contains(folder), "Sources/\(folder) is not in the table")
        }
    }
}
