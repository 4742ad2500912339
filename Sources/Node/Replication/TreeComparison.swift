import Placement

/// The roots of some trees, held against a peer's.
struct TreeComparison {
    let peer: MemberID
    let store: Int
    let trees: [TreeID]
    private var theirs: [UInt64?] = []

    init(with peer: MemberID, store: Int, _ trees: [TreeID]) {
        self.peer = peer
        self.store = store
        self.trees = trees
    }

    mutating func onPeerAnswer(_ answer: TreeAnswer) -> Bool {
        guard case .roots(let roots) = answer, roots.count == trees.count else { return false }
        theirs = roots
        return true
    }

    /// Those that both have, and that are not the same.
    func different(_ answer: TreeAnswer) -> [TreeID] {
        guard case .roots(let mine) = answer, mine.count == trees.count, theirs.count == trees.count else { return [] }
        return trees.indices.filter { index in
            guard let own = mine[index], let other = theirs[index] else { return false }
            return own != other
        }.map { trees[$0] }
    }
}
