// SPDX-License-Identifier: Apache-2.0

import BullaArtifact

/// Texts, each kept once and named by its place.
///
/// One arena and one table of numbers: a million texts are two allocations that grow.
struct StringTable {
    /// The arena: each text behind its length, 32 bits little-endian.
    private(set) var bytes: [UInt8] = []
    private var slots = [UInt32](repeating: DatabaseFormat.none, count: 1024)
    private var count = 0

    /// The place of a text, added if it is new.
    ///
    /// - Throws: `resourceExhausted` when all texts together are larger than 4 GiB.
    mutating func intern(_ text: UnsafeRawBufferPointer) throws(BullaError) -> UInt32 {
        var slot = Int(truncatingIfNeeded: DatabaseFormat.hash(text)) & (slots.count - 1)
        while slots[slot] != DatabaseFormat.none {
            if equals(slots[slot], text) { return slots[slot] }
            slot = (slot + 1) & (slots.count - 1)
        }
        guard bytes.count + text.count + 4 < Int(UInt32.max) else {
            throw BullaError(.resourceExhausted, "the texts of the advisories are larger than 4 GiB")
        }
        let place = UInt32(bytes.count)
        for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: text.count >> shift)) }
        bytes.append(contentsOf: text)
        slots[slot] = place
        count += 1
        if count * 2 > slots.count { grow() }
        return place
    }

    /// The place of a text, added if it is new.
    ///
    /// - Throws: as the other `intern`.
    mutating func intern(_ text: String) throws(BullaError) -> UInt32 {
        try intern(Array(text.utf8))
    }

    /// The place of bytes, added if they are new.
    ///
    /// - Throws: as the other `intern`.
    mutating func intern(_ text: [UInt8]) throws(BullaError) -> UInt32 {
        try text.withUnsafeBufferPointer { (text) throws(BullaError) in try intern(UnsafeRawBufferPointer(text)) }
    }

    /// The text at a place that `intern` gave.
    func text(at place: UInt32) -> ArraySlice<UInt8> {
        let start = Int(place) + 4
        return bytes[start..<(start + length(at: Int(place)))]
    }

    /// The text at a place that `intern` gave, as a string.
    func string(at place: UInt32) -> String { String(decoding: text(at: place), as: UTF8.self) }

    private func equals(_ place: UInt32, _ text: UnsafeRawBufferPointer) -> Bool {
        guard length(at: Int(place)) == text.count else { return false }
        return bytes.withUnsafeBytes { bytes in
            bytes[(Int(place) + 4)..<(Int(place) + 4 + text.count)].elementsEqual(text)
        }
    }

    private func length(at place: Int) -> Int {
        Int(bytes[place]) | Int(bytes[place + 1]) << 8 | Int(bytes[place + 2]) << 16 | Int(bytes[place + 3]) << 24
    }

    private mutating func grow() {
        var wider = [UInt32](repeating: DatabaseFormat.none, count: slots.count * 2)
        for place in slots where place != DatabaseFormat.none {
            let hash = text(at: place).withUnsafeBytes { DatabaseFormat.hash($0) }
            var slot = Int(truncatingIfNeeded: hash) & (wider.count - 1)
            while wider[slot] != DatabaseFormat.none { slot = (slot + 1) & (wider.count - 1) }
            wider[slot] = place
        }
        slots = wider
    }
}
