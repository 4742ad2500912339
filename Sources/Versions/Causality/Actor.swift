/// Who mints dots: one node, in one of its incarnations, for as long as one record of a key lasts there.
///
/// The paper's vector clocks name nodes (Dynamo §4.4). A node that lost a record, or came back from an old backup,
/// would count again from a number it has used before; the incarnation and the birth make it somebody else instead.
public struct Actor: Hashable, Comparable, Sendable {
    public var node: UInt64
    public var incarnation: UInt64
    /// From a sequence of the node that never gives a number twice within an incarnation (``ActorSource``).
    public var birth: UInt64

    public init(node: UInt64, incarnation: UInt64, birth: UInt64) {
        self.node = node
        self.incarnation = incarnation
        self.birth = birth
    }

    public static func < (left: Actor, right: Actor) -> Bool {
        (left.node, left.incarnation, left.birth) < (right.node, right.incarnation, right.birth)
    }
}

/// The name of one write: the `counter`th of its actor to its key. Counters start at 1 and have no gaps.
public struct Dot: Hashable, Comparable, Sendable {
    public var actor: Actor
    public var counter: UInt64

    public init(actor: Actor, counter: UInt64) {
        self.actor = actor
        self.counter = counter
    }

    public static func < (left: Dot, right: Dot) -> Bool {
        left.actor == right.actor ? left.counter < right.counter : left.actor < right.actor
    }
}

extension Actor: CustomStringConvertible {
    public var description: String { "\(node)/\(incarnation)/\(birth)" }
}

extension Dot: CustomStringConvertible {
    public var description: String { "\(actor):\(counter)" }
}
