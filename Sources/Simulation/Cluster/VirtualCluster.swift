import Engines
import NIOCore
import Node
import Placement
import Storage
import Versions

/// A whole cluster in one thread: real nodes and real object stores over a virtual network, virtual disks and virtual
/// clocks. It carries out one planned event at a time.
final class VirtualCluster {
    let layout: ClusterLayout
    let settings: NodeSettings
    let mischief: Mischief?
    var heap = EventHeap<SimulationEvent>()
    /// Nanoseconds since the run began.
    private(set) var now: UInt64 = 0
    var transcript: Transcript
    var ledger: Ledger
    var network: VirtualNetwork
    var machines: [VirtualMachine]
    var generator: SeededGenerator
    var processes = 0
    /// By ``FaultKind``: how often it happened.
    var faults = Array(repeating: 0, count: FaultKind.allCases.count)
    var events = 0
    var liesTold = 0
    /// Older reads, for mischief.
    var remembered: [VersionedObject?]
    private var ticksInARow = 0

    init(
        layout: ClusterLayout, plan: FaultPlan, mischief: Mischief?, isReadable: Bool, generator: SeededGenerator
    ) {
        self.layout = layout
        self.mischief = mischief
        var generator = generator
        settings = layout.settings()
        transcript = Transcript(isReadable: isReadable)
        ledger = Ledger(layout: layout)
        network = VirtualNetwork(nodes: layout.members.count, plan: plan, generator: generator.forked())
        machines = layout.members.map { _ in
            let rate = 1024 + (plan.drift == 0 ? 0 : generator.within(-plan.drift...plan.drift))
            return VirtualMachine(
                disk: NodeDisk(stores: ClusterLayout.stores.count),
                timepiece: VirtualTimepiece(rate: rate, wallOffset: generator.within(-200...200)))
        }
        if plan.drift > 0, let index = FaultKind.allCases.firstIndex(of: .drift) { faults[index] = machines.count }
        remembered = Array(repeating: nil, count: layout.keys.count)
        self.generator = generator
    }

    func plan(_ event: SimulationEvent, after delay: UInt64) {
        heap.insert(event, at: now + delay)
    }

    func note(_ line: @autoclosure () -> String) {
        transcript.write(line(), at: now)
    }

    func count(_ kind: FaultKind) {
        if let index = FaultKind.allCases.firstIndex(of: kind) { faults[index] += 1 }
    }

    func name(_ node: Int) -> String { layout.map.members[node].name }

    /// The next event, whose time it now is.
    func next() -> SimulationEvent? {
        guard let (time, event) = heap.pop() else { return nil }
        ticksInARow = time == now ? ticksInARow : 0
        now = time
        events += 1
        transcript.mix(time)
        return event
    }

    /// Puts an event off whose node is paused; false where there is nothing to wait for.
    func putsOff(_ event: SimulationEvent) -> Bool {
        guard let node = event.node, machines[node].pausedUntil > now else { return false }
        heap.insert(event, at: machines[node].pausedUntil)
        return true
    }

    /// The process `number` of a node, if it still lives.
    func process(_ number: Int, of node: Int) -> NodeProcess? {
        guard let process = machines[node].process, process.number == number else { return nil }
        return process
    }

    // MARK: Driving a node

    func hand(_ event: Event, to node: Int) {
        guard let process = machines[node].process else { return }
        process.machine.handle(event, at: machines[node].timepiece.time(at: now), into: &process.effects)
        carryOutEffects(of: node, process)
    }

    func carryOutEffects(of node: Int, _ process: NodeProcess) {
        process.effects.drain { effect in
            switch effect {
            case .send(let message, let member): send(message, from: node, to: member)
            case .storage(let request): store(request, node, process)
            case .persist(let record): persist(record, node, process)
            case .reply(let id, let reply): answer(Int(id.rawValue), reply, node)
            }
        }
        planTick(node, process)
    }

