public import NIOCore
import Placement
public import Versions

/// What the paper calls an instance of Dynamo (§5, §6): one application's N, R, W, conflict policy and store.
public struct BucketType: Hashable, Sendable {
    public var name: String
    /// The name of the store that holds its objects. It never changes.
    public var store: String
    /// Replicas: the first n slots of a partition, n at most the cluster's N.
    public var n: Int
    public var r = Quorum.quorum
    public var w = Quorum.quorum
    public var pr = Quorum.count(0)
    public var pw = Quorum.count(0)
    public var dw = Quorum.quorum
    public var basicQuorum = false
    public var notFoundOK = true
    public var policy = ConflictPolicy.siblings
    /// Bytes of one value with its metadata.
    public var maximumObjectBytes = 5 << 20
    /// A write that would leave more siblings is refused.
    public var maximumSiblings = 100
    /// Dynamo §4.4: entries of a version vector beyond this number are dropped, oldest first. Nil: never.
    public var vectorLimit: Int?

    public init(name: String, store: String, n: Int) {
        self.name = name
        self.store = store
        self.n = n
    }
}

/// The bucket types a node knows, found by the bytes of their name.
public struct BucketTypes: Sendable {
    private let types: [BucketType]
    private let stores: [Int]
    let storeNames: [String]
    private let positions: [ByteBuffer: Int]

    /// - Parameter stores: The node's store names; a type's store is its index among them.
    /// - Throws: The first type whose store is not among them.
    public init(_ types: [BucketType], stores: [String]) throws(UnknownStore) {
        self.types = types.sorted { $0.name < $1.name }
        var indices: [Int] = []
        var positions: [ByteBuffer: Int] = [:]
        for (position, type) in self.types.enumerated() {
            guard let store = stores.firstIndex(of: type.store) else {
                throw UnknownStore(bucketType: type.name, store: type.store, known: stores)
            }
            indices.append(store)
            positions[ByteBuffer(string: type.name)] = position
        }
        self.stores = indices
        storeNames = stores
        self.positions = positions
    }

    public var all: [BucketType] { types }

    func position(named name: ByteBuffer) -> Int? { positions[name] }

    subscript(position: Int) -> BucketType { types[position] }

    func store(of position: Int) -> Int { stores[position] }

    /// By name, the n of the types in a store.
    public func replicas(inStore store: Int) -> [ByteBuffer: Int] {
        var replicas: [ByteBuffer: Int] = [:]
        for (position, type) in types.enumerated() where stores[position] == store {
            replicas[ByteBuffer(string: type.name)] = type.n
        }
        return replicas
    }

    /// The same where the store has the same types with the same n.
    func replicasHash(inStore store: Int) -> UInt64 {
        var bytes = ByteBuffer()
        for (position, type) in types.enumerated() where stores[position] == store {
            bytes.writeInteger(UInt32(type.name.utf8.count))
            bytes.writeString(type.name)
            bytes.writeInteger(UInt32(type.n))
        }
        return KeyHash(hashing: bytes).high
    }

    /// The n of the types in a store that have several replicas, ascending.
    func treeCounts(inStore store: Int) -> [Int] {
        Set(types.indices.filter { stores[$0] == store && types[$0].n > 1 }.map { types[$0].n }).sorted()
    }
}

public struct UnknownStore: Error, Sendable, CustomStringConvertible {
    public var bucketType: String
    public var store: String
    public var known: [String]

    public var description: String {
        "bucket type '\(bucketType)' names the store '\(store)', which is not configured here;"
            + " configured are \(known.joined(separator: ", "))"
    }
}
