// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaTesting
import Foundation
import Testing

@Suite("TarReader")
struct TarReaderTests {
    struct Member: Equatable {
        var kind: TarEntry.Kind
        var path: String
        var target = ""
        var bytes: [UInt8] = []
    }

    static func read(
        _ archive: [UInt8], chunk: Int = 65_536, limits: ArchiveLimits = ArchiveLimits()
    ) throws(BullaError) -> [Member] {
        let reader = TarReader(limits: limits)
        var members: [Member] = []
        var open = false
        func take(_ event: TarEvent) throws(BullaError) {
            switch event {
            case .entry(let entry):
                open = entry.kind == .file
                members.append(
                    Member(
                        kind: entry.kind, path: String(decoding: entry.path, as: UTF8.self),
                        target: String(decoding: entry.linkTarget, as: UTF8.self)))
            case .content(let bytes): members[members.count - 1].bytes += bytes
            case .hole(let count):
                members[members.count - 1].bytes += [UInt8](repeating: 0, count: Int(min(count, 1 << 22)))
            case .end:
                #expect(open)
                open = false
            }
        }
        var start = 0
        while start < archive.count {
            let end = min(start + chunk, archive.count)
            try archive[start..<end].withUnsafeBufferPointer { (bytes) throws(BullaError) -> Void in
                try reader.push(UnsafeRawBufferPointer(bytes), into: take)
            }
            start = end
        }
        try reader.finish()
        return members
    }

    static func archive(_ fill: (inout TarWriter) -> Void) -> [UInt8] {
        var writer = TarWriter()
        fill(&writer)
        return writer.finished()
    }

