import Engines
import NIOCore
import Node
import Placement
import Storage

/// Starts, stops and crashes, with the node's own files as the server keeps them.
extension VirtualCluster {
    private enum StartTrouble: Error {
        /// The operator does what the message says: the node starts anew, without data.
        case unusable(String)
        case powerLost
    }

    func start(_ node: Int) {
        guard machines[node].process == nil else { return }
        // A machine may lose its power while it starts, too.
        let isUnderFire = !network.isCalm && crashesInStarts && generator.chance(100)
        let files = VirtualFiles(machines[node].disk.files, callsLeft: isUnderFire ? generator.below(10) : nil)
        var stores: [NodeProcess.Store] = []
        do throws(StartTrouble) {
            stores = try openStores(node)
            let start = try begin(node, files, stores)
            machines[node].disk.files = files.disk
            run(node, start.record, continues: start.continues, stores)
        } catch {
            machines[node].disk.files = files.disk
            switch error {
            case .powerLost:
                note("\(name(node)) loses its power while it starts")
                count(.powerFailure)
                machines[node].disk.files.losePower(&generator)
                letGo(node, stores, .powerFailure)
            case .unusable(let why):
                note("\(name(node)) starts anew: \(why)")
                letGo(node, stores, .kill)
                startAnew(node)
            }
            plan(.start(node), after: 1_000_000)
        }
    }

    /// The node's folder is emptied.
    func startAnew(_ node: Int) {
        machines[node].disk = NodeDisk(stores: ClusterLayout.stores.count)
        ledger.restore(node: node, nil, at: now)
    }

    private func openStores(_ node: Int) throws(StartTrouble) -> [NodeProcess.Store] {
        var stores: [NodeProcess.Store] = []
        for (index, image) in machines[node].disk.stores.enumerated() {
            var engine: (any NodeEngine)?
            do {
                let opened = try openEngine(node, index, image)
                engine = opened
                let objects = try ObjectStore(engine: opened, contents: contents(of: index)) { _, _ in }
                stores.append(NodeProcess.Store(engine: opened, objects: objects))
            } catch {
                try? engine?.close()
                letGo(node, stores, .kill)
                throw .unusable("\(error)")
            }
        }
        return stores
    }

    private func contents(of store: Int) -> ObjectStore.Contents {
        // Nodes with little room decline to stand in.
        if store == ClusterLayout.hintStore { return .hints(HintLimits(maximumHints: layout.isTight ? 5 : 10_000)) }
        return .objects(
            TreeSettings(
                shape: settings.treeShape, partitions: layout.map.partitioning.count,
                replicas: settings.bucketTypes.replicas(inStore: store)))
    }

    private func openEngine(_ node: Int, _ store: Int, _ image: StoreImage) throws(EngineError) -> any NodeEngine {
        if let engines {
            return try RealEngine(engines.kind, at: engines.path(node: node, store: store), image)
        }
        guard case .disk(let disk) = image else {
            preconditionFailure("a virtual engine finds \(image)")
        }
        return try VirtualEngine(disk)
    }

    /// Takes the marker of a clean stop away and makes the next start durable, as the server does: in the folder, then
    /// in every store.
    private func begin(
        _ node: Int, _ files: VirtualFiles, _ stores: [NodeProcess.Store]
    ) throws(StartTrouble) -> (record: NodeRecord, continues: Bool) {
        do {
            let file = NodeDisk.record(files)
            var old = try file.read().map { try NodeRecord(decoding: $0) } ?? NodeRecord(member: layout.members[node])
            if bug == .unconfirmedContinues, !old.isConfirmed {
                strikes += 1
                old.isConfirmed = true
            }
            let isMarked = try NodeDisk.marker(files).consume(after: old.start)
            var isClean = try stores.allSatisfy { try $0.objects.wasClosed(by: old.start) } && isMarked
            let isBent = bug == (machines[node].isRestored ? .backupKeepsIncarnation : .dotReusedAfterCrash)
            if isBent, old.start.number > 0, !isClean {
                strikes += 1
                isClean = true
            }
            let record = old.started(stoppedCleanly: isClean, random: generator.next())
            try file.replace(with: record.encoded())
            for store in stores {
                try store.objects.use(by: record.start)
                store.engine.callsReturned()
            }
            return (record, old.start.number > 0 && record.start.incarnation == old.start.incarnation)
        } catch {
            throw files.hasLostPower ? .powerLost : .unusable("\(error)")
        }
    }

