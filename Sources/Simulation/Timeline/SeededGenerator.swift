/// xoshiro256** (Blackman and Vigna 2018), seeded through SplitMix64. Its numbers and everything drawn from them here
/// are this project's own, so that a seed means the same run with every toolchain.
struct SeededGenerator: Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    init(seed: UInt64) {
        var mixer = seed
        func word() -> UInt64 {
            mixer &+= 0x9E37_79B9_7F4A_7C15
            var mixed = mixer
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
        state = (word(), word(), word(), word())
    }

    mutating func next() -> UInt64 {
        let result = Self.rotate(state.1 &* 5, by: 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = Self.rotate(state.3, by: 45)
        return result
    }

    /// A generator of its own for one part of the run, so that a change in one part leaves the others' numbers alone.
    mutating func forked() -> SeededGenerator {
        SeededGenerator(seed: next())
    }

    /// 0 up to `bound`, by the high half of a product: no division, and a bias far below what a run could show.
    mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "a number below \(bound)")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    mutating func within(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.count)
    }

    /// True this many times in a thousand.
    mutating func chance(_ permille: Int) -> Bool {
        below(1000) < permille
    }

    /// Milliseconds between these, to the microsecond, as nanoseconds.
    mutating func milliseconds(_ range: ClosedRange<Int>) -> UInt64 {
        UInt64(within(range.lowerBound * 1000...range.upperBound * 1000)) * 1000
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }

    private static func rotate(_ word: UInt64, by bits: UInt64) -> UInt64 {
        word << bits | word >> (64 - bits)
    }
}
