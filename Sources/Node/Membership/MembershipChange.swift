public import Placement

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
