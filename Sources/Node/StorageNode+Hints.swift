import Placement

extension Replicate {
    /// Whether it delivers a hint to its holder.
    package var deliversHint: Bool { RequestKind(of: correlation) == .hint }
}

/// Hinted handoff: Dynamo §4.6.
extension StorageNode {
    /// This node has taken something for a holder.
    mutating func onHintKept(for holder: MemberID, _ now: Time) {
        guard let index = peers.index(of: holder) else { return }
        statistics.hintsKept += 1
        hintDeliveries[index].onKept(now.monotonic)
    }

    /// Delivers to whoever is up what there is to deliver, and gives up what takes too long.
    mutating func lookAfterHints(_ now: Time, _ queue: inout EffectQueue) {
        for (index, member) in peers.members.enumerated() where member != me {
            if hintDeliveries[index].isOverdue(now.monotonic) { giveUpDelivery(to: member, index, now) }
            guard peers.isUp(at: index), hintDeliveries[index].begins(now.monotonic) else { continue }
            let token = StorageToken(rawValue: hintOperations.insert(.scan(for: member)))
            queue.emit(
                .scanHints(
                    HintScan(
                        token: token, store: settings.hintStore, member: member, after: hintDeliveries[index].cursor,
                        maximumHints: HintDelivery.hintsAPage, maximumBytes: HintDelivery.bytesAPage)))
        }
    }

    /// When ``lookAfterHints(_:_:)`` has something to do.
    var nextHintLook: Instant? {
        var earliest: Instant?
        for index in hintDeliveries.indices {
            // Nil for nearly all; the node's own never is up.
            guard let look = hintDeliveries[index].nextLook, peers.isUp(at: index) else { continue }
            earliest = earliest.map { min($0, look) } ?? look
        }
        return earliest
    }

    private mutating func giveUpDelivery(to member: MemberID, _ index: Int, _ now: Time) {
        for operation in hintOperations.identifiers(where: { $0.member == member }) { hintOperations.remove(operation) }
        hintDeliveries[index].giveUp(now.monotonic)
    }

    mutating func onHintPeerDown(_ member: MemberID, _ now: Time) {
        guard let index = peers.index(of: member) else { return }
        giveUpDelivery(to: member, index, now)
    }

    mutating func onHintOperation(_ completion: StorageCompletion, _ now: Time, _ queue: inout EffectQueue) {
        let token = completion.token.rawValue
        guard let operation = hintOperations[token], let index = peers.index(of: operation.member) else { return }
        hintOperations.remove(token)
        switch (operation, completion) {
        case (.scan(let member), .hints(_, let page)):
            hintDeliveries[index].onPage(page, now.monotonic)
            for hint in page.hints { deliver(hint, to: member, index, now, &queue) }
        case (.drop, .written):
            hintDeliveries[index].onEnded(delivered: true, now.monotonic)
        case (.drop, _):
            hintDeliveries[index].onEnded(delivered: false, now.monotonic)
        default:
            hintDeliveries[index].giveUp(now.monotonic)
        }
    }

    private mutating func deliver(
        _ hint: HintPage.Hint, to member: MemberID, _ index: Int, _ now: Time, _ queue: inout EffectQueue
    ) {
        guard let object = hint.object else { return drop(hint, for: member, &queue) }
        guard peers.canReach(member) else {
            hintDeliveries[index].onEnded(delivered: false, now.monotonic)
            return
        }
        let correlation = hintOperations.insert(.delivery(to: member, hint))
        let replicate = Replicate(correlation: correlation, key: hint.key, object: object, .beforeAnswer)
        ask(.replicate(replicate), of: member, now, &queue)
    }

    /// The member has answered for a hint.
    mutating func onHintDelivered(
        _ correlation: Correlation, by sender: MemberID, _ result: Result<Bool, ReplicaFailure>, _ now: Time,
        _ queue: inout EffectQueue
    ) {
        guard case .delivery(let member, let hint) = hintOperations[correlation], member == sender,
            let index = peers.index(of: member)
        else { return }
        hintOperations.remove(correlation)
        // Stored is not enough: the member may crash, and this is the copy that was promised to outlive that.
        guard case .success(true) = result else {
            hintDeliveries[index].onEnded(delivered: false, now.monotonic)
            return
        }
        statistics.hintsDelivered += 1
        drop(hint, for: member, &queue)
    }

    private mutating func drop(_ hint: HintPage.Hint, for member: MemberID, _ queue: inout EffectQueue) {
        let token = StorageToken(rawValue: hintOperations.insert(.drop(for: member)))
        queue.emit(
            .storage(
                StorageRequest(
                    token: token, store: settings.hintStore, partition: hint.partition, key: hint.key,
                    place: .hint(for: member), operation: .dropHint(order: hint.order, delivered: hint.object))))
    }
}
