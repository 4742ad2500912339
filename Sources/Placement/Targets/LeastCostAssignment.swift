/// The cheapest way to choose the holders of all partitions such that every member holds exactly its quota and every
/// partition keeps the zone rule: a minimum cost flow.
///
/// Each partition first takes its cheapest holders under a discount for each member that makes the loads nearly right;
/// then slots are passed along cheapest chains of exchanges from members above their quota to members below it
/// (successive shortest paths). The result is the one optimum, whatever the discounts were, so it depends on costs and
/// quotas only. Because the costs of members that stay do not change when one comes or goes, hardly more slots move than
/// must.
struct LeastCostAssignment {
    let memberCount: Int
    let partitionCount: Int
    let replicas: Int
    private let zones: [Range<Int>]
    private let zoneOf: [Int]
    private let rule: ZoneRule
    private let quotas: [Int]

    /// partitions × members.
    private let costs: [Int64]
    /// partitions × members: whether the member holds the partition.
    private var holds: [Bool]
    /// partitions × zones: whether the partition takes one of its extra holders from the zone.
    private var extra: [Bool]
    private var loads: [Int]

    /// The cheapest exchange that lets one member give up a partition to another.
    private struct Exchange {
        static let none = Exchange(cost: .max, partition: -1)
        var cost: Int64
        var partition: Int
    }
    /// members × members: from the one that gives to the one that takes.
    private var exchanges: [Exchange] = []

    /// - Parameter zones: the members of each zone, as ranges of indices that follow each other from 0.
    init(members: [MemberID], zones: [Range<Int>], rule: ZoneRule, quotas: [Int], partitions: Int, replicas: Int) {
        self.memberCount = members.count
        self.partitionCount = partitions
        self.replicas = replicas
        self.zones = zones
        self.zoneOf = zones.enumerated().flatMap { zone, range in range.map { _ in zone } }
        self.rule = rule
        self.quotas = quotas
        var costs: [Int64] = []
        costs.reserveCapacity(partitions * members.count)
        for partition in 0..<partitions {
            for member in members { costs.append(RendezvousScore.cost(of: member, partition: partition)) }
        }
        self.costs = costs
        self.holds = Array(repeating: false, count: costs.count)
        self.extra = Array(repeating: false, count: partitions * zones.count)
        self.loads = Array(repeating: 0, count: members.count)

        chooseUnderDiscounts()
        settle()
    }

    /// The holders of a partition, cheapest first.
    func holders(of partition: Int) -> [Int] {
        let base = partition * memberCount
        return (0..<memberCount).filter { holds[base + $0] }.sorted { costs[base + $0] < costs[base + $1] }
    }

}

// MARK: - Discounts

extension LeastCostAssignment {
    /// Rounds of adjustment. More of them leave hardly fewer chains of exchanges to look for, and no other result.
    private static let rounds = 4

    private mutating func chooseUnderDiscounts() {
        // The chance to be among the cheapest is about 1 - e^-w for a member whose discount is ln(w).
        var discounts = quotas.map { quota in
            let chance = (Double(quota) + 0.5) / (Double(partitionCount) + 1)
            return RendezvousScore.logarithm(-RendezvousScore.logarithm(1 - chance))
        }
        choose(discounts)
        for _ in 1..<Self.rounds where loads != quotas {
            for member in 0..<memberCount {
                discounts[member] += logOdds(quotas[member]) - logOdds(loads[member])
            }
            choose(discounts)
        }
    }

    private func logOdds(_ load: Int) -> Double {
        RendezvousScore.logarithm((Double(load) + 0.5) / (Double(partitionCount - load) + 0.5))
    }

    /// Gives every partition its cheapest holders under the discounts.
    private mutating func choose(_ discounts: [Double]) {
        let discounts = discounts.map(RendezvousScore.fixedPoint)
        var best: [(key: Int64, member: Int)] = []
        var extras: [(key: Int64, member: Int)] = []
        for member in 0..<memberCount { loads[member] = 0 }
        for index in holds.indices { holds[index] = false }
        for index in extra.indices { extra[index] = false }
        for partition in 0..<partitionCount {
            let base = partition * memberCount
            extras.removeAll(keepingCapacity: true)
            for (zone, range) in zones.enumerated() {
                let wanted = rule.most(zone)
                best.removeAll(keepingCapacity: true)
                for member in range {
                    Self.insert((costs[base + member] - discounts[member], member), into: &best, keeping: wanted)
                }
                for entry in best.prefix(rule.least[zone]) {
                    holds[base + entry.member] = true
                    loads[entry.member] += 1
                }
                if rule.mayGiveExtra[zone] {
                    Self.insert(best[wanted - 1], into: &extras, keeping: rule.extras)
                }
            }
            for entry in extras {
                holds[base + entry.member] = true
                loads[entry.member] += 1
                extra[partition * zones.count + zoneOf[entry.member]] = true
            }
        }
    }

