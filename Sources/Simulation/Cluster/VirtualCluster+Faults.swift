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
        case .partial(let one, let other, let announced, let lasts):
            guard one != other else { return false }
            cut(one, other, announced)
            cut(other, one, announced)
            plan(.faultEnds(fault), after: lasts)
        case .flap(let one, let other, let times): return flap(one, other, times)
        case .pause(let node, let lasts):
            guard machines[node].process != nil else { return false }
            machines[node].pausedUntil = max(machines[node].pausedUntil, now + lasts)
        case .clockJump(let node, let milliseconds): machines[node].timepiece.jump(to: milliseconds)
        case .slowDisk(let node, let lasts): machines[node].diskSlowUntil = now + lasts
        case .slowNode(let node, let milliseconds, let lasts):
            machines[node].slowUntil = now + lasts
            machines[node].slowness = milliseconds
        case .powerFailure, .blackout, .kill, .restart, .copy, .oldCopy, .wipe: return endLives(fault)
        case .commitFailure, .fullDisk, .syncFailure, .damage: return harmDisk(fault)
        }
        return true
    }

    private func endLives(_ fault: Fault) -> Bool {
        switch fault {
        case .powerFailure(let node, let down): return bounce(node, .powerFailure, down)
        case .blackout(let down):
            for node in machines.indices { bounce(node, .powerFailure, down + generator.milliseconds(0...500)) }
        case .kill(let node, let down): return bounce(node, .kill, down)
        case .restart(let node, let down): return bounce(node, .cleanStop, down)
        case .copy(let node): copyDisk(of: node)
        case .oldCopy(let node, let down, let draw):
            let copies = machines[node].copies
            guard !copies.isEmpty else { return false }
            let copy = copies[Int(draw % UInt64(copies.count))]
            end(node, .kill)
            machines[node].disk = copy.disk
            machines[node].isRestored = true
            ledger.restore(node: node, copy.held, at: now)
            plan(.start(node), after: down)
        case .wipe(let node, let down):
            end(node, .kill)
            startAnew(node)
            plan(.start(node), after: down)
        default: return false
        }
        return true
    }

    private func harmDisk(_ fault: Fault) -> Bool {
        switch fault {
        case .commitFailure(let node, let store): return trouble(node, store, .failOnce)
        case .fullDisk(let node, let store, let lasts):
            plan(.faultEnds(fault), after: lasts)
            return trouble(node, store, .full)
        case .syncFailure(let node, let store, _):
            // The operator finds the ended store after a while.
            plan(.faultEnds(fault), after: 4_000_000_000)
            return trouble(node, store, .failSync)
        case .damage(let node, let store, let draw): return damage(node, store, draw)
        default: return false
        }
    }

    func finish(_ fault: Fault) {
        guard !network.isCalm else { return }
        switch fault {
        case .partition(let members, _, _): eachCut(members) { network.unblock(from: $0, to: $1) }
        case .oneWay(let from, let to, _, _): network.unblock(from: from, to: to)
        case .partial(let one, let other, _, _):
            network.unblock(from: one, to: other)
            network.unblock(from: other, to: one)
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
            machines[node].diskSlowUntil = 0
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
    private func bounce(_ node: Int, _ end: NodeEnd, _ down: UInt64) -> Bool {
        guard self.end(node, end) else { return false }
        plan(.start(node), after: down)
        return true
    }

    private func trouble(_ node: Int, _ store: Int, _ trouble: EngineTrouble) -> Bool {
        guard let engine = machines[node].process?.stores[store].engine, !engine.ended else { return false }
        engine.trouble = trouble
        return true
    }

    private func flap(_ one: Int, _ other: Int, _ times: Int) -> Bool {
        guard one != other else { return false }
        for (node, peer) in [(one, other), (other, one)] {
            planLinkLost(at: node, to: peer, generator.milliseconds(0...20))
        }
        if times > 1 { plan(.fault(.flap(one, other, times: times - 1)), after: generator.milliseconds(10...600)) }
        return true
    }

    private func damage(_ node: Int, _ store: Int, _ draw: UInt64) -> Bool {
        let bit = Int(draw >> 32)
        guard let engine = machines[node].process?.stores[store].engine else {
            // Nobody runs: the node's own record, to be found at the next start.
            return machines[node].disk.files.damage(NodeDisk.recordName, bit: bit)
        }
        switch draw % 16 {
        case 0:
            guard let key = engine.keys(in: Self.figures).first else { return false }
            engine.damage(key, bit: bit)
            return true
        case 1:
            guard engine.damageFile(bit: bit) else { return false }
            for key in layout.keys.indices
            where store == ClusterLayout.hintStore || layout.store(ofType: layout.keys[key].type) == store {
                ledger.onDamaged(key: key, node: node, store: store, isFound: false, at: now)
            }
            return true
        case 2: return machines[node].disk.files.damage(NodeDisk.recordName, bit: bit)
        default: break
        }
        if store == ClusterLayout.hintStore { return damageHint(node, engine, draw) }
        let candidates = layout.keys.indices.filter { key in
            // Not a record that is just being written: whether its write had been done before would be a riddle.
            guard machines[node].process?.stores[store].group?.contains(where: { keyIndex(of: $0) == key }) != true,
                layout.store(ofType: layout.keys[key].type) == store,
                // The same bit flipped twice would mend it.
                ledger.keys[key].damage[node] == 0
            else { return false }
            return engine.value(of: layout.keys[key].recordKey) != nil
        }
        guard !candidates.isEmpty else { return false }
        let key = candidates[Int((draw >> 8) % UInt64(candidates.count))]
        engine.damage(layout.keys[key].recordKey, bit: bit)
        note("\(name(node)): the record of \(layout.keys[key].key) is damaged")
        ledger.onDamaged(key: key, node: node, store: store, isFound: true, at: now)
        return true
    }

    private func damageHint(_ node: Int, _ engine: any NodeEngine, _ draw: UInt64) -> Bool {
        let place = ledger.place(node, store: ClusterLayout.hintStore)
        let candidates = engine.keys(in: Self.hints).filter { record in
            guard let key = keyIndex(ofHint: record) else { return false }
            return machines[node].process?.stores[ClusterLayout.hintStore].group == nil
                && ledger.keys[key].damage[place] == 0
        }
        guard !candidates.isEmpty else { return false }
        let record = candidates[Int((draw >> 8) % UInt64(candidates.count))]
        guard let key = keyIndex(ofHint: record) else { return false }
        engine.damage(record, bit: Int(draw >> 32))
        note("\(name(node)): a hint of \(layout.keys[key].key) is damaged")
        ledger.onDamaged(key: key, node: node, store: ClusterLayout.hintStore, isFound: true, at: now)
        return true
    }

    private static let hints = KeyRange(
        from: ByteBuffer(bytes: [RecordKey.Kind.hint.rawValue]),
        to: ByteBuffer(bytes: [RecordKey.Kind.hint.rawValue + 1]))

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
