/// The cheapest way to choose the holders of all partitions such that every member holds exactly its quota and every
/// partition keeps the zone rule: a minimum cost flow.
///
/// Each partition first takes its cheapest holders under a discount for each member that makes the loads nearly right;
/// then slots are passed along cheapest chains of exchanges from members above their quota to members below it
/// (successive shortest paths). The result is the one optimum, whatever the discounts were, so it depends on costs and
/// quotas only. Because the costs of members that stay do not change when one comes or goes, hardly more slots move
/// than must.
struct LeastCostAssignment: ~Copyable {
    let memberCount: Int
    let partitionCount: Int
    let replicas: Int
    private let zones: [Range<Int>]
    private let zoneOf: [Int]
    private let rule: ZoneRule
    private let quotas: [Int]

    /// partitions × members.
    private let costs: [Int64]
    /// members × partitions: whether the member holds the partition.
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
    /// How many chains of exchanges it took.
    private(set) var chainCount = 0

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
        var holders: [Int] = []
        for member in 0..<memberCount where holds[member * partitionCount + partition] { holders.append(member) }
        return holders.sorted { costs[base + $0] < costs[base + $1] }
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
        var best = Cheapest()
        var extras = Cheapest()
        for member in 0..<memberCount { loads[member] = 0 }
        for partition in 0..<partitionCount {
            let base = partition * memberCount
            extras.removeAll(keeping: rule.extras)
            for zone in 0..<zones.count {
                extra[partition * zones.count + zone] = false
                best.removeAll(keeping: rule.most(zone))
                for member in zones[zone] {
                    holds[member * partitionCount + partition] = false
                    best.insert(member, key: costs[base + member] - discounts[member])
                }
                for place in 0..<rule.least[zone] { take(best.members[place], partition) }
                if rule.mayGiveExtra[zone] {
                    let last = rule.least[zone]
                    extras.insert(best.members[last], key: best.keys[last])
                }
            }
            for member in extras.members {
                take(member, partition)
                extra[partition * zones.count + zoneOf[member]] = true
            }
        }
    }

    private mutating func take(_ member: Int, _ partition: Int) {
        holds[member * partitionCount + partition] = true
        loads[member] += 1
    }

    /// The members with the lowest keys, lowest first.
    private struct Cheapest {
        private(set) var members: [Int] = []
        private(set) var keys: [Int64] = []
        private var capacity = 0

        mutating func removeAll(keeping capacity: Int) {
            members.removeAll(keepingCapacity: true)
            keys.removeAll(keepingCapacity: true)
            self.capacity = capacity
        }

        mutating func insert(_ member: Int, key: Int64) {
            if members.count < capacity {
                members.append(member)
                keys.append(key)
            } else if capacity == 0 || key >= keys[capacity - 1] {
                return
            }
            var place = members.count - 1
            while place > 0, keys[place - 1] > key {
                members[place] = members[place - 1]
                keys[place] = keys[place - 1]
                place -= 1
            }
            members[place] = member
            keys[place] = key
        }
    }
}

// MARK: - Chains of exchanges

extension LeastCostAssignment {
    /// Passes slots from members above their quota to members below it until all have theirs.
    private mutating func settle() {
        if loads == quotas { return }
        exchanges = Array(repeating: .none, count: memberCount * memberCount)
        for partition in 0..<partitionCount { offerExchanges(in: partition) }
        while loads != quotas {
            let chain = cheapestChain()
            chainCount += 1
            let partitions = chain.map { exchanges[$0.from * memberCount + $0.to].partition }
            for (exchange, partition) in zip(chain, partitions) {
                carryOut(from: exchange.from, to: exchange.to, partition: partition)
            }
            for giver in 0..<memberCount { renewExchanges(from: giver, after: partitions) }
            for partition in partitions { offerExchanges(in: partition) }
        }
    }

    private mutating func carryOut(from giver: Int, to taker: Int, partition: Int) {
        holds[giver * partitionCount + partition] = false
        holds[taker * partitionCount + partition] = true
        loads[giver] -= 1
        loads[taker] += 1
        if zoneOf[giver] != zoneOf[taker] {
            extra[partition * zones.count + zoneOf[giver]] = false
            extra[partition * zones.count + zoneOf[taker]] = true
        }
    }

    /// Whether one member can give the partition up to the other.
    private func allows(_ giver: Int, _ taker: Int, _ partition: Int) -> Bool {
        guard holds[giver * partitionCount + partition], !holds[taker * partitionCount + partition] else {
            return false
        }
        let from = zoneOf[giver]
        let to = zoneOf[taker]
        if from == to { return true }
        return extra[partition * zones.count + from] && rule.mayGiveExtra[to] && !extra[partition * zones.count + to]
    }

    /// Takes note of what the partition's holders can give up in it, where that is cheaper than elsewhere.
    private mutating func offerExchanges(in partition: Int) {
        for giver in 0..<memberCount where holds[giver * partitionCount + partition] {
            for taker in 0..<memberCount where allows(giver, taker, partition) { offer(giver, taker, partition) }
        }
    }

    /// Looks anew for the member's exchanges in these partitions that changes there no longer allow.
    private mutating func renewExchanges(from giver: Int, after partitions: [Int]) {
        var takers: [Int] = []
        for taker in 0..<memberCount {
            let partition = exchanges[giver * memberCount + taker].partition
            if partition >= 0, partitions.contains(partition), !allows(giver, taker, partition) {
                exchanges[giver * memberCount + taker] = .none
                takers.append(taker)
            }
        }
        if takers.isEmpty { return }
        for partition in 0..<partitionCount where holds[giver * partitionCount + partition] {
            for taker in takers where allows(giver, taker, partition) { offer(giver, taker, partition) }
        }
    }

    private mutating func offer(_ giver: Int, _ taker: Int, _ partition: Int) {
        let base = partition * memberCount
        // Each step counts a little, so that of equally cheap chains the shortest is taken: only then do two exchanges
        // in one partition never break its zone rule together (matroid intersection).
        let change = ((costs[base + taker] - costs[base + giver]) << 10) + 1
        if change < exchanges[giver * memberCount + taker].cost {
            exchanges[giver * memberCount + taker] = Exchange(cost: change, partition: partition)
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
