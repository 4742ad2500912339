/// How evenly the key space is held: the figures of Dynamo §6.2, Fig. 8.
public struct PlacementBalance: Sendable, Equatable, CustomStringConvertible {
    public struct Load: Sendable, Equatable {
        public let member: Member
        /// Slots that it is in.
        public let slots: Int
        /// First slots that it is in, where it coordinates by preference.
        public let firstSlots: Int
        /// The part of the key space that it keeps: 1 is a copy of everything.
        public let keySpace: Double
        /// `keySpace` next to its weight, such that an average weight counts as 1.
        public let relative: Double
    }

    /// Valid members, and others that hold something, in order of id.
    public let loads: [Load]

    public init(of table: SlotTable) {
        self.init(of: table) { _ in 1 / Double(table.partitionCount) }
    }

    public init(of target: TargetAssignment) {
        self.init(of: target.table) { target.width(of: $0) }
    }

    private init(of table: SlotTable, width: (Int) -> Double) {
        var slots = Array(repeating: 0, count: table.members.count)
        var firstSlots = slots
        var keySpace = Array(repeating: 0.0, count: table.members.count)
        for partition in 0..<table.partitionCount {
            for slot in 0..<table.replicas {
                guard let holder = table.holder(of: partition, slot: slot), let index = table.index(of: holder) else {
                    continue
                }
                slots[index] += 1
                if slot == 0 { firstSlots[index] += 1 }
                keySpace[index] += width(partition)
            }
        }
        let counted = table.members.indices.filter { table.members[$0].isWished || slots[$0] > 0 }
        let weight = counted.reduce(0) { $0 + table.members[$1].weight } / Double(max(1, counted.count))
        self.loads = counted.map { index in
            Load(
                member: table.members[index], slots: slots[index], firstSlots: firstSlots[index],
                keySpace: keySpace[index], relative: keySpace[index] * weight / table.members[index].weight
            )
        }
    }

    /// The average of all key spaces.
    public var mean: Double {
        loads.isEmpty ? 0 : loads.reduce(0) { $0 + $1.keySpace } / Double(loads.count)
    }

    /// The highest load next to the member's weight.
    public var highest: Double { loads.reduce(0) { max($0, $1.relative) } }

    /// Mean over highest load: 1 where every member holds in proportion to its weight. Caps and zones may forbid that.
    public var efficiency: Double { highest > 0 ? mean / highest : 1 }

    public var description: String {
        let lines = loads.map { load in
            "\(load.member.name) (zone \(load.member.zone), weight \(load.member.weight)): \(load.slots) slots, "
                + "\(load.firstSlots) of them first, \(Self.percent(load.keySpace)) of the key space"
        }
        return (lines + ["efficiency \(Self.percent(efficiency))"]).joined(separator: "\n")
    }

    private static func percent(_ part: Double) -> String {
        let tenths = Int(part * 1000 + 0.5)
        return "\(tenths / 10).\(tenths % 10)%"
    }
}

/// A slot whose holder differs between two tables.
public struct SlotMove: Sendable, Hashable {
    public let partition: Int
    public let slot: Int
    public let from: MemberID?
    public let to: MemberID?
    /// Whether the new holder must be sent the partition: it was in none of its slots before.
    public let copies: Bool

    /// All of them, by partition and slot. A slot that only one of the tables has counts as vacant in the other.
    public static func moves(from old: SlotTable, to new: SlotTable) -> [SlotMove] {
        precondition(
            old.partitionCount == new.partitionCount,
            "moves between tables of \(old.partitionCount) and \(new.partitionCount) partitions"
        )
        var moves: [SlotMove] = []
        for partition in 0..<old.partitionCount {
            for slot in 0..<max(old.replicas, new.replicas) {
                let from = slot < old.replicas ? old.holder(of: partition, slot: slot) : nil
                let to = slot < new.replicas ? new.holder(of: partition, slot: slot) : nil
                if from == to { continue }
                let copies = to.map { !old.isHolder($0, of: partition) } ?? false
                moves.append(SlotMove(partition: partition, slot: slot, from: from, to: to, copies: copies))
            }
        }
        return moves
    }
}
