import Placement
import Versions

/// Anti-entropy: Dynamo §4.7.
extension StorageNode {
    /// Trees that are looked into at a time.
    private static let exchangesAtATime = 64
    /// Milliseconds until a tree that is being compared with another's is tried again.
    private static let soon = 2_000
    /// Of its own and of other holders; what they ask beyond it is not answered now.
    package static let maximumWork = 2_048
    /// Milliseconds without an answer after which a piece of work is given up; the next round finds it again.
    private static let patience = 10_000

    /// When ``lookAfterTrees(_:_:)`` has something to do.
    var nextTreeLook: Instant? {
        var earliest = treeDeadlines.next
        func take(_ look: Instant?) {
            guard let look else { return }
            earliest = earliest.map { min($0, look) } ?? look
        }
        guard !isDraining else { return earliest }
        for building in treeBuildings { take(building.nextLook) }
        for index in treeRounds.indices where peers.isUp(at: index) { take(treeRounds[index].nextLook) }
        return earliest
    }

    mutating func lookAfterTrees(_ now: Time, _ queue: inout EffectQueue) {
        while let correlation = treeDeadlines.pop(due: now.monotonic) { onTreeDeadline(correlation, now, &queue) }
        guard !isDraining else { return }
        for store in treeBuildings.indices { build(store, now, &queue) }
        for (index, peer) in peers.members.enumerated() where peer != me && peers.isUp(at: index) {
            guard let look = treeRounds[index].nextLook, look <= now.monotonic else { continue }
            treeRounds[index].begin(
                now.monotonic, milliseconds: settings.treeRoundMilliseconds, treesShared(with: peer))
            compareNext(with: peer, index, now, &queue)
        }
    }

    private mutating func build(_ store: Int, _ now: Time, _ queue: inout EffectQueue) {
        let (begins, rereading) = treeBuildings[store].begins(
            now.monotonic, partitions: settings.map.partitioning.count,
            rereadMilliseconds: settings.rereadMilliseconds)
        guard begins else { return }
        let token = StorageToken(rawValue: treeWork.insert(.build(store: store)))
        queue.emit(.trees(TreeRequest(token: token, store: store, work: .build(rereading: rereading))))
    }

    /// Of the trees that both hold, those that this node asks the peer about.
    private func treesShared(with peer: MemberID) -> [(store: Int, trees: [TreeID])] {
        settings.bucketTypes.storeNames.indices.map { store in
            let counts = settings.bucketTypes.treeCounts(inStore: store)
            var trees: [TreeID] = []
            for partition in 0..<settings.map.partitioning.count {
                for tree in counts.map({ TreeID(partition: partition, n: $0) })
                where TreeRound.asks(me, peer, for: tree) && settings.map.isHolder(me, of: partition, n: tree.n)
                    && settings.map.isHolder(peer, of: partition, n: tree.n)
                {
                    trees.append(tree)
                }
            }
            return (store, trees)
        }
    }

    // MARK: Rounds

    private mutating func compareNext(with peer: MemberID, _ index: Int, _ now: Time, _ queue: inout EffectQueue) {
        guard !isDraining, let (store, trees) = treeRounds[index].takeQuestion() else { return }
        let comparison = TreeComparison(with: peer, store: store, trees)
        inquire(.comparison(comparison), .roots(trees), of: peer, store, now, &queue)
    }

    /// Asks the peer; the answer comes under a new correlation, so that one to an earlier question finds nothing.
    private mutating func inquire(
        _ work: TreeWork, _ question: TreeQuestion, of peer: MemberID, _ store: Int, _ now: Time,
        _ queue: inout EffectQueue
    ) {
        let correlation = treeWork.insert(work)
        treeDeadlines.insert(correlation, at: now.monotonic.advanced(byMilliseconds: Self.patience))
        let inquiry = TreeInquiry(
            correlation: correlation, store: settings.bucketTypes.storeNames[store], types: treeTypes[store],
            question: question)
        ask(.askTrees(inquiry), of: peer, now, &queue)
    }

    private mutating func endComparison(
        _ comparison: TreeComparison, different: [TreeID], _ now: Time, _ queue: inout EffectQueue
    ) {
        guard let index = peers.index(of: comparison.peer) else { return }
        statistics.treesDifferent += different.count
        treeRounds[index].onCompared(comparison.store, different: different)
        startExchanges(now, &queue)
        compareNext(with: comparison.peer, index, now, &queue)
    }

    // MARK: Single trees

