import Placement
import Testing

@Suite("The paper's three strategies")
struct StrategyComparisonTests {
    private func members(_ count: Int, seed: UInt64) throws -> [Member] {
        try (0..<count).map { number in
            let name = "\(seed)-\(number)"
            return try Member(id: .founding(cluster: "figure 8", name: name), name: name, zone: name)
        }
    }

    @Test("strategy 3 is the most efficient at every size, above 0.9 at 30 members (Dynamo §6.2, Fig. 8)")
    func efficiencies() throws {
        let partitioning = try Partitioning(count: 1024)
        for count in [5, 15, 30] {
            var sums = [0.0, 0.0, 0.0]
            let seeds = UInt64(tries(2))
            for seed in 0..<seeds {
                let members = try members(count, seed: seed)
                // As many tokens as strategy 3 hands out: Q/S for each member.
                let tokens = partitioning.count / count
                let strategies: [any AssignmentStrategy] = [
                    RandomTokensStrategy(partitions: .betweenTokens, tokensPerWeight: tokens),
                    RandomTokensStrategy(partitions: .equal, tokensPerWeight: tokens),
                    EqualPartitionsStrategy(),
                ]
                for (index, strategy) in strategies.enumerated() {
                    let target = strategy.target(
                        members: members, partitioning: partitioning, replicas: 3, previous: nil
                    )
                    sums[index] += PlacementBalance(of: target).efficiency
                }
            }
            let efficiencies = sums.map { $0 / Double(seeds) }
            print("placement: efficiency of strategies 1, 2, 3 at \(count) members: \(efficiencies)")
            #expect(efficiencies[2] > efficiencies[0] && efficiencies[2] > efficiencies[1], "\(count) members")
            #expect(efficiencies[2] > 0.9, "\(count) members")
        }
    }

    @Test("random tokens place every key at distinct members, zones spread, and their ranges fill the key space")
    func randomTokensKeepTheRules() throws {
        for seed in 0..<UInt64(tries(100)) {
            let membership = try Membership(seed: 5_000_000 + seed, sizes: 1...12)
            for partitions in [RandomTokensStrategy.Partitions.betweenTokens, .equal] {
                let target = RandomTokensStrategy(partitions: partitions, tokensPerWeight: 8).target(
                    members: membership.members, partitioning: membership.partitioning,
                    replicas: membership.replicas, previous: nil
                )
                let table = target.table
                var width = 0.0
                for (partition, row) in table.rows().enumerated() {
                    #expect(row.count == min(membership.replicas, membership.members.count), "\(membership)")
                    #expect(Set(row).count == row.count, "\(membership)")
                    #expect(ZoneOracle(membership.members).isEven(row), "\(membership)")
                    width += target.width(of: partition)
                }
                #expect((width - 1).magnitude < 1e-9, "\(membership)")
                #expect(target.partition(of: KeyHash(high: 0, low: 0)) == 0)
                #expect(target.partition(of: KeyHash(high: .max, low: .max)) == table.partitionCount - 1)
            }
        }
    }

    @Test("holders are the owners of the next tokens clockwise; an equal partition's walk starts at its end")
    func keysWalkClockwise() throws {
        let members = try members(8, seed: 1)
        let partitioning = try Partitioning(count: 64)
        let between = RandomTokensStrategy(partitions: .betweenTokens, tokensPerWeight: 4)
            .target(members: members, partitioning: partitioning, replicas: 3, previous: nil)
        let rows = between.table.rows()
        #expect(rows.count == 8 * 4 + 1)
        #expect(rows.first == rows.last, "the ring closes")
        // The first holder of a range owns the token at its end.
        let owners = rows.dropLast().map { $0[0] }
        #expect(members.allSatisfy { member in owners.count { $0 == member.id } == 4 })
        for start in owners.indices {
            var met: [MemberID] = []
            for step in owners.indices {
                let owner = owners[(start + step) % owners.count]
                if !met.contains(owner) { met.append(owner) }
            }
            #expect(rows[start] == Array(met.prefix(3)), "range \(start)")
        }
        let equal = RandomTokensStrategy(partitions: .equal, tokensPerWeight: 4)
            .target(members: members, partitioning: partitioning, replicas: 3, previous: nil)
        for partition in 0..<64 {
            let end = KeyHash(high: UInt64((partition + 1) % 64) << 58, low: 0)
            #expect(equal.table.rows()[partition] == rows[between.partition(of: end)], "partition \(partition)")
        }
    }
}
