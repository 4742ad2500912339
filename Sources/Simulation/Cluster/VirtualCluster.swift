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
    let bug: PlantedBug?
    /// Real engines in the place of virtual ones.
    let engines: RealEngines?
    /// Whether the power may go in the middle of a start or a stop.
    let crashesInStarts: Bool
    let keyIndices: [ObjectKey: Int]
    let memberIndices: [MemberID: Int]
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
    /// How often the planted bug has shown.
    var strikes = 0
    /// Older versions, for planted bugs.
    var remembered: [VersionedObject?]
    /// Merges that a planted bug makes overwrite what is there.
    var replacing: Set<StorageToken> = []
    /// By correlation and stand-in: the holders that stand-ins were asked for, for a planted bug.
    var stoodInFor: [StandIn: Int] = [:]
    private var isRepairing = false
    var largestTables = (requests: 0, replicaOperations: 0, deadlines: 0)
    private var ticksInARow = 0

    init(
        layout: ClusterLayout, plan: FaultPlan, bug: PlantedBug?, engines: RealEngines?, isReadable: Bool,
        generator: SeededGenerator
    ) {
        self.layout = layout
        self.bug = bug
        self.engines = engines
        crashesInStarts = plan.kinds.contains(.powerFailure)
        keyIndices = Dictionary(uniqueKeysWithValues: layout.keys.enumerated().map { ($0.element.key, $0.offset) })
        memberIndices = Dictionary(uniqueKeysWithValues: layout.members.enumerated().map { ($0.element, $0.offset) })
        var generator = generator
        settings = layout.settings(bug)
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

    /// The run is over: real engines are closed and their folders removed.
    func closeAll() {
        guard let engines else { return }
        for machine in machines {
            for store in machine.process?.stores ?? [] { try? store.engine.close() }
        }
        engines.remove()
    }

    /// Carries out what happens to nodes, disks and network; false for what is the clients' or the run's own.
    func handle(_ event: SimulationEvent) -> Bool {
        switch event {
        case .deliver(let message, let from, let to): onDeliver(message, from: from, to: to)
        case .linkLost(let node, let peer, let connection): onLinkLost(at: node, to: peer, connection: connection)
        case .reconnect(let one, let other): onReconnect(one, other)
        case .tick(let node, let process): onTick(node, process)
        case .storageRead(let node, let process, let request): onStorageRead(node, process, request)
        case .hintScan(let node, let process, let scan): onHintScan(node, process, scan)
        case .treeTask(let node, let process, let request): onTreeTask(node, process, request)
        case .treePage(let node, let process, let request, let page): onTreePage(node, process, request, page)
        case .storageDone(let node, let process, let completion): onStorageDone(node, process, completion)
        case .storageGroup(let node, let process, let store): onStorageGroup(node, process, store)
        case .storageGroupDone(let node, let process, let store, let completions):
            onStorageGroupDone(node, process, store, completions)
        case .persisted(let node, let process): onPersisted(node, process)
        case .start(let node): start(node)
        case .fault(let fault): begin(fault)
        case .faultEnds(let fault): finish(fault)
        case .request, .answer, .clientStep, .clientTimeout, .deadline, .audit, .probe, .phase, .look: return false
        }
        return true
    }

    // MARK: Driving a node

    func hand(_ event: Event, to node: Int) {
        guard let process = machines[node].process else { return }
        process.machine.handle(event, at: machines[node].timepiece.time(at: now), into: &process.effects)
        carryOutEffects(of: node, process)
        checkBounds(of: node, process)
    }

    func carryOutEffects(of node: Int, _ process: NodeProcess) {
        process.effects.drain { effect in
            switch effect {
            case .send(let message, let member): send(message, from: node, to: member)
            case .storage(let request):
                if isRepairing { replacing.insert(request.token) }
                store(request, node, process)
            case .scanHints(let scan): scanHints(scan, node, process)
            case .trees(let request): lookAtTrees(request, node, process)
            case .persist(let record): persist(record, node, process)
            case .reply(let id, let reply): answer(Int(id.rawValue), reply, node)
            }
        }
        planTick(node, process)
    }

    private func planTick(_ node: Int, _ process: NodeProcess) {
        guard let deadline = process.machine.nextDeadline, deadline != process.lostDeadline else { return }
        if process.tickAt == nil, strikes(.lostDeadline, 20) {
            process.lostDeadline = deadline
            return
        }
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

    func persist(_ record: NodeRecord, _ node: Int, _ process: NodeProcess) {
        transcript.mix(record.encoded())
        process.persisting.append(record)
        if process.persisting.count == 1 { planPersisted(node, process) }
    }

    func planPersisted(_ node: Int, _ process: NodeProcess) {
        plan(.persisted(node, process: process.number), after: diskTime(node, 0...4))
    }

    /// Nanoseconds that a disk takes for what usually takes so many milliseconds.
    func diskTime(_ node: Int, _ usual: ClosedRange<Int>) -> UInt64 {
        let time = generator.milliseconds(usual) + 20_000
        return (machines[node].diskSlowUntil > now ? time * 60 : time) + slowness(of: node)
    }

    /// What everything at a slow node takes on top.
    private func slowness(of node: Int) -> UInt64 {
        machines[node].slowUntil > now ? generator.milliseconds(0...machines[node].slowness) : 0
    }

    // MARK: Messages

    private func send(_ message: Message, from node: Int, to member: MemberID) {
        guard let to = memberIndices[member] else {
            preconditionFailure("\(name(node)) sends to \(member), who is no member")
        }
        let message = bent(message, to: to)
        confirmEarlyIfPlanted(message, from: node, to: to)
        if answersAsHolderIfPlanted(message, from: node, to: to) { return }
        let delays = network.delays(from: node, to: to)
        transcript.mix(message)
        transcript.mix(delays.count)
        note("\(name(node)) → \(name(to))\(delays.isEmpty ? " (lost)" : ""): \(brief(message))")
        for (copy, delay) in delays.enumerated() {
            var message = message
            if copy > 0, case .forward(var forward) = message, strikes(.duplicateApplied) {
                forward.sequence += UInt64(1000 * copy)
                message = .forward(forward)
            }
            plan(.deliver(message, from: node, to: to), after: delay + slowness(of: node) + slowness(of: to))
        }
    }

    func onDeliver(_ message: Message, from: Int, to: Int) {
        guard machines[to].process != nil, !network.isBlocked(from: from, to: to) else { return }
        transcript.mix(message)
        note("\(name(to)) ← \(name(from)): \(brief(message))")
        if bug == .repairWritesOlder, case .replicate(let replicate) = message {
            isRepairing = replicate.correlation == 0
        }
        answerWronglyIfPlanted(message, from: from, to: to)
        hand(.message(message, from: layout.members[from]), to: to)
        isRepairing = false
    }

    // MARK: Clients

    /// A client's request comes to its node; false where it has to wait, or nobody listens there.
    func onRequest(_ number: Int, returnBody: Bool) -> Bool {
        let operation = ledger.operations[number]
        let node = operation.node
        guard machines[node].pausedUntil <= now else {
            heap.insert(.request(number), at: machines[node].pausedUntil)
            return false
        }
        guard let process = machines[node].process else {
            ledger.onNotSent(number)
            plan(.answer(number, .failed(.notReady)), after: 1_000_000)
            return false
        }
        let request = operation.request(layout, returnBody: returnBody)
        ledger.onTaken(number, process: process.number)
        transcript.mix(request)
        note("\(name(node)) takes #\(number): \(brief(request))")
        hand(.request(RequestID(rawValue: UInt64(number)), request), to: node)
        return true
    }

    private func answer(_ number: Int, _ reply: ClientReply, _ node: Int) {
        if strikes(.answerLost, 50) { return }
        transcript.mix(reply)
        note("\(name(node)) answers #\(number): \(brief(reply))")
        ledger.onAnswered(number, reply, at: now)
        plan(.answer(number, reply), after: generator.milliseconds(0...2))
    }
}
