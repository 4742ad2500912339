import Placement

/// One of the N places that a write has to fill: by its holder, or by whoever stands in for it (Dynamo §4.6).
///
/// However many fill it, it counts once: a holder and its stand-in are no two of W replicas, or a quorum of them would
/// not meet one of the holders.
struct ReplicaSlot {
    fileprivate enum Answer: Equatable {
        case waited
        case stored(durable: Bool)
        case failed
    }

    let holder: MemberID
    /// Nil: it was not asked, as it could not be reached.
    private var holderAnswer: Answer?
    private var standIns: [(member: MemberID, answer: Answer)] = []

    init(holder: MemberID, isAsked: Bool) {
        self.holder = holder
        holderAnswer = isAsked ? .waited : nil
    }

    mutating func engage(_ standIn: MemberID) {
        standIns.append((standIn, .waited))
    }

    /// Returns false where nothing was waited for from the member.
    mutating func onAnswer(from member: MemberID, _ result: Result<Bool, ReplicaFailure>) -> Bool {
        guard waits(for: member) else { return false }
        let answer: Answer =
            switch result {
            case .success(let durable): .stored(durable: durable)
            case .failure: .failed
            }
        if member == holder {
            holderAnswer = answer
        } else if let index = standIns.firstIndex(where: { $0.member == member }) {
            standIns[index].answer = answer
        }
        return true
    }

    func waits(for member: MemberID) -> Bool {
        member == holder ? holderAnswer == .waited : standIns.contains { $0.member == member && $0.answer == .waited }
    }

    func isOf(_ member: MemberID) -> Bool { member == holder || standIns.contains { $0.member == member } }
    var isHolderAsked: Bool { holderAnswer != nil }
    var hasStandIn: Bool { !standIns.isEmpty }
    var isStored: Bool { holderAnswer.isStored || standIns.contains { Optional($0.answer).isStored } }
    var isDurable: Bool {
        holderAnswer == .stored(durable: true) || standIns.contains { $0.answer == .stored(durable: true) }
    }
    /// Whether somebody may still fill it.
    var isOpen: Bool { holderAnswer == .waited || standIns.contains { $0.answer == .waited } }
    var isHolderOpen: Bool { holderAnswer == .waited }
    var isHolderStored: Bool { holderAnswer.isStored }
}

extension Optional where Wrapped == ReplicaSlot.Answer {
    fileprivate var isStored: Bool {
        if case .stored = self { true } else { false }
    }
}
