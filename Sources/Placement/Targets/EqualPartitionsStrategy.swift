/// Rotor's own: Q equal partitions, handed out so that every member holds its share (Dynamo §6.2, strategy 3).
///
/// In order of precedence: the holders of a partition are distinct; they are spread over zones as evenly as the zones'
/// sizes allow (all in distinct ones where there are N); every member holds its share, proportional to weight within
/// what that allows, to less than one partition; and few slots move when the members change.
public struct EqualPartitionsStrategy: AssignmentStrategy {
    public init() {}

    public func target(
        members: [Member], partitioning: Partitioning, replicas: Int, previous: SlotTable?
    ) -> TargetAssignment {
        precondition(
            previous.map { $0.partitionCount == partitioning.count } ?? true,
            "a previous table of \(previous?.partitionCount ?? 0) partitions for a target of \(partitioning.count)"
        )
        // Zone by zone, in order of id: nothing here may depend on the order in which the members were given.
        let wished = members.filter(\.isWished).sorted { ($0.zone, $0.id) < ($1.zone, $1.id) }
        let replicas = min(replicas, wished.count)
        var table = SlotTable(partitionCount: partitioning.count, replicas: replicas, members: members)
        guard replicas > 0 else { return TargetAssignment(table: table, partitioning: partitioning) }

        let zones = Self.zones(of: wished)
        let rule = ZoneRule(sizes: zones.map(\.count), replicas: replicas)
        let shares = WaterFilledShares(
            weights: wished.map(\.weight), zones: zones, rule: rule, partitions: partitioning.count, replicas: replicas
        )
        let assignment = LeastCostAssignment(
            members: wished.map(\.id), zones: zones, rule: rule, quotas: shares.quotas,
            partitions: partitioning.count, replicas: replicas
        )
        var order = SlotOrder(zones: zones, quotas: shares.quotas, replicas: replicas)
        let places = previous.map { previous in
            previous.members.map { member in wished.firstIndex { $0.id == member.id } }
        }
        for partition in 0..<partitioning.count {
            var row = order.ideal(assignment.holders(of: partition))
            if let previous, let places {
                row = order.kept(row, previous: previous.row(of: partition, places))
            }
            for (slot, member) in row.enumerated() {
                table.place(wished[member].id, in: slot, of: partition, version: 0)
            }
        }
        return TargetAssignment(table: table, partitioning: partitioning)
    }

    /// The ranges of members that have one zone in common.
    private static func zones(of members: [Member]) -> [Range<Int>] {
        var zones: [Range<Int>] = []
        var start = 0
        for index in members.indices.dropFirst() where members[index].zone != members[start].zone {
            zones.append(start..<index)
            start = index
        }
        return zones + [start..<members.count]
    }
}
