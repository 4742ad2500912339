public import NIOCore
public import Placement
public import Versions

/// The driver's name for a client request that it waits for. Unique among the requests in flight.
public struct RequestID: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// What a client asks of the node. An absent option means: as the bucket type says.
public enum ClientRequest: Sendable {
    case get(GetRequest)
    case put(PutRequest)
    case delete(DeleteRequest)

    public var key: ObjectKey {
        switch self {
        case .get(let get): get.key
        case .put(let put): put.key
        case .delete(let delete): delete.key
        }
    }

    public var timeoutMilliseconds: Int? {
        get {
            switch self {
            case .get(let get): get.timeoutMilliseconds
            case .put(let put): put.timeoutMilliseconds
            case .delete(let delete): delete.timeoutMilliseconds
            }
        }
        set {
            switch self {
            case .get(var get):
                get.timeoutMilliseconds = newValue
                self = .get(get)
            case .put(var put):
                put.timeoutMilliseconds = newValue
                self = .put(put)
            case .delete(var delete):
                delete.timeoutMilliseconds = newValue
                self = .delete(delete)
            }
        }
    }
}

public struct GetRequest: Sendable {
    public var key: ObjectKey
    public var r: Quorum?
    public var pr: Quorum?
    /// Answer "not found" as soon as a quorum of replicas has none, instead of waiting for R copies.
    public var basicQuorum: Bool?
    /// Whether a replica without the object counts towards R.
    public var notFoundOK: Bool?
    /// Whether stand-ins are asked for what they keep for holders that cannot be reached; nil: yes.
    public var sloppyQuorum: Bool?
    public var timeoutMilliseconds: Int?

    public init(key: ObjectKey) {
        self.key = key
    }
}

public struct PutRequest: Sendable {
    public var key: ObjectKey
    public var content: Content
    /// The sealed context of an earlier get; nil for a write that has seen nothing.
    public var context: ByteBuffer?
    /// Nil: the put is done whatever is there.
    public var condition: WriteCondition?
    /// Of the read that looks whether the condition holds.
    public var r: Quorum?
    public var pr: Quorum?
    public var w: Quorum?
    public var pw: Quorum?
    public var dw: Quorum?
    /// Whether stand-ins may take the place of holders that cannot be reached; nil: yes.
    public var sloppyQuorum: Bool?
    /// Answer with the object as the coordinator holds it after the write.
    public var returnBody = false
    public var timeoutMilliseconds: Int?

    public init(key: ObjectKey, content: Content, context: ByteBuffer? = nil) {
        self.key = key
        self.content = content
        self.context = context
    }
}

/// What must be there for a write to be done.
///
/// The coordinator reads R replicas, and where the condition holds of what they have, it mints the write on its own
/// copy only if the condition holds there too: of two writes with the same condition through one coordinator, one is
/// done. It is no lock. Through two coordinators both may be done, and then both are kept, as siblings.
public enum WriteCondition: Sendable, Hashable {
    /// No object, or a deleted one.
    case absent
    /// The object that this sealed context was given with, and nothing newer.
    case unchanged(since: ByteBuffer)
}

public struct DeleteRequest: Sendable {
    public var key: ObjectKey
    /// The sealed context of what is to be deleted; nil: the coordinator reads first and deletes what it saw.
    public var context: ByteBuffer?
    /// Nil: whatever is there is deleted.
    public var condition: WriteCondition?
    public var r: Quorum?
    public var pr: Quorum?
    public var w: Quorum?
    public var pw: Quorum?
    public var dw: Quorum?
    /// Whether stand-ins may take the place of holders that cannot be reached; nil: yes.
    public var sloppyQuorum: Bool?
    public var timeoutMilliseconds: Int?

    public init(key: ObjectKey, context: ByteBuffer? = nil) {
        self.key = key
        self.context = context
    }
}
