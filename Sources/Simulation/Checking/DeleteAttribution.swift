/// Which delete minted which tombstone? A tombstone carries no mark of who asked for it, so several deletes of a key
/// may each be behind several. It holds as long as every acknowledged delete can have one of its own.
struct DeleteAttribution {
    /// By acknowledged delete: the tombstones that it may have minted and that keep what it was promised.
    private var candidates: [[Int]] = []
    /// Tombstone to delete.
    private var owner: [Int: Int] = [:]

    var count: Int { candidates.count }

    /// False if the delete can't have a tombstone of its own, whatever the others take.
    mutating func add(_ tombstones: [Int]) -> Bool {
        candidates.append(tombstones)
        var tried: Set<Int> = []
        return assign(candidates.count - 1, &tried)
    }

    /// Gives the delete a tombstone, and whoever had it another (Kuhn's augmenting path).
    private mutating func assign(_ delete: Int, _ tried: inout Set<Int>) -> Bool {
        for tombstone in candidates[delete] where tried.insert(tombstone).inserted {
            let previous = owner[tombstone]
            let isFree = previous.map { assign($0, &tried) } ?? true
            guard isFree else { continue }
            owner[tombstone] = delete
            return true
        }
        return false
    }
}
