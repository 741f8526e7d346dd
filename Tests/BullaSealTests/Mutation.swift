// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The same changes on every run: a generator with a seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &+ 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Damaged forms of a text: cut short, and with bytes changed, inserted, removed or repeated.
func mutations(of bytes: [UInt8], seed: UInt64, count: Int) -> [[UInt8]] {
    var generator = SeededGenerator(seed: seed)
    var all: [[UInt8]] = [[]]
    for _ in 0..<count {
        var copy = bytes
        if Int.random(in: 0..<4, using: &generator) == 0 {
            copy = Array(copy.prefix(Int.random(in: 0...copy.count, using: &generator)))
        }
        for _ in 0..<Int.random(in: 1...4, using: &generator) where !copy.isEmpty {
            let place = Int.random(in: 0..<copy.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: copy[place] = UInt8.random(in: 0...255, using: &generator)
            case 1: copy.insert(UInt8.random(in: 0...255, using: &generator), at: place)
            case 2: copy.remove(at: place)
            default:
                let end = min(copy.count, place + Int.random(in: 1...32, using: &generator))
                copy.insert(contentsOf: copy[place..<end], at: place)
            }
        }
        if copy != bytes { all.append(copy) }
    }
    return all
}
