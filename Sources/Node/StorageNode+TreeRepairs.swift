import Placement
import Versions

/// What anti-entropy found to differ is made the same (Dynamo §4.7): a few keys at a time in all, of one tree after the
/// other, since each may be megabytes, read, sent and written.
extension StorageNode {
    private static let repairsAtATime = 12

    mutating func startRepairs(of correlation: Correlation, _ now: Time, _ queue: inout EffectQueue) {
        guard case .exchange(var exchange) = treeWork[correlation] else { return }
        while treeRepairs < Self.repairsAtATime, let difference = exchange.takeDifference() {
            treeWork[correlation] = .exchange(exchange)
            start(difference, of: correlation, exchange, now, &queue)
            guard case .exchange(let next) = treeWork[correlation] else { return }
            exchange = next
        }
        if exchange.hasMore, !exchange.isQueued {
            exchange.isQueued = true
            treeRepairQueue.append(correlation)
        }
        treeWork[correlation] = .exchange(exchange)
        if let outcome = exchange.pageOutcome() { goOn(correlation, exchange, outcome, now, &queue) }
    }

    private mutating func start(
        _ difference: TreeDifference, of correlation: Correlation, _ exchange: TreeExchange, _ now: Time,
        _ queue: inout EffectQueue
    ) {
        // A key of a type that only the peer knows, or not in that place: the two are configured differently.
        guard let bucketType = settings.bucketTypes.position(named: difference.key.type),
            settings.bucketTypes.store(of: bucketType) == exchange.store, badName(in: difference.key) == nil,
            settings.map.partition(of: difference.key) == exchange.tree.partition
        else { return tell(correlation, .impossible, now) }
        let repair = TreeRepair(
            difference, of: correlation, with: exchange.peer, store: exchange.store,
            partition: exchange.tree.partition, settings.bucketTypes[bucketType].policy)
        let own = treeWork.insert(.repair(repair))
        treeRepairs += 1
        if repair.readsHere { emit(.read, own, repair, &queue) }
        if repair.readsThere {
            ask(.fetch(Fetch(correlation: own, key: difference.key)), of: exchange.peer, now, &queue)
        }
    }

    private func emit(
        _ operation: StorageOperation, _ correlation: Correlation, _ repair: TreeRepair, _ queue: inout EffectQueue
    ) {
        queue.emit(
            .storage(
                StorageRequest(
                    token: StorageToken(rawValue: correlation), store: repair.store, partition: repair.partition,
                    key: repair.key, operation: operation)))
    }

    mutating func onTreeFetched(_ fetched: Fetched, from sender: MemberID, _ now: Time, _ queue: inout EffectQueue) {
        guard case .repair(var repair) = treeWork[fetched.correlation], repair.peer == sender, repair.readsThere else {
            return
        }
        switch fetched.result {
        case .success(let object): repair.onReadThere(object)
        case .failure(.storage(.damaged)): repair.onReadThere(nil)
        case .failure(let failure): return end(repair, fetched.correlation, TreeRepair.End(failure), now, &queue)
        }
        goOn(fetched.correlation, repair, now, &queue)
    }

    mutating func onRepair(
        _ correlation: Correlation, _ repair: TreeRepair, _ completion: StorageCompletion, _ now: Time,
        _ queue: inout EffectQueue
    ) {
        var repair = repair
        switch completion {
        case .read(_, let object): repair.onReadHere(object)
        case .failed(_, .damaged) where repair.readsHere: repair.onReadHere(nil)
        case .written:
            statistics.keysPulled += 1
            repair.onWritten(.repaired)
        case .failed(_, let failure): return end(repair, correlation, TreeRepair.End(.storage(failure)), now, &queue)
        default: return end(repair, correlation, .impossible, now, &queue)
        }
        goOn(correlation, repair, now, &queue)
    }

    mutating func onTreeReplicated(
        _ replicated: Replicated, from sender: MemberID, _ now: Time, _ queue: inout EffectQueue
    ) {
        guard case .repair(var repair) = treeWork[replicated.correlation], repair.peer == sender else { return }
        switch replicated.result {
        case .success:
            statistics.keysPushed += 1
            repair.onWritten(.repaired)
        case .failure(let failure): repair.onWritten(TreeRepair.End(failure))
        }
        goOn(replicated.correlation, repair, now, &queue)
    }

    private mutating func goOn(
        _ correlation: Correlation, _ old: TreeRepair, _ now: Time, _ queue: inout EffectQueue
    ) {
        var repair = old
        let writes = repair.takeWrites()
        treeWork[correlation] = .repair(repair)
        guard !repair.isDone else { return end(repair, correlation, repair.end, now, &queue) }
        if let object = writes.here {
            do throws(ReplicaFailure) {
                try accept(stampsOf: object, repair.policy, now)
                emit(.merge(object, repair.policy, .sometime), correlation, repair, &queue)
            } catch {
                return end(repair, correlation, TreeRepair.End(error), now, &queue)
            }
        }
        if let object = writes.there {
            let replicate = Replicate(correlation: correlation, key: repair.key, object: object, .sometime)
            ask(.replicate(replicate), of: repair.peer, now, &queue)
        }
    }

    private mutating func end(
        _ repair: TreeRepair, _ correlation: Correlation, _ end: TreeRepair.End, _ now: Time,
        _ queue: inout EffectQueue
    ) {
        treeWork.remove(correlation)
        treeRepairs -= 1
        tell(repair.exchange, end, now)
        startQueuedRepairs(now, &queue)
        startRepairs(of: repair.exchange, now, &queue)
    }

    /// The next tree's turn.
    mutating func startQueuedRepairs(_ now: Time, _ queue: inout EffectQueue) {
        while treeRepairs < Self.repairsAtATime, !treeRepairQueue.isEmpty {
            let correlation = treeRepairQueue.removeFirst()
            guard case .exchange(var exchange) = treeWork[correlation] else { continue }
            exchange.isQueued = false
            treeWork[correlation] = .exchange(exchange)
            startRepairs(of: correlation, now, &queue)
        }
    }

    /// One key of an exchange's page is done with.
    private mutating func tell(_ correlation: Correlation, _ end: TreeRepair.End, _ now: Time) {
        guard case .exchange(var exchange) = treeWork[correlation] else { return }
        exchange.onRepaired(end, now.monotonic)
        treeWork[correlation] = .exchange(exchange)
    }
}
