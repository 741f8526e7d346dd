// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaTesting

/// The images and advisories that the journeys are made with.
enum SampleImage {
    /// A Debian 12 with curl and zlib, and requests from PyPI; curl and requests are old enough to be vulnerable.
    static func debian(
        curl: String = "7.88.1-10+deb12u1", requests: String? = "2.28.1", mark: String = "",
        platform: Platform = Platform(os: "linux", architecture: "amd64")
    ) throws -> ImageWriter {
        var builder = ImageBuilder()
        try builder.addLayer { archive in
            archive.addDirectory("etc")
            archive.addFile("etc/os-release", Array(ImageBuilder.osRelease("debian", "12").utf8))
            archive.addFile(
                "var/lib/dpkg/status",
                Array(
                    (ImageBuilder.debianStanza("curl", curl)
                        + ImageBuilder.debianStanza("zlib1g", "1:1.2.13.dfsg-1", source: "zlib")).utf8))
            if !mark.isEmpty { archive.addFile("etc/mark", Array(mark.utf8)) }
        }
        if let requests {
            try builder.addLayer(as: .zstd) { archive in
                archive.addFile(
                    "usr/local/lib/python3.11/site-packages/requests-\(requests).dist-info/METADATA",
                    Array("Metadata-Version: 2.1\nName: requests\nVersion: \(requests)\n\n".utf8))
            }
        }
        return try builder.image(platform: platform)
    }

    /// An Alpine 3.18 with an old busybox.
    static func alpine(
        busybox: String = "1.36.1-r0", platform: Platform = Platform(os: "linux", architecture: "amd64")
    ) throws -> ImageWriter {
        var builder = ImageBuilder()
        try builder.addLayer { archive in
            archive.addFile("etc/os-release", Array(ImageBuilder.osRelease("alpine", "3.18.4").utf8))
            archive.addFile(
                "lib/apk/db/installed", Array(ImageBuilder.alpineEntry("busybox", busybox, origin: "busybox").utf8))
        }
        return try builder.image(platform: platform)
    }

    /// An image without any package database.
    static func empty() throws -> ImageWriter {
        var builder = ImageBuilder()
        try builder.addLayer { $0.addFile("bin/true", Array("#!/bin/sh\n".utf8)) }
        return try builder.image()
    }

    /// One advisory in OSV's form.
    static func advisory(
        _ id: String, _ ecosystem: String, _ package: String, fixed: String?, isCritical: Bool = false
    ) -> String {
        let vector =
            isCritical ? "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" : "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:H/I:N/A:N"
        let fix = fixed.map { ",{\"fixed\":\"\($0)\"}" } ?? ""
        return """
            {"schema_version":"1.6.7","id":"\(id)","modified":"2026-01-01T00:00:00Z","published":\
            "2026-01-01T00:00:00Z","summary":"A flaw in \(package)","severity":[{"type":"CVSS_V3","score":"\(vector)"}],\
            "affected":[{"package":{"ecosystem":"\(ecosystem)","name":"\(package)"},"ranges":[{"type":"ECOSYSTEM",\
            "events":[{"introduced":"0"}\(fix)]}]}]}
            """
    }

    /// What the journeys' servers know: a critical flaw of curl, one of requests, one of busybox.
    static let advisories =
        "["
        + [
            advisory("CVE-2999-0001", "Debian:12", "curl", fixed: "7.88.1-10+deb12u4", isCritical: true),
            advisory("CVE-2999-0002", "PyPI", "requests", fixed: "2.31.0"),
            advisory("CVE-2999-0003", "Alpine:v3.18", "busybox", fixed: "1.36.1-r6"),
        ].joined(separator: ",\n") + "]"
}
