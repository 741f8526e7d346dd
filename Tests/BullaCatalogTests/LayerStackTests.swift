// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaCatalog
import BullaTesting
import Foundation
import Testing

/// The inventory of the layers of a builder.
func inventory(
    of builder: ImageBuilder, limits: CatalogLimits = CatalogLimits(), chunk: Int = 1000
) async throws -> Inventory {
    try await LayerStack(builder.layers.map { input($0, chunk: chunk) }, limits: limits).inventory()
}

/// A layer whose bytes come in chunks; `blob` may be other than the true ones.
func input(_ layer: LayerWriter.Layer, chunk: Int = 1000, blob: [UInt8]? = nil) -> LayerInput {
    let bytes = blob ?? layer.blob
    return LayerInput(descriptor: layer.descriptor, diffID: layer.diffID) {
        ByteStream(starting: {
            var start = 0
            return {
                guard start < bytes.count else { return nil }
                defer { start = min(start + chunk, bytes.count) }
                return Array(bytes[start..<min(start + chunk, bytes.count)])
            }
        })
    }
}

extension Inventory {
    /// The packages as `name version`, sorted.
    var names: [String] { packages.map { "\($0.name) \($0.version)" }.sorted() }

    /// Where a package is.
    func locations(_ name: String) -> [Package.Location] { packages.first { $0.name == name }?.locations ?? [] }
}

private func stanzas(_ packages: (String, String)...) -> [UInt8] {
    Array(packages.map { ImageBuilder.debianStanza($0.0, $0.1) }.joined().utf8)
}

private let metadata = Array("Metadata-Version: 2.1\nName: Requests\nVersion: 2.31.0\nLicense: Apache 2.0\n\nText".utf8)

@Suite("LayerStack")
struct LayerStackTests {
    private static let status = "var/lib/dpkg/status"