    /// A few at a time, of one peer after the other.
    private mutating func startExchanges(_ now: Time, _ queue: inout EffectQueue) {
        var hasStarted = !isDraining
        while hasStarted {
            hasStarted = false
            for (index, peer) in peers.members.enumerated() where treeExchanges < Self.exchangesAtATime {
                guard let (store, tree) = treeRounds[index].takeDifferent() else { continue }
                hasStarted = true
                treeExchanges += 1
                guard treeEngagements.engage(store, tree, with: peer, now.monotonic) else {
                    treeExchanges -= 1
                    treeRounds[index].onExchangeEnded(nextRound: now.monotonic.advanced(byMilliseconds: Self.soon))
                    continue
                }
                ask(TreeExchange(with: peer, store: store, tree, settings.treeShape, now.monotonic), now, &queue)
            }
        }
    }

    private mutating func ask(_ exchange: TreeExchange, _ now: Time, _ queue: inout EffectQueue) {
        guard let question = exchange.question else { return }
        _ = treeEngagements.engage(exchange.store, exchange.tree, with: exchange.peer, now.monotonic)
        inquire(.exchange(exchange), question, of: exchange.peer, exchange.store, now, &queue)
    }

    mutating func goOn(
        _ correlation: Correlation, _ exchange: TreeExchange, _ outcome: TreeExchange.Outcome, _ now: Time,
        _ queue: inout EffectQueue
    ) {
        switch outcome {
        case .ask:
            treeWork.remove(correlation)
            ask(exchange, now, &queue)
        case .settle:
            // What was to be done about the question's deadline finds nothing.
            treeWork.remove(correlation)
            let time = now.monotonic.advanced(byMilliseconds: settings.treeSettleMilliseconds)
            treeDeadlines.insert(treeWork.insert(.exchange(exchange)), at: time)
        case .repair:
            treeWork[correlation] = .exchange(exchange)
            startRepairs(of: correlation, now, &queue)
        case .done, .failed, .busy:
            if outcome == .failed { statistics.treeExchangesFailed += 1 }
            let soon = now.monotonic.advanced(byMilliseconds: Self.soon)
            end(exchange, correlation, nextRound: outcome == .busy ? soon : nil)
            startQueuedRepairs(now, &queue)
            startExchanges(now, &queue)
        }
    }

    private mutating func end(_ exchange: TreeExchange, _ correlation: Correlation, nextRound: Instant?) {
        for repair in treeWork.identifiers(where: { $0.isRepair(of: correlation) }) {
            treeWork.remove(repair)
            treeRepairs -= 1
        }
        treeWork.remove(correlation)
        treeEngagements.end(exchange.store, exchange.tree, with: exchange.peer)
        treeExchanges -= 1
        if let index = peers.index(of: exchange.peer) { treeRounds[index].onExchangeEnded(nextRound: nextRound) }
    }

    mutating func onTreePeerDown(_ peer: MemberID, _ now: Time, _ queue: inout EffectQueue) {
        guard let index = peers.index(of: peer) else { return }
        for correlation in treeWork.identifiers(where: { $0.peer == peer }) {
            if case .repair = treeWork[correlation] { treeRepairs -= 1 }
            if case .exchange(let exchange) = treeWork[correlation] {
                treeEngagements.end(exchange.store, exchange.tree, with: peer)
                treeExchanges -= 1
            }
            treeWork.remove(correlation)
        }
        treeRounds[index].onDown()
        startQueuedRepairs(now, &queue)
        startExchanges(now, &queue)
    }

    private mutating func onTreeDeadline(_ correlation: Correlation, _ now: Time, _ queue: inout EffectQueue) {
        switch treeWork[correlation] {
        case .comparison(let comparison):
            treeWork.remove(correlation)
            endComparison(comparison, different: [], now, &queue)
        case .exchange(var exchange):
            let deadline = exchange.lastProgress.advanced(byMilliseconds: Self.patience)
            if exchange.step == .settling {
                exchange.settled()
                goOn(correlation, exchange, .ask, now, &queue)
            } else if exchange.isQueued {
                treeDeadlines.insert(correlation, at: now.monotonic.advanced(byMilliseconds: Self.patience))
            } else if deadline <= now.monotonic {
                goOn(correlation, exchange, .failed, now, &queue)
            } else {
                treeDeadlines.insert(correlation, at: deadline)
            }
        case .build, .inquiry, .repair, nil: break
        }
    }

    // MARK: Answers

