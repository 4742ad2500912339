import Placement

/// With whom this node compares each of its trees just now, as the one who asks or as the one who is asked.
///
/// One at a time: of three holders the one that lacks something would otherwise get it from both others.
struct TreeEngagements {
    private struct Name: Hashable {
        let store: Int
        let tree: TreeID
    }

    private struct Engagement {
        var peer: MemberID
        /// Without a word of it until then, it is over.
        var until: Instant
    }

    private static let patience = 5_000

    /// Bounded by the trees that this node has: nobody else's are taken in.
    private var engagements: [Name: Engagement] = [:]

    /// Returns false where the tree is being compared with somebody else's.
    mutating func engage(_ store: Int, _ tree: TreeID, with peer: MemberID, _ now: Instant) -> Bool {
        let name = Name(store: store, tree: tree)
        if let other = engagements[name], other.peer != peer, now < other.until { return false }
        engagements[name] = Engagement(peer: peer, until: now.advanced(byMilliseconds: Self.patience))
        return true
    }

    mutating func end(_ store: Int, _ tree: TreeID, with peer: MemberID) {
        let name = Name(store: store, tree: tree)
        if engagements[name]?.peer == peer { engagements[name] = nil }
    }
}
