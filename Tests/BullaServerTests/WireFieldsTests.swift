// SPDX-License-Identifier: Apache-2.0

import BullaServer
import BullaTesting
import GRPCCore
import GoogleStubs
import GrafeasMessages
import Logging
import SwiftProtobuf
import Testing

@Suite("Fields on the wire")
struct WireFieldsTests {
    @Test("counts the fields of a message and of those in it")
    func counts() throws {
        let request = Grafeas_V1_BatchCreateOccurrencesRequest.with {
            $0.parent = "\u{1}"
            $0.occurrences = (0..<10).map { _ in
                .with {
                    $0.vulnerability.packageIssue = [.init(), .init()]
                    $0.vulnerability.cvssScore = 1
                    $0.createTime.seconds = 1
                }
            }
        }
        // The parent; per occurrence itself, its details, two issues in them, and a time.
        let bytes: [UInt8] = try request.serializedBytes()
        #expect(areAtMost(51, bytes))
        #expect(!areAtMost(50, bytes))
    }

    @Test(
        "refuses a small message that would fill the memory",
        arguments: [[0x12, 0], [0x08, 0x01, 0x12, 0], [0x0B, 0x0C, 0x12, 0], [0x0A, 2, 0x0A, 0]] as [[UInt8]])
    func refusesBombs(unit: [UInt8]) {
        #expect(!areAtMost(200_000, Array([[UInt8]](repeating: unit, count: 200_001).joined())))
    }

    @Test("lets a whole batch of large records pass")
    func batch() throws {
        let request = Grafeas_V1_BatchCreateOccurrencesRequest.with {
            $0.occurrences = (0..<1_000).map { index in
                .with {
                    $0.resourceUri = "https://registry.example/a/b@sha256:\(index)"
                    $0.build.provenance.commands = (0..<20).map { step in
                        .with {
                            $0.name = "step \(step)"
                            $0.args = ["-c", "gcc -O2 -Wall -o /out/app main.c && strip /out/app", "\(index)"]
                        }
                    }
                }
            }
        }
        let bytes: [UInt8] = try request.serializedBytes()
        #expect(try BoundedDeserializer<Grafeas_V1_BatchCreateOccurrencesRequest>().deserialize(bytes) == request)
    }

    @Test("ends on any bytes, and never counts fewer fields than there are", arguments: 0..<20)
    func anyBytes(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            var bytes: [UInt8] = (0..<Int.random(in: 0...64, using: &generator)).map { _ in
                // Small numbers make valid tags and lengths likely.
                UInt8.random(in: 0...(Bool.random(using: &generator) ? 255 : 0x1A), using: &generator)
            }
            #expect(areAtMost(64, bytes))
            bytes.insert(contentsOf: [0x0B, 0x12, 0, 0x0C, 0x12, 0], at: 0)
            #expect(!areAtMost(1, bytes))
        }
    }

    @Test("stays within a nest of any depth")
    func deep() {
        var bytes: [UInt8] = []
        for _ in 0..<120 {
            bytes.insert(
                contentsOf: bytes.count < 128
                    ? [0x0A, UInt8(bytes.count)] : [0x0A, UInt8(bytes.count & 0x7F | 0x80), UInt8(bytes.count >> 7)],
                at: 0)
        }
        #expect(areAtMost(101, bytes))
        #expect(!areAtMost(100, bytes))
    }

    private func areAtMost(_ limit: Int, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { WireFields.areAtMost(limit, in: $0.bytes) }
    }
}
