/// Who holds what: a flat array of partitions × slots, each slot vacant or held by one member.
///
/// Each slot has a version, which whoever places a holder gives: it rises with every change of the slot, so that of two
/// nodes' views of it the newer is known. Copies share their storage until one is changed.
public struct SlotTable: Sendable, Equatable {
    public let partitionCount: Int
    /// Slots of each partition: N, or the number of members if there are fewer.
    public let replicas: Int
    let roster: Roster
    /// partitions × replicas: indices of members.
    private var slots: [UInt16]
    /// partitions × replicas.
    private var versions: [UInt64]

    private static let vacant = UInt16.max

    /// A table in which every slot is vacant and has version 0.
    /// - Parameter members: in any order, no id twice; removed ones are left out.
    public init(partitionCount: Int, replicas: Int, members: [Member]) {
        precondition(partitionCount > 0 && replicas >= 0, "\(partitionCount) partitions of \(replicas) slots")
        self.partitionCount = partitionCount
        self.replicas = replicas
        self.roster = Roster(members)
        self.slots = Array(repeating: Self.vacant, count: partitionCount * replicas)
        self.versions = Array(repeating: 0, count: partitionCount * replicas)
    }

    /// In order of id, without removed ones.
    public var members: [Member] { roster.members }

    /// The members of a table and what is looked up about them; shared, so that a table is cheap to hand on.
    final class Roster: Sendable, Equatable {
        /// In order of id.
        let members: [Member]
        /// The members' ids, close together.
        let ids: [MemberID]
        /// For each member its zone: an index that means nothing but equality.
        let zoneOf: [UInt16]
        let zoneCount: Int

        init(_ members: [Member]) {
            let members = members.filter { $0.status != .removed }.sorted { $0.id < $1.id }
            precondition(members.count < Int(vacant), "\(members.count) members: more than \(vacant - 1)")
            for (member, next) in zip(members, members.dropFirst()) {
                precondition(member.id != next.id, "members \(member.name) and \(next.name) have one id, \(member.id)")
            }
            let zones = members.map(\.zone).sortedUniquely()
            self.members = members
            self.ids = members.map(\.id)
            self.zoneOf = members.map { member in UInt16(zones.firstIndex(of: member.zone) ?? zones.count) }
            self.zoneCount = zones.count
        }

        static func == (left: Roster, right: Roster) -> Bool { left === right || left.members == right.members }
    }
}

// MARK: - Looking up

extension SlotTable {
    /// The member in a slot, or nil if it is vacant.
    public func holder(of partition: Int, slot: Int) -> MemberID? {
        precondition(slot >= 0 && slot < replicas, "slot \(slot) of \(replicas)")
        let index = slots[partition * replicas + slot]
        return index == Self.vacant ? nil : roster.ids[Int(index)]
    }

    /// The members in the first `n` slots, in slot order, vacant slots left out.
    public func holders(of partition: Int, n: Int = .max) -> Holders {
        Holders(roster: roster, slots: slots, row: row(partition, n))
    }

    /// How many of the first `n` slots are not vacant.
    public func holderCount(of partition: Int, n: Int = .max) -> Int {
        var count = 0
        for slot in row(partition, n) where slots[slot] != Self.vacant { count += 1 }
        return count
    }

    /// Whether the member is in one of the first `n` slots.
    public func isHolder(_ member: MemberID, of partition: Int, n: Int = .max) -> Bool {
        for slot in row(partition, n) where slots[slot] != Self.vacant && roster.ids[Int(slots[slot])] == member {
            return true
        }
        return false
    }

    /// The slot that the member is in, or nil if it holds none.
    public func slot(of member: MemberID, in partition: Int) -> Int? {
        for slot in row(partition, replicas) where slots[slot] != Self.vacant && roster.ids[Int(slots[slot])] == member
        {
            return slot - partition * replicas
        }
        return nil
    }

    /// The partitions that the member is in a slot of, in order.
    public func partitions(of member: MemberID) -> [Int] {
        guard let index = index(of: member) else { return [] }
        return (0..<partitionCount).filter { partition in
            row(partition, replicas).contains { slots[$0] == UInt16(index) }
        }
    }