    private func planTick(_ node: Int, _ process: NodeProcess) {
        guard let deadline = process.machine.nextDeadline else { return }
        let time = max(now, machines[node].timepiece.trueTime(of: deadline))
        if let planned = process.tickAt, planned <= time { return }
        process.tickAt = time
        heap.insert(.tick(node, process: process.number), at: time)
    }

    func onTick(_ node: Int, _ number: Int) {
        guard let process = process(number, of: node), let planned = process.tickAt, planned <= now else { return }
        process.tickAt = nil
        ticksInARow += 1
        if ticksInARow > 10_000 {
            ledger.object(
                .recovery, "\(name(node)) wants to be ticked again and again at one instant", key: nil, at: now)
            return
        }
        hand(.tick, to: node)
    }

    private func persist(_ record: NodeRecord, _ node: Int, _ process: NodeProcess) {
        transcript.mix(record.encoded())
        process.persisting.append(record)
        if process.persisting.count == 1 { planPersisted(node, process) }
    }

    private func planPersisted(_ node: Int, _ process: NodeProcess) {
        plan(.persisted(node, process: process.number), after: diskTime(node, 0...4))
    }

    func onPersisted(_ node: Int, _ number: Int) {
        guard let process = process(number, of: node) else { return }
        let record = process.persisting.removeFirst()
        machines[node].disk.record = record.encoded()
        note("\(name(node)) keeps its record \(record.revision)")
        if !process.persisting.isEmpty { planPersisted(node, process) }
        hand(.persisted(revision: record.revision), to: node)
    }

    /// Nanoseconds that a disk takes for what usually takes so many milliseconds.
    func diskTime(_ node: Int, _ usual: ClosedRange<Int>) -> UInt64 {
        let time = generator.milliseconds(usual) + 20_000
        return machines[node].slowUntil > now ? time * 60 : time
    }

    // MARK: Messages

    private func send(_ message: Message, from node: Int, to member: MemberID) {
        guard let to = layout.members.firstIndex(of: member) else {
            preconditionFailure("\(name(node)) sends to \(member), who is no member")
        }
        var message = message
        if mischief == .confirmOldCopy, case .startConflict = message,
            let start = machines[to].process?.machine.record.start
        {
            liesTold += 1
            message = .startConfirmed(start)
        }
        let delays = network.delays(from: node, to: to)
        transcript.mix(message)
        transcript.mix(delays.count)
        note("\(name(node)) → \(name(to))\(delays.isEmpty ? " (lost)" : ""): \(brief(message))")
        for delay in delays { plan(.deliver(message, from: node, to: to), after: delay) }
        if mischief == .mintTwice, case .forward(var forward) = message, generator.chance(200) {
            liesTold += 1
            forward.sequence += 1000
            plan(.deliver(.forward(forward), from: node, to: to), after: generator.milliseconds(1...500))
        }
    }

    func onDeliver(_ message: Message, from: Int, to: Int) {
        guard machines[to].process != nil, !network.isBlocked(from: from, to: to) else { return }
        transcript.mix(message)
        note("\(name(to)) ← \(name(from)): \(brief(message))")
        hand(.message(message, from: layout.members[from]), to: to)
    }

    // MARK: Clients

    /// Takes a client's request to its node; false where nobody listens there.
    func take(_ number: Int, _ request: ClientRequest, at node: Int) -> Bool {
        guard let process = machines[node].process else { return false }
        ledger.onTaken(number, process: process.number)
        transcript.mix(request)
        note("\(name(node)) takes #\(number): \(brief(request))")
        hand(.request(RequestID(rawValue: UInt64(number)), request), to: node)
        return true
    }

    private func answer(_ number: Int, _ reply: ClientReply, _ node: Int) {
        if mischief == .loseAnswer, generator.chance(50) {
            liesTold += 1
            return
        }
        transcript.mix(reply)
        note("\(name(node)) answers #\(number): \(brief(reply))")
        ledger.onAnswered(number, reply, at: now)
        plan(.answer(number, reply), after: generator.milliseconds(0...2))
    }
}
