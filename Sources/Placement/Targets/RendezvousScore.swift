/// How well a member suits a partition: highest random weight ("rendezvous") hashing. Every node computes the same
/// number from the two ids alone, and a member that comes or goes changes nobody else's numbers, which is what keeps
/// moves few.
///
/// The numbers are fixed point, 32 bits below the binary point, so that sums of them are exact, and their logarithms
/// come from arithmetic that IEEE 754 fixes to the last bit: a C library's `log` may differ from one node to the next.
enum RendezvousScore {
    /// What it costs to place the partition at the member: the lower, the better. The negative logarithm of an
    /// exponential variable's inverse (a Gumbel variable), so that subtracting `ln(w)` makes the member win as if it
    /// stood in the draw w times.
    static func cost(of member: MemberID, partition: Int) -> Int64 {
        fixedPoint(logarithm(-logarithm(uniform(member, partition))))
    }

    static func fixedPoint(_ value: Double) -> Int64 { Int64(value * 0x1p32) }

    /// Strictly between 0 and 1.
    private static func uniform(_ member: MemberID, _ partition: Int) -> Double {
        let bits = mixed(member.rawValue ^ mixed(UInt64(partition) &+ 0x9E37_79B9_7F4A_7C15))
        return (Double(bits >> 12) + 0.5) * 0x1p-52
    }

    /// The finalizer of SplitMix64: every input bit changes half of the output bits.
    static func mixed(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The natural logarithm of a positive, finite, normal number, to about 14 digits: the series of
    /// ln((1 + t) / (1 - t)) for a significand brought between √½ and √2.
    static func logarithm(_ value: Double) -> Double {
        var significand = value.significand
        var exponent = Double(value.exponent)
        if significand > 1.4142135623730951 {
            significand *= 0.5
            exponent += 1
        }
        let t = (significand - 1) / (significand + 1)
        let square = t * t
        var series = 1.0 / 17
        series = series * square + 1.0 / 15
        series = series * square + 1.0 / 13
        series = series * square + 1.0 / 11
        series = series * square + 1.0 / 9
        series = series * square + 1.0 / 7
        series = series * square + 1.0 / 5
        series = series * square + 1.0 / 3
        series = series * square + 1
        return exponent * 0.6931471805599453 + 2 * t * series
    }
}
