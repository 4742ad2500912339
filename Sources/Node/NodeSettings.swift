public import Placement
public import Versions

/// What a node is made with.
public struct NodeSettings: Sendable {
    public var map: ClusterMap
    public var bucketTypes: BucketTypes
    /// The store of hints: the index behind those of the bucket types' stores.
    public var hintStore: Int
    /// Key of the keyed hash in contexts, the same on all nodes of the cluster.
    public var contextKey: ContextKey
    /// For requests that state none.
    public var timeoutMilliseconds = 10_000
    /// How long a get waits for the replicas it asked before it asks another.
    public var hedgeMilliseconds = 30
    /// How long a put waits for the replicas it was sent to before others stand in for the slow, and how long it is
    /// kept behind its answer.
    public var putHedgeMilliseconds = 250
    /// How long a get that has answered waits for late replies, to repair what they show.
    public var lateReplyMilliseconds = 500
    /// How long a start waits for its peers' confirmation before it goes on as a new incarnation.
    public var startConfirmationMilliseconds = 2_000
    public var treeShape: TreeShape
    /// From one comparison of all trees with a peer to the next.
    public var treeRoundMilliseconds = 10_000
    /// How long leaves that differ are left alone before they are looked at again.
    public var treeSettleMilliseconds = 1_000
    /// In which every record of a store is read once, to find what no client asks for.
    public var treeRereadMilliseconds = 7 * 24 * 3_600_000
    /// No request waits longer, whatever it states.
    public var maximumTimeoutMilliseconds = 600_000
    /// Requests coordinated at a time; more are refused as overload.
    public var maximumRequests = 16_384
    /// Storage operations done for other coordinators at a time.
    public var maximumReplicaOperations = 65_536
    /// Of names, in bytes. With all of them escaped, a record's key still fits the engines' limit.
    public var maximumTypeLength = 255
    public var maximumBucketLength = 512
    public var maximumKeyLength = 2_048

    /// From one partition's turn to the next one's.
    var rereadMilliseconds: Int { max(1, treeRereadMilliseconds / map.partitioning.count) }

    public init(map: ClusterMap, bucketTypes: BucketTypes, hintStore: Int, contextKey: ContextKey) {
        self.map = map
        self.bucketTypes = bucketTypes
        self.hintStore = hintStore
        self.contextKey = contextKey
        treeShape = TreeShape(partitions: map.partitioning.count)
    }
}
