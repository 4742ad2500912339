/// Cuts vectors that have grown past `limit` entries (Dynamo §4.4; the paper's threshold is 10). Off unless asked for.
///
/// A write that has been superseded, and whose entry is cut, may come back from a replica that still has it, as a
/// false sibling, and so may a deleted one. No write is lost: a shorter vector covers less.
public struct Truncation: Hashable, Sendable {
    public var limit: Int

    public init(limit: Int) {
        self.limit = limit
    }
}

extension VersionVector {
    /// Drops the entries updated longest ago until `limit` are left, but never `minter`'s nor one whose actor has a
    /// sibling in `siblings`: its dot would be covered no more, and the actor would count from 1 again. Returns how
    /// many.
    mutating func truncate(to limit: Int, keeping siblings: [Sibling], and minter: Actor) -> Int {
        let excess = entries.count - limit
        guard excess > 0 else { return 0 }
        let droppable = entries.indices.filter { index in
            let actor = entries[index].actor
            return actor != minter && !siblings.contains { $0.dot.actor == actor }
        }
        let oldest = droppable.sorted { (entries[$0].updated, $0) < (entries[$1].updated, $1) }.prefix(excess)
        remove(at: oldest.sorted())
        return oldest.count
    }
}
