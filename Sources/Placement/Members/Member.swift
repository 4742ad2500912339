/// A node as placement sees it.
public struct Member: Hashable, Sendable {
    /// How far a member has come. Joining and leaving are explicit acts of an operator (Dynamo §4.8); that a node does
    /// not answer is no status.
    public enum Status: UInt8, Hashable, Sendable, CaseIterable {
        /// Known, but not yet found fit: it is wished nowhere.
        case joining
        /// Wished to hold its share, and a stand-in for others.
        case valid
        /// Wished nowhere; holds and serves what it has not yet passed on, and is no stand-in.
        case leaving
        /// No member any more. Kept in the membership history, so that old gossip does not bring it back.
        case removed
    }

    /// Weights that shares are worked out for.
    public static let allowedWeights = 0.001...1000.0

    public let id: MemberID
    public let name: String
    /// What may fail as one: a rack, a building. Holders of a partition are spread over zones (Dynamo §4.6).
    public let zone: String
    /// Capacity next to the other members' (Dynamo §4.2: work in proportion to capacity).
    public let weight: Double
    public var status: Status

    /// - Throws: ``PlacementError/weight(_:member:)`` if the weight is not in ``allowedWeights``.
    public init(
        id: MemberID, name: String, zone: String, weight: Double = 1, status: Status = .valid
    ) throws(PlacementError) {
        guard Self.allowedWeights.contains(weight) else { throw .weight(weight, member: name) }
        self.id = id
        self.name = name
        self.zone = zone
        self.weight = weight
        self.status = status
    }

    /// Whether the target gives it slots, and whether it stands in for others.
    public var isWished: Bool { status == .valid }
}
