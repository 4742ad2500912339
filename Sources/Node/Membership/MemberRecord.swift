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
