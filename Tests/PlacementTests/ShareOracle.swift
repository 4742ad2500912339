import Placement

/// The water-filled shares, worked out in another way than the code under test: water is let in from below, event by
/// event (a member is full, a zone reaches what it must or may give), instead of looking for the level.
struct ShareOracle {
    private struct Basin {
        var weight: Double
        var capacity: Double
        var amount = 0.0
    }

    /// In order of `members`.
    static func shares(of members: [Member], partitions: Int, replicas: Int) -> [Double] {
        let replicas = min(replicas, members.count)
        let zones = Set(members.map(\.zone)).sorted()
        let groups = zones.map { zone in members.indices.filter { members[$0].zone == zone } }
        let (least, most) = bounds(sizes: groups.map(\.count), replicas: replicas)
        let cap = Double(partitions)

        // What every zone must give first; then each zone's level says when it takes part in the rest.
        var basins = members.map { Basin(weight: $0.weight, capacity: cap) }
        var levels: [Double] = []
        for (zone, group) in groups.enumerated() {
            levels.append(pour(Double(least[zone]) * cap, into: group, of: &basins))
        }
        var left = Double(replicas) * cap - Double(least.reduce(0, +)) * cap
        var room = zip(least, most).map { Double($1 - $0) * cap }
        var level = 0.0
        while left > 1e-7 {
            // Zones below the level whose members can take more rise together up to the next event.
            let active = zones.indices.filter { levels[$0] <= level + 1e-12 && room[$0] > 1e-9 }
            let open = active.flatMap { groups[$0] }.filter { basins[$0].amount < basins[$0].capacity - 1e-9 }
            let waiting = zones.indices.filter { levels[$0] > level + 1e-12 && room[$0] > 1e-9 }.map { levels[$0] }
            var rise = (waiting.min() ?? .infinity) - level
            if !open.isEmpty {
                rise = min(rise, left / open.reduce(0) { $0 + basins[$1].weight })
                for member in open {
                    rise = min(rise, (basins[member].capacity - basins[member].amount) / basins[member].weight)
                }
                for zone in active {
                    let width = groups[zone].filter { open.contains($0) }.reduce(0) { $0 + basins[$1].weight }
                    if width > 0 { rise = min(rise, room[zone] / width) }
                }
            }
            precondition(rise.isFinite, "\(left) slots find no room")
            for zone in active {
                for member in groups[zone] where open.contains(member) {
                    let more = rise * basins[member].weight
                    basins[member].amount += more
                    room[zone] -= more
                    left -= more
                }
            }
            level += rise
        }
        return basins.map(\.amount)
    }

    /// Fills one zone by itself, and says to which level.
    private static func pour(_ amount: Double, into group: [Int], of basins: inout [Basin]) -> Double {
        var left = amount
        var level = 0.0
        while left > 1e-9 {
            let open = group.filter { basins[$0].amount < basins[$0].capacity - 1e-9 }
            if open.isEmpty { return .infinity }
            var rise = left / open.reduce(0) { $0 + basins[$1].weight }
            for member in open {
                rise = min(rise, (basins[member].capacity - basins[member].amount) / basins[member].weight)
            }
            for member in open {
                basins[member].amount += rise * basins[member].weight
                left -= rise * basins[member].weight
            }
            level += rise
        }
        return level
    }

    /// The fewest and most holders of a zone over all ways to spread a partition's holders as evenly as can be, found
    /// by adding one after the other to a zone that has the fewest and has another member.
    private static func bounds(sizes: [Int], replicas: Int) -> (least: [Int], most: [Int]) {
        var counts = sizes.map { _ in 0 }
        for _ in 0..<replicas {
            let open = sizes.indices.filter { counts[$0] < sizes[$0] }
            guard let zone = open.min(by: { counts[$0] < counts[$1] }) else { break }
            counts[zone] += 1
        }
        // One may be taken from a zone with the most and given to another that can then have as many.
        let top = counts.max() ?? 0
        let below = sizes.indices.contains { counts[$0] == top - 1 && sizes[$0] >= top }
        let least = counts.map { $0 == top && below ? top - 1 : $0 }
        let most = sizes.indices.map { counts[$0] >= top - 1 ? min(sizes[$0], top) : counts[$0] }
        return (least, most)
    }
}

/// Judges how holders are spread over zones.
struct ZoneOracle {
    private let zoneOf: [MemberID: Int]
    private let sizes: [Int]

    init(_ members: [Member]) {
        let zones = Set(members.map(\.zone)).sorted()
        self.zoneOf = Dictionary(
            uniqueKeysWithValues: members.map { member in (member.id, zones.firstIndex(of: member.zone) ?? -1) }
        )
        self.sizes = zones.map { zone in members.count { $0.zone == zone } }
    }

    /// Whether they are spread as evenly as the zones' sizes allow: nobody could be swapped for a member of a zone that
    /// has two fewer.
    func isEven(_ holders: some Sequence<MemberID>) -> Bool {
        let counts = counts(holders)
        let fullest = counts.max() ?? 0
        return !sizes.indices.contains { counts[$0] < sizes[$0] && fullest - counts[$0] >= 2 }
    }

    /// In how many zones they are.
    func zones(_ holders: some Sequence<MemberID>) -> Int { counts(holders).count { $0 > 0 } }

    var zoneCount: Int { sizes.count }

    private func counts(_ holders: some Sequence<MemberID>) -> [Int] {
        var counts = Array(repeating: 0, count: sizes.count)
        for holder in holders {
            if let zone = zoneOf[holder] { counts[zone] += 1 }
        }
        return counts
    }
}
