// SPDX-License-Identifier: Apache-2.0

import BullaArtifact
import Testing

@Suite("ImageReference")
struct ImageReferenceTests {
    private static let digest = "sha256:" + String(repeating: "ab", count: 32)

    @Test(
        "completes names as every client does",
        arguments: [
            ("nginx", "index.docker.io/library/nginx"),
            ("nginx:1.27", "index.docker.io/library/nginx:1.27"),
            ("docker.io/nginx", "index.docker.io/library/nginx"),
            ("docker.io/team/app:1", "index.docker.io/team/app:1"),
            ("localhost:5000/team/app", "localhost:5000/team/app"),
            ("localhost/app", "localhost/app"),
            ("gcr.io/p/a:t@" + digest, "gcr.io/p/a:t@" + digest),
            ("127.0.0.1:8080/x@" + digest, "127.0.0.1:8080/x@" + digest),
        ])
    func completes(text: String, whole: String) throws {
        #expect(try ImageReference(text).description == whole)
    }

    @Test(
        "refuses what is no reference",
        arguments: [
            "", "UPPER/case", "a//b", "a/", "/a", "a:", "a:-tag", "a@sha256:short", "a@md5:00", "a b", "-a", "a..b",
            "a__.b",
            "a/b@" + digest + "x",
        ])
    func refuses(text: String) {
        let error = #expect(throws: BullaError.self) { try ImageReference(text) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("limits the completed name to 255 bytes, so that it can be read again")
    func limitsLength() throws {
        let longest = String(repeating: "a", count: 255 - "index.docker.io/library/".count)
        #expect(try ImageReference(ImageReference(longest).description).name.utf8.count == 255)
        #expect(throws: BullaError.self) { try ImageReference(longest + "a") }
    }

    @Test("knows every spelling of a Docker Hub name, the normalised one first")
    func spellings() throws {
        let spellings = try ImageReference("nginx").spellings
        #expect(spellings.first == "index.docker.io/library/nginx")
        for other in ["docker.io/library/nginx", "docker.io/nginx", "nginx", "library/nginx"] {
            #expect(spellings.contains(other))
        }
        #expect(try ImageReference("gcr.io/p/a").spellings == ["gcr.io/p/a"])
    }
}

@Suite("PackageURL")
struct PackageURLTests {
    @Test(
        "reads and writes the canonical form",
        arguments: [
            "pkg:deb/debian/libssl3@3.0.9-1?arch=amd64&distro=debian-12", "pkg:pypi/requests@2.31.0",
            "pkg:apk/alpine/busybox@1.36.1-r2", "pkg:deb/debian/g%2B%2B@4:12.2.0-3",
            "pkg:golang/github.com/a/b@v1.0.0#sub/dir",
        ])
    func roundTrip(text: String) throws {
        #expect(try PackageURL(text).description == text)
    }

    @Test("normalises names for the types that ask for it")
    func normalises() throws {
        #expect(try PackageURL("pkg:PyPI/My_Package@1").description == "pkg:pypi/my-package@1")
        #expect(try PackageURL("pkg:deb/debian/Foo@1").name == "foo")
    }

    @Test("leaves steps out of a subpath, and takes only two hexadecimal digits for a byte")
    func decodes() throws {
        #expect(try PackageURL("pkg:golang/a/b@1#./c//../d").description == "pkg:golang/a/b@1#c/d")
        #expect(try PackageURL("pkg:pypi/a@%+f").version == "%+f")
    }

    @Test(
        "refuses what is none",
        arguments: [
            "", "deb/x", "pkg:", "pkg:deb", "pkg:deb/", "pkg:/x", "pkg:deb/x?=1", "pkg:golang/a/b%2F/c@1",
            "pkg:golang/a/b@1#c%2Fd", "pkg:deb/x?k\u{e9}y=1",
        ])
    func refuses(text: String) {
        #expect(throws: BullaError.self) { try PackageURL(text) }
    }
}

@Suite("Digest")
struct DigestTests {
    @Test(
        "refuses anything that is not a digest",
        arguments: [
            "", "latest", "sha256:", "sha256:XYZ", "sha256:" + String(repeating: "A", count: 64),
            "sha256:" + String(repeating: "a", count: 63), "sha256:" + String(repeating: "a", count: 65),
            "sha512:" + String(repeating: "a", count: 64),
        ])
    func refuses(text: String) {
        let error = #expect(throws: BullaError.self) { try Digest(text) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("hashes as SHA-256 does, and reads back what it writes")
    func hashes() throws {
        let empty = Digest(of: [])
        #expect(empty.description == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(try Digest(empty.description) == empty)
        #expect(Digest(rawBytes: empty.rawBytes) == empty)
        var hasher = DigestHasher()
        hasher.update(Array("a".utf8))
        hasher.update(Array("bc".utf8))
        #expect(hasher.finalize() == Digest(of: Array("abc".utf8)))
    }
}

@Suite("Quantity")
struct QuantityTests {
    @Test(
        "reads sizes", arguments: [("1", 1), ("10GiB", 10 << 30), ("512M", 512 << 20), ("3kB", 0), ("2MB", 2_000_000)])
    func bytes(text: String, size: Int64) {
        if size == 0 {
            #expect(throws: BullaError.self) { try Quantity.bytes(text) }
        } else {
            #expect((try? Quantity.bytes(text)) == size)
        }
    }

    @Test("refuses sizes that do not fit", arguments: ["", "-1", "0", "99999999999TiB", "1XB", "１"])
    func tooLarge(text: String) {
        #expect(throws: BullaError.self) { try Quantity.bytes(text) }
    }

    @Test("reads durations", arguments: [("0", 0.0), ("90s", 90), ("1h30m", 5400), ("250ms", 0.25), ("2d", 172_800)])
    func seconds(text: String, value: Double) throws {
        #expect(try Quantity.seconds(text) == value)
    }
}
