public import CoreMetrics
public import NIOCore
public import Node
public import Placement

/// What the client doors ask of the node they stand before. They see neither event loops nor storage.
public protocol NodeService: Sendable {
    /// Answers within the request's timeout; after the node has stopped, with ``RequestFailure/notReady``.
    func perform(_ request: ClientRequest) async -> ClientReply

    /// The same without a task for each request. `reply` is called once, in whatever thread the node answers.
    func perform(_ request: ClientRequest, reply: @escaping @Sendable (ClientReply) -> Void)

    /// Where an object lives, by the cluster as this node knows it.
    func location(of key: ObjectKey) throws(RequestFailure) -> ObjectLocation

    func status() async -> NodeStatus

    /// Where a door records what it has to tell, to be told with the node's figures.
    var meters: any MetricsFactory { get }

    /// The node's figures in Prometheus' text format.
    func metrics() async -> ByteBuffer

    /// True when the node's event loop has answered, false where it is gone.
    func isAlive() async -> Bool

    /// Why the node may not serve reads or mint writes, a line each; empty: it may.
    func lacking() async -> [String]
}

/// An object's way from its key to its nodes (Dynamo §4.2, §4.3).
public struct ObjectLocation: Sendable, Codable, Equatable {
    public struct Place: Sendable, Codable, Equatable {
        public var node: String
        public var address: String
        public var zone: String
        /// The slot it holds; nil for a stand-in.
        public var slot: Int?
        /// Whether this node has a link to it, or is it.
        public var reachable: Bool
    }

    /// Hexadecimal.
    public var hash: String
    public var partition: Int
    public var partitions: Int
    /// The first `n` are the holders, in slot order.
    public var n: Int
    public var preferenceList: [Place]
}

/// What `rotor status` and `/stats` tell.
public struct NodeStatus: Sendable, Codable, Equatable {
    public struct Peer: Sendable, Codable, Equatable {
        public var name: String
        public var member: String
        public var address: String
        public var zone: String
        public var weight: Double
        public var linked: Bool
        /// As this node sees it: up, suspect or down.
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
        /// Operations waiting for the writer and for the readers.
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