    private func run(_ node: Int, _ record: NodeRecord, continues: Bool, _ stores: [NodeProcess.Store]) {
        processes += 1
        machines[node].isRestored = false
        let time = machines[node].timepiece.time(at: now)
        let process = NodeProcess(
            number: processes,
            machine: StorageNode(settings: settings, record: record, continuesIncarnation: continues, now: time),
            stores: stores)
        machines[node].process = process
        transcript.mix(record.encoded())
        note("\(name(node)) starts: \(record.start.number), incarnation \(record.start.incarnation >> 32)")
        process.machine.start(time, into: &process.effects)
        carryOutEffects(of: node, process)
        for other in machines.indices where other != node && machines[other].process != nil {
            planReconnect(node, other)
        }
    }

    // MARK: Ends

    /// Ends a node's process; false where none runs.
    @discardableResult
    func end(_ node: Int, _ end: NodeEnd) -> Bool {
        guard let process = machines[node].process else { return false }
        note("\(name(node)) ends: \(end)")
        if end == .cleanStop {
            stopInOrder(node, process)
        } else {
            die(node, process, end)
        }
        machines[node].process = nil
        machines[node].pausedUntil = 0
        for other in machines.indices where other != node && machines[other].process != nil {
            // A peer may take its time to notice, or notice only when the node is back.
            if generator.chance(700) { planLinkLost(at: other, to: node, generator.milliseconds(0...2000)) }
        }
        return true
    }

    /// The stores are no longer anybody's.
    private func letGo(_ node: Int, _ stores: [NodeProcess.Store], _ end: NodeEnd) {
        for (index, store) in stores.enumerated() {
            let left = store.engine.left(after: end, &generator)
            machines[node].disk.stores[index] = left.image
            ledger.onEnd(node: node, store: index, left.loss, at: now)
        }
    }

    private func die(_ node: Int, _ process: NodeProcess, _ end: NodeEnd) {
        letGo(node, process.stores, end)
        if let record = process.persisting.first {
            let files = VirtualFiles(machines[node].disk.files, callsLeft: generator.below(8))
            try? NodeDisk.record(files).replace(with: record.encoded())
            machines[node].disk.files = files.disk
        }
        if end == .powerFailure { machines[node].disk.files.losePower(&generator) }
    }

    private func stopInOrder(_ node: Int, _ process: NodeProcess) {
        var isClean = true
        for (index, store) in process.stores.enumerated() {
            finishGroup(node, process, index)
            do {
                let mayContinue = try store.objects.close()
                isClean = isClean && mayContinue
            } catch {
                isClean = false
            }
            let left = store.engine.left(after: .cleanStop, &generator)
            machines[node].disk.stores[index] = left.image
            ledger.onEnd(node: node, store: index, left.loss, at: now)
            if case .nothing = left.loss { ledger.onSynced(node: node, store: index) }
        }
        // The power may go in the very middle of a stop.
        let isUnderFire = !network.isCalm && crashesInStarts && generator.chance(100)
        let files = VirtualFiles(machines[node].disk.files, callsLeft: isUnderFire ? generator.below(12) : nil)
        do {
            try NodeDisk.record(files).replace(with: process.machine.record.encoded())
            if isClean { try NodeDisk.marker(files).write(after: process.machine.record.start) }
        } catch {
            note("\(name(node)) loses its power while it stops")
        }
        machines[node].disk.files = files.disk
        if files.hasLostPower { machines[node].disk.files.losePower(&generator) }
        let held = ledger.durable(of: node)
        // A real engine's folder is looked at while it is open only.
        if engines == nil { machines[node].copies.append(VirtualMachine.Copy(disk: machines[node].disk, held: held)) }
    }

    /// Copies a running node's folder, as a snapshot of its file system would.
    func copyDisk(of node: Int) {
        guard let process = machines[node].process else { return }
        var disk = machines[node].disk
        disk.files.losePower(&generator)
        for (index, store) in process.stores.enumerated() { disk.stores[index] = store.engine.snapshot(&generator) }
        let held = ledger.durable(of: node)
        machines[node].copies.append(VirtualMachine.Copy(disk: disk, held: held))
    }

    /// The node's record is durable once its file has been replaced.
    func onPersisted(_ node: Int, _ number: Int) {
        guard let process = process(number, of: node) else { return }
        let record = process.persisting.removeFirst()
        let files = VirtualFiles(machines[node].disk.files)
        do {
            try NodeDisk.record(files).replace(with: record.encoded())
        } catch {
            ledger.object(.recovery, "\(name(node)) cannot write its record: \(error)", key: nil, at: now)
        }
        machines[node].disk.files = files.disk
        note("\(name(node)) keeps its record \(record.revision)")
        if !process.persisting.isEmpty { planPersisted(node, process) }
        hand(.persisted(revision: record.revision), to: node)
    }
}
