/// The immutable picture of the cluster that a request works with: every node can work out the preference list of any
/// key from it (Dynamo §2.3, zero-hop routing). A change makes a new one.
public struct ClusterMap: Sendable, Equatable {
    public let partitioning: Partitioning
    /// Who holds what at present.
    public let table: SlotTable
    /// The cluster's N. The table has fewer slots while there are fewer members.
    public let replicas: Int

    public init(partitioning: Partitioning, table: SlotTable, replicas: Int) {
        precondition(
            table.partitionCount == partitioning.count && table.replicas <= replicas,
            "a table of \(table.partitionCount) × \(table.replicas) for \(partitioning.count) partitions × \(replicas)"
        )
        self.partitioning = partitioning
        self.table = table
        self.replicas = replicas
    }

    /// In order of id.
    public var members: [Member] { table.members }

    public func member(_ id: MemberID) -> Member? { table.member(id) }

    public func partition(of key: ObjectKey) -> Int { partitioning.partition(of: key) }

    /// - Parameter n: the slots that the key's bucket type uses, from the first.
    public func preferenceList(for partition: Int, n: Int) -> PreferenceList {
        PreferenceList(table: table, partition: partition, n: n)
    }

    /// The members in the first n slots, in slot order.
    public func holders(of partition: Int, n: Int) -> SlotTable.Holders { table.holders(of: partition, n: n) }

    /// How many members are in the first n slots: what N counts as where members are fewer.
    public func holderCount(of partition: Int, n: Int) -> Int { table.holderCount(of: partition, n: n) }

    public func isHolder(_ member: MemberID, of partition: Int, n: Int) -> Bool {
        table.isHolder(member, of: partition, n: n)
    }

    public func slot(of member: MemberID, in partition: Int) -> Int? { table.slot(of: member, in: partition) }
}
