// SPDX-License-Identifier: Apache-2.0

import BullaArchive
import BullaArtifact
import BullaTesting
import Foundation
import Testing

@Suite("ZipReader", .enabled(if: OutsideTool.isInstalled("python3")))
struct ZipReaderTests {
    static func python(_ body: String) throws -> [UInt8] {
        try OutsideTool.run([
            "python3", "-c",
            """
            import zipfile,io,sys
            o=io.BytesIO()
            z=zipfile.ZipFile(o,'w',zipfile.ZIP_DEFLATED)
            \(body)
            z.close(); sys.stdout.buffer.write(o.getvalue())
            """,
        ])
    }

    static let plain = """
        z.writestr('a.json','{"a":1}'*1000)
        z.writestr('empty','')
        z.writestr(zipfile.ZipInfo('stored'),b'stored bytes')
        z.writestr('folder/','')
        with z.open('big','w',force_zip64=True) as f: f.write(bytes(range(256))*1000)
        z.comment=b'PK\\x05\\x06 a comment'
        """

    @Test("reads stored, deflated and zip64 members, from memory and from a file")
    func members() throws {
        let bytes = try Self.python(Self.plain)
        let folder = try TemporaryFolder()
        try folder.write("a.zip", bytes)
        for reader in [try ZipReader(bytes), try ZipReader(path: folder.url.appendingPathComponent("a.zip").path)] {
            #expect(reader.entries.map(\.name) == ["a.json", "empty", "stored", "folder/", "big"])
            #expect(reader.entries.map(\.isDirectory) == [false, false, false, true, false])
            let contents = try reader.entries.map { try reader.contents(of: $0) }
            #expect(contents[0] == Array(String(repeating: #"{"a":1}"#, count: 1000).utf8))
            #expect(contents[1].isEmpty)
            #expect(contents[2] == Array("stored bytes".utf8))
            #expect(contents[4] == (0..<1000).flatMap { _ in UInt8.min ... .max })
        }
    }

    @Test("reads an archive of more than 65,535 members, which only zip64 can count")
    func many() throws {
        let reader = try ZipReader(
            try Self.python("for i in range(70000): z.writestr(zipfile.ZipInfo(str(i)),str(i))"))
        #expect(reader.entries.count == 70_000)
        #expect(try reader.contents(of: reader.entries[69_999]) == Array("69999".utf8))
    }

    @Test("stops a bomb, one large member and too many members")
    func limits() throws {
        let bytes = try Self.python("z.writestr('bomb',bytes(30<<20))")
        let reader = try ZipReader(bytes)
        let entry = try #require(reader.entries.first)
        #expect(throws: BullaError.self) { try reader.contents(of: entry) }
        let error = #expect(throws: BullaError.self) { try reader.contents(of: entry, limit: 1000) }
        #expect(error?.code == .resourceExhausted)
        let generous = try ZipReader(bytes, limits: ArchiveLimits(unpackedBytes: 40 << 20, ratio: 10_000))
        #expect(try generous.contents(of: entry).count == 30 << 20)
        // The second reading goes beyond the sum.
        #expect(throws: BullaError.self) { try generous.contents(of: entry) }
        #expect(throws: BullaError.self) {
            try ZipReader(try Self.python(Self.plain), limits: ArchiveLimits(entries: 2))
        }
    }

    @Test("refuses what is no zip archive, and a cut one", arguments: [0, 1, 21, 22, 100, 1000])
    func truncated(count: Int) throws {
        let bytes = try Self.python("z.writestr('a','b'*5000); z.writestr('c','d')")
        #expect(throws: BullaError.self) { try ZipReader(Array(bytes.prefix(min(count, bytes.count - 23)))) }
        #expect(throws: BullaError.self) { try ZipReader([UInt8](repeating: 0x50, count: count)) }
    }

    @Test("never traps on damaged archives, and gives right content or none")
    func mutated() throws {
        let bytes = try Self.python("z.writestr('a','text '*50); z.writestr(zipfile.ZipInfo('s'),b'stored')")
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<4000 {
            guard let reader = try? ZipReader(generator.mutated(bytes)) else { continue }
            for entry in reader.entries {
                guard let contents = try? reader.contents(of: entry, limit: 1 << 20) else { continue }
                // CRC-32 finds nearly all damage; a member of no bytes has none to find.
                #expect(
                    contents.isEmpty || contents == Array(String(repeating: "text ", count: 50).utf8)
                        || contents == Array("stored".utf8))
            }
        }
    }
}
