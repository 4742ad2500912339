import Placement
import Testing

@Suite("Targets")
struct TargetTests {
    /// Thousands of small memberships and some of full size, each with its target; worked out once for all tests.
    private static let targets = Result {
        try (0..<UInt64(tries(2000))).map { try Membership(seed: $0) }
            + (0..<UInt64(tries(10))).map { try Membership(seed: 1_000_000 + $0, partitions: Membership.ample) }
    }.map { memberships in memberships.map { (membership: $0, table: $0.target().table) } }

    @Test("every partition has N distinct holders, or as many as there are members, spread evenly over zones")
    func distinctHoldersInDistinctZones() throws {
        for (membership, table) in try Self.targets.get() {
            let replicas = min(membership.replicas, membership.members.count)
            #expect(table.replicas == replicas, "\(membership)")
            let oracle = ZoneOracle(membership.members)
            for row in table.rows() {
                let inZones = oracle.zones(row)
                guard row.count == replicas, Set(row).count == replicas, oracle.isEven(row),
                    inZones == min(replicas, oracle.zoneCount)
                else {
                    Issue.record("\(membership): holders \(row) in \(inZones) zones")
                    return
                }
            }
        }
    }

    @Test("of six or nine members in three zones, each partition has a holder in each: without a zone two are left")
    func threeZones() throws {
        for count in [6, 9] {
            for partitions in [8, 64, 256, 1024] {
                let members = try (0..<count).map { number in
                    try Member(
                        id: .founding(cluster: "c\(partitions)", name: "\(number)"), name: "\(number)",
                        zone: "zone-\(number % 3)")
                }
                let table = EqualPartitionsStrategy().target(
                    members: members, partitioning: try Partitioning(count: partitions), replicas: 3, previous: nil
                ).table
                for row in table.rows() {
                    let zones = row.compactMap { holder in members.first { $0.id == holder }?.zone }
                    #expect(Set(zones).count == 3 && row.count == 3, "\(count) members: holders \(row) in \(zones)")
                    for lost in Set(zones) {
                        #expect(zones.count { $0 != lost } == 2, "R=2 and W=2 are met without \(lost)")
                    }
                }
            }
        }
    }

    @Test("every member's load is less than one partition off its water-filled share")
    func loadsMatchShares() throws {
        var worst = 0.0
        for (membership, table) in try Self.targets.get() {
            let shares = ShareOracle.shares(
                of: table.members, partitions: table.partitionCount, replicas: membership.replicas
            )
            for (load, share) in zip(table.loads(), shares) {
                worst = max(worst, (Double(load) - share).magnitude)
                #expect((Double(load) - share).magnitude < 1 + 1e-6, "\(membership): load \(load), share \(share)")
            }
        }
        print("placement: largest distance of a load from its share: \(worst)")
    }

    @Test("weights a million times apart, zones of any sizes and any N are placed to less than one off the share")
    func extremeWeights() throws {
        let weights = [0.001, 0.01, 0.1, 0.3, 1, 1, 3, 10, 100, 1000]
        for seed in 0..<UInt64(tries(300)) {
            var membership = try Membership(seed: 9_000_000 + seed, sizes: 1...20, replicas: 1...20)
            var generator = SplitMix64(seed: seed)
            membership.members = try membership.members.map { member in
                let weight = weights[Int.random(in: weights.indices, using: &generator)]
                let zone = Int.random(in: 0..<6, using: &generator) * Int.random(in: 0...1, using: &generator)
                return try Member(id: member.id, name: member.name, zone: "zone-\(zone)", weight: weight)
            }
            let table = membership.target().table
            let oracle = ZoneOracle(membership.members)
            #expect(table.rows().allSatisfy { Set($0).count == table.replicas && oracle.isEven($0) }, "\(membership)")
            let shares = ShareOracle.shares(
                of: table.members, partitions: table.partitionCount, replicas: membership.replicas
            )
            for (load, share) in zip(table.loads(), shares) {
                #expect((Double(load) - share).magnitude < 1 + 1e-6, "\(membership): load \(load), share \(share)")
            }
        }
    }

    @Test("in a new cluster the first n slots are spread over zones as evenly as n holders can be, for every n")
    func prefixesAreSpread() throws {
        for (membership, table) in try Self.targets.get() {
            let oracle = ZoneOracle(membership.members)
            for (partition, row) in table.rows().enumerated() {
                for n in 1...table.replicas {
                    let first = row.prefix(n)
                    guard table.holders(of: partition, n: n).elementsEqual(first), oracle.isEven(first)
                    else {
                        Issue.record("\(membership): the first \(n) of \(row)")
                        return
                    }
                }
            }
        }
    }

