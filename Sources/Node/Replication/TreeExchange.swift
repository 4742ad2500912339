import NIOCore
import Placement

/// A key whose copies at this node and at a peer are not the same.
struct TreeDifference: Hashable {
    let key: ObjectKey
    let isHere: Bool
    let isThere: Bool
}

/// One tree held against a peer's (Dynamo §4.7): from the root down where they differ, then key by key in the leaves
/// that do. At each step both trees are asked the same question, the peer's first.
///
/// Replicas that are written to differ all the time, by what is under way. A leaf is looked into only if it differs by
/// the same sum a second later: what a replica lacks stays lacking, what was under way has come. One that keeps
/// changing is looked into at the third time.
struct TreeExchange {
    enum Step: Equatable {
        case descending(level: Int, nodes: [UInt32])
        case settling
        case confirming
        case listing(after: ByteBuffer?, upTo: ByteBuffer?)
        case repairing
    }

    enum Outcome: Equatable {
        /// The next ``question`` is to be asked.
        case ask
        /// It is to be asked later (``settled()``).
        case settle
        /// Keys are to be repaired: ``takeDifference()``.
        case repair
        case done
        /// The peer, or this node, cannot answer now, or has answered something else.
        case failed
        /// The peer compares that tree with somebody else's.
        case busy
    }

    private static let patience = 3
    /// More keys that cannot be repaired now are a sign of a store, or a link, that takes nothing in.
    private static let failuresBorne = 16

    let peer: MemberID
    let store: Int
    let tree: TreeID
    private let shape: TreeShape
    private(set) var step: Step
    private var theirs: TreeAnswer?
    /// Leaves that differ, in ascending order, and by how much.
    private var suspects: [(leaf: UInt32, difference: UInt64)] = []
    private var confirmed = LeafSet(words: [])
    private var looks = 0
    /// Where the page ends that is being repaired; nil: there is no other page.
    private var pageEnd: ByteBuffer?
    /// Of the page: what differs, how far that has been taken in hand, and how many keys are being repaired.
    private var differences: [TreeDifference] = []
    private var taken = 0
    private var repairs = 0
    private var failures = 0
    /// It waits for its turn to repair keys.
    var isQueued = false
    /// When something of it was last done.
    private(set) var lastProgress: Instant

    init(with peer: MemberID, store: Int, _ tree: TreeID, _ shape: TreeShape, _ now: Instant) {
        self.peer = peer
        self.store = store
        self.tree = tree
        self.shape = shape
        lastProgress = now
        step = .descending(level: 1, nodes: shape.children(of: [0]))
    }

    /// What the peer is asked next; nil while the leaves settle, or keys are repaired.
    var question: TreeQuestion? {
        switch step {
        case .descending(let level, let nodes): .sums(tree, level: level, nodes: nodes)
        case .settling, .repairing: nil
        case .confirming: .sums(tree, level: shape.levels, nodes: suspects.map(\.leaf))
        case .listing(let after, let upTo):
            .keys(TreeListing(tree: tree, leaves: confirmed, after: after, upTo: upTo))
        }
    }

    /// Returns what this node's own tree is asked.
    mutating func onPeerAnswer(_ answer: TreeAnswer) -> TreeQuestion? {
        theirs = answer
        guard case .listing(let after, let upTo) = step, case .keys(let keys) = answer else { return question }
        return .keys(TreeListing(tree: tree, leaves: confirmed, after: after, upTo: keys.last ?? upTo))
    }

    mutating func onOwnAnswer(_ mine: TreeAnswer, _ now: Instant) -> Outcome {
        guard let theirs else { return .failed }
        lastProgress = now
        self.theirs = nil
        switch (step, mine, theirs) {
        case (.descending(let level, let nodes), .sums(let mine), .sums(let theirs))
        where mine.count == nodes.count && theirs.count == nodes.count:
            return descend(level, nodes, mine, theirs)
        case (.confirming, .sums(let mine), .sums(let theirs))
        where mine.count == suspects.count && theirs.count == suspects.count:
            return confirm(mine, theirs)
        case (.listing(let after, let upTo), .keys(let mine), .keys(let theirs)):
            return compare(mine, theirs, after, upTo)
        default: return .failed
        }
    }

    private mutating func descend(
        _ level: Int, _ nodes: [UInt32], _ mine: [UInt64], _ theirs: [UInt64]
    ) -> Outcome {
        let different = nodes.indices.filter { mine[$0] != theirs[$0] }
        guard !different.isEmpty else { return .done }
        if level < shape.levels {
            step = .descending(level: level + 1, nodes: shape.children(of: different.map { nodes[$0] }))
            return .ask
        }
        suspects = different.map { (nodes[$0], theirs[$0] &- mine[$0]) }
        step = .settling
        return .settle
    }

    mutating func settled() {
        step = .confirming
    }

    private mutating func confirm(_ mine: [UInt64], _ theirs: [UInt64]) -> Outcome {
        looks += 1
        var same: [UInt32] = []
        var changed: [(leaf: UInt32, difference: UInt64)] = []
        for (index, suspect) in suspects.enumerated() where mine[index] != theirs[index] {
            let difference = theirs[index] &- mine[index]
            if difference == suspect.difference || looks >= Self.patience {
                same.append(suspect.leaf)
            } else {
                changed.append((suspect.leaf, difference))
            }
        }
        if !same.isEmpty {
            confirmed = LeafSet(same, of: shape)
            step = .listing(after: nil, upTo: nil)
            return .ask
        }
        guard !changed.isEmpty else { return .done }
        suspects = changed
        step = .settling
        return .settle
    }

    private mutating func compare(
        _ mine: TreeKeys, _ theirs: TreeKeys, _ after: ByteBuffer?, _ upTo: ByteBuffer?
    ) -> Outcome {
        // The own page was full before it came as far as the peer's: a page of what both can say.
        if let last = mine.last {
            step = .listing(after: after, upTo: last)
            return .ask
        }
        pageEnd = theirs.last ?? upTo
        let here = Dictionary(mine.entries.map { ($0.key, $0.digest) }) { first, _ in first }
        let there = Dictionary(theirs.entries.map { ($0.key, $0.digest) }) { first, _ in first }
        differences = []
        for entry in theirs.entries where here[entry.key] != entry.digest {
            differences.append(TreeDifference(key: entry.key, isHere: here[entry.key] != nil, isThere: true))
        }
        for entry in mine.entries where there[entry.key] == nil {
            differences.append(TreeDifference(key: entry.key, isHere: true, isThere: false))
        }
        taken = 0
        guard differences.isEmpty else {
            step = .repairing
            return .repair
        }
        return finishPage()
    }

    private mutating func finishPage() -> Outcome {
        guard let pageEnd else { return .done }
        step = .listing(after: pageEnd, upTo: nil)
        self.pageEnd = nil
        return .ask
    }

    // MARK: Repairs

    /// Whether there are keys that nothing has been done about.
    var hasMore: Bool { step == .repairing && taken < differences.count && failures <= Self.failuresBorne }

    mutating func takeDifference() -> TreeDifference? {
        guard hasMore else { return nil }
        defer { taken += 1 }
        repairs += 1
        return differences[taken]
    }

    mutating func onRepaired(_ end: TreeRepair.End, _ now: Instant) {
        repairs -= 1
        lastProgress = now
        if end == .failed { failures += 1 }
    }

    /// Nil while there are keys to repair. What has failed is left to the next round.
    mutating func pageOutcome() -> Outcome? {
        guard step == .repairing, repairs == 0 else { return nil }
        if failures > Self.failuresBorne { return .failed }
        return taken == differences.count ? finishPage() : nil
    }
}
