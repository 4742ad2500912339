import Placement
import Testing

@Suite("Slot tables and preference lists")
struct SlotTableTests {
    @Test("a preference list is the holders of the first n slots in order, then all other valid members once")
    func holdersThenStandIns() throws {
        for seed in 0..<UInt64(tries(150)) {
            var membership = try Membership(seed: 6_000_000 + seed)
            let absent = [Member.Status.joining, .leaving].enumerated().map { number, status in
                try? Member(id: MemberID(rawValue: UInt64(number)), name: "absent", zone: "zone-0", status: status)
            }
            let valid = Set(membership.members.map(\.id))
            membership.members += absent.compactMap { $0 }
            let table = membership.target().table
            let map = ClusterMap(
                partitioning: membership.partitioning, table: table, replicas: membership.replicas
            )
            for partition in 0..<min(8, table.partitionCount) {
                for n in 1...membership.replicas {
                    let list = map.preferenceList(for: partition, n: n)
                    let all = Array(list)
                    let count = min(n, table.replicas)
                    #expect(Array(all.prefix(count)) == Array(table.rows()[partition].prefix(count)), "\(membership)")
                    #expect(all.count == valid.count && Set(all) == valid, "\(membership)")
                    #expect(Array(all.dropFirst(count)) == list.standIns(), "\(membership)")
                    #expect(map.holderCount(of: partition, n: n) == count)
                    for (place, member) in all.enumerated() {
                        #expect(map.isHolder(member, of: partition, n: n) == (place < count))
                        #expect(map.slot(of: member, in: partition).map { $0 < n } ?? false == (place < count))
                    }
                }
            }
        }
    }

    @Test("stand-ins come from zones that have given the fewest so far")
    func standInsFromUnusedZones() throws {
        for seed in 0..<UInt64(tries(150)) {
            let membership = try Membership(seed: 7_000_000 + seed)
            let table = membership.target().table
            let map = ClusterMap(
                partitioning: membership.partitioning, table: table, replicas: membership.replicas
            )
            let all = Array(map.preferenceList(for: 0, n: 1))
            let oracle = ZoneOracle(membership.members)
            // From one holder on, every beginning of the list is spread as evenly as can be.
            for count in 1...all.count {
                #expect(oracle.isEven(all.prefix(count)), "\(membership)")
            }
        }
    }

    @Test("the load of a holder that is down falls on all others, in proportion to weight")
    func standInsAreSpread() throws {
        let weights = [1.0, 1, 2, 2, 4, 1, 1]
        let members = try weights.enumerated().map { number, weight in
            try Member(id: .founding(cluster: "c", name: "\(number)"), name: "\(number)", zone: "z", weight: weight)
        }
        var table = SlotTable(partitionCount: 4096, replicas: 1, members: members)
        for partition in 0..<4096 { table.place(members[0].id, in: 0, of: partition, version: 1) }
        let map = ClusterMap(partitioning: try Partitioning(count: 4096), table: table, replicas: 1)
        var first = Array(repeating: 0, count: members.count)
        for partition in 0..<4096 {
            let standIn = map.preferenceList(for: partition, n: 1).standIns()[0]
            if let index = members.firstIndex(where: { $0.id == standIn }) { first[index] += 1 }
        }
        #expect(first[0] == 0)
        for (number, weight) in weights.enumerated().dropFirst() {
            let fair = 4096 * weight / 11
            #expect((Double(first[number]) - fair).magnitude < 0.15 * fair, "member \(number): \(first[number])")
        }
    }

