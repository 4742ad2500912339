import NIOCore
public import Placement

/// What a member says of itself, and nobody else does: of two records the later one is right.
public struct MemberRecord: Hashable, Sendable {
    public var member: MemberID
    public var name: String
    /// Its start, and how often it has changed its record in that.
    public var start: UInt64
    public var sequence: UInt32
    public var incarnation: UInt64
    /// `host:port` where other members reach it.
    public var address: String
    /// The stores that its configuration has, sorted.
    public var stores: [String]

    public init(
        member: MemberID, name: String, start: UInt64, sequence: UInt32 = 0, incarnation: UInt64, address: String,
        stores: [String]
    ) {
        self.member = member
        self.name = name
        self.start = start
        self.sequence = sequence
        self.incarnation = incarnation
        self.address = address
        self.stores = stores.sorted()
    }

    /// An incarnation goes before a start: a member that begins anew on an empty disk counts its starts anew.
    func isLater(than other: MemberRecord) -> Bool {
        (incarnation >> 32, start, UInt64(sequence)) > (other.incarnation >> 32, other.start, UInt64(other.sequence))
    }
}

/// An act on the members, by an operator or by what follows from one; a fact, once it is made (Dynamo §4.8.1: "the node
/// that serves the request writes the membership change and its time of issue to persistent store"). What it comes to
/// is worked out from all of them (``MembershipView``).
public struct MembershipChange: Hashable, Sendable {
    /// When and where it was made: its name, and its place in the order of all changes.
    public struct ID: Hashable, Comparable, Sendable {
        /// ``HybridTime``, as a number.
        public var stamp: UInt64
        public var place: MemberID

        public init(stamp: UInt64, place: MemberID) {
            self.stamp = stamp
            self.place = place
        }

        public static func < (left: ID, right: ID) -> Bool {
            (left.stamp, left.place) < (right.stamp, right.place)
        }
    }

    public enum Act: Hashable, Sendable {
        case join(MemberID, name: String, zone: String, weight: Double)
        case leave(MemberID)
        /// Without its consent: it is gone for good.
        case remove(MemberID)
        /// The second takes the first one's place; the first is gone for good.
        case replace(MemberID, by: MemberID)
        case weight(MemberID, Double)
        case zone(MemberID, String)
        /// The staged acts that take effect.
        case commit([ID])
        /// Staged acts that will not, and committed ones that are to be undone as far as they have not happened.
        case abort([ID])
        /// A leaving member holds nothing any more.
        case left(MemberID)
    }

    public var id: ID
    public var act: Act

    public init(id: ID, act: Act) {
        self.id = id
        self.act = act
    }
}

/// Anything that travels by gossip: known by its key, and told apart from an older one by its hash.
public enum GossipItem: Hashable, Sendable {
    case member(MemberRecord)
    case change(MembershipChange)

    public struct Key: Hashable, Comparable, Sendable {
        public enum Kind: UInt8, Sendable {
            case member = 1
            case change = 2
        }

        public var kind: Kind
        public var high: UInt64
        public var low: UInt64

        public init(kind: Kind, high: UInt64, low: UInt64) {
            self.kind = kind
            self.high = high
            self.low = low
        }

        public static func < (left: Key, right: Key) -> Bool {
            (left.kind.rawValue, left.high, left.low) < (right.kind.rawValue, right.high, right.low)
        }
    }

    public var key: Key {
        switch self {
        case .member(let record): Key(kind: .member, high: record.member.rawValue, low: 0)
        case .change(let change): Key(kind: .change, high: change.id.stamp, low: change.id.place.rawValue)
        }
    }

    /// Whether it takes the place of `other`, which has the same key. An order of all items with that key, so that all
    /// nodes keep the same one, whatever they see first.
    func replaces(_ other: GossipItem) -> Bool {
        if case .member(let mine) = self, case .member(let old) = other {
            if mine.isLater(than: old) { return true }
            if old.isLater(than: mine) { return false }
        }
        // The same member, or the same stamp at the same place, twice: two lives that know nothing of each other.
        return hash > other.hash
    }

    /// The first 8 bytes of the MD5 of ``encoded()``.
    var hash: UInt64 { KeyHash(hashing: encoded()).high }
}
