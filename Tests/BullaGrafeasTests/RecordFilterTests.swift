// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaExpression
import BullaGrafeas
import BullaTesting
import GrafeasMessages
import Testing

@Suite("RecordFilter")
struct RecordFilterTests {
    private static let image = "https://host/p/app@sha256:" + String(repeating: "a", count: 64)

    @Test("understands what clients of Container Analysis send")
    func understands() throws {
        let image = Self.image
        let isImage = RecordFilter.text(.resourceURI, .equal(image))
        let table: [(String, RecordFilter)] = [
            ("", .everything),
            ("kind=\"VULNERABILITY\" AND resourceUrl=\"\(image)\"", .all([.kind(.vulnerability), isImage])),
            ("(kind=\"VULNERABILITY\" AND resourceUrl=\"\(image)\")", .all([.kind(.vulnerability), isImage])),
            (
                "resourceUrl=\"\(image)\" AND noteProjectId=\"goog-analysis\" AND noteId=\"PACKAGE_VULNERABILITY\"",
                .all([
                    isImage, .text(.noteProject, .equal("goog-analysis")),
                    .text(.noteID, .equal("PACKAGE_VULNERABILITY")),
                ])
            ),
            (
                "has_prefix(resourceUrl, \"https://a/p\") OR has_prefix(resource_url,\"a/p\")",
                .any([.text(.resourceURI, .prefix("https://a/p")), .text(.resourceURI, .prefix("a/p"))])
            ),
            ("has_suffix(resourceUrl, \"sha256:x\")", .text(.resourceURI, .suffix("sha256:x"))),
            (
                "((resourceUrl = \"a\") OR (resource_uri = \"b\")) AND (kind=\"BUILD\" OR kind=\"IMAGE\")",
                .all([
                    .any([.text(.resourceURI, .equal("a")), .text(.resourceURI, .equal("b"))]),
                    .any([.kind(.build), .kind(.image)]),
                ])
            ),
            (
                "kind=BUILD OR kind=IMAGE AND noteId=x",
                .all([
                    .any([.kind(.build), .kind(.image)]),
                    .text(.noteID, .equal("x")),
                ])
            ),
            ("resource.uri=\"a\" kind!=DISCOVERY", .all([.text(.resourceURI, .equal("a")), .not(.kind(.discovery))])),
            ("NOT kind=\"BUILD\"", .not(.kind(.build))), ("-kind=\"BUILD\"", .not(.kind(.build))),
            ("noteName=\"projects/p/notes/n\"", .note(try NoteName("projects/p/notes/n"))),
            ("kind=\"PACKAGE_VULNERABILITY\"", .kind(.vulnerability)), ("kind=\"BUILD_DETAILS\"", .kind(.build)),
            ("kind=\"IMAGE_BASIS\"", .kind(.image)), ("kind=\"PACKAGE_MANAGER\"", .kind(.package)),
            ("kind=\"DEPLOYABLE\"", .kind(.deployment)), ("kind=\"ATTESTATION_AUTHORITY\"", .kind(.attestation)),
            ("kind=\"SBOM_REFERENCE\"", .kind(.sbomReference)),
        ]
        for (text, filter) in table {
            let read = try RecordFilter(text)
            #expect(read == filter, "\(text)")
        }
    }

    @Test(
        "reads whole and partial times",
        arguments: [
            ("2019-04-10T", 1_554_854_400_000_000), ("2019-04-10", 1_554_854_400_000_000),
            ("2019-04-10T12", 1_554_897_600_000_000), ("2019-04-10T12:30", 1_554_899_400_000_000),
            ("2019-04-10T12:30:15Z", 1_554_899_415_000_000), ("2019-04-10T12:30:15.5Z", 1_554_899_415_500_000),
            ("2019-04-10T14:30:15.000001+02:00", 1_554_899_415_000_001), ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1_000_000), ("2000-02-29", 951_782_400_000_000),
        ] as [(String, Int64)])
    func times(text: String, microseconds: Int64) throws {
        let read = try RecordFilter("createTime>\"\(text)\" AND update_time<=\"\(text)\"")
        #expect(
            read
                == .all([.time(.createTime, .greater, microseconds), .time(.updateTime, .lessOrEqual, microseconds)]))
    }

    @Test(
        "refuses everything else and says where",
        arguments: [
            ("severity=\"HIGH\"", "1:1"), ("kind=\"BUILD\" AND vulnerability.effectiveSeverity=\"HIGH\"", "1:18"),
            ("kind=\"SOMETHING\"", "1:6"), ("kind", "1:1"), ("\"BUILD\"", "1:1"), ("kind>\"BUILD\"", "1:1"),
            ("kind:\"BUILD\"", "1:1"), ("has_prefix(kind, \"B\")", "1:12"), ("has_prefix(resourceUrl)", "1:1"),
            ("starts(resourceUrl, \"a\")", "1:1"), ("createTime>\"yesterday\"", "1:12"),
            ("createTime>\"2019-02-30\"", "1:12"), ("createTime>\"2019-13-01\"", "1:12"),
            ("createTime>\"2019-04-10T25\"", "1:12"), ("createTime:\"2019-04-10\"", "1:1"),
            ("noteName=\"x\"", "1:10"), ("resourceUrl=(a)", "1:14"), ("f(x)=\"a\"", "1:1"), ("kind=\n\"X\"", "2:1"),
            ("resourceUrl=1.5", "1:13"), ("NOT severity=\"HIGH\"", "1:5"),
        ])
    func refuses(text: String, place: String) {
        let error = #expect(throws: BullaError.self) { try RecordFilter(text) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.hasPrefix("filter is invalid at \(place): ") == true, "\(error?.message ?? "none")")
    }

    @Test("refuses more conditions than a query can have")
    func terms() throws {
        let some = Array(repeating: "kind=BUILD", count: 200).joined(separator: " OR ")
        #expect(throws: Never.self) { try RecordFilter(some) }
        #expect(throws: BullaError.self) { try RecordFilter(some + " OR kind=BUILD") }
    }

    @Test("reads or refuses every mutated filter")
    func mutations() {
        let seeds = [
            "((has_prefix(resourceUrl, \"https://a\") OR has_suffix(resource.uri, \"y\")) AND (kind=\"BUILD\" OR kind=IMAGE))",
            "createTime>=\"2019-04-10T12:30:15.123+02:00\" NOT noteName=\"projects/p/notes/n\" noteId!=\"\\u00e4\"",
        ]
        var generator = SeededGenerator(seed: 0xF117E5)
        for round in 0..<10_000 {
            let bytes = generator.mutated(Array(seeds[round % 2].utf8))
            do throws(BullaError) {
                _ = try RecordFilter(String(decoding: bytes, as: UTF8.self))
            } catch {
                #expect(error.code == .invalidArgument)
            }
        }
    }
}
