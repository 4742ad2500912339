import NIOCore
import Node
import Placement
import Versions

/// What a run's cluster is made of: members, bucket types, and the few hot keys that its clients fight over.
struct ClusterLayout {
    struct Key {
        let key: ObjectKey
        /// Index into ``types``.
        let type: Int
        /// What clients do to it.
        let usage: KeyUsage
        /// Node indices of its holders, in slot order.
        let holders: [Int]
        let partition: Int
    }

    enum KeyUsage {
        /// Read, union of the siblings, one thing more, write back: nothing is ever taken out.
        case cart
        /// Anything: blind writes, stale contexts, deletes.
        case anything
        /// Written by the run itself at the end, to see that everything works again.
        case probe
    }

    static let stores = ["main", "other"]

    let map: ClusterMap
    /// Node index to member, in the members' order.
    let members: [MemberID]
    /// In the order of their names, as the node has them.
    let types: [BucketType]
    let keys: [Key]
    let contextKey: ContextKey

    init(nodes: Int, generator: inout SeededGenerator) {
        contextKey = ContextKey(generator.next(), generator.next())
        do {
            let names = ["ada", "ben", "cleo", "dora", "emil", "fay", "gus", "hal"]
            let members = try names.prefix(nodes).map { name in
                try Member(
                    id: MemberID.founding(cluster: "simulated", name: name), name: name, zone: "zone-\(name)")
            }
            let partitioning = try Partitioning(count: 8)
            let target = EqualPartitionsStrategy().target(
                members: members, partitioning: partitioning, replicas: 3, previous: nil)
            map = ClusterMap(partitioning: partitioning, table: target.table, replicas: 3)
        } catch {
            preconditionFailure("a simulated cluster of \(nodes) nodes cannot be: \(error)")
        }
        let ids = map.members.map(\.id)
        let types = Self.makeTypes(&generator)
        var keys: [Key] = []
        for (type, usages) in [
            (0, [KeyUsage.cart, .cart, .probe]), (1, [.anything, .anything, .probe]), (2, [.anything, .probe]),
        ] {
            for (number, usage) in usages.enumerated() {
                let key = ObjectKey(type: types[type].name, bucket: "hot", key: "key-\(number)")
                let partition = map.partition(of: key)
                let holders = map.holders(of: partition, n: types[type].n).compactMap { ids.firstIndex(of: $0) }
                keys.append(Key(key: key, type: type, usage: usage, holders: holders, partition: partition))
            }
        }
        members = ids
        self.types = types
        self.keys = keys
    }

    private static func makeTypes(_ generator: inout SeededGenerator) -> [BucketType] {
        var carts = BucketType(name: "carts", store: "main", n: 3)
        var notes = BucketType(name: "notes", store: "main", n: generator.pick([1, 2, 3, 3, 3]))
        var prices = BucketType(name: "prices", store: "other", n: 3)
        prices.policy = .lastWriteWins
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

    func settings() -> NodeSettings {
        do {
            return NodeSettings(
                map: map, bucketTypes: try BucketTypes(types, stores: Self.stores), contextKey: contextKey)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
