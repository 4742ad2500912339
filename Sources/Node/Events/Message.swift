public import Placement
public import Versions

/// What nodes say to each other. The server encodes it, the simulator hands it over; either may lose, delay, repeat or
/// reorder it.
public enum Message: Sendable {
    /// "I started as this": answered by ``startConfirmed(_:)`` once remembered, or by ``startConflict(_:)``; not at all
    /// by a node that knows of no earlier start and so could not object.
    case startAnnounced(StartRecord)
    /// The announced start is remembered durably, and no later one was known.
    case startConfirmed(StartRecord)
    /// The receiver of the announcement knows this start of the sender, which the sender does not: it runs on an old
    /// copy of its data.
    case startConflict(StartRecord)

    case fetch(Fetch)
    case fetched(Fetched)
    case replicate(Replicate)
    case replicated(Replicated)
    case forward(Forward)
    case forwarded(Forwarded)

    case askTrees(TreeInquiry)
    case treesAnswered(TreeReport)

    /// "Are you there?": answered at once by ``probed``.
    case probe
    case probed
}

extension Message {
    /// Whether it answers something that its receiver had sent: a sign that both directions work.
    var isAnswer: Bool {
        switch self {
        case .startConfirmed, .startConflict, .fetched, .replicated, .forwarded, .treesAnswered, .probed: true
        case .startAnnounced, .fetch, .replicate, .forward, .askTrees, .probe: false
        }
    }
}

/// One start of a node. Peers remember the highest they were told of (design: truth 4).
public struct StartRecord: Hashable, Sendable {
    /// Raised at every start, durably, before anything is served.
    public var number: UInt64
    /// Drawn anew at every start: tells two starts of the same number apart, which only a copied data folder can have.
    public var session: UInt64
    public var incarnation: UInt64

    public init(number: UInt64, session: UInt64, incarnation: UInt64) {
        self.number = number
        self.session = session
        self.incarnation = incarnation
    }

    /// A number or incarnation that no node reaches by starting: one a millisecond for a thousand years is less.
    public var isPlausible: Bool { number < 1 << 48 && incarnation >> 32 < 1 << 31 }
}

/// Names a request within one start of the node that sent it, so that an answer to an earlier start is recognised.
public typealias Correlation = UInt64

/// A coordinator asks a holder for its copy, or a stand-in for what it keeps.
public struct Fetch: Sendable {
    public var correlation: Correlation
    public var key: ObjectKey
    /// Holders that cannot be reached: the receiver is asked for what it keeps for them. Empty: it is a holder.
    public var standingInFor: [MemberID]

    public init(correlation: Correlation, key: ObjectKey, standingInFor: [MemberID] = []) {
        self.correlation = correlation
        self.key = key
        self.standingInFor = standingInFor
    }
}

public struct Fetched: Sendable {
    public var correlation: Correlation
    public var result: Result<VersionedObject?, ReplicaFailure>

    public init(correlation: Correlation, result: Result<VersionedObject?, ReplicaFailure>) {
        self.correlation = correlation
        self.result = result
    }
}

/// A coordinator hands a holder a version to merge.
public struct Replicate: Sendable {
    public var correlation: Correlation
    public var key: ObjectKey
    public var object: VersionedObject
    public var durability: WriteDurability
    /// The holder for which the receiver is to keep it (Dynamo §4.6: the hint); nil: it is a holder itself.
    public var standingInFor: MemberID?

    public init(
        correlation: Correlation, key: ObjectKey, object: VersionedObject, _ durability: WriteDurability,
        standingInFor: MemberID? = nil
    ) {
        self.correlation = correlation
        self.key = key
        self.object = object
        self.durability = durability
        self.standingInFor = standingInFor
    }
}

public struct Replicated: Sendable {
    public var correlation: Correlation
    /// Whether the version was synced.
    public var result: Result<Bool, ReplicaFailure>

    public init(correlation: Correlation, result: Result<Bool, ReplicaFailure>) {
        self.correlation = correlation
        self.result = result
    }
}

/// Why a replica did not do what a coordinator asked.
public enum ReplicaFailure: Error, Hashable, Sendable {
    case storage(StorageFailure)
    /// The replica's own configuration has no such bucket type.
    case unknownBucketType
    /// A stamp further ahead of the replica's clock than the allowed skew: one of the two clocks is wrong.
    case stampAhead(milliseconds: UInt64)
    /// The link went down before the answer came: it may have been done.
    case linkLost
}

extension ReplicaFailure {
    /// Whether somebody else can take what this replica did not. Not what it would refuse later, too; nor what is too
    /// much for it now, which would be too much for the next one, and come back as a hint.
    var callsForStandIn: Bool {
        switch self {
        case .linkLost: true
        case .unknownBucketType, .stampAhead: false
        case .storage(let failure):
            switch failure {
            case .damaged, .full, .ended, .failed, .hintsFull: true
            case .tooLarge, .tooManySiblings, .conditionFailed, .overloaded: false
            }
        }
    }
}

/// A node outside the preference list hands a write to a holder, which coordinates it.
public struct Forward: Sendable {
    public var correlation: Correlation
    /// The sender's start and the place of this message among all that it forwarded to this receiver in that start:
    /// what the receiver tells repeated messages by. A write must not be minted twice.
    public var start: UInt64
    public var sequence: UInt64
    /// The session of the receiver's start for which it is meant: a later start knows nothing of the numbers that came
    /// before it, and would take a repeated message for a new one.
    public var receiver: UInt64
    public var request: ClientRequest

    public init(
        correlation: Correlation, start: UInt64, sequence: UInt64, receiver: UInt64, request: ClientRequest
    ) {
        self.correlation = correlation
        self.start = start
        self.sequence = sequence
        self.receiver = receiver
        self.request = request
    }
}

public struct Forwarded: Sendable {
    public var correlation: Correlation
    public var reply: ClientReply

    public init(correlation: Correlation, reply: ClientReply) {
        self.correlation = correlation
        self.reply = reply
    }
}

/// A holder asks another one about its trees (Dynamo §4.7).
public struct TreeInquiry: Sendable {
    public var correlation: Correlation
    /// By its name: nodes need not number their stores alike.
    public var store: String
    /// Says which bucket types are in the store, and with how many replicas: trees of others cannot be compared.
    public var types: UInt64
    public var question: TreeQuestion

    public init(correlation: Correlation, store: String, types: UInt64, question: TreeQuestion) {
        self.correlation = correlation
        self.store = store
        self.types = types
        self.question = question
    }
}

public struct TreeReport: Sendable {
    public var correlation: Correlation
    public var answer: TreeAnswer

    public init(correlation: Correlation, answer: TreeAnswer) {
        self.correlation = correlation
        self.answer = answer
    }
}
