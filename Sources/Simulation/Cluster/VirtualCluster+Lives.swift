import Engines
import NIOCore
import Node
import Placement
import Storage

/// Starts, stops, crashes, and the links that come and go with them.
extension VirtualCluster {
    func start(_ node: Int) {
        guard machines[node].process == nil else { return }
        var disk = machines[node].disk
        let old: NodeRecord
        do {
            old = try disk.record.map { try NodeRecord(decoding: $0) } ?? NodeRecord(member: layout.members[node])
        } catch {
            ledger.object(.recovery, "\(name(node)) cannot read its own record: \(error)", key: nil, at: now)
            return
        }
        var isClean = disk.hasCleanStopMarker
        if mischief == .confirmOldCopy, old.start.number > 0 { isClean = true }
        if mischief == .keepIncarnation, old.start.number > 0, !isClean {
            liesTold += 1
            isClean = true
        }
        let record = old.started(stoppedCleanly: isClean, random: generator.next())
        disk.hasCleanStopMarker = false
        disk.record = record.encoded()
        machines[node].disk = disk
        var stores: [NodeProcess.Store] = []
        for image in disk.engines {
            let engine = VirtualEngine(image)
            do {
                stores.append(NodeProcess.Store(engine: engine, objects: try ObjectStore(engine: engine) { _, _ in }))
            } catch {
                // The operator does what the message says: the node starts anew, without data.
                note("\(name(node)) cannot open its store: \(error)")
                machines[node].disk = NodeDisk(stores: ClusterLayout.stores.count)
                ledger.restore(node: node, layout.keys.map { _ in DotSet() })
                plan(.start(node), after: 1_000_000)
                return
            }
        }
        processes += 1
        let process = NodeProcess(
            number: processes,
            machine: StorageNode(
                settings: settings, record: record,
                continuesIncarnation: old.start.number > 0 && record.start.incarnation == old.start.incarnation,
                now: machines[node].timepiece.time(at: now)),
            stores: stores)
        machines[node].process = process
        transcript.mix(record.encoded())
        note("\(name(node)) starts: \(record.start.number), incarnation \(record.start.incarnation)")
        process.machine.start(machines[node].timepiece.time(at: now), into: &process.effects)
        carryOutEffects(of: node, process)
        for other in machines.indices where other != node && machines[other].process != nil {
            planReconnect(node, other)
        }
    }

    enum End {
        case powerFailure
        case kill
        case cleanStop
    }

    /// Ends a node's process; false where none runs.
    @discardableResult
    func end(_ node: Int, _ end: End) -> Bool {
        guard let process = machines[node].process else { return false }
        note("\(name(node)) ends: \(end)")
        if end == .cleanStop {
            stopInOrder(node, process)
        } else {
            die(node, process, losesPageCache: end == .powerFailure)
        }
        machines[node].process = nil
        machines[node].pausedUntil = 0
        for other in machines.indices where other != node && machines[other].process != nil {
            // A peer may take its time to notice, or notice only when the node is back.
            if generator.chance(700) { planLinkLost(at: other, to: node, generator.milliseconds(0...2000)) }
        }
        return true
    }

    private func die(_ node: Int, _ process: NodeProcess, losesPageCache: Bool) {
        for (index, store) in process.stores.enumerated() {
            if losesPageCache || store.engine.ended {
                machines[node].disk.engines[index] = store.engine.imageAfterPowerFailure(&generator)
                ledger.forKeys(ofStore: index) { $0.onPowerFailure(node: node) }
            } else {
                machines[node].disk.engines[index] = store.engine.imageAfterKill(&generator)
            }
        }
        if let record = process.persisting.first, generator.chance(500) {
            machines[node].disk.record = record.encoded()
        }
    }

    private func stopInOrder(_ node: Int, _ process: NodeProcess) {
        var isClean = true
        for (index, store) in process.stores.enumerated() {
            finishGroup(node, process, index)
            do {
                let mayContinue = try store.objects.close()
                isClean = isClean && mayContinue
                machines[node].disk.engines[index] = store.engine.imageAfterClose
                ledger.forKeys(ofStore: index) { $0.onSynced(node: node) }
            } catch {
                isClean = false
                machines[node].disk.engines[index] = store.engine.imageAfterPowerFailure(&generator)
                ledger.forKeys(ofStore: index) { $0.onPowerFailure(node: node) }
            }
        }
        machines[node].disk.record = process.machine.record.encoded()
        machines[node].disk.hasCleanStopMarker = isClean
        let held = ledger.keys.map { $0.durable[node] }
        machines[node].copies.append(VirtualMachine.Copy(disk: machines[node].disk, held: held))
    }

    /// Copies a running node's folder, as a snapshot of its file system would.
    func copyDisk(of node: Int) {
        guard let process = machines[node].process else { return }
        var disk = machines[node].disk
        for (index, store) in process.stores.enumerated() {
            disk.engines[index] = store.engine.imageAfterPowerFailure(&generator)
        }
        let held = ledger.keys.map { $0.durable[node] }
        machines[node].copies.append(VirtualMachine.Copy(disk: disk, held: held))
    }

    // MARK: Links

    func planReconnect(_ one: Int, _ other: Int) {
        guard network.planReconnect(one, other) else { return }
        plan(.reconnect(one, other), after: generator.milliseconds(5...400))
    }

    func onReconnect(_ one: Int, _ other: Int) {
        network.endReconnect(one, other)
        guard machines[one].process != nil, machines[other].process != nil else { return }
        guard !network.isBlocked(from: one, to: other), !network.isBlocked(from: other, to: one) else {
            planReconnect(one, other)
            return
        }
        network.connect(one, other)
        for (node, peer) in [(one, other), (other, one)] {
            guard let process = machines[node].process else { continue }
            let bit = UInt64(1) << UInt64(peer)
            if process.linked & bit != 0 { hand(.linkDown(layout.members[peer]), to: node) }
            process.linked |= bit
            note("\(name(node)): link to \(name(peer)) is up")
            hand(.linkUp(layout.members[peer]), to: node)
        }
    }

    func planLinkLost(at node: Int, to peer: Int, _ delay: UInt64) {
        plan(.linkLost(at: node, to: peer, connection: network.connection(node, peer)), after: delay)
    }

    func onLinkLost(at node: Int, to peer: Int, connection: Int) {
        guard let process = machines[node].process, network.connection(node, peer) == connection else { return }
        let bit = UInt64(1) << UInt64(peer)
        guard process.linked & bit != 0 else { return }
        process.linked &= ~bit
        note("\(name(node)): link to \(name(peer)) is down")
        hand(.linkDown(layout.members[peer]), to: node)
        if machines[peer].process != nil { planReconnect(node, peer) }
    }
}
