/// The paper's first two strategies (Dynamo §6.2), for comparison: every member has random tokens on the ring, as many
/// as its weight times `tokensPerWeight`, and a partition's holders are the first distinct members met clockwise, zones
/// spread as in the other strategies.
///
/// The tokens come from the member's id, not from the system's randomness, so that every node works out the same ones.
/// Slots are in the order of the walk; who held them before changes nothing.
public struct RandomTokensStrategy: AssignmentStrategy {
    public enum Partitions: Sendable {
        /// Strategy 1: a partition lies between two tokens, so partitions differ in size and as many as tokens exist.
        /// The target's table has one row a token range; the asked for ``Partitioning`` is not used.
        case betweenTokens
        /// Strategy 2: the asked for equal partitions; the walk starts at the end of each.
        case equal
    }

    public let partitions: Partitions
    public let tokensPerWeight: Int

    public init(partitions: Partitions, tokensPerWeight: Int) {
        precondition(tokensPerWeight > 0, "\(tokensPerWeight) tokens a member")
        self.partitions = partitions
        self.tokensPerWeight = tokensPerWeight
    }

    public func target(
        members: [Member], partitioning: Partitioning, replicas: Int, previous: SlotTable?
    ) -> TargetAssignment {
        let wished = members.filter(\.isWished).sorted { $0.id < $1.id }
        let replicas = min(replicas, wished.count)
        let ring = TokenRing(members: wished, tokensPerWeight: tokensPerWeight, replicas: replicas)
        switch partitions {
        case .betweenTokens:
            // A token ends its range: a key on it belongs to it (Dynamo §4.2: the first node with a position larger
            // than the item's, walking clockwise).
            var starts: [UInt64] = [0]
            for token in ring.tokens where token.position < .max && token.position >= starts[starts.count - 1] {
                starts.append(token.position + 1)
            }
            var table = SlotTable(partitionCount: starts.count, replicas: replicas, members: members)
            for (partition, start) in starts.enumerated() {
                ring.place(partition, walkingFrom: start, in: &table)
            }
            return TargetAssignment(table: table, starts: starts)
        case .equal:
            var table = SlotTable(partitionCount: partitioning.count, replicas: replicas, members: members)
            let width = 0x1p64 / Double(partitioning.count)
            for partition in 0..<partitioning.count {
                let end = Double(partition + 1) * width
                ring.place(partition, walkingFrom: end < 0x1p64 ? UInt64(end) : 0, in: &table)
            }
            return TargetAssignment(table: table, partitioning: partitioning)
        }
    }
}

/// All members' tokens in ring order.
private struct TokenRing {
    struct Token {
        var position: UInt64
        var member: Int
    }
    let tokens: [Token]
    private let members: [Member]
    private let zoneOf: [Int]
    private let rule: ZoneRule
    private let replicas: Int

    init(members: [Member], tokensPerWeight: Int, replicas: Int) {
        let zones = members.map(\.zone).sortedUniquely()
        let zoneOf = members.map { member in zones.firstIndex(of: member.zone) ?? zones.count }
        self.members = members
        self.zoneOf = zoneOf
        self.rule = ZoneRule(
            sizes: zones.indices.map { zone in zoneOf.reduce(0) { $0 + ($1 == zone ? 1 : 0) } }, replicas: replicas
        )
        self.replicas = replicas
        var tokens: [Token] = []
        for (index, member) in members.enumerated() {
            let count = max(1, Int(member.weight * Double(tokensPerWeight) + 0.5))
            for number in 0..<count {
                let seed = RendezvousScore.mixed(UInt64(number))
                tokens.append(Token(position: RendezvousScore.mixed(member.id.rawValue ^ seed), member: index))
            }
        }
        self.tokens = tokens.sorted { ($0.position, $0.member) < ($1.position, $1.member) }
    }

    /// Fills the partition's row with the members met clockwise from a position on.
    func place(_ partition: Int, walkingFrom position: UInt64, in table: inout SlotTable) {
        if replicas == 0 { return }
        var low = 0
        var high = tokens.count
        while low < high {
            let middle = (low + high) / 2
            if tokens[middle].position < position { low = middle + 1 } else { high = middle }
        }
        var row: [Int] = []
        var extras = 0
        for step in 0..<tokens.count where row.count < replicas {
            let member = tokens[(low + step) % tokens.count].member
            let zone = zoneOf[member]
            let given = row.reduce(0) { $0 + (zoneOf[$1] == zone ? 1 : 0) }
            if row.contains(member) || given >= rule.most(zone) { continue }
            if given >= rule.least[zone] {
                if extras == rule.extras { continue }
                extras += 1
            }
            table.place(members[member].id, in: row.count, of: partition, version: 0)
            row.append(member)
        }
        precondition(row.count == replicas, "a walk over \(members.count) members found \(row.count) of \(replicas)")
    }
}
