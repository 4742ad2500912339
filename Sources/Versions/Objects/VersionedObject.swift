/// The siblings of one key under one dotted version vector.
///
/// Holds always: there is at least one sibling; siblings are sorted by dot, and distinct; the vector covers every
/// sibling's dot. A dot that the vector covers and no sibling bears is a write that has been superseded.
///
/// Holds as long as dots are minted by ``Mint`` alone: whoever holds this object has seen every write that its vector
/// covers, and the newest sibling is newer, by (stamp, dot), than every superseded write.
public struct VersionedObject: Hashable, Sendable {
    public private(set) var vector: VersionVector
    public private(set) var siblings: [Sibling]

    /// The caller has made sure of what holds always.
    init(vector: VersionVector, siblings: [Sibling]) {
        precondition(!siblings.isEmpty, "an object needs a sibling, under \(vector)")
        self.vector = vector
        self.siblings = siblings
    }

    /// Nothing but tombstones: the key reads as not found, but the object must stay.
    public var isDeleted: Bool {
        siblings.allSatisfy(\.isTombstone)
    }

    /// The sibling that last-write-wins would keep.
    public var newest: Sibling {
        var newest = siblings[0]
        for sibling in siblings.dropFirst() where newest.isOlder(than: sibling) { newest = sibling }
        return newest
    }

    public func merged(with other: VersionedObject, policy: ConflictPolicy) -> VersionedObject {
        var merged = self
        merged.merge(other, policy: policy)
        return merged
    }

    /// Syntactic reconciliation (Dynamo §4.4): a sibling that both hold stays, one that a single side holds stays
    /// unless the other side has seen it, and the vectors are joined. Last-write-wins then keeps the newest alone.
    ///
    /// Commutative and associative, and idempotent on objects that are already reduced to what `policy` allows.
    /// True if vector or siblings changed; if not, a replica need not write.
    @discardableResult
    public mutating func merge(_ other: VersionedObject, policy: ConflictPolicy) -> Bool {
        let siblingsChanged = mergeSiblings(of: other)
        let vectorChanged = vector.join(other.vector)
        let reduced = policy == .lastWriteWins && keepNewest()
        return siblingsChanged || vectorChanged || reduced
    }

    /// Looks at both vectors as they were before they are joined.
    private mutating func mergeSiblings(of other: VersionedObject) -> Bool {
        // What I hold, my vector covers, so "not covered" also means "not held".
        let gains = other.siblings.contains { !vector.covers($0.dot) }
        let losses = siblings.contains { other.hasSuperseded($0.dot) }
        guard gains || losses else { return false }
        if !gains, siblings.allSatisfy({ other.hasSuperseded($0.dot) }) {
            return keepNewest(against: other)
        }
        if losses {
            siblings.removeAll { other.hasSuperseded($0.dot) }
        }
        if gains {
            siblings.append(contentsOf: other.siblings.lazy.filter { [vector] in !vector.covers($0.dot) })
            siblings.sort { $0.dot < $1.dot }
        }
        return true
    }

    /// Each side claims to have seen all that the other holds. Minting cannot bring that about (the newest sibling of
    /// a side is newer than all it has superseded), but damaged input can: then the newest stays rather than nothing.
    private mutating func keepNewest(against other: VersionedObject) -> Bool {
        let mine = newest
        let others = other.newest
        let kept = mine.isOlder(than: others) ? others : mine
        guard siblings.count > 1 || kept.dot != mine.dot else { return false }
        siblings = [kept]
        return true
    }

    @discardableResult
    private mutating func keepNewest() -> Bool {
        guard siblings.count > 1 else { return false }
        siblings = [newest]
        return true
    }

    private func hasSuperseded(_ dot: Dot) -> Bool {
        vector.covers(dot) && !holds(dot)
    }

    public func holds(_ dot: Dot) -> Bool {
        siblings.contains { $0.dot == dot }
    }
}