    @Test("in a new cluster every member is in the first slots in proportion to what it holds, for every n")
    func prefixesAreBalanced() throws {
        var worst = 0.0
        for seed in 0..<UInt64(tries(6)) {
            let membership = try Membership(seed: 2_000_000 + seed, partitions: Membership.ample)
            let table = membership.target().table
            // Where zones are fewer than N, zones decide who comes early.
            if Set(table.members.map(\.zone)).count < table.replicas { continue }
            let loads = table.loads()
            for n in 1...table.replicas {
                var early = Array(repeating: 0, count: loads.count)
                for row in table.rows() {
                    for holder in row.prefix(n) {
                        if let index = table.members.firstIndex(where: { $0.id == holder }) { early[index] += 1 }
                    }
                }
                for (load, early) in zip(loads, early) {
                    let fair = Double(load * n) / Double(table.replicas)
                    worst = max(worst, (Double(early) - fair).magnitude / max(1, fair))
                    #expect(
                        (Double(early) - fair).magnitude <= 2 + fair * 0.05,
                        "\(membership): in the first \(n) slots \(early) times, fair \(fair)"
                    )
                }
            }
        }
        print("placement: largest unevenness of first slots: \(worst)")
    }

    @Test("the order of the members given, and members that are not valid, change nothing")
    func orderOfMembersDoesNotMatter() throws {
        for seed in 0..<UInt64(tries(150)) {
            var membership = try Membership(seed: seed)
            let rows = membership.target().table.rows()
            membership.shuffle()
            #expect(membership.target().table.rows() == rows, "\(membership)")
            for (raw, status) in [(UInt64(1), Member.Status.joining), (2, .leaving), (3, .removed)] {
                membership.members.append(
                    try Member(id: MemberID(rawValue: raw), name: "x", zone: "elsewhere", weight: 9, status: status)
                )
            }
            #expect(membership.target().table.rows() == rows, "\(membership)")
        }
    }

    @Test("who held what before does not change who should: it only orders the holders")
    func setsDoNotDependOnThePreviousTable() throws {
        for seed in 0..<UInt64(tries(150)) {
            var membership = try Membership(seed: seed)
            let fresh = membership.target().table.rows()
            var before = membership
            before.members = membership.some()
            for _ in 0..<3 { try before.join() }
            let target = membership.target(previous: before.target().table).table
            #expect(target.rows().map(Set.init) == fresh.map(Set.init), "\(membership)")
            #expect(target.rows().allSatisfy { Set($0).count == $0.count }, "\(membership)")
        }
    }

    @Test("a member that stays in a partition's set keeps its slot while that slot exists")
    func stayingHoldersKeepTheirSlots() throws {
        var kept = 0
        for seed in 0..<UInt64(tries(150)) {
            var membership = try Membership(seed: seed, sizes: 2...30)
            var table = membership.target().table
            for step in 0..<4 {
                if membership.members.count > 1 && membership.chance(0.5) {
                    membership.leave()
                } else {
                    try membership.join()
                }
                let next = membership.target(previous: table).table
                for partition in 0..<table.partitionCount {
                    for slot in 0..<min(table.replicas, next.replicas) {
                        guard let holder = table.holder(of: partition, slot: slot),
                            next.isHolder(holder, of: partition)
                        else { continue }
                        kept += 1
                        #expect(
                            next.slot(of: holder, in: partition) == slot,
                            "\(membership), step \(step): partition \(partition)"
                        )
                    }
                }
                table = next
            }
        }
        #expect(kept > 5000)
    }

    @Test("two members that enter one partition take the free slots so that early slots are in distinct zones")
    func enteringMembersSpreadOverZones() throws {
        func member(_ id: UInt64, _ zone: String) throws -> Member {
            try Member(id: MemberID(rawValue: id), name: "\(id)", zone: zone)
        }
        let partitioning = try Partitioning(count: 64)
        let (a, b, c) = (try member(1, "a"), try member(2, "b"), try member(3, "b"))
        // Member 2 is in slot 1 of every partition; 1 and 3 enter at slots 0 and 2.
        var previous = SlotTable(partitionCount: 64, replicas: 3, members: [b])
        for partition in 0..<64 { previous.place(b.id, in: 1, of: partition, version: 1) }
        let target = EqualPartitionsStrategy()
            .target(members: [a, b, c], partitioning: partitioning, replicas: 3, previous: previous)
        for partition in 0..<64 {
            #expect(Array(target.table.holders(of: partition)) == [a.id, b.id, c.id])
        }
    }

    @Test("a cluster grows from one member to more than N: as many slots as members, up to N")
    func fewerMembersThanReplicas() throws {
        var members: [Member] = []
        var previous: SlotTable?
        for count in 1...5 {
            members.append(
                try Member(id: .founding(cluster: "c", name: "\(count)"), name: "\(count)", zone: "\(count)")
            )
            let target = EqualPartitionsStrategy()
                .target(members: members, partitioning: try Partitioning(count: 64), replicas: 3, previous: previous)
            #expect(target.table.replicas == min(3, count))
            #expect(target.table.rows().allSatisfy { Set($0).count == min(3, count) })
            previous = target.table
        }
        let nobody = EqualPartitionsStrategy()
            .target(members: [], partitioning: try Partitioning(count: 64), replicas: 3, previous: previous)
        #expect(nobody.table.replicas == 0)
        #expect(nobody.table.rows().allSatisfy { $0.isEmpty })
    }

    @Test("a large table is the same on every machine and in every version")
    func goldenTable() throws {
        let members = try (0..<30).map { number in
            try Member(
                id: .founding(cluster: "golden", name: "node-\(number)"), name: "node-\(number)",
                zone: "zone-\(number % 5)", weight: [1, 1.5, 0.7][number % 3]
            )
        }
        let target = EqualPartitionsStrategy()
            .target(members: members, partitioning: try Partitioning(count: 1024), replicas: 3, previous: nil)
        // FNV-1a over all holders in order.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for holder in target.table.rows().joined() {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                hash = (hash ^ (holder.rawValue >> shift & 0xff)) &* 0x100_0000_01b3
            }
        }
        #expect(hash == 1_589_767_770_990_965_237, "the hash is \(hash)")
    }
}