    @Test("lists distribution and packages with the layer that brought each")
    func firstLayer() async throws {
        var builder = ImageBuilder()
        try builder.addLayer {
            $0.addFile("etc/os-release", Array(ImageBuilder.osRelease("debian", "12").utf8))
            $0.addFile(Self.status, stanzas(("libc6", "2.36-9"), ("curl", "7.88.1-10")))
        }
        try builder.addLayer(as: .zstd) { $0.addFile("opt/other", [1]) }
        try builder.addLayer(as: .plain) {
            $0.addFile(Self.status, stanzas(("libc6", "2.36-9"), ("curl", "7.88.1-11"), ("jq", "1.6-2.1")))
        }
        let result = try await inventory(of: builder)
        #expect(result.distribution?.id == "debian")
        #expect(result.distribution?.version == "12")
        #expect(result.names == ["curl 7.88.1-11", "jq 1.6-2.1", "libc6 2.36-9"])
        let digests = builder.layers.map(\.descriptor.digest)
        #expect(result.locations("libc6") == [Package.Location(path: Self.status, layer: digests[0])])
        #expect(result.locations("curl") == [Package.Location(path: Self.status, layer: digests[2])])
        #expect(result.locations("jq") == [Package.Location(path: Self.status, layer: digests[2])])
        #expect(
            result.packages.map(\.purl.description).first
                == "pkg:deb/debian/curl@7.88.1-11?arch=amd64&distro=debian-12")
        #expect(result.problems.isEmpty)
        // In whatever pieces the bytes come, the answer is the same.
        #expect(try await inventory(of: builder, chunk: 17) == result)
    }

    @Test("an opaque directory hides a package database, but not what its own layer has")
    func opaque() async throws {
        var builder = ImageBuilder()
        try builder.addLayer { $0.addFile(Self.status, stanzas(("old", "1"))) }
        var hidden = builder
        try hidden.addLayer { $0.addOpaqueMarker(in: "var/lib") }
        #expect(try await inventory(of: hidden).names == [])
        for markerFirst in [true, false] {
            var replaced = builder
            try replaced.addLayer {
                if markerFirst { $0.addOpaqueMarker(in: "var/lib/dpkg") }
                $0.addFile("var/lib/dpkg/status.d/new", stanzas(("new", "2")))
                if !markerFirst { $0.addOpaqueMarker(in: "var/lib/dpkg") }
            }
            #expect(try await inventory(of: replaced).names == ["new 2"])
        }
    }

    @Test("an opaque root hides everything beneath")
    func opaqueRoot() async throws {
        var builder = ImageBuilder()
        try builder.addLayer { $0.addFile(Self.status, stanzas(("old", "1"))) }
        try builder.addLayer {
            $0.addFile(".wh..wh..opq", [])
            $0.addFile("var/lib/dpkg/status.d/new", stanzas(("new", "2")))
        }
        #expect(try await inventory(of: builder).names == ["new 2"])
    }

    @Test("a whiteout hides one file of status.d, or the folder")
    func whiteout() async throws {
        var builder = ImageBuilder()
        try builder.addLayer {
            $0.addFile("var/lib/dpkg/status.d/one", stanzas(("one", "1")))
            $0.addFile("var/lib/dpkg/status.d/two", stanzas(("two", "2")))
        }
        var one = builder
        try one.addLayer { $0.addWhiteout(of: "var/lib/dpkg/status.d/one") }
        #expect(try await inventory(of: one).names == ["two 2"])
        var all = builder
        try all.addLayer { $0.addWhiteout(of: "var/lib/dpkg") }
        #expect(try await inventory(of: all).names == [])
        // What comes again is there again, without what was there before.
        try all.addLayer { $0.addFile("var/lib/dpkg/status.d/three", stanzas(("three", "3"))) }
        #expect(try await inventory(of: all).names == ["three 3"])
        // A whiteout does not hide its own layer's file.
        var both = builder
        try both.addLayer {
            $0.addFile("var/lib/dpkg/status.d/one", stanzas(("one", "1.1")))
            $0.addWhiteout(of: "var/lib/dpkg/status.d/one")
        }
        #expect(try await inventory(of: both).names == ["one 1.1", "two 2"])
    }

    @Test("a status that is a hard link is read, its layer again where its content was not kept")
    func hardLink() async throws {
        for (content, isFirst) in [("opt/real-status", true), ("opt/real-status", false)] {
            var builder = ImageBuilder()
            try builder.addLayer {
                if isFirst { $0.addFile("etc/hostname", [1]) }
                $0.addFile(content, stanzas(("linked", "1")))
                $0.addHardLink(Self.status, to: content)
            }
            let result = try await inventory(of: builder)
            #expect(result.names == ["linked 1"])
            #expect(
                result.locations("linked")
                    == [Package.Location(path: Self.status, layer: builder.layers[0].descriptor.digest)])
        }
        // The link stays when the name it was made for goes, and across layers.
        var builder = ImageBuilder()
        try builder.addLayer { $0.addFile("a", stanzas(("linked", "1"))) }
        try builder.addLayer { $0.addHardLink(Self.status, to: "/a") }
        try builder.addLayer { $0.addWhiteout(of: "a") }
        #expect(try await inventory(of: builder).names == ["linked 1"])
        // A link to nothing is reported.
        var broken = ImageBuilder()
        try broken.addLayer { $0.addHardLink(Self.status, to: "missing") }
        #expect(try await inventory(of: broken).problems.map(\.path) == [Self.status])
    }

    @Test(
        "a symbolic link on the way or at the end is followed inside the root",
        arguments: [
            ("lib", "usr/lib", "lib/apk/db/installed"), ("lib", "/usr/lib", "usr/lib/apk/db/installed"),
            ("lib", "../../usr/lib", "lib/apk/db/installed"), ("lib/apk", "../elsewhere/apk", "lib/apk/db/installed"),
            ("lib/apk/db", "/data", "lib/apk/db/installed"),
            ("lib/apk/db/installed", "../../../opt/packages", "opt/packages"),
            ("lib/apk/db/installed", "../../../../../../opt/packages", "opt/packages"),
        ])
    func symbolicLinks(link: String, target: String, file: String) async throws {
        let entry = Array(ImageBuilder.alpineEntry("musl", "1.2.4-r2", origin: "musl").utf8)
        var builder = ImageBuilder()
        try builder.addLayer {
            $0.addFile("etc/os-release", Array(ImageBuilder.osRelease("alpine", "3.19.1").utf8))
            $0.addDirectory("usr/lib")
            $0.addDirectory("elsewhere/apk")
            $0.addDirectory("data")
            $0.addSymbolicLink(link, to: target)
        }
        try builder.addLayer { $0.addFile(file, entry) }
        let result = try await inventory(of: builder)
        #expect(
            result.packages.map(\.purl.description) == ["pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.19.1"]
        )
        #expect(result.locations("musl").map(\.layer) == [builder.layers[1].descriptor.digest])
    }

    @Test("dpkg's folder may be a link, with status, status.d and the lists behind it")
    func linkedFolder() async throws {
        var builder = ImageBuilder()
        try builder.addLayer {
            $0.addSymbolicLink("var/lib/dpkg", to: "/usr/share/dpkg-data")
            $0.addFile("usr/share/dpkg-data/status", stanzas(("python3-requests", "2.28.1+dfsg-1")))
            $0.addFile("usr/share/dpkg-data/status.d/one", stanzas(("one", "1")))
            $0.addFile(
                "usr/share/dpkg-data/info/python3-requests.list",
                Array("/.\n/usr/lib/python3/dist-packages/requests-2.31.0.dist-info/METADATA\n".utf8))
            $0.addFile("usr/lib/python3/dist-packages/requests-2.31.0.dist-info/METADATA", metadata)
        }
        let result = try await inventory(of: builder)
        #expect(result.names == ["Requests 2.31.0", "one 1", "python3-requests 2.28.1+dfsg-1"])
        #expect(result.packages.first { $0.type == "pypi" }?.owner?.name == "python3-requests")
    }

    @Test("links in a circle lead nowhere and are no trap")
    func circle() async throws {
        var builder = ImageBuilder()
        try builder.addLayer {
            $0.addSymbolicLink("var", to: "var")
            $0.addSymbolicLink("lib", to: "b")
            $0.addSymbolicLink("b", to: "lib")
            $0.addFile("lib/apk/db/installed", [])
            $0.addSymbolicLink("etc/os-release", to: "os-release")
            for index in 0..<60 { $0.addSymbolicLink("c\(index)", to: "c\(index + 1)/c\(index + 1)") }
        }
        let result = try await inventory(of: builder)
        #expect(result.packages.isEmpty)
        #expect(result.problems.map(\.path) == ["lib/apk/db/installed"])
    }

    @Test(
        "a layer is read by its bytes and not by its media type",
        arguments: [.plain, .gzip, .zstd] as [Decompression.Format])
    func mislabelled(format: Decompression.Format) async throws {
        for mediaType in [MediaType.ociLayer, MediaType.ociLayerGzip, MediaType.ociLayerZstd, MediaType.dockerLayer] {
            var builder = ImageBuilder()
            try builder.addLayer(as: format, mediaType: mediaType) { $0.addFile(Self.status, stanzas(("a", "1"))) }
            #expect(try await inventory(of: builder).names == ["a 1"])
        }
    }

    @Test("a file becomes a directory and a file again")
    func replaced() async throws {
        var builder = ImageBuilder()
        try builder.addLayer { $0.addFile("var/lib/dpkg", [1]) }
        #expect(try await inventory(of: builder).names == [])
        try builder.addLayer {
            $0.addDirectory("var/lib/dpkg")
            $0.addFile(Self.status, stanzas(("a", "1")))
        }
        #expect(try await inventory(of: builder).names == ["a 1"])
        try builder.addLayer { $0.addFile("var/lib/dpkg", [1]) }
        #expect(try await inventory(of: builder).names == [])
        try builder.addLayer { $0.addDirectory("var/lib/dpkg") }
        // What was in it is not there again.
        #expect(try await inventory(of: builder).names == [])
        try builder.addLayer { $0.addFile("var/lib/dpkg/status.d/b", stanzas(("b", "2"))) }
        #expect(try await inventory(of: builder).names == ["b 2"])
        // A link in the directory's place hides it too, and a directory hides the link.
        try builder.addLayer { $0.addSymbolicLink("var/lib/dpkg", to: "/empty") }
        #expect(try await inventory(of: builder).names == [])
        try builder.addLayer {
            $0.addDirectory("var/lib/dpkg")
            $0.addFile(Self.status, stanzas(("c", "3")))
        }
        #expect(try await inventory(of: builder).names == ["c 3"])
        // A directory over a directory changes nothing.
        try builder.addLayer { $0.addDirectory("var/lib/dpkg") }
        #expect(try await inventory(of: builder).names == ["c 3"])
    }

    @Test("absolute names count from the root; names that climb out are reported and left out")
    func climbing() async throws {
        var builder = ImageBuilder()
        try builder.addLayer {
            $0.addFile("/var/lib/dpkg/status.d/absolute", stanzas(("absolute", "1")))
            $0.addFile("./var//lib/./dpkg/x/../status.d/dotted", stanzas(("dotted", "1")))
            $0.addFile("../var/lib/dpkg/status.d/outside", stanzas(("outside", "1")))
            $0.addFile("var/../../etc/os-release", Array(ImageBuilder.osRelease("evil", "1").utf8))
            $0.addHardLink("var/lib/dpkg/status.d/hard", to: "../../etc/passwd")
            $0.addFile("var/.wh...", [])
            $0.addFile("var/.wh.", [])
        }
        let result = try await inventory(of: builder)
        #expect(result.names == ["absolute 1", "dotted 1"])
        #expect(result.distribution == nil)
        #expect(
            result.problems.map(\.path) == [
                "../var/lib/dpkg/status.d/outside", "var/../../etc/os-release", "var/.wh.", "var/.wh...",
                "var/lib/dpkg/status.d/hard",
            ])
    }

    @Test("of entries with one name the last counts")
    func duplicates() async throws {
        var builder = ImageBuilder()
        try builder.addLayer {
            $0.addFile(Self.status, stanzas(("first", "1")))
            $0.addFile(Self.status, stanzas(("last", "2")))
        }
        #expect(try await inventory(of: builder).names == ["last 2"])
    }

    @Test("a PAX path of 64 kB and a sparse file are passed over, and read where they are wanted")
    func extremes() async throws {
        let deep = String(repeating: "0123456789abcdef/", count: 1900) + "x.dist-info/METADATA"
        let wide = String(repeating: String(repeating: "w", count: 250) + "/", count: 260) + "end"
        let content = stanzas(("sparse", "1"))
        var builder = ImageBuilder()
        try builder.addLayer {
            $0.addFile(wide, [1, 2, 3])
            $0.addFile(deep, metadata)
            $0.addExtension([
                ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", Self.status),
                ("GNU.sparse.realsize", "\(content.count + 4096)"),
            ])
            $0.add("GNUSparseFile.0/status", type: UInt8(ascii: "0"), size: UInt64(512 + content.count))
            let map = Array("1\n0\n\(content.count)\n".utf8)
            $0.addContents(map + [UInt8](repeating: 0, count: 512 - map.count) + content)
            $0.addFile("usr/lib/python3/site-packages/requests-2.31.0.dist-info/METADATA", metadata)
        }
        let result = try await inventory(of: builder)
        #expect(result.names.contains("sparse 1"))
        #expect(result.packages.first { $0.type == "pypi" }?.locations.count == 2)
    }

    @Test("a Python package is the distribution's when the distribution owns its file, and one's own otherwise")
    func ownership() async throws {
        var builder = ImageBuilder()
        let owned = "usr/lib/python3/dist-packages/requests-2.31.0.dist-info/METADATA"
        try builder.addLayer {
            $0.addSymbolicLink("bin", to: "usr/bin")
            $0.addFile(Self.status, stanzas(("python3-requests", "2.28.1+dfsg-1")))
            $0.addFile("var/lib/dpkg/info/python3-requests:amd64.list", Array("/usr\n/\(owned)\n".utf8))
            $0.addFile(owned, metadata)
            $0.addFile("opt/venv/lib/requests-2.31.0.dist-info/METADATA", metadata)
            $0.addSymbolicLink("opt/venv/lib/alias.dist-info/METADATA", to: "../requests-2.31.0.dist-info/METADATA")
        }
        let packages = try await inventory(of: builder).packages.filter { $0.type == "pypi" }
        #expect(packages.map(\.purl.description) == Array(repeating: "pkg:pypi/requests@2.31.0", count: 2))
        #expect(packages.map { $0.owner?.name } == [nil, "python3-requests"])
        #expect(packages[0].locations.map(\.path) == ["opt/venv/lib/requests-2.31.0.dist-info/METADATA"])
        #expect(packages[1].locations.map(\.path) == [owned])
        #expect(packages[0].license == "Apache 2.0")
    }

    @Test("apk's and status.d's owned files count too")
    func otherOwners() async throws {
        var builder = ImageBuilder()
        try builder.addLayer {
            $0.addFile(
                "lib/apk/db/installed",
                Array("P:py3-requests\nV:2.31.0-r1\nF:usr/lib/a.dist-info\nR:METADATA\nZ:Q1\n\n".utf8))
            $0.addFile("usr/lib/a.dist-info/METADATA", metadata)
            $0.addFile("var/lib/dpkg/status.d/cmVx", Array("Package: req\nVersion: 1\nArchitecture: all\n".utf8))
            $0.addFile(
                "var/lib/dpkg/status.d/cmVx.md5sums",
                Array("0123456789abcdef0123456789abcdef  usr/lib/b.dist-info/METADATA\n".utf8))
            $0.addFile("usr/lib/b.dist-info/METADATA", Array("Name: b\nVersion: 1\n".utf8))
        }
        let packages = try await inventory(of: builder).packages
        #expect(packages.first { $0.name == "Requests" }?.owner?.name == "py3-requests")
        #expect(packages.first { $0.name == "b" }?.owner?.name == "req")
    }
}
