/// A put, as data: carried out at one replica, in the order of its store's updates (Dynamo §4.3, §4.5).
public struct Mint: Hashable, Sendable {
    public var content: Content
    public var isTombstone: Bool
    /// What the client had seen; nil for a blind write, which supersedes nothing.
    public var context: Context?
    /// From the coordinator's hybrid clock.
    public var now: HybridTime
    public var policy: ConflictPolicy
    /// Nil: vectors are never cut.
    public var truncation: Truncation?
    /// A put that would leave more siblings than this, and more than there were, is refused. Nil: no limit.
    public var maximumSiblings: Int?
    /// What must hold of the record that it is minted onto. Nil: it is minted in any case.
    public var condition: MintCondition?

    public init(
        content: Content,
        isTombstone: Bool = false,
        context: Context?,
        now: HybridTime,
        policy: ConflictPolicy,
        truncation: Truncation? = nil,
        maximumSiblings: Int? = nil,
        condition: MintCondition? = nil
    ) {
        self.content = content
        self.isTombstone = isTombstone
        self.context = context
        self.now = now
        self.policy = policy
        self.truncation = truncation
        self.maximumSiblings = maximumSiblings
        self.condition = condition
    }
}

/// What a mint brought about.
public struct Minted: Hashable, Sendable {
    public var object: VersionedObject
    /// The new version's.
    public var dot: Dot
    /// Entries cut off the vector.
    public var truncatedEntries: Int

    /// To be stored with the object in the minter's own record, in the same write.
    public var mark: MintMark {
        MintMark(incarnation: dot.actor.incarnation, birth: dot.actor.birth, counter: dot.counter)
    }
}

/// Why a put was not carried out; nothing was changed.
public enum MintRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case tooManySiblings(count: Int, limit: Int)
    case conditionFailed(ConditionFailure)

    public var description: String {
        switch self {
        case .conditionFailed(let failure): return failure.description
        case .tooManySiblings(let count, let limit):
            return "the put would make \(count) siblings, the limit is \(limit): "
                + "get the object, reconcile its siblings, and put the result with the context of that get"
        }
    }
}

extension Mint {
    /// The stored object with this write: it supersedes the siblings that its context covers, and those only.
    ///
    /// `actor` is ``ActorSource/actor(onto:mark:context:)`` of the same record and context. The new stamp is greater
    /// than every stamp that the client had seen or that is stored here, so under last-write-wins a put is the
    /// version that a read of this replica returns.
    public func minted(onto stored: VersionedObject?, actor: Actor) throws(MintRefusal) -> Minted {
        if let failure = condition?.failure(of: stored) { throw .conditionFailed(failure) }
        var vector = stored?.vector ?? VersionVector()
        let counter = vector.counter(of: actor)
        let seen = context?.vector.counter(of: actor) ?? 0
        precondition(
            seen <= counter && counter < .max,
            "\(actor) cannot mint: \(counter) of it stored, \(seen) seen by the client")
        let dot = Dot(actor: actor, counter: counter + 1)
        var stamp = now
        if let stored { stamp = max(stamp, stored.newest.stamp.next) }
        if let context {
            stamp = max(stamp, context.stamp.next)
            vector.join(context.vector)
        }
        vector.record(dot, at: now.seconds)

        let sibling = Sibling(dot: dot, stamp: stamp, isTombstone: isTombstone, content: content)
        let siblings = try siblings(of: stored, with: sibling)
        let truncated = truncation.map { vector.truncate(to: $0.limit, keeping: siblings, and: actor) } ?? 0
        return Minted(
            object: VersionedObject(vector: vector, siblings: siblings), dot: dot, truncatedEntries: truncated)
    }

    private func siblings(of stored: VersionedObject?, with new: Sibling) throws(MintRefusal) -> [Sibling] {
        guard let stored else { return [new] }
        var siblings: [Sibling] = []
        siblings.reserveCapacity(stored.siblings.count + 1)
        for sibling in stored.siblings where context?.vector.covers(sibling.dot) != true { siblings.append(sibling) }
        if policy == .lastWriteWins {
            // Stamps cannot rise past the last one there is; there, and only there, the new one may lose.
            return [siblings.reduce(new) { $0.isOlder(than: $1) ? $1 : $0 }]
        }
        siblings.append(new)
        if let maximumSiblings, siblings.count > maximumSiblings, siblings.count > stored.siblings.count {
            throw .tooManySiblings(count: siblings.count, limit: maximumSiblings)
        }
        siblings.sort { $0.dot < $1.dot }
        return siblings
    }
}
