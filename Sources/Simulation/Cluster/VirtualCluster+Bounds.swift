import Node
import Storage

/// Bounded queues (truth 8): what a node keeps is within its limits at every event, and gone when all is done.
extension VirtualCluster {
    func checkBounds(of node: Int, _ process: NodeProcess) {
        let kept = process.machine.kept
        // A delete without a context reads, then writes, while late replies to the read are still waited for.
        let limit = 2 * settings.maximumRequests
        largestTables.requests = max(largestTables.requests, kept.requests)
        largestTables.replicaOperations = max(largestTables.replicaOperations, kept.replicaOperations)
        largestTables.deadlines = max(largestTables.deadlines, kept.deadlines)
        if kept.requests > limit {
            ledger.object(
                .bounded, "\(name(node)) keeps \(kept.requests) requests, its limit is \(settings.maximumRequests)",
                key: nil, at: now)
        }
        // A page for each other node.
        let hints = 65 * (machines.count - 1)
        if kept.hintOperations > hints {
            ledger.object(
                .bounded, "\(name(node)) keeps \(kept.hintOperations) operations on hints, its limit is \(hints)",
                key: nil, at: now)
        }
        if process.machine.keptTreeWork > StorageNode.maximumWork {
            ledger.object(
                .bounded, "\(name(node)) keeps \(process.machine.keptTreeWork) pieces of work about trees", key: nil,
                at: now)
        }
        if kept.replicaOperations > settings.maximumReplicaOperations + limit {
            ledger.object(
                .bounded,
                "\(name(node)) keeps \(kept.replicaOperations) operations of others, its limit is"
                    + " \(settings.maximumReplicaOperations)", key: nil, at: now)
        }
    }

    /// All trees are built, and say what stores hold.
    func checkTrees() {
        for node in machines.indices {
            for store in machines[node].process?.stores ?? [] {
                do {
                    for tree in try store.objects.wrongTrees() {
                        let name = "\(name(node))'s tree of partition \(tree.partition), n \(tree.n),"
                        ledger.object(.treesTrue, "\(name) is not what its store holds", key: nil, at: now)
                    }
                } catch {
                    ledger.object(.treesTrue, "\(name(node)) cannot read a store: \(error)", key: nil, at: now)
                }
                let due = store.objects.treesDue
                if due > 0 {
                    ledger.object(
                        .treesTrue, "\(name(node)) has not built the trees of \(due) partitions", key: nil, at: now)
                }
            }
        }
    }

    /// After the faults every holder is up: nothing is kept for any of them.
    func checkHintsDelivered(_ node: Int) {
        guard let store = machines[node].process?.stores[ClusterLayout.hintStore] else { return }
        let left = store.objects.statistics.hints
        if left > 0 {
            ledger.object(.hintKept, "\(name(node)) still keeps \(left) hints", key: nil, at: now)
        }
    }

    /// After everything has been answered, nothing may be left.
    func checkEmpty(_ node: Int, _ process: NodeProcess) {
        let kept = process.machine.kept
        if kept.requests + kept.replicaOperations + kept.hintOperations + kept.deadlines > 0
            || process.stores.contains(where: \.isBusy)
        {
            ledger.object(
                .bounded,
                "\(name(node)) still keeps \(kept.requests) requests, \(kept.replicaOperations) operations of others"
                    + " and \(kept.deadlines) deadlines, though nothing is asked any more", key: nil, at: now)
        }
    }
}

extension NodeProcess.Store {
    var isBusy: Bool { group != nil || !waiting.isEmpty }
}
