public import Placement
public import Versions

/// The node's name for a storage operation that it waits for.
public struct StorageToken: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// One operation on one key of one store: data, carried out by the object store in the store's writer order, each
/// operation seeing the ones before it.
public struct StorageRequest: Sendable {
    public var token: StorageToken
    /// Index into the stores that the node was made with.
    public var store: Int
    public var partition: Int
    public var key: ObjectKey
    public var place: RecordPlace
    public var operation: StorageOperation

    public init(
        token: StorageToken, store: Int, partition: Int, key: ObjectKey, place: RecordPlace = .own,
        operation: StorageOperation
    ) {
        self.token = token
        self.store = store
        self.partition = partition
        self.key = key
        self.place = place
        self.operation = operation
    }
}

/// Which of a key's records an operation is on.
public enum RecordPlace: Hashable, Sendable {
    /// The one that this node holds.
    case own
    /// The one that it keeps, as a stand-in, for a holder that could not be reached (Dynamo §4.6).
    case hint(for: MemberID)
    /// For reads: what it keeps for any of these holders, merged.
    case hints(for: [MemberID], ConflictPolicy)
}

public enum StorageOperation: Sendable {
    /// Ends with ``StorageCompletion/read(_:_:)``.
    case read
    /// Makes a new version on top of what the store holds: ``StorageCompletion/minted(_:_:)`` as soon as the version
    /// stands in writer order, then ``StorageCompletion/written(_:_:)`` once it is as durable as asked.
    ///
    /// The version may go to other replicas in between: a node that loses it in a crash comes back as a new
    /// incarnation, so its dot is never minted again.
    case mint(Mint, by: Minter, WriteDurability)
    /// Merges a replica's version in: ``StorageCompletion/written(_:_:)``.
    case merge(VersionedObject, ConflictPolicy, WriteDurability)
    /// Removes a hint if it is still what was delivered; nil: if it can't be read.
    /// ``StorageCompletion/written(_:_:)`` either way.
    case dropHint(order: UInt64, delivered: VersionedObject?)
}

/// A page of hints, oldest first.
public struct HintScan: Sendable {
    public var token: StorageToken
    public var store: Int
    public var member: MemberID
    /// ``HintPage/last`` of the page before; 0 for the first.
    public var after: UInt64
    /// The page ends with the hint that reaches either; it has one at least, if there is one.
    public var maximumHints: Int
    public var maximumBytes: Int

    public init(
        token: StorageToken, store: Int, member: MemberID, after: UInt64, maximumHints: Int, maximumBytes: Int
    ) {
        self.token = token
        self.store = store
        self.member = member
        self.after = after
        self.maximumHints = maximumHints
        self.maximumBytes = maximumBytes
    }
}

public struct HintPage: Sendable {
    public struct Hint: Sendable {
        public var key: ObjectKey
        public var partition: Int
        /// Its place in the order of delivery.
        public var order: UInt64
        /// Nil where there is nothing to deliver: the record is damaged, or gone.
        public var object: VersionedObject?

        public init(key: ObjectKey, partition: Int, order: UInt64, object: VersionedObject?) {
            self.key = key
            self.partition = partition
            self.order = order
            self.object = object
        }
    }

    public var hints: [Hint]
    /// Place of the last hint in the order of delivery; nil: there are none behind ``HintScan/after``.
    public var last: UInt64?

    public init(hints: [Hint], last: UInt64?) {
        self.hints = hints
        self.last = last
    }
}

/// When a write is to be on stable storage.
public enum WriteDurability: UInt8, Comparable, Sendable {
    /// At the latest when the store is closed.
    case sometime = 0
    /// As soon as the store can, without delaying the answer (Dynamo §6.1).
    case afterAnswer
    case beforeAnswer

    public static func < (left: WriteDurability, right: WriteDurability) -> Bool { left.rawValue < right.rawValue }
}

/// Who mints: the actor's node and incarnation. The birth is the store's to choose (design: an actor is continued
/// only by the node's own, marked record).
public struct Minter: Hashable, Sendable {
    public var node: UInt64
    public var incarnation: UInt64

    public init(node: UInt64, incarnation: UInt64) {
        self.node = node
        self.incarnation = incarnation
    }
}

public enum StorageCompletion: Sendable {
    case read(StorageToken, VersionedObject?)
    case hints(StorageToken, HintPage)
    case tree(StorageToken, TreeAnswer)
    /// A step of building trees is done; `complete`: there is nothing to build.
    case treesBuilt(StorageToken, complete: Bool)
    case minted(StorageToken, VersionedObject)
    /// The write stands. `durable` says whether it was synced.
    case written(StorageToken, durable: Bool)
    /// Nothing was written, or, after `minted`, nothing that will stay.
    case failed(StorageToken, StorageFailure)

    public var token: StorageToken {
        switch self {
        case .read(let token, _), .hints(let token, _), .tree(let token, _), .treesBuilt(let token, _),
            .minted(let token, _), .written(let token, _), .failed(let token, _):
            token
        }
    }
}

/// Why a store did not do what was asked. Never turned into "not found" or success.
public enum StorageFailure: Error, Hashable, Sendable {
    /// The record's checksum or structure is wrong.
    case damaged
    /// No space left; reads go on.
    case full
    /// The store ended after a failed sync or an I/O error.
    case ended(String)
    case failed(String)
    /// The object is larger than the engine takes.
    case tooLarge(bytes: Int, limit: Int)
    case tooManySiblings(count: Int, limit: Int)
    case conditionFailed(ConditionFailure)
    case overloaded
    /// No room for more hints: another node has to stand in.
    case hintsFull(limit: Int)

    var isRefusal: Bool {
        switch self {
        case .tooLarge, .tooManySiblings, .conditionFailed: true
        case .damaged, .full, .ended, .failed, .overloaded, .hintsFull: false
        }
    }
}

extension StorageFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .damaged: "the stored record is damaged"
        case .full: "the store is full: free space on its disk"
        case .ended(let why): "the store has ended: \(why)"
        case .failed(let why): "the store failed: \(why)"
        case .tooLarge(let bytes, let limit): "object of \(bytes) bytes with its siblings: the store takes \(limit)"
        case .tooManySiblings(let count, let limit):
            "\(count) siblings: at most \(limit) are allowed; read the object, merge them and write it back"
        case .conditionFailed(let failure): failure.description
        case .overloaded: "the store's queue is full"
        case .hintsFull(let limit): "no room for more hints: the limit, of hints or of bytes, is \(limit)"
        }
    }
}
