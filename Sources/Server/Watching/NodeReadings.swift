import Engines
import Node
import Placement
import Storage

/// What one look at a node found, to be told as figures. Whatever the node counts already is read here and counted
/// nowhere else.
struct NodeReadings {
    struct Identity: Sendable {
        var node: String
        var cluster: String
        var clusterID: String
        /// The other members' names.
        var names: [MemberID: String]
    }

    var identity: Identity
    /// Nil where the event loop is gone.
    var figures: NodeDriver.Figures?
    var isReady: Bool
    /// The stores, each with what its engine says; nil where that did not answer.
    var stores: [(pulse: StorePulse, engine: EngineStatistics?)]
    var process: ProcessFigures?
    /// What is counted as it happens.
    var recorded: PrometheusFactory

    var exposition: Exposition {
        var exposition = Exposition()
        tellRequests(&exposition)
        tellNode(&exposition)
        tellPeers(&exposition)
        tellTrees(&exposition)
        tellHints(&exposition)
        for (pulse, engine) in stores {
            tell(pulse, &exposition)
            exposition.add(.storeSilent, engine == nil, ["store": pulse.name])
            if let engine { tell(engine, of: pulse.name, &exposition) }
        }
        tellProcess(&exposition)
        return exposition
    }

    private func tellRequests(_ exposition: inout Exposition) {
        recorded.write(into: &exposition)
        for (labels, count) in recorded.counts(of: .requestDuration) { exposition.add(.requests, count, of: labels) }
        guard let figures else { return }
        let statistics = figures.statistics
        for (versions, count) in zip(["1", "2", "3", "4+"], statistics.versionsReturned) {
            exposition.add(.getVersions, count, ["versions": versions])
        }
        exposition.add(.requestsInFlight, figures.requestsInFlight)
        exposition.add(.readRepairs, statistics.readRepairs)
        exposition.add(.hedges, statistics.hedges)
        exposition.add(.forwards, statistics.forwards)
        exposition.add(.repeatedForwards, statistics.repeatedForwards)
        exposition.add(.passedOver, statistics.passedOver)
        exposition.add(.standInMints, statistics.standInMints)
        exposition.add(.stampsRefused, statistics.stampsRefused)
    }

    private func tellNode(_ exposition: inout Exposition) {
        exposition.add(.buildInfo, 1, ["version": RotorVersion.text])
        exposition.add(.ready, isReady)
        guard let figures else { return }
        exposition.add(
            .nodeInfo, 1,
            [
                "node": identity.node, "member": "\(figures.record.member)", "cluster": identity.cluster,
                "cluster_id": identity.clusterID,
            ])
        exposition.add(.startNumber, Double(figures.record.start.number))
        exposition.add(.startConflicts, figures.statistics.startConflicts)
        exposition.add(.replicaOperations, figures.replicaOperations)
    }

    private func tellPeers(_ exposition: inout Exposition) {
        guard let figures else { return }
        exposition.add(.droppedMessages, figures.droppedMessages)
        exposition.add(.sentBytes, figures.traffic.sentBytes)
        exposition.add(.receivedBytes, figures.traffic.receivedBytes)
        for peer in figures.peers {
            let name = identity.names[peer.member] ?? "\(peer.member)"
            exposition.add(.peerLinked, peer.isLinked, ["peer": name])
            for condition in PeerCondition.allCases {
                exposition.add(
                    .peerState, peer.condition == condition, ["peer": name, "state": "\(condition)"])
            }
        }
    }

    private func tellTrees(_ exposition: inout Exposition) {
        for (pulse, _) in stores {
            exposition.add(.treesDue, pulse.statistics.treesDue, ["store": pulse.name])
            exposition.add(.failedTreePages, pulse.statistics.failedTreePages, ["store": pulse.name])
        }
        guard let statistics = figures?.statistics else { return }
        exposition.add(.treesDifferent, statistics.treesDifferent)
        exposition.add(.treeExchangesFailed, statistics.treeExchangesFailed)
        exposition.add(.keysPulled, statistics.keysPulled)
        exposition.add(.keysPushed, statistics.keysPushed)
    }

    private func tellHints(_ exposition: inout Exposition) {
        exposition.add(.hints, stores.reduce(0) { $0 + $1.pulse.statistics.hints })
        exposition.add(.hintBytes, stores.reduce(0) { $0 + $1.pulse.statistics.hintBytes })
        guard let figures else { return }
        exposition.add(.hintsKept, figures.statistics.hintsKept)
        exposition.add(.hintsDelivered, figures.statistics.hintsDelivered)
        exposition.add(.hintOperations, figures.hintOperations)
    }

    private func tell(_ pulse: StorePulse, _ exposition: inout Exposition) {
        let labels: KeyValuePairs = ["store": pulse.name]
        exposition.add(
            .storeInfo, 1,
            ["store": pulse.name, "engine": pulse.engine.rawValue, "write_path": pulse.writePath.rawValue])
        exposition.add(.storeEnded, pulse.endedBy != nil, labels)
        exposition.add(.storeWaitingWrites, pulse.waitingWrites, labels)
        exposition.add(.storeWaitingReads, pulse.waitingReads, labels)
        exposition.add(.storeWrites, pulse.statistics.writes, labels)
        exposition.add(.storeFailedGroups, pulse.statistics.failedGroups, labels)
        exposition.add(.storeDamaged, pulse.statistics.damagedRecords, labels)
        exposition.add(.storeTruncated, pulse.statistics.truncatedEntries, labels)
    }

    private func tell(_ engine: EngineStatistics, of store: String, _ exposition: inout Exposition) {
        let labels: KeyValuePairs = ["store": store]
        exposition.add(.storeEntries, engine.entries, labels)
        exposition.add(.storeDiskBytes, engine.diskBytes, labels)
        exposition.add(.storeCommits, engine.commits, labels)
        exposition.add(.storeSyncs, engine.syncs, labels)
        guard let path = engine.writePath else { return }
        exposition.add(.storeFull, path.isFull, labels)
        exposition.add(.storeBufferedObjects, path.bufferedObjects, labels)
        exposition.add(.storeBufferedBytes, path.bufferedBytes, labels)
        exposition.add(.storeLogBytes, path.logBytes, labels)
    }

    private func tellProcess(_ exposition: inout Exposition) {
        guard let process else { return }
        exposition.add(.residentMemory, process.residentBytes)
        exposition.add(.openFiles, process.openFiles)
        exposition.add(.maximumFiles, process.maximumFiles)
        exposition.add(.processorTime, process.processorSeconds)
        exposition.add(.startTime, process.startSeconds)
    }
}
