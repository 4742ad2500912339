/// How many holders of one partition each zone gives: as evenly as the zones' sizes allow (Dynamo §4.6 spreads the
/// preference list over data centres).
///
/// Zones are filled level by level: one holder from every zone, then a second from every zone that has two members, and
/// so on until `replicas` are placed. All zones fill every level but the last; only some of them take part in the last.
/// So with at least `replicas` zones no two holders share one, and with fewer every zone has a holder.
struct ZoneRule {
    /// Holders that every partition takes from a zone, by zone.
    let least: [Int]
    /// Whether a partition may take one holder more than `least` from a zone, by zone.
    let mayGiveExtra: [Bool]
    /// In how many zones a partition takes one more than `least`.
    let extras: Int

    /// - Parameters:
    ///   - sizes: members in each zone; every one at least 1.
    ///   - replicas: holders of a partition; at most the number of members.
    init(sizes: [Int], replicas: Int) {
        precondition(replicas <= sizes.reduce(0, +), "\(replicas) distinct holders wanted of zones sized \(sizes)")
        var level = 0
        var placed = 0
        while true {
            let reached = sizes.reduce(0) { $0 + ($1 > level ? 1 : 0) }
            if placed + reached >= replicas { break }
            placed += reached
            level += 1
        }
        self.least = sizes.map { min($0, level) }
        self.mayGiveExtra = sizes.map { $0 > level }
        self.extras = replicas - placed
    }

    /// The most holders that a partition takes from a zone.
    func most(_ zone: Int) -> Int { least[zone] + (mayGiveExtra[zone] ? 1 : 0) }
}
