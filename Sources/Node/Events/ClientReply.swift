public import NIOCore
public import Versions

/// What the node answers to a client request.
public enum ClientReply: Sendable {
    /// Among the siblings may be tombstones, never only those.
    case found(FoundObject)
    /// No object, or only tombstones: then with the sealed context that covers them.
    case notFound(context: ByteBuffer?)
    /// With the object as it is after the write, where that was asked for (`returnBody`).
    case stored(FoundObject?)
    case deleted
    case failed(RequestFailure)
}

/// An object with all its siblings, and the sealed context that covers them.
public struct FoundObject: Sendable {
    public var object: VersionedObject
    public var context: ByteBuffer

    public init(object: VersionedObject, context: ByteBuffer) {
        self.object = object
        self.context = context
    }
}

/// Why a request was not done, with the numbers. What a client can do about it is in ``consequence``.
public enum RequestFailure: Error, Hashable, Sendable {
    case unknownBucketType(String)
    /// A name of `length` bytes; `limit` is the longest allowed, and empty names are not.
    case badName(part: String, length: Int, limit: Int)
    case objectTooLarge(bytes: Int, limit: Int)
    /// More replies asked for than there are replicas.
    case quorumAboveN(QuorumKind, asked: Int, n: Int)
    /// A context that this cluster did not make for this key.
    case contextRefused(String)
    /// Known before anything was written.
    case tooFewReachable(QuorumKind, needed: Int, reachable: Int)
    /// The replicas that could still answer are too few. A write may be on `got` of them.
    case notEnoughReplies(QuorumKind, needed: Int, got: Int)
    case timedOut(QuorumKind, needed: Int, got: Int, milliseconds: Int)
    /// The coordinator that the request was forwarded to was lost before it answered.
    case coordinatorLost(String)
    /// The coordinator's own store, before a version was minted: nothing was written.
    case storage(StorageFailure)
    /// The request could not be handed to its coordinator, which has not seen it.
    case coordinatorUnreachable(String)
    /// A last-write-wins write would be stamped so far ahead of the coordinator's clock that replicas refuse it.
    case clockAhead(milliseconds: UInt64)
    /// A last-write-wins write would be stamped behind the coordinator's clock, and might lose against older ones: its
    /// reservation of stamps ended so long ago, in a pause or by a jump of the clock.
    case clockBehind(milliseconds: UInt64)
    /// The condition of a conditional put does not hold: nothing was written.
    case conditionFailed(ConditionFailure)
    /// The node has started, but does not know yet whether it may mint versions; or it is about to stop.
    case notReady
    case overloaded(waiting: Int, limit: Int)
}

extension RequestFailure {
    public enum Consequence: Sendable {
        /// The request itself is at fault: nothing was done, and the same request fails again.
        case refused
        /// Nothing was written; the same request may succeed later or at another node.
        case unavailable
        /// A write may or may not have happened, and may show up later.
        case outcomeUnknown
    }

    /// A read that fails has no outcome: for `coordinatorLost`, `outcomeUnknown` means `unavailable` there.
    public var consequence: Consequence {
        switch self {
        case .unknownBucketType, .badName, .objectTooLarge, .quorumAboveN, .contextRefused, .conditionFailed: .refused
        case .tooFewReachable, .notReady, .overloaded, .coordinatorUnreachable, .clockAhead, .clockBehind:
            .unavailable
        case .storage(let failure): failure.isRefusal ? .refused : .unavailable
        // A delete or a conditional put reads before it mints.
        case .notEnoughReplies(let kind, _, _), .timedOut(let kind, _, _, _):
            kind == .r || kind == .pr ? .unavailable : .outcomeUnknown
        case .coordinatorLost: .outcomeUnknown
        }
    }
}

extension RequestFailure {
    /// The coordinator's store has minted nothing.
    init(ofMint failure: StorageFailure) {
        if case .conditionFailed(let failure) = failure {
            self = .conditionFailed(failure)
        } else {
            self = .storage(failure)
        }
    }

    /// A coordinator could not mint, for a reason of its own: another one may do the write. Not where it is overloaded:
    /// its load would be the next one's.
    var isCoordinatorsOwn: Bool {
        switch self {
        case .notReady, .coordinatorUnreachable, .clockAhead, .clockBehind: true
        case .storage(let failure): !failure.isRefusal && failure != .overloaded
        case .unknownBucketType, .badName, .objectTooLarge, .quorumAboveN, .contextRefused, .conditionFailed,
            .tooFewReachable, .notEnoughReplies, .timedOut, .coordinatorLost, .overloaded:
            false
        }
    }
}

extension RequestFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unknownBucketType(let name):
            "no bucket type named '\(name)': create it in the configuration's bucket_types"
        case .badName(let part, let length, let limit):
            length == 0 ? "\(part) cannot be zero-length" : "\(part) of \(length) bytes: at most \(limit) are allowed"
        case .objectTooLarge(let bytes, let limit):
            "object of \(bytes) bytes: at most \(limit) are allowed"
        case .quorumAboveN(let kind, let asked, let n):
            "\(kind.rawValue)=\(asked) is more than the \(n) replicas of the bucket type"
        case .contextRefused(let why):
            "context refused: \(why)"
        case .tooFewReachable(let kind, let needed, let reachable):
            "too few replicas can be reached for \(kind.rawValue): needed \(needed), got \(reachable)"
                + (kind == .r || kind == .pr ? "" : "; nothing was written")
        case .notEnoughReplies(let kind, let needed, let got):
            "\(kind.rawValue.uppercased())-value unsatisfied: needed \(needed), got \(got)"
        case .timedOut(let kind, let needed, let got, let milliseconds):
            "request timed out after \(milliseconds) ms: \(kind.rawValue) needed \(needed), got \(got)"
        case .coordinatorLost(let name):
            "the connection to coordinator \(name) was lost before it answered"
        case .coordinatorUnreachable(let name):
            "coordinator \(name) cannot be reached, or takes in too little; nothing was written"
        case .clockAhead(let milliseconds):
            "the write would be stamped \(milliseconds) ms ahead of this node's clock, more than replicas take; nothing"
                + " was written: set the clocks right"
        case .clockBehind(let milliseconds):
            "this node's reservation of stamps ended \(milliseconds) ms ago, and the write might lose against older"
                + " ones; nothing was written: the reservation is being renewed, try again"
        case .conditionFailed(let failure):
            failure.description
        case .storage(let failure):
            failure.description
        case .notReady:
            "the node stops, or starts and is not confirmed by its peers yet; ask another node or try again"
        case .overloaded(let waiting, let limit):
            "overload: \(waiting) requests are waiting, the limit is \(limit); try again later"
        }
    }
}
