import NIOCore
import Node
import Placement
import Storage
import Versions

/// What a run's cluster is made of: members, bucket types, and the keys that its clients fight over.
struct ClusterLayout {
    struct Key {
        let key: ObjectKey
        /// Index into ``types``.
        let type: Int
        let usage: KeyUsage
        /// Node indices of its holders, in slot order.
        let holders: [Int]
        let partition: Int
        /// Where a store has its record.
        let recordKey: ByteBuffer
    }

    static let stores = ["main", "other", "hints"]
    /// Behind the stores that bucket types name.
    static let hintStore = 2

    let map: ClusterMap
    /// Node index to member, in the members' order.
    let members: [MemberID]
    /// In the order of their names, as the node has them.
    let types: [BucketType]
    let keys: [Key]
    /// Indices of those that clients work on.
    let workingKeys: [Int]
    let workload: WorkloadPlan
    let contextKey: ContextKey
    /// Nodes have little room for requests: overload is part of the run.
    let isTight: Bool

    /// - Parameters:
    ///   - zones: How many the nodes are spread over, one after the other; nil: each has one of its own.
    ///   - isPlain: Bucket types with the usual numbers, and nodes with room.
    init(
        nodes: Int, zones: Int? = nil, workload: WorkloadPlan, isPlain: Bool = false,
        generator: inout SeededGenerator
    ) {
        self.workload = workload
        contextKey = ContextKey(generator.next(), generator.next())
        isTight = generator.chance(100) && !isPlain
        do {
            let partitioning = try Partitioning(count: 8)
            let target = EqualPartitionsStrategy().target(
                members: Self.founders(nodes, zones: zones), partitioning: partitioning, replicas: 3, previous: nil)
            map = ClusterMap(partitioning: partitioning, table: target.table, replicas: 3)
        } catch {
            preconditionFailure("a simulated cluster of \(nodes) nodes cannot be: \(error)")
        }
        members = map.members.map(\.id)
        types = Self.makeTypes(isPlain: isPlain, &generator)
        var keys: [Key] = []
        for usage in workload.usages {
            for _ in 0..<workload.keysEach {
                keys.append(Self.key(keys.count, usage, type: Self.type(for: usage), types, map, members))
            }
        }
        workingKeys = Array(keys.indices)
        for type in types.indices { keys.append(Self.key(keys.count, .probe, type: type, types, map, members)) }
        self.keys = keys
    }

    static func founders(_ count: Int, zones: Int? = nil) -> [Member] {
        let names = ["ada", "ben", "cleo", "dora", "emil", "fay", "gus", "hal"]
        do {
            return try names.prefix(count).enumerated().map { index, name in
                try Member(
                    id: MemberID.founding(cluster: "simulated", name: name), name: name,
                    zone: "zone-\(names[index % max(1, zones ?? count)])")
            }
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private static func type(for usage: KeyUsage) -> Int {
        switch usage {
        case .cart, .counter, .conditional, .probe: 0
        case .blind, .deletions: 1
        case .anything: 2
        }
    }

    private static func key(
        _ number: Int, _ usage: KeyUsage, type: Int, _ types: [BucketType], _ map: ClusterMap, _ members: [MemberID]
    ) -> Key {
        let key = ObjectKey(type: types[type].name, bucket: "\(usage)", key: "key-\(number)")
        let partition = map.partition(of: key)
        let holders = map.holders(of: partition, n: types[type].n).compactMap { members.firstIndex(of: $0) }
        return Key(
            key: key, type: type, usage: usage, holders: holders, partition: partition,
            recordKey: RecordKey.object(key, partition: partition))
    }

    private static func makeTypes(isPlain: Bool, _ generator: inout SeededGenerator) -> [BucketType] {
        var carts = BucketType(name: "carts", store: "main", n: 3)
        var notes = BucketType(name: "notes", store: "main", n: isPlain ? 3 : generator.pick([1, 2, 3, 3, 3]))
        var prices = BucketType(name: "prices", store: "other", n: 3)
        prices.policy = .lastWriteWins
        if isPlain { return [carts, notes, prices] }
        carts.dw = generator.pick([.quorum, .quorum, .one, .count(0)])
        notes.dw = generator.pick([.quorum, .one, .count(0)])
        prices.dw = generator.pick([.quorum, .count(0)])
        notes.notFoundOK = generator.chance(700)
        notes.basicQuorum = generator.chance(300)
        notes.maximumSiblings = generator.pick([4, 100])
        return [carts, notes, prices]
    }

    func store(ofType type: Int) -> Int { types[type].store == Self.stores[0] ? 0 : 1 }

    /// What a quorum comes to for a key: for the checkers, by the words of the documentation, not by the node's code.
    func promised(_ quorum: Quorum?, default standard: Quorum, of key: Key) -> Int {
        let n = key.holders.count
        switch quorum ?? standard {
        case .count(let count): return min(count, n)
        case .one: return 1
        case .quorum: return n / 2 + 1
        case .all: return n
        }
    }

    /// - Parameter bug: What is planted: some would be mended before anybody notices.
    func settings(_ bug: PlantedBug?) -> NodeSettings {
        do {
            var settings = NodeSettings(
                map: map, bucketTypes: try BucketTypes(types, stores: Array(Self.stores.prefix(Self.hintStore))),
                hintStore: Self.hintStore, contextKey: contextKey)
            settings.treeShape = TreeShape(levels: 2)
            settings.treeRereadMilliseconds = bug == .leafNotUpdated ? 1 << 40 : 60_000
            if bug == .dotReusedAfterCrash {
                settings.treeRoundMilliseconds = 40_000
                settings.treeSettleMilliseconds = 40_000
            }
            if isTight {
                settings.maximumRequests = 8
                settings.maximumReplicaOperations = 8
            }
            return settings
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
