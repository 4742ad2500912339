import NIOCore
import Node
import Placement
import Versions

/// What nodes answer, held against what was promised and what had been stored by then.
extension Ledger {
    /// A node answers: the moment at which its promises must hold.
    mutating func onAnswered(_ number: Int, _ reply: ClientReply, at time: UInt64) {
        guard operations.indices.contains(number) else { return }
        operations[number].answered = time
        let operation = operations[number]
        check(operation.key, at: time) { ledger throws(KeyLedger.Objection) in
            try ledger.examine(reply, to: operation)
        }
    }

    private mutating func examine(_ reply: ClientReply, to operation: Operation) throws(KeyLedger.Objection) {
        let key = keys[operation.key]
        let number = operation.number
        guard operation.outcome == .open else {
            throw KeyLedger.Objection(truth: .answeredInTime, detail: "#\(number) is answered a second time")
        }
        switch reply {
        case .found(let found):
            guard operation.kind == .get, !found.object.isDeleted else {
                throw KeyLedger.Objection(truth: .siblingsExact, detail: "#\(number): only deleted versions found")
            }
            let covered = try key.examine(found.object)
            try examine(found.context, covers: covered, of: operation)
            try checkCurrent(covered, operation, found: true)
            operations[number].shown = covered
            operations[number].outcome = .found(
                values: found.object.siblings.filter { !$0.isTombstone }.flatMap {
                    ApplicationValue.decode($0.content.value).prefix(1)
                })
            versionsSeen[min(found.object.siblings.count, 4) - 1] += 1
        case .notFound(let context):
            var covered = DotSet()
            if let context { covered = try key.examineDeleted(try vector(of: context, operation)) }
            try checkCurrent(covered, operation, found: false)
            operations[number].shown = covered
            operations[number].outcome = .notFound
            try checkDeletes(of: operation.key)
        case .stored(let found):
            guard let mint = operation.mint else {
                throw KeyLedger.Objection(
                    truth: .quorumKept, detail: "#\(number) is acknowledged, but nothing was minted")
            }
            try checkPromises(operation, key.mints[mint])
            try checkRead(of: operation)
            acknowledged += 1
            if let found {
                let covered = try key.examine(found.object)
                try examine(found.context, covers: covered, of: operation)
                operations[number].shown = covered
            }
            operations[number].outcome = .done
        case .deleted:
            try acknowledgeDelete(operation)
            operations[number].outcome = .done
        case .failed(let failure):
            if failure.consequence == .outcomeUnknown {
                operations[number].outcome = .unknown(failure.description)
            } else {
                operations[number].outcome = .refused(failure.description)
                if operation.mint != nil {
                    throw KeyLedger.Objection(
                        truth: .refusedNotDone, detail: "#\(number) was refused (\(failure)), but it was minted")
                }
                try checkDeletes(of: operation.key)
            }
        }
    }

    private func vector(
        of context: ByteBuffer, _ operation: Operation
    ) throws(KeyLedger.Objection) -> VersionVector {
        do throws(ContextError) {
            let key = layout.keys[operation.key].key
            return try Context.opened(context, with: layout.contextKey, boundTo: key.canonicalBytes).vector
        } catch {
            throw KeyLedger.Objection(truth: .contextExact, detail: "#\(operation.number) got a bad context: \(error)")
        }
    }

    private func examine(
        _ context: ByteBuffer, covers covered: DotSet, of operation: Operation
    ) throws(KeyLedger.Objection) {
        let key = keys[operation.key]
        let claimed = try key.dots(of: try vector(of: context, operation))
        guard claimed.equals(covered) else {
            throw KeyLedger.Objection(
                truth: .contextExact,
                detail: "#\(operation.number) was shown \(key.names(covered)),"
                    + " its context covers \(key.names(claimed))")
        }
    }

