import Testing

@testable import Placement

@Suite("Least-cost assignment")
struct LeastCostAssignmentTests {
    /// All ways to choose the holders of one partition that the zone rule allows.
    private func rows(zones: [Range<Int>], replicas: Int) -> [[Int]] {
        let count = zones.reduce(0) { $0 + $1.count }
        return (0..<1 << count).map { bits in (0..<count).filter { bits & 1 << $0 != 0 } }.filter { row in
            let given = zones.map { zone in row.count { zone.contains($0) } }
            return row.count == replicas
                && !zones.indices.contains { given[$0] < zones[$0].count && (given.max() ?? 0) - given[$0] >= 2 }
        }
    }

    /// The lowest cost of all assignments to the partitions from `partition` on that use up the quotas, by trying all.
    private func lowestCost(_ rows: [[Int]], _ costs: [[Int64]], from partition: Int, quotas: [Int]) -> Int64? {
        if partition == costs.count { return quotas.allSatisfy { $0 == 0 } ? 0 : nil }
        var lowest: Int64?
        for row in rows where row.allSatisfy({ quotas[$0] > 0 }) {
            var left = quotas
            for member in row { left[member] -= 1 }
            guard let rest = lowestCost(rows, costs, from: partition + 1, quotas: left) else { continue }
            let cost = row.reduce(rest) { $0 + costs[partition][$1] }
            lowest = min(lowest ?? cost, cost)
        }
        return lowest
    }

    @Test("no other assignment with the same quotas and zones costs less: small ones against all others")
    func cheapestOfAll() {
        var chains = 0
        for seed in 0..<UInt64(tries(1000)) {
            var generator = SplitMix64(seed: seed)
            var zones: [Range<Int>] = []
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let start = zones.last?.upperBound ?? 0
                zones.append(start..<start + Int.random(in: 1...2, using: &generator))
            }
            let count = zones.last?.upperBound ?? 0
            let members = (0..<count).map { _ in MemberID(rawValue: generator.next()) }
            let replicas = Int.random(in: 1...min(4, count), using: &generator)
            let partitions = 4
            let rule = ZoneRule(sizes: zones.map(\.count), replicas: replicas)
            let weights = members.map { _ in Double.random(in: 0.25...4, using: &generator) }
            let shares = WaterFilledShares(
                weights: weights, zones: zones, rule: rule, partitions: partitions, replicas: replicas
            )
            let assignment = LeastCostAssignment(
                members: members, zones: zones, rule: rule, quotas: shares.quotas,
                partitions: partitions, replicas: replicas
            )
            let costs = (0..<partitions).map { partition in
                members.map { RendezvousScore.cost(of: $0, partition: partition) }
            }
            var cost: Int64 = 0
            var loads = members.map { _ in 0 }
            for partition in 0..<partitions {
                let holders = assignment.holders(of: partition)
                #expect(holders.map { costs[partition][$0] } == holders.map { costs[partition][$0] }.sorted())
                for holder in holders {
                    cost += costs[partition][holder]
                    loads[holder] += 1
                }
            }
            chains += assignment.chainCount
            #expect(loads == shares.quotas, "seed \(seed)")
            let lowest = lowestCost(
                rows(zones: zones, replicas: replicas), costs, from: 0, quotas: shares.quotas
            )
            #expect(cost == lowest, "seed \(seed): zones \(zones), N \(replicas), quotas \(shares.quotas)")
        }
        #expect(chains > 300, "chains of exchanges were hardly tried: \(chains)")
    }

    @Test("the logarithm is right to 13 digits over all magnitudes that costs come from")
    func logarithms() {
        // ln 2, ln 10, ln √½ and so on, from mathematical tables.
        let known: [(Double, Double)] = [
            (1, 0), (2, 0.6931471805599453), (10, 2.302585092994046), (0.5, -0.6931471805599453),
            (1.4142135623730951, 0.3465735902799727), (3, 1.0986122886681098), (7, 1.9459101490553132),
            (0.001, -6.907755278982137), (1000, 6.907755278982137), (0x1p-53, -36.7368005696771),
            (36.7368005696771, 3.6037789929704576), (0x1p-52, -36.04365338911715),
        ]
        for (value, logarithm) in known {
            let found = RendezvousScore.logarithm(value)
            #expect((found - logarithm).magnitude <= 1e-13 * max(1, logarithm.magnitude), "ln \(value) = \(found)")
        }
    }
}
