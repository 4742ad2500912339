import Placement
import Testing

@Suite("Movement")
struct MovementTests {
    /// What moved and what had to, over some memberships of which one member joins or leaves.
    private struct Movement: CustomStringConvertible {
        var changes = 0
        var ratios = 0.0
        var highest = 0.0
        var moved = 0
        var lowerBound = 0

        var mean: Double { ratios / Double(changes) }
        var overall: Double { Double(moved) / Double(lowerBound) }
        var description: String {
            "\(changes) changes: moved/bound mean \(mean), max \(highest), overall \(overall) (\(moved)/\(lowerBound))"
        }

        mutating func add(from old: SlotTable, to new: SlotTable) {
            // A member that should hold more than it did must be sent at least the difference.
            let before = old.loads()
            var bound = 0
            for (member, load) in zip(new.members, new.loads()) {
                let had = old.members.firstIndex { $0.id == member.id }.map { before[$0] } ?? 0
                bound += max(0, load - had)
            }
            if bound == 0 { return }
            let moved = SlotMove.moves(from: old, to: new).filter(\.copies).count
            changes += 1
            ratios += Double(moved) / Double(bound)
            highest = max(highest, Double(moved) / Double(bound))
            self.moved += moved
            lowerBound += bound
        }
    }

    @Test("a single join or leave moves on average at most 1.35 times what it must, up to 30 members")
    func movementOfASingleChange() throws {
        // From one random membership of 1 to 29 members to one with another member, and back.
        var joins = Movement()
        var leaves = Movement()
        for seed in 0..<UInt64(tries(100)) {
            var membership = try Membership(
                seed: 3_000_000 + seed, sizes: 1...29, partitions: { Membership.ample($0 + 1) }
            )
            let smaller = membership.target().table
            try membership.join()
            let larger = membership.target().table
            joins.add(from: smaller, to: larger)
            leaves.add(from: larger, to: smaller)
        }
        print("placement: joins, \(joins)")
        print("placement: leaves, \(leaves)")
        for movement in [joins, leaves] {
            #expect(movement.changes > 90)
            #expect(movement.mean <= 1.35, "\(movement)")
            #expect(movement.overall <= 1.35, "\(movement)")
        }
    }

    @Test("moves between two tables are exactly the slots that differ, and copies the members that come new")
    func movesAreTheDifferences() throws {
        for seed in 0..<UInt64(tries(200)) {
            var membership = try Membership(seed: 4_000_000 + seed, sizes: 2...12)
            let old = membership.target().table
            membership.leave()
            try membership.join()
            let new = membership.target(previous: old).table
            let moves = SlotMove.moves(from: old, to: new)
            var copies = 0
            var rows = (0..<old.partitionCount).map { partition in
                (0..<old.replicas).map { old.holder(of: partition, slot: $0) }
            }
            for move in moves {
                #expect(rows[move.partition][move.slot] == move.from, "\(membership)")
                rows[move.partition][move.slot] = move.to
            }
            for partition in 0..<new.partitionCount {
                #expect(rows[partition].compactMap { $0 } == Array(new.holders(of: partition)), "\(membership)")
                let before = Set(old.holders(of: partition))
                copies += new.holders(of: partition).filter { !before.contains($0) }.count
            }
            #expect(moves.filter(\.copies).count == copies, "\(membership)")
            #expect(SlotMove.moves(from: new, to: new).isEmpty)
        }
    }
}
