import Node

/// Conditional puts, held against what was stored.
extension Ledger {
    /// A conditional put is minted on a copy that holds these, at least.
    func checkCondition(of operation: Operation, heldThere held: DotSet) throws(KeyLedger.Objection) {
        guard let condition = operation.condition else { return }
        let key = keys[operation.key]
        let hindrance =
            switch condition {
            // It may have been deleted in the very group that mints this.
            case .absent: key.live(of: held).subtracting(key.deleted)
            case .unchanged: held.subtracting(operation.seen)
            }
        guard hindrance.isEmpty else {
            throw KeyLedger.Objection(
                truth: .conditionKept,
                detail: "#\(operation.number) is minted if \(condition), on a copy that has \(key.names(hindrance))")
        }
    }

    /// R replicas must have been able to say that the condition holds.
    func checkRead(of operation: Operation) throws(KeyLedger.Objection) {
        switch operation.condition {
        case nil: return
        case .unchanged: try checkCurrent(operation.seen, operation, found: true)
        case .absent:
            let key = keys[operation.key]
            // What was never deleted, a coordinator that sees it does not take for deleted.
            let deleted = key.deleted
            let lasting = operation.heldAtStart.reduce(into: DotSet()) { union, held in
                union.formUnion(key.live(of: held).subtracting(deleted))
            }
            let hindered = operation.heldAtStart.reduce(into: DotSet()) { $0.formUnion($1) }
            try checkCurrent(hindered.subtracting(lasting), operation, found: false)
        }
    }
}