    mutating func onTreesAnswered(
        _ report: TreeReport, from sender: MemberID, _ now: Time, _ queue: inout EffectQueue
    ) {
        guard let work = treeWork[report.correlation], work.peer == sender else { return }
        switch work {
        case .comparison(var comparison):
            guard comparison.onPeerAnswer(report.answer) else {
                treeWork.remove(report.correlation)
                return endComparison(comparison, different: [], now, &queue)
            }
            treeWork[report.correlation] = .comparison(comparison)
            askOwn(report.correlation, comparison.store, .roots(comparison.trees), &queue)
        case .exchange(var exchange):
            if report.answer == .busy { return goOn(report.correlation, exchange, .busy, now, &queue) }
            guard let question = exchange.onPeerAnswer(report.answer), report.answer != .unavailable else {
                return goOn(report.correlation, exchange, .failed, now, &queue)
            }
            treeWork[report.correlation] = .exchange(exchange)
            askOwn(report.correlation, exchange.store, question, &queue)
        case .build, .inquiry, .repair: break
        }
    }

    private func askOwn(
        _ correlation: Correlation, _ store: Int, _ question: TreeQuestion, _ queue: inout EffectQueue
    ) {
        let token = StorageToken(rawValue: correlation)
        queue.emit(.trees(TreeRequest(token: token, store: store, work: .answer(question))))
    }

    mutating func onTreeCompletion(_ completion: StorageCompletion, _ now: Time, _ queue: inout EffectQueue) {
        let correlation = completion.token.rawValue
        switch (treeWork[correlation], completion) {
        case (.build(let store), _):
            treeWork.remove(correlation)
            var end = TreeBuilding.End.failed
            if case .treesBuilt(_, let complete) = completion { end = complete ? .complete : .more }
            treeBuildings[store].onRead(end, now.monotonic)
        case (.inquiry(let peer, let inquiry), _):
            treeWork.remove(correlation)
            var given = TreeAnswer.unavailable
            if case .tree(_, let answer) = completion { given = answer }
            answer(inquiry, of: peer, given, &queue)
        case (.comparison(let comparison), let completion):
            treeWork.remove(correlation)
            var different: [TreeID] = []
            if case .tree(_, let answer) = completion { different = comparison.different(answer) }
            endComparison(comparison, different: different, now, &queue)
        case (.exchange(var exchange), .tree(_, let answer)):
            let outcome = exchange.onOwnAnswer(answer, now.monotonic)
            goOn(correlation, exchange, outcome, now, &queue)
        case (.exchange(let exchange), _): goOn(correlation, exchange, .failed, now, &queue)
        case (.repair(let repair), let completion): onRepair(correlation, repair, completion, now, &queue)
        case (nil, _): break
        }
    }

    /// Another holder asks.
    mutating func onTreeInquiry(
        _ inquiry: TreeInquiry, from sender: MemberID, _ now: Time, _ queue: inout EffectQueue
    ) {
        // What this node asks itself has its room.
        guard treeWork.count < Self.maximumWork / 2,
            let store = settings.bucketTypes.storeNames.firstIndex(of: inquiry.store),
            inquiry.types == treeTypes[store], isAllowed(inquiry.question, of: sender, store)
        else { return answer(inquiry.correlation, of: sender, .unavailable, &queue) }
        if let tree = inquiry.question.tree, !treeEngagements.engage(store, tree, with: sender, now.monotonic) {
            return answer(inquiry.correlation, of: sender, .busy, &queue)
        }
        askOwn(treeWork.insert(.inquiry(from: sender, inquiry.correlation)), store, inquiry.question, &queue)
    }

    /// Only what a sound peer would ask: the work has bounds, and so has what is remembered of it.
    private func isAllowed(_ question: TreeQuestion, of peer: MemberID, _ store: Int) -> Bool {
        let shape = settings.treeShape
        switch question {
        case .roots(let trees): return trees.count <= TreeRound.treesAQuestion
        case .sums(_, let level, let nodes): guard shape.allows(nodes, at: level) else { return false }
        case .keys(let listing): guard listing.leaves.words.count == (shape.leafCount + 63) / 64 else { return false }
        }
        guard let tree = question.tree, (0..<settings.map.partitioning.count).contains(tree.partition) else {
            return false
        }
        return settings.bucketTypes.treeCounts(inStore: store).contains(tree.n)
            && settings.map.isHolder(me, of: tree.partition, n: tree.n)
            && settings.map.isHolder(peer, of: tree.partition, n: tree.n)
    }

    private func answer(
        _ correlation: Correlation, of peer: MemberID, _ answer: TreeAnswer, _ queue: inout EffectQueue
    ) {
        queue.emit(.send(.treesAnswered(TreeReport(correlation: correlation, answer: answer)), to: peer))
    }
}
