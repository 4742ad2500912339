/// How many slots each member should hold, and the whole numbers nearest to that.
///
/// A share is proportional to weight within what the rules above balance allow: no member holds two slots of a
/// partition, and a zone gives no fewer and no more holders than its `ZoneRule`. What a capped member or zone cannot
/// take is spread over the others by weight: all uncapped members of a zone stand at one water level (slots per unit of
/// weight), and so do all zones that are not at a bound.
struct WaterFilledShares {
    /// Wished slots of each member; they add up to partitions × replicas.
    let shares: [Double]
    /// The shares rounded down or up, so that they still add up, as do those of each zone.
    let quotas: [Int]

    /// - Parameters:
    ///   - weights: each member's weight, positive and finite.
    ///   - zones: the members of each zone, as ranges of `weights` that follow each other.
    init(weights: [Double], zones: [Range<Int>], rule: ZoneRule, partitions: Int, replicas: Int) {
        let cap = Double(partitions)
        func filled(_ zone: Range<Int>, to level: Double) -> Double {
            weights[zone].reduce(0) { $0 + min(cap, level * $1) }
        }
        func given(by zone: Int, at level: Double) -> Double {
            let least = Double(rule.least[zone]) * cap
            let most = Double(rule.most(zone)) * cap
            return min(max(filled(zones[zone], to: level), least), most)
        }
        let top = cap / (weights.min() ?? 1)
        let level = Self.lowest(below: top) { level in
            zones.indices.reduce(0) { $0 + given(by: $1, at: level) } >= cap * Double(replicas)
        }
        let totals = zones.indices.map { given(by: $0, at: level) }
        let wholeTotals = Self.apportioned(totals, total: partitions * replicas)

        var shares: [Double] = []
        var quotas: [Int] = []
        for (zone, total) in totals.enumerated() {
            let level = Self.lowest(below: top) { filled(zones[zone], to: $0) >= total }
            let members = weights[zones[zone]].map { min(cap, level * $0) }
            shares += members
            quotas += Self.apportioned(members, total: wholeTotals[zone])
        }
        self.shares = shares
        self.quotas = quotas
    }

    /// The lowest level at which a growing condition holds, to the last bit. It is taken to hold at `top`.
    private static func lowest(below top: Double, where holds: (Double) -> Bool) -> Double {
        var low = 0.0
        var high = top
        while true {
            let middle = low + (high - low) / 2
            if middle <= low || middle >= high { return high }
            if holds(middle) { high = middle } else { low = middle }
        }
    }

    /// Largest remainders: every share rounded down, the rest handed out one each in order of what was cut off.
    private static func apportioned(_ shares: [Double], total: Int) -> [Int] {
        var whole = shares.map { Int($0) }
        let missing = total - whole.reduce(0, +)
        precondition(missing >= 0 && missing <= shares.count, "\(shares) do not round to \(total)")
        let byRemainder = shares.indices.sorted {
            let first = shares[$0] - Double(whole[$0])
            let second = shares[$1] - Double(whole[$1])
            return (second, $0) < (first, $1)
        }
        for index in byRemainder.prefix(missing) { whole[index] += 1 }
        return whole
    }
}
