/// Chooses the actor of each put that this node mints, so that **no dot is ever used twice and no vector covers a dot
/// that its writer had not seen**.
///
/// A write is lost without a sound when its dot was used before (replicas take it for the other write), or when a
/// vector that covers it was made without it (replicas take it for superseded). Both happen when a node goes on
/// counting from a record that is not the very one it last minted in. So it goes on only where the record itself
/// proves that it is, and is born anew as somebody else everywhere else.
///
/// Births come in blocks that are durably reserved, as stamps do in ``HybridClock``. One source a node; stores that
/// mint on threads of their own each take a source over a block of its own.
public struct ActorSource: Sendable {
    public let node: UInt64
    public let incarnation: UInt64
    /// Births below it may be given.
    public private(set) var birthCeiling: UInt64
    public private(set) var nextBirth: UInt64
    /// Births below it are distrusted.
    public private(set) var birthFloor: UInt64

    /// `birthCeiling` is the one made durable before the stop, 0 at a first start; nothing below it is given again.
    ///
    /// `birthFloor` belongs to the incarnation: if the same incarnation goes on after a clean stop, it is the floor
    /// that was in force then.
    public init(node: UInt64, incarnation: UInt64, birthCeiling: UInt64, birthFloor: UInt64) {
        self.node = node
        self.incarnation = incarnation
        self.birthCeiling = birthCeiling
        self.nextBirth = birthCeiling
        self.birthFloor = birthFloor
    }

    /// The actor of a put onto `stored`, this node's own record with its mark; nil if a birth is needed and none is
    /// reserved. To be asked in writer order, with the record as the updates before it left it.
    public mutating func actor(onto stored: VersionedObject?, mark: MintMark?, context: Context?) -> Actor? {
        continued(onto: stored, mark: mark, context: context) ?? fresh(unknownTo: stored, context)
    }

    /// The actor that last minted in this record, if it may go on.
    public func continued(onto stored: VersionedObject?, mark: MintMark?, context: Context?) -> Actor? {
        // Without record or mark: a new key, or one that was lost, damaged, collected, or moved away and back.
        guard let stored, let mark else { return nil }
        // After an unclean stop or a backup the record may be older than what was minted and sent.
        guard mark.incarnation == incarnation else { return nil }
        // After a failed commit likewise: the dot may have been sent, the record does not know it.
        guard mark.birth >= birthFloor else { return nil }
        let actor = Actor(node: node, incarnation: mark.incarnation, birth: mark.birth)
        // A count that came up by a merge, or went down by pruning: the record is not the one I last minted in.
        guard stored.vector.counter(of: actor) == mark.counter, mark.counter > 0, mark.counter < .max
        else { return nil }
        // The client has seen more of my writes than I: the record is behind, and the next dot is already used.
        if let context, context.vector.counter(of: actor) > mark.counter { return nil }
        return actor
    }

    /// An actor that nobody has been. A birth that the key already knows has been given before, which durable
    /// reservations exclude; passing over it costs nothing.
    private mutating func fresh(unknownTo stored: VersionedObject?, _ context: Context?) -> Actor? {
        while nextBirth < birthCeiling {
            let actor = Actor(node: node, incarnation: incarnation, birth: nextBirth)
            nextBirth += 1
            let known = (stored?.vector.counter(of: actor) ?? 0) | (context?.vector.counter(of: actor) ?? 0)
            if known == 0 { return actor }
        }
        return nil
    }

    /// A commit failed: what was minted in it may have been sent, and no record knows it. No birth given so far is
    /// continued.
    public mutating func distrustBirths() {
        birthFloor = nextBirth
    }

    /// The ceiling to make durable, if less than half a block is left.
    public func reservationNeeded(block: UInt64 = 1 << 20) -> UInt64? {
        guard birthCeiling - nextBirth < max(block / 2, 1) else { return nil }
        let (ceiling, overflow) = nextBirth.addingReportingOverflow(block)
        return overflow ? nil : ceiling
    }

    /// `ceiling` is durable. A lower one than before changes nothing.
    public mutating func reserved(_ ceiling: UInt64) {
        birthCeiling = max(birthCeiling, ceiling)
    }
}