    private mutating func acknowledgeDelete(_ operation: Operation) throws(KeyLedger.Objection) {
        let key = keys[operation.key]
        var tombstones: [Int] = []
        var objection = KeyLedger.Objection(
            truth: .quorumKept, detail: "#\(operation.number) is acknowledged, but nothing was minted")
        for (number, mint) in key.mints.enumerated() where mint.isTombstone && mint.minted >= operation.invoked {
            guard operation.context == nil || mint.past.equals(operation.seen) else { continue }
            do throws(KeyLedger.Objection) {
                try checkPromises(operation, mint)
                if operation.context == nil { try checkCurrent(mint.past, operation, found: true) }
                tombstones.append(number)
            } catch {
                objection = error
            }
        }
        guard !tombstones.isEmpty else { throw objection }
        guard keys[operation.key].acknowledgeDelete(tombstones) else {
            throw KeyLedger.Objection(
                truth: .quorumKept,
                detail: "#\(operation.number) is acknowledged, but all that was minted belongs to other deletes")
        }
        acknowledged += 1
    }

    /// W, PW and DW are kept at the moment of the answer.
    private func checkPromises(_ operation: Operation, _ mint: KeyLedger.Mint) throws(KeyLedger.Objection) {
        let key = layout.keys[operation.key]
        let type = layout.types[key.type]
        let w = max(1, layout.promised(operation.w, default: type.w, of: key))
        let pw = layout.promised(operation.pw, default: type.pw, of: key)
        let dw = layout.promised(operation.dw, default: type.dw, of: key)
        let holders = key.holders.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
        // A stand-in counts as a replica, but not as a holder.
        let all = layout.members.indices.reduce(holders) { $0 | 1 << UInt64(layout.members.count + $1) }
        let held = (mint.heldBy & all).nonzeroBitCount
        let durable = (mint.heldDurablyBy & all).nonzeroBitCount
        guard (mint.heldBy & holders).nonzeroBitCount >= pw else {
            throw KeyLedger.Objection(
                truth: .quorumKept,
                detail: "#\(operation.number) is acknowledged with PW=\(pw), but"
                    + " \((mint.heldBy & holders).nonzeroBitCount) holders stored it")
        }
        guard held >= w else {
            throw KeyLedger.Objection(
                truth: .quorumKept,
                detail: "#\(operation.number) is acknowledged with W=\(w), but \(held) replicas stored it")
        }
        guard durable >= dw else {
            throw KeyLedger.Objection(
                truth: .durabilityKept,
                detail: "#\(operation.number) is acknowledged with DW=\(dw), but \(durable) replicas synced it")
        }
    }

    /// As many replicas as asked for must be able to have said this: readable copies, of which none had anything before
    /// the read that the answer lacks. So quorums overlap: of what more than N - R replicas held, no R are without.
    func checkCurrent(
        _ covered: DotSet, _ operation: Operation, found: Bool
    ) throws(KeyLedger.Objection) {
        let key = keys[operation.key]
        let type = layout.types[key.layout.type]
        let n = key.layout.holders.count
        var r = max(
            1, layout.promised(operation.r, default: type.r, of: key.layout),
            layout.promised(operation.pr, default: type.pr, of: key.layout))
        // A delete cannot ask for it.
        let asked = operation.kind == .get ? operation.basicQuorum : nil
        if !found, asked ?? type.basicQuorum { r = min(r, n / 2 + 1) }
        let others = key.layout.holders.filter { holder in
            let damage = operation.damageAtStart[holder]
            if damage != 0, damage == key.damage[holder] { return true }
            return key.losses[holder] == operation.lossesAtStart[holder]
                && !operation.heldAtStart[holder].isSubset(of: covered)
        }
        // A stand-in that has ever kept something of the key may be one of R; that it keeps nothing says nothing.
        let standIns = layout.members.indices.filter { node in
            let place = place(node, store: ClusterLayout.hintStore)
            return !key.layout.holders.contains(node) && key.mints.contains { $0.heldBy & 1 << UInt64(place) != 0 }
        }
        let pr = min(r, layout.promised(operation.pr, default: type.pr, of: key.layout))
        guard n - others.count >= max(pr, r - standIns.count) else {
            let reasons = others.map { holder in
                let missing = operation.heldAtStart[holder].subtracting(covered)
                return missing.isEmpty ? "node \(holder)'s is damaged" : "node \(holder) held \(key.names(missing))"
            }
            throw KeyLedger.Objection(
                truth: .readCurrent,
                detail: "#\(operation.number) read at R=\(r) of \(n), but \(n - others.count) can have said this:"
                    + " \(reasons.joined(separator: ", "))")
        }
    }
}
