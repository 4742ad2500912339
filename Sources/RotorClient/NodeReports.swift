/// An object's way from its key to its nodes (Dynamo §4.2, §4.3), as the node that was asked knows the cluster.
public struct ObjectWhereabouts: Sendable, Codable, Equatable {
    public struct Place: Sendable, Codable, Equatable {
        public var node: String
        /// Where it listens for the other members.
        public var address: String
        public var zone: String
        /// Whether it is a holder; the others stand in.
        public var primary: Bool
        /// The slot it holds; nil for a stand-in.
        public var slot: Int?
        /// Whether the node that was asked has a link to it, or is it.
        public var reachable: Bool
    }

    /// Hexadecimal.
    public var hash: String
    public var partition: Int
    public var partitions: Int
    /// Of the bucket type: the first `n` places hold the object.
    public var n: Int
    /// Holders in slot order, then stand-ins in the order in which they are asked.
    public var preflist: [Place]
}

/// A node's view of itself, its stores and its cluster.
public struct NodeReport: Sendable, Codable, Equatable {
    public struct Peer: Sendable, Codable, Equatable {
        public var name: String
        public var member: String
        public var address: String
        public var zone: String
        public var weight: Double
        public var linked: Bool
        /// As the node that was asked sees it: up, suspect or down.
        public var state: String
        /// Partitions of which it holds a slot.
        public var partitions: Int
    }

    /// What the node keeps for other members now.
    public struct Hints: Sendable, Codable, Equatable {
        public var count: Int
        public var bytes: Int
    }

    public struct Store: Sendable, Codable, Equatable {
        public var name: String
        public var engine: String
        public var writePath: String
        public var entries: Int
        public var diskBytes: Int
        public var commits: Int
        public var syncs: Int
        public var writes: Int
        public var damagedRecords: Int
        public var failedGroups: Int
        public var waitingWrites: Int
        public var waitingReads: Int
        /// What is in memory on its way to the engine, and the log's files.
        public var bufferedObjects: Int
        public var bufferedBytes: Int
        public var logBytes: Int
        /// Why the store does not work, if it does not.
        public var failure: String?
    }

    public var node: String
    public var member: String
    public var incarnation: String
    public var start: UInt64
    /// Whether it may mint versions.
    public var ready: Bool
    public var cluster: String
    public var clusterID: String
    public var partitions: Int
    public var n: Int
    /// Fewer than `n` while the cluster has fewer members.
    public var replicas: Int
    public var peers: [Peer]
    public var stores: [Store]
    public var hints: Hints
    public var bucketTypes: [String]
    public var uptimeSeconds: Int
    public var requestsInFlight: Int
    /// Counters since the start, by name.
    public var counters: [String: Int]
    /// Gets that returned one version, two, three, and four or more (Dynamo §6.3).
    public var versionsReturned: [Int]
}

/// `/stats` has Riak's names beside it, which nobody here needs.
struct StatsAnswer: Decodable {
    var rotor: NodeReport
}
