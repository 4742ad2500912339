import Placement

/// Repeatable pseudo-random numbers: the same seed gives the same run everywhere.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A made-up cluster, all of it from one seed.
struct Membership: CustomStringConvertible {
    var seed: UInt64
    var members: [Member]
    var partitioning: Partitioning
    var replicas: Int
    private var generator: SplitMix64
    private var zones: Int
    private var differentWeights: Bool

    /// - Parameters:
    ///   - sizes: how many members there may be.
    ///   - partitions: Q for a number of members; nil for any power of two to 64.
    init(
        seed: UInt64, sizes: ClosedRange<Int> = 1...30, replicas: ClosedRange<Int> = 1...5,
        partitions: ((Int) -> Int)? = nil
    ) throws {
        var generator = SplitMix64(seed: seed)
        let size = Int.random(in: sizes, using: &generator)
        self.seed = seed
        self.zones = Int.random(in: 1...6, using: &generator)
        self.differentWeights = Int.random(in: 0..<4, using: &generator) > 0
        self.replicas = Int.random(in: replicas, using: &generator)
        self.partitioning = try Partitioning(
            count: partitions?(size) ?? 1 << Int.random(in: 0...6, using: &generator)
        )
        self.generator = generator
        self.members = []
        for _ in 0..<size { try join() }
    }

    /// 32 or more for every member.
    static func ample(_ size: Int) -> Int {
        var count = 1
        while count < 32 * size { count *= 2 }
        return count
    }

    mutating func join() throws {
        let id = MemberID(rawValue: generator.next())
        let zone = Int.random(in: 0..<zones, using: &generator)
        let weight = differentWeights ? Double.random(in: 0.25...4, using: &generator) : 1
        members.append(try Member(id: id, name: id.description, zone: "zone-\(zone)", weight: weight))
    }

    mutating func leave() {
        members.remove(at: Int.random(in: members.indices, using: &generator))
    }

    mutating func shuffle() { members.shuffle(using: &generator) }

    /// Some of the members, at least one.
    mutating func some() -> [Member] {
        let count = Int.random(in: 1...members.count, using: &generator)
        return Array(members.shuffled(using: &generator).prefix(count))
    }

    mutating func chance(_ part: Double) -> Bool { Double.random(in: 0..<1, using: &generator) < part }

    func target(previous: SlotTable? = nil) -> TargetAssignment {
        EqualPartitionsStrategy()
            .target(members: members, partitioning: partitioning, replicas: replicas, previous: previous)
    }

    var description: String {
        "seed \(seed): \(members.count) members in \(Set(members.map(\.zone)).count) zones, N \(replicas), "
            + "Q \(partitioning.count), \(differentWeights ? "different" : "equal") weights"
    }
}

/// How many memberships a property is tried on: optimised code tries more.
func tries(_ count: Int) -> Int {
    #if DEBUG
        count
    #else
        count * 10
    #endif
}

extension SlotTable {
    func rows() -> [[MemberID]] { (0..<partitionCount).map { Array(holders(of: $0)) } }

    /// The slots of each member, in order of ``members``.
    func loads() -> [Int] {
        var loads: [MemberID: Int] = [:]
        for holder in rows().joined() { loads[holder, default: 0] += 1 }
        return members.map { loads[$0.id] ?? 0 }
    }
}
