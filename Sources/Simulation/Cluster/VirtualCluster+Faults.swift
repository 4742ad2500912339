import Engines
import NIOCore
import Node
import Storage

/// Carries faults out, and lets them end.
extension VirtualCluster {
    func begin(_ fault: Fault) {
        guard !network.isCalm else { return }
        guard carryOut(fault) else { return }
        if let kind = fault.kind { count(kind) }
        note("fault: \(fault)")
    }

    /// Returns false where the fault finds nothing to harm.
    private func carryOut(_ fault: Fault) -> Bool {
        switch fault {
        case .partition(let members, let announced, let lasts):
            eachCut(members) { cut($0, $1, announced) }
            plan(.faultEnds(fault), after: lasts)
        case .oneWay(let from, let to, let announced, let lasts):
            guard from != to else { return false }
            cut(from, to, announced)
            plan(.faultEnds(fault), after: lasts)
        case .flap(let one, let other):
            guard one != other else { return false }
            for (node, peer) in [(one, other), (other, one)] {
                planLinkLost(at: node, to: peer, generator.milliseconds(0...20))
            }
        case .powerFailure(let node, let down): return bounce(node, .powerFailure, down)
        case .blackout(let down):
            for node in machines.indices { bounce(node, .powerFailure, down + generator.milliseconds(0...500)) }
        case .pause(let node, let lasts):
            guard machines[node].process != nil else { return false }
            machines[node].pausedUntil = max(machines[node].pausedUntil, now + lasts)
        case .kill(let node, let down): return bounce(node, .kill, down)
        case .restart(let node, let down): return bounce(node, .cleanStop, down)
        case .clockJump(let node, let milliseconds): machines[node].timepiece.jump(to: milliseconds)
        case .slowDisk(let node, let lasts): machines[node].slowUntil = now + lasts
        case .commitFailure(let node, let store): return trouble(node, store, .failOnce)
        case .fullDisk(let node, let store, let lasts):
            plan(.faultEnds(fault), after: lasts)
            return trouble(node, store, .full)
        case .syncFailure(let node, let store, let down):
            // The operator finds the ended store after a while.
            plan(.faultEnds(.syncFailure(node, store: store, down: down)), after: 4_000_000_000)
            return trouble(node, store, .failSync)
        case .damage(let node, let store, let draw): return damage(node, store, draw)
        case .copy(let node): copyDisk(of: node)
        case .oldCopy(let node, let down, let draw):
            let copies = machines[node].copies
            guard !copies.isEmpty else { return false }
            let copy = copies[Int(draw % UInt64(copies.count))]
            end(node, .kill)
            machines[node].disk = copy.disk
            ledger.restore(node: node, copy.held)
            plan(.start(node), after: down)
        case .wipe(let node, let down):
            end(node, .kill)
            machines[node].disk = NodeDisk(stores: ClusterLayout.stores.count)
            ledger.restore(node: node, layout.keys.map { _ in DotSet() })
            plan(.start(node), after: down)
        }
        return true
    }

    func finish(_ fault: Fault) {
        guard !network.isCalm else { return }
        switch fault {
        case .partition(let members, _, _): eachCut(members) { network.unblock(from: $0, to: $1) }
        case .oneWay(let from, let to, _, _): network.unblock(from: from, to: to)
        case .fullDisk(let node, let store, _):
            guard let engine = machines[node].process?.stores[store].engine, engine.trouble == .full else { return }
            engine.trouble = nil
        case .syncFailure(let node, let store, let down):
            guard machines[node].process?.stores[store].engine.ended == true else { return }
            bounce(node, generator.chance(500) ? .cleanStop : .kill, down)
        default: break
        }
    }

    /// All is well from now on: the network, the clocks, the disks; whoever is down starts.
    func heal() {
        network.calm()
        for node in machines.indices {
            machines[node].slowUntil = 0
            machines[node].timepiece.setRight()
            for store in machines[node].process?.stores ?? [] { store.engine.trouble = nil }
            if machines[node].process?.stores.contains(where: \.engine.ended) == true { end(node, .kill) }
            if machines[node].process == nil { plan(.start(node), after: generator.milliseconds(1...500)) }
            for other in machines.indices where other > node {
                planReconnect(node, other)
            }
        }
    }

    @discardableResult
    private func bounce(_ node: Int, _ end: End, _ down: UInt64) -> Bool {
        guard self.end(node, end) else { return false }
        plan(.start(node), after: down)
        return true
    }

    private func trouble(_ node: Int, _ store: Int, _ trouble: VirtualEngine.Trouble) -> Bool {
        guard let engine = machines[node].process?.stores[store].engine, !engine.ended else { return false }
        engine.trouble = trouble
        return true
    }

    private func damage(_ node: Int, _ store: Int, _ draw: UInt64) -> Bool {
        guard let engine = machines[node].process?.stores[store].engine else { return false }
        let births = engine.keys(in: Self.figures)
        if draw.isMultiple(of: 8), let key = births.first {
            engine.damage(key, bit: Int(draw >> 32))
            return true
        }
        let candidates = layout.keys.indices.filter { key in
            // Not a record that is just being written: whether its write had been done before would be a riddle.
            guard machines[node].process?.stores[store].group?.contains(where: { keyIndex(of: $0) == key }) != true,
                layout.store(ofType: layout.keys[key].type) == store
            else { return false }
            let record = RecordKey.object(layout.keys[key].key, partition: layout.keys[key].partition)
            return engine.value(of: record) != nil
        }
        guard !candidates.isEmpty else { return false }
        let key = candidates[Int(draw % UInt64(candidates.count))]
        let record = RecordKey.object(layout.keys[key].key, partition: layout.keys[key].partition)
        engine.damage(record, bit: Int(draw >> 32))
        ledger.onDamaged(key: key, node: node)
        return true
    }

    /// The store's own figures.
    private static let figures = KeyRange(
        from: ByteBuffer(bytes: [RecordKey.Kind.metadata.rawValue]),
        to: ByteBuffer(bytes: [RecordKey.Kind.object.rawValue]))

    private func eachCut(_ members: UInt64, _ body: (Int, Int) -> Void) {
        for from in machines.indices {
            for to in machines.indices where (members >> UInt64(from)) & 1 != (members >> UInt64(to)) & 1 {
                body(from, to)
            }
        }
    }

    private func cut(_ from: Int, _ to: Int, _ announced: Bool) {
        network.block(from: from, to: to)
        guard announced else { return }
        for (node, peer) in [(from, to), (to, from)] where generator.chance(800) {
            planLinkLost(at: node, to: peer, generator.milliseconds(0...1500))
        }
    }
}
