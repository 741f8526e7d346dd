// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import BullaCatalog
import BullaTesting
import Foundation
import Testing

@Suite("RootFolder")
struct RootFolderTests {
    @Test("reads a folder as it reads layers, and nothing outside of it")
    func folder() throws {
        let outside = try TemporaryFolder()
        try outside.write("status", ImageBuilder.debianStanza("outside", "1").utf8)
        let folder = try TemporaryFolder()
        try folder.write("usr/lib/os-release", ImageBuilder.osRelease("debian", "12").utf8)
        try folder.write("data/real", ImageBuilder.debianStanza("inside", "1").utf8)
        try folder.write("opt/app/x-1.dist-info/METADATA", "Name: x\nVersion: 1\n".utf8)
        let manager = FileManager.default
        func link(_ path: String, _ target: String) throws {
            let url = folder.url.appendingPathComponent(path)
            try manager.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try manager.createSymbolicLink(atPath: url.path, withDestinationPath: target)
        }
        try link("etc/os-release", "../usr/lib/os-release")
        try link("var/lib/dpkg/status", "/data/real")
        try link("var/lib/dpkg/status.d/out", outside.url.path + "/status")
        try link("loop", ".")
        let result = try RootFolder(folder.url.path).inventory()
        #expect(result.distribution?.version == "12")
        #expect(result.names == ["inside 1", "x 1"])
        #expect(result.packages.allSatisfy { $0.locations.allSatisfy { $0.layer == nil } })
        #expect(result.locations("inside").map(\.path) == ["data/real"])
    }

    @Test("refuses what is no folder")
    func missing() {
        let error = #expect(throws: BullaError.self) { try RootFolder("/nowhere/at/all").inventory() }
        #expect(error?.code == .notFound)
    }
}
