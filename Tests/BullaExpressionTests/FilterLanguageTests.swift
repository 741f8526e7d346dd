// SPDX-License-Identifier: Apache-2.0
import BullaArtifact
import BullaExpression
import BullaTesting
import Testing

/// One case of the published grammar's tests: a filter and the tree it makes.
struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let tree: String

    init(_ text: String, _ tree: String) {
        self.text = text
        self.tree = tree
    }

    var testDescription: String { text }
}

@Suite("FilterLanguage")
struct FilterLanguageTests {
    @Test(
        "reads what the published grammar reads",
        arguments: [
            Case("a!=b", "_!=_(a, b)"),
            Case("a != b", "_!=_(a, b)"),
            Case("a!= b", "_!=_(a, b)"),
            Case("a !=b", "_!=_(a, b)"),
            Case("a!b!=c", "_!=_(a!b, c)"),
            Case("a!=b!c", "_!=_(a, b!c)"),
            Case("a.c:b", "_:_(select(a, \"c\"), b)"),
            Case(
                "c.d=\"e\" f.g.3>argument(h) AND getattr(i.map, arg(j)) < arg(10)",
                "_&&_(_sequence_(_==_(select(c, \"d\"), string:\"e\"), _>_(select(select(f, \"g\"), \"3\"), argument(h)))"
                    + ", _<_(getattr(select(i, \"map\"), arg(j)), arg(int64:10)))"),
            Case(
                "k.3 < 7.6 arg(name): (1 2 3)",
                "_sequence_(_<_(select(k, \"3\"), double:7.6), _:_(arg(name), _sequence_(_global_(int64:1), "
                    + "_global_(int64:2), _global_(int64:3))))"),
            Case(
                "a:1 OR b=2 AND c OR NOT d.call(10, 11, 12)",
                "_&&_(_||_(_:_(a, int64:1), _==_(b, int64:2)), _||_(_global_(c), _!(_global_(d.call(int64:10, "
                    + "int64:11, int64:12)))))"),
            Case(
                "-a NOT a[b].call(arg)[0] > 0",
                "_sequence_(-_(_global_(a)), _!(_>_(_[_](_[_](a, b).call(arg), int64:0), int64:0)))"),
            Case("!@#$%^&*()", "_global_(!@#$%^&*())"),
            Case("!@#$%^&*(arg)", "_global_(!@#$%^&*(arg))"),
            Case("foo()", "_global_(foo())"),
            Case("a > foo()", "_>_(a, foo())"),
            Case("b < foo(3)", "_<_(b, foo(int64:3))"),
            Case("a.b", "_global_(select(a, \"b\"))"),
            Case("a[b]", "_global_(_[_](a, b))"),
            Case("a.NOT.OR.AND:value", "_:_(select(select(select(a, \"NOT\"), \"OR\"), \"AND\"), value)"),
            Case("a.\"string field\" > id.call()", "_>_(select(a, \"string field\"), id.call())"),
            Case("fờö", "_global_(fờö)"),
            Case("answer:Да!", "_:_(answer, Да!)"),
            Case(
                "a=0x1F b=-0x10 c=1e3 d=.5 e=-2",
                "_sequence_(_==_(a, int64:31), _==_(b, int64:-16), "
                    + "_==_(c, double:1000.0), _==_(d, double:0.5), _==_(e, int64:-2))"),
            Case("(a = 1)", "_==_(a, int64:1)"),
            Case("\n a = \"\\\"\\\\\\u00e4\" \t", "_==_(a, string:\"\"\\ä\")"),
        ])
    func reads(example: Case) throws {
        let tree = try FilterLanguage.parse(example.text)
        #expect(tree?.description == example.tree)
    }

    @Test(
        "names the place of what the published grammar refuses",
        arguments: [
            Case("a: .a", "1:5"), Case("a:-b", "1:4"), Case("a~b", "1:2"), Case("a[$b] ~ \"c*\"", "1:7"),
            Case("(", "1:2"), Case("argument(1, 2", "1:14"), Case(".(", "1:2"), Case("-", "1:2"), Case("~=", "1:1"),
            Case("NOT", "1:4"), Case("\"", "1:1"), Case("a \u{1} b", "1:3"), Case("()", "1:2"),
            Case("\\not: \\and", "1:1"), Case("NOT:AND", "1:4"), Case("\\u10", "1:1"), Case("a =\n b AND\n ", "3:2"),
            Case("Да = ", "1:6"), Case("a AND", "1:6"), Case("a = 99999999999999999999", "1:5"),
            Case("a = 1e999", "1:5"),
            Case("a = \"\\x\"", "1:6"), Case("a = \"\\ud800\"", "1:6"), Case("a=1 OR OR", "1:8"),
            Case("a = AND", "1:5"),
            Case("(a)(b)", "1:4"), Case("f(a b)", "1:5"), Case("a[1", "1:4"), Case("a.", "1:3"), Case("0x", "1:3"),
        ])
    func refuses(example: Case) {
        let error = #expect(throws: BullaError.self) { try FilterLanguage.parse(example.text) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.hasPrefix("filter is invalid at \(example.tree): ") == true, "\(error?.message ?? "")")
        #expect(error?.violations.first?.field == "filter")
    }

    @Test("takes an empty filter for everything", arguments: ["", " ", "\n\t "])
    func empty(text: String) throws {
        let tree = try FilterLanguage.parse(text)
        #expect(tree == nil)
    }

    @Test("refuses what is too long or too deep, and says so")
    func bounds() {
        let long = #expect(throws: BullaError.self) { try FilterLanguage.parse(String(repeating: "a ", count: 50_000)) }
        #expect(long?.message == "filter has 100000 bytes, more than 32768")
        for open in ["(", "f(", "a[", "NOT ("] {
            let text = String(repeating: open, count: 10_000)
            let deep = #expect(throws: BullaError.self) { try FilterLanguage.parse(text) }
            #expect(deep?.code == .invalidArgument)
        }
        let fits = String(repeating: "(", count: 60) + "a" + String(repeating: ")", count: 60)
        #expect(throws: Never.self) { try FilterLanguage.parse(fits) }
    }

    @Test("reads or refuses every truncated and mutated filter, and never traps")
    func mutations() {
        let seeds = [
            "((has_prefix(resourceUrl, \"https://a/b\") OR has_suffix(x, \"y\")) AND (kind=\"BUILD\" OR kind=\"IMAGE\"))",
            "-a NOT a[b].call(arg)[0] > 0 k.3 < 7.6e-3 arg(name): (1 0x2 3) \"q\\\"\\u00e4\" != Да!",
        ]
        var generator = SeededGenerator(seed: 0x5EED)
        var refused = 0
        for round in 0..<20_000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch UInt8.random(in: 0...3, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.removeSubrange(index...)
                case 2: bytes.insert(contentsOf: "()\"\\.-[]".utf8.shuffled(using: &generator).prefix(2), at: index)
                default: bytes.remove(at: index)
                }
                if bytes.isEmpty { bytes = [0x61] }
            }
            do throws(BullaError) {
                _ = try FilterLanguage.parse(String(decoding: bytes, as: UTF8.self))
            } catch {
                refused += 1
                #expect(error.code == .invalidArgument)
            }
        }
        #expect(refused > 1000)
    }
}
