/// Where a partition's objects go, best first (Dynamo §4.3): the holders in slot order, then every other valid member
/// as a stand-in. It is longer than N so that failures can be skipped, and names nobody twice.
///
/// Walking the holders allocates nothing; the order of the stand-ins is worked out only when one is asked for.
public struct PreferenceList: Sequence, Sendable {
    /// The members in the first n slots.
    public let holders: SlotTable.Holders
    private let roster: SlotTable.Roster
    private let partition: Int

    init(table: SlotTable, partition: Int, n: Int) {
        self.holders = table.holders(of: partition, n: n)
        self.roster = table.roster
        self.partition = partition
    }

    /// All other valid members, best first: zones that gave the fewest members of the list so far come first (Dynamo
    /// §4.6), and within a zone the order is random by partition and weighted, so that the load of a member that is
    /// down falls on all others in proportion to their weights.
    public func standIns() -> [MemberID] {
        var used = Array(repeating: 0, count: roster.zoneCount)
        var isHolder = Array(repeating: false, count: roster.members.count)
        for position in holders.indices {
            let index = holders.memberIndex(at: position)
            isHolder[index] = true
            used[Int(roster.zoneOf[index])] += 1
        }
        var candidates: [(cost: Int64, index: Int)] = []
        for (index, member) in roster.members.enumerated() where member.isWished && !isHolder[index] {
            let discount = RendezvousScore.fixedPoint(RendezvousScore.logarithm(member.weight))
            candidates.append((RendezvousScore.cost(of: member.id, partition: partition) - discount, index))
        }
        candidates.sort { $0 < $1 }
        // A zone's next member ranks behind those of zones that have given fewer.
        let ranked = candidates.map { candidate in
            let zone = Int(roster.zoneOf[candidate.index])
            used[zone] += 1
            return (given: used[zone], cost: candidate.cost, index: candidate.index)
        }
        return ranked.sorted { $0 < $1 }.map { roster.members[$0.index].id }
    }

    public func makeIterator() -> Iterator { Iterator(list: self) }

    public struct Iterator: IteratorProtocol {
        private let list: PreferenceList
        private var holder: SlotTable.Holders.Index
        private var standIns: [MemberID]?
        private var standIn = 0

        fileprivate init(list: PreferenceList) {
            self.list = list
            self.holder = list.holders.startIndex
        }

        public mutating func next() -> MemberID? {
            if holder < list.holders.endIndex {
                defer { list.holders.formIndex(after: &holder) }
                return list.holders[holder]
            }
            let standIns = standIns ?? list.standIns()
            self.standIns = standIns
            guard standIn < standIns.count else { return nil }
            defer { standIn += 1 }
            return standIns[standIn]
        }
    }
}
