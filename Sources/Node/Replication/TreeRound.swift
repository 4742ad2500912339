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
