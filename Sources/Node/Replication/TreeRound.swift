import Placement

/// The trees that this node compares with one peer's, round by round.
///
/// Of two holders one asks, the same one always for the same tree, and each for half of them: so that nothing is
/// compared twice. A round asks for the roots of all trees that the two share; those that differ are looked into, a few
/// at a time, and the next round begins when that is over.
struct TreeRound {
    /// Trees whose roots are asked for at a time.
    static let treesAQuestion = 256

    private var nextRound: Instant
    /// What is left to compare; all of one question's are of one store.
    private var questions: [(store: Int, trees: [TreeID])] = []
    /// Roots have been asked for.
    private var isComparing = false
    private var different: [(store: Int, tree: TreeID)] = []
    private var exchanges = 0

    init(_ now: Instant, milliseconds: Int) {
        nextRound = now.advanced(byMilliseconds: milliseconds)
    }

    static func asks(_ me: MemberID, _ peer: MemberID, for tree: TreeID) -> Bool {
        (me < peer) == tree.partition.isMultiple(of: 2)
    }

    private var isIdle: Bool { !isComparing && questions.isEmpty && different.isEmpty && exchanges == 0 }

    /// When a round is to begin; nil while one is under way.
    var nextLook: Instant? { isIdle ? nextRound : nil }

    /// - Parameter shared: All trees to compare, by store.
    mutating func begin(_ now: Instant, milliseconds: Int, _ shared: [(store: Int, trees: [TreeID])]) {
        nextRound = now.advanced(byMilliseconds: milliseconds)
        questions = shared.flatMap { store, trees in
            stride(from: 0, to: trees.count, by: Self.treesAQuestion).map { first in
                (store, Array(trees[first..<min(trees.count, first + Self.treesAQuestion)]))
            }
        }
        questions.reverse()
    }

    /// The next question of the round, which is asked now; nil: there is none, or one is being asked.
    mutating func takeQuestion() -> (store: Int, trees: [TreeID])? {
        guard !isComparing, let question = questions.popLast() else { return nil }
        isComparing = true
        return question
    }

    mutating func onCompared(_ store: Int, different trees: [TreeID]) {
        isComparing = false
        different += trees.map { (store, $0) }
    }

    /// A tree to look into.
    mutating func takeDifferent() -> (store: Int, tree: TreeID)? {
        guard !different.isEmpty else { return nil }
        exchanges += 1
        return different.removeFirst()
    }

    /// - Parameter nextRound: Nil where all went well.
    mutating func onExchangeEnded(nextRound sooner: Instant?) {
        exchanges -= 1
        if let sooner { nextRound = min(nextRound, sooner) }
    }

    /// The peer is there again, or for the first time.
    mutating func onUp(_ now: Instant, milliseconds: Int) {
        nextRound = min(nextRound, now.advanced(byMilliseconds: milliseconds))
    }

    /// The peer is gone, and all that was asked of it is given up.
    mutating func onDown() {
        questions = []
        different = []
        isComparing = false
        exchanges = 0
    }
}

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

/// The building of a store's trees, a page at a time, with as long a rest as the page took.
struct TreeBuilding {
    /// Milliseconds between looks at trees that lacked nothing.
    private static let rest = 5_000

    private enum State {
        case resting(until: Instant)
        case reading(since: Instant)
    }

    private var state = State.resting(until: Instant(nanoseconds: 0))
    /// The partition that is read again next, and when.
    private var rereading = (partition: 0, at: Instant(nanoseconds: 0))

    init(_ now: Instant, rereadMilliseconds: Int) {
        rereading.at = now.advanced(byMilliseconds: rereadMilliseconds)
    }

    /// Nil while a page is being read.
    var nextLook: Instant? {
        if case .resting(let until) = state { until } else { nil }
    }

    /// Whether to read now, and the partition that is to be read again, if its time has come.
    mutating func begins(_ now: Instant, partitions: Int, rereadMilliseconds: Int) -> (begins: Bool, rereading: Int?) {
        guard case .resting(let until) = state, until <= now else { return (false, nil) }
        state = .reading(since: now)
        guard rereading.at <= now else { return (true, nil) }
        defer {
            rereading.partition = (rereading.partition + 1) % partitions
            rereading.at = now.advanced(byMilliseconds: rereadMilliseconds)
        }
        return (true, rereading.partition)
    }

    mutating func onRead(complete: Bool, _ now: Instant) {
        guard case .reading(let since) = state else { return }
        let took = max(1, now.milliseconds(since: since))
        state = .resting(until: now.advanced(byMilliseconds: complete ? Self.rest : took))
    }
}
