import NIOCore
import Node

/// One request of one client, as the client knows it: what it asked, when, on the strength of which read, and what came
/// back.
struct Operation {
    enum Kind: Equatable {
        case get
        case put
        case delete
    }

    enum Condition: Equatable {
        /// There is no object.
        case absent
        /// Nothing newer is there than what the client had seen.
        case unchanged
    }

    enum Outcome: Equatable {
        case open
        /// A get, or a delete that found nothing.
        case found(values: [UInt32])
        case notFound
        case done
        /// Certainly not done.
        case refused(String)
        /// Whether it was done is not known.
        case unknown(String)
    }

    let number: Int
    let client: Int
    /// Index into the layout's keys.
    let key: Int
    let node: Int
    var kind: Kind
    let invoked: UInt64
    /// A put's value: its own unique number first, then what its application adds.
    var value: [UInt32] = []
    /// The sealed context sent along, and what the client had seen when it got that context.
    var context: ByteBuffer?
    var seen = DotSet()
    /// A put's, if it has one.
    var condition: Condition?
    /// The writes whose values it had seen with that context.
    var seenWrites: [Int] = []
    /// What the answer showed, and its context covers.
    var shown = DotSet()
    var r: Quorum?
    var pr: Quorum?
    var w: Quorum?
    var pw: Quorum?
    var dw: Quorum?
    var basicQuorum: Bool?
    var notFoundOK: Bool?
    var timeoutMilliseconds: Int
    var outcome = Outcome.open
    /// The write's number among its key's, once it was minted.
    var mint: Int?
    /// What each node held of the key when a read began, and how often each had lost something by then.
    var heldAtStart: [DotSet] = []
    var lossesAtStart: [Int] = []
    /// By node: the damage that its copy had when a read began; 0 for none.
    var damageAtStart: [Int] = []
    /// When the answer came.
    var answered: UInt64?
    /// The process that took the request.
    var process: Int?

    /// Its coordinator reads before it writes.
    var reads: Bool { kind == .get || condition != nil || (kind == .delete && context == nil) }

    init(
        number: Int, client: Int, key: Int, node: Int, kind: Kind, invoked: UInt64, timeoutMilliseconds: Int
    ) {
        self.number = number
        self.client = client
        self.key = key
        self.node = node
        self.kind = kind
        self.invoked = invoked
        self.timeoutMilliseconds = timeoutMilliseconds
    }
}
