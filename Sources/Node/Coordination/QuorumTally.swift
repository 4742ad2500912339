/// How far one of a request's numbers is met, and whether it still can be.
struct QuorumCount: Hashable {
    let kind: QuorumKind
    let needed: Int
    private(set) var got: Int
    /// Replicas that may still add to it, asked or not.
    private(set) var open: Int

    init(_ kind: QuorumKind, needed: Int, got: Int = 0, open: Int) {
        self.kind = kind
        self.needed = needed
        self.got = got
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

/// What a write's answers come to. It only says: enough, or impossible, or neither yet.
struct WriteTally {
    let w: Int
    let pw: Int
    let dw: Int

    func verdict(of slots: [ReplicaSlot]) -> QuorumVerdict {
        QuorumVerdict(of: stored(slots), byHolders(slots), durable(slots))
    }

    /// What a write that times out was waiting for.
    func lacking(_ slots: [ReplicaSlot]) -> QuorumCount {
        let stored = stored(slots)
        return [stored, byHolders(slots), durable(slots)].first { !$0.isMet } ?? stored
    }

    private func stored(_ slots: [ReplicaSlot]) -> QuorumCount {
        count(.w, w, slots, \.isStored, \.isOpen)
    }

    private func byHolders(_ slots: [ReplicaSlot]) -> QuorumCount {
        count(.pw, pw, slots, \.isHolderStored, \.isHolderOpen)
    }

    private func durable(_ slots: [ReplicaSlot]) -> QuorumCount {
        count(.dw, dw, slots, \.isDurable, \.isOpen)
    }

    private func count(
        _ kind: QuorumKind, _ needed: Int, _ slots: [ReplicaSlot], _ isMet: (ReplicaSlot) -> Bool,
        _ isOpen: (ReplicaSlot) -> Bool
    ) -> QuorumCount {
        var got = 0
        var open = 0
        for slot in slots {
            if isMet(slot) { got += 1 } else if isOpen(slot) { open += 1 }
        }
        return QuorumCount(kind, needed: needed, got: got, open: open)
    }
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

    /// A stand-in that has nothing to say: only a holder can know that there is no object.
    mutating func onNothingKept() {
        r.answer(counts: false)
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
        guard r.open == 0 else { return .undecided }
        return notFound >= r.needed ? .met : verdict
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