    @Test("vacant slots are left out of the holders, and n counts slots, not holders")
    func vacantSlots() throws {
        let members = try (1...3).map {
            try Member(id: MemberID(rawValue: UInt64($0)), name: "\($0)", zone: "\($0)")
        }
        var table = SlotTable(partitionCount: 4, replicas: 3, members: members.reversed())
        #expect(Array(table.holders(of: 2)).isEmpty)
        #expect(table.holderCount(of: 2) == 0)
        table.place(members[0].id, in: 0, of: 2, version: 1)
        table.place(members[2].id, in: 2, of: 2, version: 4)
        #expect(Array(table.holders(of: 2)) == [members[0].id, members[2].id])
        #expect(table.holders(of: 2).count == 2)
        #expect(Array(table.holders(of: 2, n: 2)) == [members[0].id])
        #expect(table.holderCount(of: 2) == 2)
        #expect(table.holderCount(of: 2, n: 1) == 1)
        #expect(table.holder(of: 2, slot: 1) == nil)
        #expect(table.slot(of: members[2].id, in: 2) == 2)
        #expect(table.slot(of: members[1].id, in: 2) == nil)
        #expect(table.isHolder(members[2].id, of: 2))
        #expect(!table.isHolder(members[2].id, of: 2, n: 2))
        #expect(table.version(of: 2) == 5)
        #expect(table.version(of: 2, slot: 2) == 4)
        #expect(table.version(of: 1) == 0)
        #expect(table.partitions(of: members[2].id) == [2])
        #expect(table.partitions(of: MemberID(rawValue: 99)).isEmpty)
        #expect(table.member(members[1].id) == members[1])
        #expect(table.member(MemberID(rawValue: 0)) == nil)

        table.place(nil, in: 0, of: 2, version: 2)
        #expect(Array(table.holders(of: 2)) == [members[2].id])
        #expect(Array(table.holders(of: 2, n: 2)).isEmpty)
    }

    @Test("a table for other members keeps slots and versions; slots of those who are gone become vacant")
    func adaptedTables() throws {
        for seed in 0..<UInt64(tries(200)) {
            var membership = try Membership(seed: 8_000_000 + seed, sizes: 2...12)
            var table = membership.target().table
            for partition in 0..<table.partitionCount {
                for slot in 0..<table.replicas {
                    let holder = table.holder(of: partition, slot: slot)
                    table.place(holder, in: slot, of: partition, version: UInt64(partition * 10 + slot))
                }
            }
            let gone = membership.members[0].id
            membership.members[0].status = .removed
            try membership.join()
            let wider = table.adapted(to: membership.members, replicas: 6)
            #expect(wider.member(gone) == nil)
            for partition in 0..<table.partitionCount {
                for slot in 0..<6 {
                    let before = slot < table.replicas ? table.holder(of: partition, slot: slot) : nil
                    #expect(wider.holder(of: partition, slot: slot) == (before == gone ? nil : before), "\(membership)")
                    let version = slot < table.replicas ? UInt64(partition * 10 + slot) : 0
                    #expect(wider.version(of: partition, slot: slot) == version)
                }
            }
            let narrower = wider.adapted(to: membership.members, replicas: 1)
            #expect(narrower.holder(of: 0, slot: 0) == wider.holder(of: 0, slot: 0))
            #expect(narrower.replicas == 1)
        }
    }

    @Test("balance counts slots, first slots and key space, next to weights")
    func balanceFigures() throws {
        let members = try [("a", 1.0), ("b", 3.0)].map { name, weight in
            try Member(id: .founding(cluster: "c", name: name), name: name, zone: "z", weight: weight)
        }
        var table = SlotTable(partitionCount: 4, replicas: 2, members: members)
        for partition in 0..<4 { table.place(members[1].id, in: partition % 2, of: partition, version: 1) }
        for partition in 0..<2 { table.place(members[0].id, in: 1 - partition % 2, of: partition, version: 1) }
        let balance = PlacementBalance(of: table)
        let a = try #require(balance.loads.first { $0.member.name == "a" })
        let b = try #require(balance.loads.first { $0.member.name == "b" })
        #expect(a.slots == 2 && a.firstSlots == 1 && a.keySpace == 0.5 && a.relative == 1)
        #expect(b.slots == 4 && b.firstSlots == 2 && b.keySpace == 1 && (b.relative - 2.0 / 3).magnitude < 1e-12)
        #expect(balance.mean == 0.75 && balance.highest == 1 && balance.efficiency == 0.75)
        #expect(balance.description.hasSuffix("efficiency 75.0%"))
        #expect(PlacementBalance(of: SlotTable(partitionCount: 1, replicas: 0, members: [])).efficiency == 1)
    }
}