    /// The version of the slot's present holder.
    public func version(of partition: Int, slot: Int) -> UInt64 {
        precondition(slot >= 0 && slot < replicas, "slot \(slot) of \(replicas)")
        return versions[partition * replicas + slot]
    }

    /// The sum of the slots' versions: it rises with every change of the row.
    public func version(of partition: Int) -> UInt64 {
        versions[row(partition, replicas)].reduce(0, &+)
    }

    public func member(_ id: MemberID) -> Member? { index(of: id).map { roster.members[$0] } }

    /// Where the member stands in ``members``.
    func index(of member: MemberID) -> Int? {
        let ids = roster.ids
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < member { low = middle + 1 } else { high = middle }
        }
        return low < ids.count && ids[low] == member ? low : nil
    }

    /// By slot, what `translation` says of its member's place in ``members``; nil for a vacant slot.
    func row<Translated>(of partition: Int, _ translation: [Translated?]) -> [Translated?] {
        slots[row(partition, replicas)].map { $0 == Self.vacant ? nil : translation[Int($0)] }
    }

    private func row(_ partition: Int, _ n: Int) -> Range<Int> {
        precondition(partition >= 0 && partition < partitionCount, "partition \(partition) of \(partitionCount)")
        let start = partition * replicas
        return start..<start + min(n, replicas)
    }

    /// The holders of a partition in slot order. Walking it allocates nothing.
    public struct Holders: Collection, Sendable {
        fileprivate let roster: Roster
        fileprivate let slots: [UInt16]
        fileprivate let row: Range<Int>

        public struct Index: Comparable, Sendable {
            fileprivate var slot: Int
            public static func < (left: Index, right: Index) -> Bool { left.slot < right.slot }
        }

        public var startIndex: Index { Index(slot: occupied(from: row.lowerBound)) }
        public var endIndex: Index { Index(slot: row.upperBound) }
        public func index(after index: Index) -> Index { Index(slot: occupied(from: index.slot + 1)) }
        public subscript(position: Index) -> MemberID { roster.ids[memberIndex(at: position)] }

        /// Where the holder stands in ``SlotTable/members``.
        func memberIndex(at position: Index) -> Int { Int(slots[position.slot]) }

        private func occupied(from slot: Int) -> Int {
            var slot = slot
            while slot < row.upperBound, slots[slot] == SlotTable.vacant { slot += 1 }
            return slot
        }
    }
}

// MARK: - Changing

extension SlotTable {
    /// Puts a member in a slot, or nobody, and sets the slot's version.
    ///
    /// The member must be one of ``members``, and must not be in another slot of the partition: nobody holds two.
    public mutating func place(_ member: MemberID?, in slot: Int, of partition: Int, version: UInt64) {
        precondition(slot >= 0 && slot < replicas, "slot \(slot) of \(replicas)")
        let place = row(partition, replicas).lowerBound + slot
        versions[place] = version
        guard let member else {
            slots[place] = Self.vacant
            return
        }
        guard let index = index(of: member) else {
            preconditionFailure("\(member) is none of the table's \(roster.ids.count) members")
        }
        let other = self.slot(of: member, in: partition)
        precondition(
            other == nil || other == slot,
            "\(member) is in slot \(other ?? -1) of partition \(partition) already, and can't take slot \(slot) too"
        )
        slots[place] = UInt16(index)
    }

    /// The same rows for other members and another number of slots. Slots whose member is not among the new ones, or is
    /// removed, become vacant; slots beyond `replicas` are cut off. The versions of the slots that are left stay.
    public func adapted(to members: [Member], replicas: Int) -> SlotTable {
        var table = SlotTable(partitionCount: partitionCount, replicas: replicas, members: members)
        let translation = roster.ids.map { id in table.index(of: id).map { UInt16($0) } ?? Self.vacant }
        for partition in 0..<partitionCount {
            for slot in 0..<min(replicas, self.replicas) {
                let old = partition * self.replicas + slot
                let new = partition * replicas + slot
                if slots[old] != Self.vacant { table.slots[new] = translation[Int(slots[old])] }
                table.versions[new] = versions[old]
            }
        }
        return table
    }
}

extension Array where Element: Comparable {
    func sortedUniquely() -> [Element] {
        var unique: [Element] = []
        for element in sorted() where element != unique.last { unique.append(element) }
        return unique
    }
}