    /// Keeps the `count` entries with the lowest keys, in order.
    private static func insert(
        _ entry: (key: Int64, member: Int), into best: inout [(key: Int64, member: Int)], keeping count: Int
    ) {
        if best.count == count {
            guard let last = best.last, entry.key < last.key else { return }
            best.removeLast()
        }
        var place = best.count
        while place > 0, best[place - 1].key > entry.key { place -= 1 }
        best.insert(entry, at: place)
    }
}

// MARK: - Chains of exchanges

extension LeastCostAssignment {
    /// Passes slots from members above their quota to members below it until all have theirs.
    private mutating func settle() {
        if loads == quotas { return }
        exchanges = Array(repeating: .none, count: memberCount * memberCount)
        for member in 0..<memberCount { findExchanges(from: member) }
        var stale = Array(repeating: false, count: memberCount)
        while loads != quotas {
            let chain = cheapestChain()
            let partitions = chain.map { exchanges[$0.from * memberCount + $0.to].partition }
            for (exchange, partition) in zip(chain, partitions) {
                carryOut(from: exchange.from, to: exchange.to, partition: partition)
            }
            // Whoever gave, took or merely holds one of these partitions may now have other exchanges to offer.
            for exchange in chain { stale[exchange.from] = true }
            for partition in partitions {
                for member in 0..<memberCount where holds[partition * memberCount + member] { stale[member] = true }
            }
            for member in 0..<memberCount where stale[member] {
                findExchanges(from: member)
                stale[member] = false
            }
        }
    }

    private mutating func carryOut(from giver: Int, to taker: Int, partition: Int) {
        holds[partition * memberCount + giver] = false
        holds[partition * memberCount + taker] = true
        loads[giver] -= 1
        loads[taker] += 1
        if zoneOf[giver] != zoneOf[taker] {
            extra[partition * zones.count + zoneOf[giver]] = false
            extra[partition * zones.count + zoneOf[taker]] = true
        }
    }

    /// The cheapest exchanges in which the member gives up a partition, one for each member that could take it.
    private mutating func findExchanges(from giver: Int) {
        let row = giver * memberCount
        for taker in 0..<memberCount { exchanges[row + taker] = .none }
        let giverZone = zoneOf[giver]
        for partition in 0..<partitionCount {
            let base = partition * memberCount
            guard holds[base + giver] else { continue }
            let zoneBase = partition * zones.count
            let cost = costs[base + giver]
            for (zone, range) in zones.enumerated() {
                guard
                    zone == giverZone
                        || (extra[zoneBase + giverZone] && rule.mayGiveExtra[zone] && !extra[zoneBase + zone])
                else { continue }
                for taker in range where !holds[base + taker] {
                    // Each step counts a little, so that of equally cheap chains the shortest is taken: only then do
                    // two exchanges in one partition never break its zone rule together (matroid intersection).
                    let change = (costs[base + taker] - cost) << 10 + 1
                    if change < exchanges[row + taker].cost {
                        exchanges[row + taker] = Exchange(cost: change, partition: partition)
                    }
                }
            }
        }
    }

    /// Bellman–Ford from all members above their quota to the nearest one below it.
    private func cheapestChain() -> [(from: Int, to: Int)] {
        var distance = (0..<memberCount).map { loads[$0] > quotas[$0] ? 0 : Int64.max }
        var previous = Array(repeating: -1, count: memberCount)
        var changed = true
        var rounds = 0
        while changed {
            precondition(rounds <= memberCount, "a chain of exchanges gains for ever: loads \(loads), quotas \(quotas)")
            changed = false
            rounds += 1
            for from in 0..<memberCount where distance[from] != .max {
                let row = from * memberCount
                for to in 0..<memberCount where exchanges[row + to].cost != .max {
                    let through = distance[from] + exchanges[row + to].cost
                    if through < distance[to] {
                        distance[to] = through
                        previous[to] = from
                        changed = true
                    }
                }
            }
        }
        let below = (0..<memberCount).filter { loads[$0] < quotas[$0] && distance[$0] != .max }
        guard let end = below.min(by: { distance[$0] < distance[$1] }) else {
            preconditionFailure("no chain of exchanges evens out loads \(loads) to quotas \(quotas)")
        }
        var chain: [(from: Int, to: Int)] = []
        var member = end
        while previous[member] >= 0 {
            chain.append((previous[member], member))
            member = previous[member]
        }
        return chain.reversed()
    }
}
