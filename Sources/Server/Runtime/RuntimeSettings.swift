public import Engines
public import Node
public import Storage

/// What a node's runtime is started with; what the configuration comes down to.
public struct RuntimeSettings: Sendable {
    public struct Store: Sendable, Equatable {
        /// Safe as a folder's name.
        public var name: String
        public var engine: EngineKind
        public var writePath: WritePath
        public var options: EngineOptions

        /// - Parameter writePath: Nil: the engine's usual one.
        public init(
            name: String, engine: EngineKind, writePath: WritePath? = nil, options: EngineOptions = EngineOptions()
        ) {
            self.name = name
            self.engine = engine
            self.writePath = writePath ?? .usual(for: engine)
            self.options = options
        }
    }

    public var nodeName: String
    /// The data folder.
    public var dataPath: String
    /// Where the other members reach this node. Port 0 lets the system choose.
    public var clusterAddress: NetworkAddress
    /// With this node among the founders. Counts at the first start only, but for the members' addresses.
    public var founding: Founding
    public var stores: [Store]
    public var bucketTypes: [BucketType]
    /// Where the node keeps what it takes for holders that cannot be reached, and how much of it.
    public var hintStore = Store(name: DataFolder.hints, engine: .lmdb)
    public var hintLimits = HintLimits()
    /// Shared by all nodes, to seal contexts with. Without one, a key that follows from the founding takes its place:
    /// it guards against mistakes, such as a context of another cluster, not against attackers.
    public var secret: ClusterSecret?
    public var peers = PeerSettings()
    /// Operations that may wait for a store's writer and for its readers.
    public var waitingWrites = 16_384
    public var waitingReads = 16_384
    /// Bytes of values that may wait for a store's writer.
    public var waitingBytes = 128 << 20
    public var readersPerStore = 4
    /// How long a stop waits for requests under way, and for the doors.
    public var drainMilliseconds = 10_000
    /// How long a start waits for the other members to confirm that this node is not an old copy of itself.
    public var startConfirmationMilliseconds = 2_000
    /// A request that takes as long is logged; 0: none is.
    public var slowRequestMilliseconds = 500
    /// What reads a store before it is opened, after a run that ended by a fault or by a failed sync. Nil: nothing
    /// does, and faults leave no mark.
    public var verification: StoreVerification?
    /// What opens a store's engine: tests put engines in between whose disk fails.
    var openEngine: EngineOpening = { (store, path) throws(EngineError) in
        try EngineFactory.open(store.engine, at: path, writePath: store.writePath, options: store.options)
    }

    typealias EngineOpening =
        @Sendable (Store, _ path: String) throws(EngineError) -> any LocalPersistenceEngine

    public init(
        nodeName: String, dataPath: String, clusterAddress: NetworkAddress, founding: Founding, stores: [Store],
        bucketTypes: [BucketType]
    ) {
        self.nodeName = nodeName
        self.dataPath = dataPath
        self.clusterAddress = clusterAddress
        self.founding = founding
        self.stores = stores
        self.bucketTypes = bucketTypes
    }
}