    @Test("reads what it wrote, in chunks of any size", arguments: [1, 511, 512, 513, 100_000])
    func roundTrip(chunk: Int) throws {
        let long = (0..<30).map { "directory-\($0)" }.joined(separator: "/")
        let archive = Self.archive {
            $0.addDirectory("etc")
            $0.addFile("etc/empty", [])
            $0.addFile("etc/file", [UInt8](repeating: 7, count: 513))
            $0.addSymbolicLink("etc/link", to: "../" + long)
            $0.addFile(long, [1])
            $0.addHardLink("etc/hard", to: long)
        }
        #expect(
            try Self.read(archive, chunk: chunk) == [
                Member(kind: .directory, path: "etc"),
                Member(kind: .file, path: "etc/empty"),
                Member(kind: .file, path: "etc/file", bytes: [UInt8](repeating: 7, count: 513)),
                Member(kind: .symbolicLink, path: "etc/link", target: "../" + long),
                Member(kind: .file, path: long, bytes: [1]),
                Member(kind: .hardLink, path: "etc/hard", target: long),
            ])
    }

    @Test(
        "reads every format that GNU tar writes",
        .enabled(if: OutsideTool.isInstalled("tar")),
        arguments: [
            ["--format=v7"], ["--format=oldgnu"], ["--format=gnu"], ["--format=ustar"], ["--format=posix"],
            ["--format=oldgnu", "-S"], ["--format=gnu", "-S"], ["--format=posix", "-S", "--sparse-version=0.0"],
            ["--format=posix", "-S", "--sparse-version=0.1"], ["--format=posix", "-S", "--sparse-version=1.0"],
        ])
    func gnuTar(options: [String]) throws {
        let folder = try TemporaryFolder()
        var files: [String: [UInt8]] = ["a/short": Array("short\n".utf8), "a/empty": []]
        if !options.contains("--format=v7"), !options.contains("--format=ustar") {
            files[(0..<40).map { "long-part-\($0)" }.joined(separator: "/")] = Array("long".utf8)
        }
        for (path, bytes) in files { try folder.write(path, bytes) }
        // 30 islands in a sea of zeros, more than the old format has in its header.
        let sparse = folder.url.appendingPathComponent("a/sparse")
        try Data().write(to: sparse)
        let handle = try FileHandle(forWritingTo: sparse)
        var expected = [UInt8](repeating: 0, count: 30 * 40_960 + 5000)
        for island in 0..<30 {
            try handle.seek(toOffset: UInt64(island * 40_960 + 4096))
            try handle.write(contentsOf: Data("island \(island)".utf8))
            expected.replaceSubrange(
                (island * 40_960 + 4096)..<(island * 40_960 + 4096 + "island \(island)".utf8.count),
                with: Array("island \(island)".utf8))
        }
        try handle.truncate(atOffset: UInt64(expected.count))
        try handle.close()
        files["a/sparse"] = expected
        try folder.write("z/after", Array("after".utf8))
        files["z/after"] = Array("after".utf8)
        try FileManager.default.createSymbolicLink(
            atPath: folder.url.appendingPathComponent("a/link").path, withDestinationPath: "short")
        try FileManager.default.linkItem(
            atPath: folder.url.appendingPathComponent("a/short").path,
            toPath: folder.url.appendingPathComponent("b-hard").path)
        let archive = try OutsideTool.run(["tar", "-C", folder.url.path, "-cf", "-", "--sort=name"] + options + ["."])
        for chunk in [1, 700, 1 << 20] where chunk > 1 || archive.count < 300_000 {
            let members = try Self.read(archive, chunk: chunk)
            var found: [String: [UInt8]] = [:]
            for member in members where member.kind == .file { found[String(member.path.dropFirst(2))] = member.bytes }
            #expect(found.keys.sorted() == files.keys.sorted())
            for (path, bytes) in files { #expect(found[path] == bytes, "\(path)") }
            #expect(members.contains(Member(kind: .symbolicLink, path: "./a/link", target: "short")))
            #expect(members.contains(Member(kind: .hardLink, path: "./b-hard", target: "./a/short")))
        }
    }

    @Test(
        "reads every format that Python writes, with names of any length and global headers",
        .enabled(if: OutsideTool.isInstalled("python3")), arguments: ["USTAR_FORMAT", "GNU_FORMAT", "PAX_FORMAT"])
    func python(format: String) throws {
        let script = """
            import tarfile,io,sys
            f=tarfile.\(format)
            o=io.BytesIO()
            t=tarfile.open(fileobj=o,mode='w',format=f,pax_headers={'comment':'all'} if f==tarfile.PAX_FORMAT else None)
            def add(n,d=b'',k=tarfile.REGTYPE,l=''):
                i=tarfile.TarInfo(n); i.size=len(d); i.type=k; i.linkname=l; t.addfile(i,io.BytesIO(d))
            add('d',k=tarfile.DIRTYPE)
            for n in (1,99,100,101,155,200,254):
                add(('x'*90+'/'+'y'*200)[:n] if n>95 else 'x'*n, b'c'*n)
            add('l',k=tarfile.SYMTYPE,l='t'*100)
            add('h',k=tarfile.LNKTYPE,l='d/f')
            add('p',k=tarfile.FIFOTYPE)
            if f!=tarfile.USTAR_FORMAT:
                add('u/'*500+'é',b'deep')
                add('l2',k=tarfile.SYMTYPE,l='t'*5000)
            t.close(); sys.stdout.buffer.write(o.getvalue())
            """
        let usesLimit = format == "USTAR_FORMAT"
        let archive = try OutsideTool.run([
            "python3", "-c", usesLimit ? script.replacing("155,200,254", with: "155,180") : script,
        ])
        let members = try Self.read(archive)
        for count in [99, 100, 101, 155] + (usesLimit ? [180] : [200, 254]) {
            let path = String(
                (String(repeating: "x", count: 90) + "/" + String(repeating: "y", count: 200)).prefix(count))
            #expect(
                members.contains(
                    Member(kind: .file, path: path, bytes: [UInt8](repeating: UInt8(ascii: "c"), count: count))))
        }
        #expect(members.contains(Member(kind: .symbolicLink, path: "l", target: String(repeating: "t", count: 100))))
        #expect(members.contains(Member(kind: .hardLink, path: "h", target: "d/f")))
        #expect(members.contains(Member(kind: .special, path: "p")))
        if !usesLimit {
            let deep = String(repeating: "u/", count: 500) + "é"
            #expect(members.contains(Member(kind: .file, path: deep, bytes: Array("deep".utf8))))
            #expect(
                members.contains(Member(kind: .symbolicLink, path: "l2", target: String(repeating: "t", count: 5000))))
        }
    }

    @Test("reads a PAX path of 64 kB, and refuses one beyond its limit")
    func longPath() throws {
        let path = String(repeating: "0123456789abcdef/", count: 3855) + "end"
        #expect(path.utf8.count > 65_000)
        let archive = Self.archive {
            $0.addFile(path, [1, 2])
            $0.addFile("after", [3])
        }
        #expect(try Self.read(archive, chunk: 1000).map(\.path) == [path, "after"])
        let error = #expect(throws: BullaError.self) {
            try Self.read(archive, limits: ArchiveLimits(pathBytes: 1000))
        }
        #expect(error?.reason == ArchiveReason.limit)
    }

    @Test("takes a size from a PAX record and from GNU's binary form")
    func bigSizes() throws {
        var pax = TarWriter()
        pax.addExtension([("size", "3"), ("path", "true")])
        pax.add("lie", type: UInt8(ascii: "0"))
        pax.addContents([1, 2, 3])
        pax.addFile("after", [4])
        #expect(try Self.read(pax.finished()).map(\.bytes) == [[1, 2, 3], [4]])
        #expect(try Self.read(pax.finished()).map(\.path) == ["true", "after"])
        var huge = TarWriter()
        huge.add("huge", type: UInt8(ascii: "0"), size: 1 << 40)
        let error = #expect(throws: BullaError.self) { try Self.read(huge.bytes) }
        #expect(error?.reason == ArchiveReason.truncated)
    }

    /// A header after its checksum was made right again.
    static func resummed(_ archive: [UInt8], _ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes = archive
        change(&bytes)
        bytes.replaceSubrange(148..<156, with: [UInt8](repeating: 32, count: 8))
        let digits = String(bytes[..<512].reduce(0) { $0 + Int($1) }, radix: 8)
        let text = String(repeating: "0", count: 6 - digits.count) + digits
        bytes.replaceSubrange(148..<156, with: Array(text.utf8) + [0, 32])
        return bytes
    }

    @Test("reads binary sizes and refuses negative and too large ones")
    func binarySize() throws {
        let archive = Self.archive { $0.addFile("file", [1, 2, 3]) }
        func with(_ size: [UInt8]) -> [UInt8] { Self.resummed(archive) { $0.replaceSubrange(124..<136, with: size) } }
        #expect(try Self.read(with([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])).first?.bytes == [1, 2, 3])
        for bad in [
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFD],
            [0x80, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        ] as [[UInt8]] {
            let error = #expect(throws: BullaError.self) { try Self.read(with(bad)) }
            #expect(error?.reason == ArchiveReason.corrupt)
        }
    }

    @Test("refuses a wrong checksum, a lone block of zeros and too many entries")
    func refusals() throws {
        let archive = Self.archive {
            $0.addFile("one", [1])
            $0.addFile("two", [2])
        }
        var wrong = archive
        wrong[0] ^= 1
        #expect(throws: BullaError.self) { try Self.read(wrong) }
        var zeros = archive
        zeros.insert(contentsOf: [UInt8](repeating: 0, count: 512), at: 1024)
        let lone = #expect(throws: BullaError.self) { try Self.read(zeros) }
        #expect(lone?.message.contains("1024") == true || lone?.message.contains("1536") == true)
        let many = #expect(throws: BullaError.self) { try Self.read(archive, limits: ArchiveLimits(entries: 1)) }
        #expect(many?.reason == ArchiveReason.limit)
    }

    @Test(
        "refuses PAX records that lie about their length",
        arguments: ["5 a=b\n", "99 path=x\n", "path=x\n", "6 a=bc", "-1 a=b\n", "3 \n", "8 =abcd\n"])
    func badRecords(text: String) {
        var writer = TarWriter()
        writer.add("PaxHeaders", type: UInt8(ascii: "x"), size: UInt64(text.utf8.count))
        writer.addContents(Array(text.utf8))
        writer.addFile("file", [])
        let error = #expect(throws: BullaError.self) { try Self.read(writer.finished()) }
        #expect(error?.reason == ArchiveReason.corrupt)
    }

    @Test(
        "refuses sparse maps that do not fit",
        arguments: [
            [("GNU.sparse.map", "0,4"), ("GNU.sparse.size", "2")],
            [("GNU.sparse.map", "4,4,0,4"), ("GNU.sparse.size", "100")],
            [("GNU.sparse.map", "9223372036854775807,4"), ("GNU.sparse.size", "100")],
            [("GNU.sparse.map", "0,4,8"), ("GNU.sparse.size", "100")],
            [("GNU.sparse.map", "0,2"), ("GNU.sparse.size", "100")],
            [("GNU.sparse.map", "0,4")],
            [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "4")],
        ])
    func badMaps(records: [(String, String)]) {
        var writer = TarWriter()
        writer.addExtension(records)
        writer.addFile("file", [1, 2, 3, 4])
        #expect(throws: BullaError.self) { try Self.read(writer.finished()) }
    }

    @Test("refuses an archive that is cut inside a member")
    func truncated() throws {
        let archive = Self.archive {
            $0.addFile("one", [UInt8](repeating: 1, count: 700))
            $0.addFile(String(repeating: "n", count: 300), [2])
        }
        for count in 1..<(archive.count - 1024) {
            // Between members an archive may end, and the last padding may be missing.
            if let members = try? Self.read(Array(archive.prefix(count)), chunk: 300) {
                #expect(members.last.map { [700, 1].contains($0.bytes.count) } == true)
                #expect(
                    [512 + 700...512 + 1024, archive.count - 1024 - 511...archive.count - 1024].contains { $0 ~= count }
                )
            }
        }
    }

    @Test("never traps on damaged archives, and reads them the same in any chunks", arguments: 0..<4)
    func mutated(seed: UInt64) throws {
        var sparse = TarWriter()
        sparse.addExtension([
            ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "sparse"),
            ("GNU.sparse.realsize", "2000"),
        ])
        sparse.add("GNUSparseFile.0/sparse", type: UInt8(ascii: "0"), size: 1024)
        sparse.addContents(Array("2\n0\n500\n1988\n12\n".utf8) + [UInt8](repeating: 0, count: 512 - 17))
        sparse.addContents([UInt8](repeating: 5, count: 512))
        sparse.addFile(String(repeating: "long/", count: 60), [1, 2, 3])
        sparse.addSymbolicLink("link", to: "file")
        sparse.addFile("file", [UInt8](repeating: 9, count: 600))
        let archive = sparse.finished()
        #expect(try Self.read(archive).first?.bytes.count == 2000)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<1500 {
            var damaged = generator.mutated(archive)
            // Half of the time a damaged header gets a right sum, so that what is behind it is reached.
            if damaged.count >= 512, Bool.random(using: &generator) { damaged = Self.resummed(damaged) { _ in } }
            let whole = Result { () throws(BullaError) in try Self.read(damaged) }
            let pieces = Result { () throws(BullaError) in try Self.read(damaged, chunk: 97) }
            switch (whole, pieces) {
            case (.success(let one), .success(let other)): #expect(one == other)
            case (.failure(let one), .failure(let other)): #expect(one.message == other.message)
            default: Issue.record("whole and pieces differ")
            }
        }
    }
}
