/// How far one of a request's numbers is met, and whether it still can be.
struct QuorumCount: Hashable {
    let kind: QuorumKind
    let needed: Int
    private(set) var got = 0
    /// Replicas that may still add to it, asked or not.
    private(set) var open: Int

    init(_ kind: QuorumKind, needed: Int, open: Int) {
        self.kind = kind
        self.needed = needed
        self.open = open
    }

    var isMet: Bool { got >= needed }
    var isImpossible: Bool { got + open < needed }

    /// One open replica has answered.
    mutating func answer(counts: Bool) {
        precondition(open > 0, "an answer for \(kind) though none was open: got \(got) of \(needed)")
        open -= 1
        got += counts ? 1 : 0
    }
}

enum QuorumVerdict: Hashable {
    case undecided
    case met
    case impossible(QuorumKind, needed: Int, got: Int)
}

/// Counts a write's answers. It only says: enough, or impossible, or neither yet.
struct WriteTally {
    private var w: QuorumCount
    private var pw: QuorumCount
    private var dw: QuorumCount

    /// - Parameters:
    ///   - replicas: How many the write is sent to.
    ///   - holders: How many of them are holders.
    init(w: Int, pw: Int, dw: Int, replicas: Int, holders: Int) {
        self.w = QuorumCount(.w, needed: w, open: replicas)
        self.pw = QuorumCount(.pw, needed: pw, open: holders)
        self.dw = QuorumCount(.dw, needed: dw, open: replicas)
    }

    mutating func onStored(isHolder: Bool, durable: Bool) {
        w.answer(counts: true)
        if isHolder { pw.answer(counts: true) }
        dw.answer(counts: durable)
    }

    mutating func onFailed(isHolder: Bool) {
        w.answer(counts: false)
        if isHolder { pw.answer(counts: false) }
        dw.answer(counts: false)
    }

    var verdict: QuorumVerdict { QuorumVerdict(of: w, pw, dw) }
    /// What a request that times out was waiting for.
    var lacking: QuorumCount { [w, pw, dw].first { !$0.isMet } ?? w }
    var isComplete: Bool { w.open == 0 }
}

/// Counts a read's answers.
struct ReadTally {
    private var r: QuorumCount
    private var pr: QuorumCount
    private let notFoundOK: Bool
    /// Nil: not asked for. Otherwise "not found" is the answer once so many replicas have none.
    private let basicQuorum: Int?
    private(set) var found = 0
    private(set) var notFound = 0
    private(set) var failed = 0

    /// - Parameters:
    ///   - candidates: How many replicas can be asked.
    ///   - holders: How many of them are holders.
    init(r: Int, pr: Int, notFoundOK: Bool, basicQuorum: Int?, candidates: Int, holders: Int) {
        self.r = QuorumCount(.r, needed: r, open: candidates)
        self.pr = QuorumCount(.pr, needed: pr, open: holders)
        self.notFoundOK = notFoundOK
        self.basicQuorum = basicQuorum
    }

    mutating func onFound(isHolder: Bool) {
        found += 1
        r.answer(counts: true)
        if isHolder { pr.answer(counts: true) }
    }

    mutating func onNotFound(isHolder: Bool) {
        notFound += 1
        r.answer(counts: notFoundOK)
        if isHolder { pr.answer(counts: notFoundOK) }
    }

    mutating func onFailed(isHolder: Bool) {
        failed += 1
        r.answer(counts: false)
        if isHolder { pr.answer(counts: false) }
    }

    /// Where not-found does not count towards R, replicas that all have none still are an answer: there is no object.
    /// One that has it makes any other answer than R copies a failure.
    var verdict: QuorumVerdict {
        let verdict = QuorumVerdict(of: r, pr)
        guard verdict != .met, found == 0, failed == 0 else { return verdict }
        if let basicQuorum, notFound >= basicQuorum { return .met }
        return r.open == 0 ? .met : .undecided
    }

    var lacking: QuorumCount { r.isMet ? pr : r }
    /// Answers still missing for R and `pr`: as many replicas should be asked at a time.
    var wanted: Int { max(0, r.needed - r.got, pr.needed - pr.got) }
}

extension QuorumVerdict {
    fileprivate init(of counts: QuorumCount...) {
        self = .met
        for count in counts where !count.isMet {
            if count.isImpossible {
                self = .impossible(count.kind, needed: count.needed, got: count.got)
                return
            }
            self = .undecided
        }
    }
}
