import Placement
import Versions

extension TreeWork {
    func isRepair(of exchange: Correlation) -> Bool {
        if case .repair(let repair) = self { repair.exchange == exchange } else { false }
    }
}

/// What anti-entropy found to differ is made the same (Dynamo §4.7).
extension StorageNode {
    mutating func startRepairs(of correlation: Correlation, _ now: Time, _ queue: inout EffectQueue) {
        while case .exchange(var exchange) = treeWork[correlation], let difference = exchange.takeDifference() {
            treeWork[correlation] = .exchange(exchange)
            start(difference, of: correlation, exchange, now, &queue)
        }
        guard case .exchange(var exchange) = treeWork[correlation], let outcome = exchange.pageOutcome() else { return }
        goOn(correlation, exchange, outcome, now, &queue)
    }

    private mutating func start(
        _ difference: TreeDifference, of correlation: Correlation, _ exchange: TreeExchange, _ now: Time,
        _ queue: inout EffectQueue
    ) {
        // A key of a type that only the peer knows, or not in that place: the two are configured differently.
        guard let bucketType = settings.bucketTypes.position(named: difference.key.type),
            settings.bucketTypes.store(of: bucketType) == exchange.store, badName(in: difference.key) == nil,
            settings.map.partition(of: difference.key) == exchange.tree.partition
        else { return onRepaired(correlation, false, now, &queue) }
        let repair = TreeRepair(
            difference, of: correlation, with: exchange.peer, store: exchange.store,
            partition: exchange.tree.partition, settings.bucketTypes[bucketType].policy)
        let own = treeWork.insert(.repair(repair))
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
        case .failure: return endRepair(fetched.correlation, repair, false, now, &queue)
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
            repair.onWritten(true)
        default: return endRepair(correlation, repair, false, now, &queue)
        }
        goOn(correlation, repair, now, &queue)
    }

    mutating func onTreeReplicated(
        _ replicated: Replicated, from sender: MemberID, _ now: Time, _ queue: inout EffectQueue
    ) {
        guard case .repair(var repair) = treeWork[replicated.correlation], repair.peer == sender else { return }
        var succeeded = false
        if case .success = replicated.result { succeeded = true }
        if succeeded { statistics.keysPushed += 1 }
        repair.onWritten(succeeded)
        goOn(replicated.correlation, repair, now, &queue)
    }

    private mutating func goOn(
        _ correlation: Correlation, _ old: TreeRepair, _ now: Time, _ queue: inout EffectQueue
    ) {
        var repair = old
        let writes = repair.takeWrites()
        treeWork[correlation] = .repair(repair)
        guard !repair.isDone else { return endRepair(correlation, repair, !repair.hasFailed, now, &queue) }
        if let object = writes.here {
            do throws(ReplicaFailure) {
                try accept(stampsOf: object, repair.policy, now)
                emit(.merge(object, repair.policy, .sometime), correlation, repair, &queue)
            } catch {
                return endRepair(correlation, repair, false, now, &queue)
            }
        }
        if let object = writes.there {
            let replicate = Replicate(correlation: correlation, key: repair.key, object: object, .sometime)
            ask(.replicate(replicate), of: repair.peer, now, &queue)
        }
    }

    private mutating func endRepair(
        _ correlation: Correlation, _ repair: TreeRepair, _ succeeded: Bool, _ now: Time, _ queue: inout EffectQueue
    ) {
        treeWork.remove(correlation)
        onRepaired(repair.exchange, succeeded, now, &queue)
        startRepairs(of: repair.exchange, now, &queue)
    }

    /// One key of an exchange's page is done with.
    private mutating func onRepaired(
        _ correlation: Correlation, _ succeeded: Bool, _ now: Time, _ queue: inout EffectQueue
    ) {
        guard case .exchange(var exchange) = treeWork[correlation] else { return }
        exchange.onRepaired(succeeded, now.monotonic)
        treeWork[correlation] = .exchange(exchange)
    }
}
