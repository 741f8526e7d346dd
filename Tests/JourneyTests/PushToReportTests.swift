// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaSQL
import BullaTesting
import Foundation
import Testing

/// From a push to what is known: registry, scan, records, and what new advisories change.
@Suite("Push to report", .serialized)
struct PushToReportTests {
    @Test(
        "an image that skopeo pushes comes back byte for byte, and is reported as a local scan sees it",
        .enabled(if: OutsideTool.isInstalled("skopeo")), arguments: ["debian", "alpine"])
    func pushedImage(distribution: String) async throws {
        let image = distribution == "debian" ? try SampleImage.debian() : try SampleImage.alpine()
        try await RunningServer.with(advisories: SampleImage.advisories) { server, folder in
            let layout = folder.url.appending(path: "layout").path
            let back = folder.url.appending(path: "back").path
            try image.writeLayout(to: layout, tag: "1")
            let name = server.image("team/app:1")
            try await OutsideCommand.succeed([
                "skopeo", "--insecure-policy", "copy", "oci:\(layout):1", "docker://\(name)", "--dest-tls-verify=false",
            ])
            let checked = try await server.bulla("check", name, "--wait", "1m", "-o", "json")
            #expect(checked.json["verdict"].string == (distribution == "debian" ? "fail" : "pass"), "\(checked)")
            try await OutsideCommand.succeed([
                "skopeo", "--insecure-policy", "copy", "docker://\(name)", "oci:\(back):1", "--src-tls-verify=false",
            ])
            for (digest, bytes) in image.blobs + [(image.descriptor.digest, image.manifest)] {
                let file = "\(back)/blobs/sha256/\(digest.hexadecimal)"
                #expect(FileManager.default.contents(atPath: file).map { Array($0) } == bytes, "\(digest)")
            }

            let remote = try await server.bulla("scan", name, "--remote", "-o", "json")
            let local = try await server.bulla("scan", "oci-dir:\(layout):1", "--db", server.advisories, "-o", "json")
            #expect(remote.status == 0 && local.status == 0, "\(remote.errors) \(local.errors)")
            for part in ["schema", "distribution", "packages", "findings", "coverage", "errors", "advisories"] {
                #expect(remote.json[part] == local.json[part], "\(part)")
            }
            #expect(remote.json["image"]["digest"].string == image.descriptor.digest.description)
            let expected =
                distribution == "debian" ? ["CVE-2999-0001", "CVE-2999-0002"] : ["CVE-2999-0003"]
            #expect(remote.json["findings"].items.map { $0["id"].string }.sorted() == expected)

            let discovery = try await server.scanned(image.descriptor.digest)["discovery"]
            #expect(discovery["analysisStatus"].string == "FINISHED_SUCCESS")
            #expect(discovery["analysisCompleted"]["analysisType"].items == [.text("VULNERABILITY")])
            #expect(discovery["files"][0]["name"].string == "bulla.scan/v1")
            let occurrences = try await server.occurrences(of: "team")
            let resource = "https://\(name.dropLast(2))@\(image.descriptor.digest)"
            #expect(occurrences.allSatisfy { $0["resourceUri"].string == resource })
            let kinds = Dictionary(grouping: occurrences, by: { $0["kind"].string }).mapValues(\.count)
            #expect(
                kinds == [
                    "DISCOVERY": 1, "PACKAGE": distribution == "debian" ? 3 : 1, "VULNERABILITY": expected.count,
                ])
            #expect(try await server.vulnerabilities(of: image.descriptor.digest) == Set(expected))
        }
    }

    @Test("a scan that finds nothing new writes nothing but its time")
    func unchanged() async throws {
        let image = try SampleImage.debian()
        try await RunningServer.with(advisories: SampleImage.advisories) { server, _ in
            let digest = try await server.push(image, to: "team/app", tag: "1")
            let first = try await server.scanned(digest)
            let before = try await server.occurrences(of: "team")
            #expect(before.count == 6)

            try await server.push(image, to: "team/app", tag: "2")
            let second = try await eventually("the second scan") { () -> JSON? in
                let found = try await server.scanned(digest)
                return found["discovery"]["lastScanTime"] == first["discovery"]["lastScanTime"] ? nil : found
            }
            #expect(first.without(["lastScanTime", "updateTime"]) == second.without(["lastScanTime", "updateTime"]))
            let after = try await server.occurrences(of: "team")
            func others(_ list: [JSON]) -> Set<JSON> { Set(list.filter { $0["kind"].string != "DISCOVERY" }) }
            #expect(others(before) == others(after))
        }
    }

    @Test("advisories that come and go change what is known without a push")
    func advisories() async throws {
        let image = try SampleImage.debian()
        let folder = try TemporaryFolder()
        let more = "[\(SampleImage.advisory("CVE-2999-0009", "Debian:12", "zlib", fixed: nil))]"
        try folder.write("more.json", more.utf8)
        try folder.write("own.json", SampleImage.advisories.utf8)
        let first: Set = ["CVE-2999-0001", "CVE-2999-0002"]
        try await RunningServer.with(advisories: SampleImage.advisories) { server, data in
            let digest = try await server.push(image, to: "team/app", tag: "1")
            _ = try await server.scanned(digest)
            #expect(try await server.vulnerabilities(of: digest) == first)
            let before = try await server.occurrences(of: "team", "kind=\"PACKAGE\"")

            let import1 = try await server.bulla(
                "db", "import", "--db", server.advisories, folder.url.appending(path: "more.json").path)
            #expect(import1.status == 0, "\(import1.errors)")
            try await eventually("the new finding") {
                try await server.vulnerabilities(of: digest) == first.union(["CVE-2999-0009"]) ? () : nil
            }
            #expect(try await server.scanned(digest)["discovery"]["analysisStatus"].string == "FINISHED_SUCCESS")
            let name = try #require(
                try await server.occurrences(of: "team", "kind=\"VULNERABILITY\"")
                    .first { $0["vulnerability"]["shortDescription"].string == "CVE-2999-0009" })["name"].string

            let import2 = try await server.bulla(
                "db", "import", "--replace", "--db", server.advisories, folder.url.appending(path: "own.json").path)
            #expect(import2.status == 0, "\(import2.errors)")
            try await eventually("the finding to go") {
                try await server.vulnerabilities(of: digest) == first ? () : nil
            }
            #expect(try await server.occurrences(of: "team", "kind=\"PACKAGE\"") == before)
            #expect(try await Web.send(.get, "\(server.http)/v1/\(name)").status == 404)

            let pool = try SQLPool(path: data.url.appending(path: "data/bulla.db").path, readers: 1)
            let id = String(name.split(separator: "/").last ?? "")
            let kept = try await pool.read { connection throws(BullaError) in
                try connection.first("SELECT count(*) FROM revisions WHERE record = ?", [.text(id)]) { row in
                    row.integer(0)
                }
            }
            await pool.close()
            #expect(kept == 1)
        }
    }

    @Test("a check that comes right after the push waits for the scan")
    func checkedAtOnce() async throws {
        try await RunningServer.with(["--scan-workers", "1"], advisories: SampleImage.advisories) { server, _ in
            // A queue of scans first, so that the last push is far behind.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        try await server.push(SampleImage.debian(mark: "\(number)"), to: "team/many", tag: "\(number)")
                    }
                }
                try await group.waitForAll()
            }
            let digest = try await server.push(SampleImage.debian(mark: "last"), to: "team/app", tag: "1")
            let checked = try await server.bulla("check", server.image("team/app@\(digest)"))
            #expect(checked.status == 1 && checked.text.contains("CVE-2999-0001"), "\(checked)")
        }
    }

    @Test("an index has the worst status of its images and the vulnerabilities of all of them")
    func index() async throws {
        let intel = Platform(os: "linux", architecture: "amd64")
        let arm = Platform(os: "linux", architecture: "arm64")
        let debian = try SampleImage.debian(platform: intel)
        let alpine = try SampleImage.alpine(platform: arm)
        let empty = try SampleImage.empty()
        try await RunningServer.with(advisories: SampleImage.advisories) { server, _ in
            for image in [debian, alpine, empty] { try await server.push(image, to: "team/multi") }
            for (tag, images, status) in [
                ("good", [debian, alpine], "FINISHED_SUCCESS"), ("mixed", [debian, empty], "FINISHED_UNSUPPORTED"),
                ("none", [], "FINISHED_UNSUPPORTED"),
            ] {
                let entries = images.map { image in
                    """
                    {"mediaType":"\(image.descriptor.mediaType)","digest":"\(image.descriptor.digest)",\
                    "size":\(image.descriptor.size),"platform":{"os":"linux","architecture":\
                    "\(image.descriptor.platform?.architecture ?? "amd64")"}}
                    """
                }
                let index = Array(
                    """
                    {"schemaVersion":2,"mediaType":"\(MediaType.ociIndex)","manifests":[\(entries.joined(separator: ","))]}
                    """.utf8)
                let answer = try await server.push(
                    manifest: index, to: "team/multi", as: tag, type: MediaType.ociIndex)
                #expect(answer.status == 201, "\(answer.text)")
                let digest = Digest(of: index)
                let discovery = try await server.scanned(digest)["discovery"]
                #expect(discovery["analysisStatus"].string == status, "\(tag): \(discovery)")
                for image in images {
                    let child = try await server.scanned(image.descriptor.digest)["discovery"]["analysisStatus"].string
                    #expect(child == (image.manifest == empty.manifest ? "FINISHED_UNSUPPORTED" : "FINISHED_SUCCESS"))
                }
                if tag == "good" {
                    #expect(
                        try await server.vulnerabilities(of: digest) == [
                            "CVE-2999-0001", "CVE-2999-0002", "CVE-2999-0003",
                        ])
                    #expect(try await server.vulnerabilities(of: alpine.descriptor.digest) == ["CVE-2999-0003"])
                }
            }
        }
    }

    @Test("an artifact that is no image is not supported")
    func artifact() async throws {
        let image = try SampleImage.debian()
        let config = Array("{}".utf8)
        let payload = Array("signed".utf8)
        let manifest = Array(
            """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest)","artifactType":"application/vnd.example.signature",\
            "config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"\(Digest(of: config))","size":2},\
            "layers":[{"mediaType":"application/vnd.example.signature","digest":"\(Digest(of: payload))",\
            "size":\(payload.count)}],"subject":{"mediaType":"\(image.descriptor.mediaType)","digest":\
            "\(image.descriptor.digest)","size":\(image.descriptor.size)}}
            """.utf8)
        try await RunningServer.with(advisories: SampleImage.advisories) { server, _ in
            try await server.push(image, to: "team/app", tag: "1")
            try await server.push(blob: config, to: "team/app")
            try await server.push(blob: payload, to: "team/app")
            let tag = "sha256-\(image.descriptor.digest.hexadecimal).sig"
            #expect(try await server.push(manifest: manifest, to: "team/app", as: tag).status == 201)
            let discovery = try await server.scanned(Digest(of: manifest))["discovery"]
            #expect(discovery["analysisStatus"].string == "FINISHED_UNSUPPORTED")
            #expect(!discovery["analysisStatusError"]["message"].string.isEmpty, "\(discovery)")
            let checked = try await server.bulla("check", server.image("team/app:\(tag)"))
            #expect(checked.status == 2, "\(checked.text)")
            let referrers = try await Web.send(
                .get, "\(server.http)/v2/team/app/referrers/\(image.descriptor.digest)")
            #expect(referrers.json["manifests"][0]["digest"].string == "\(Digest(of: manifest))")
        }
    }
}
