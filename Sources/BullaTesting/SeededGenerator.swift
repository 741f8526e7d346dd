// SPDX-License-Identifier: Apache-2.0

/// Random numbers that are the same in every run: SplitMix64.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// Starts from a seed.
    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// Damages bytes as accidents and attackers do: flips, cuts, repeats, moves and inserts, one to four times.
    public mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...4, using: &self) {
            guard !result.isEmpty else { return result }
            let place = Int.random(in: 0..<result.count, using: &self)
            let length = min(Int.random(in: 1...64, using: &self), result.count - place)
            switch Int.random(in: 0..<7, using: &self) {
            case 0, 1: result[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 2: result[place] = [0, 0xFF, 0x7F, 0x80, 32, 10, 48].randomElement(using: &self) ?? 0
            case 3: result.removeSubrange(place..<(place + length))
            case 4: result.insert(contentsOf: result[place..<(place + length)], at: place)
            case 5: result.removeLast(result.count - place)
            default:
                for index in place..<(place + length) { result[index] = UInt8.random(in: .min ... .max, using: &self) }
            }
        }
        return result
    }
}
