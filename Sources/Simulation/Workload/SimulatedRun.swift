import NIOCore
import Node
import Versions

/// One run: safety first (clients at work while things break), then liveness (nothing breaks any more: everything has
/// to work, and the replicas to become equal).
final class SimulatedRun {
    private enum Part {
        case working
        case settling
        /// Every key is read at R=N, round after round.
        case auditing(round: Int)
        case probing
        case done
    }

    private let seed: UInt64
    private let cluster: VirtualCluster
    private var clients: [VirtualClient]
    private var generator: SeededGenerator
    private var part = Part.working
    /// Operations of the run's own, which must succeed.
    private var audits: [Int] = []

    private static let auditRounds = 3

    init(seed: UInt64, options: SimulationOptions) {
        self.seed = seed
        var generator = SeededGenerator(seed: seed)
        let nodes = min(8, max(1, options.nodes ?? generator.pick([1, 2, 3, 3, 3, 4, 5])))
        let clientCount = options.clients ?? generator.within(2...6)
        let operations = options.operations ?? generator.within(60...140)
        var layoutGenerator = generator.forked()
        let layout = ClusterLayout(nodes: nodes, generator: &layoutGenerator)
        let duration = generator.milliseconds(10_000...40_000)
        var faultGenerator = generator.forked()
        let plan = FaultPlan(
            wished: options.faults, nodes: nodes, stores: ClusterLayout.stores.count, duration: duration,
            generator: &faultGenerator)
        cluster = VirtualCluster(
            layout: layout, plan: plan, mischief: options.mischief, isReadable: options.keepsTranscript,
            generator: generator.forked())
        clients = (0..<clientCount).map { number in
            VirtualClient(
                number: number, home: generator.below(nodes), operations: operations / clientCount + 1,
                keys: layout.keys.count)
        }
        self.generator = generator
        for node in 0..<nodes { cluster.plan(.start(node), after: self.generator.milliseconds(0...1000)) }
        for entry in plan.entries { cluster.plan(.fault(entry.fault), after: entry.time) }
        for client in clients.indices { planStep(client, 1000...3000) }
        cluster.plan(.phase, after: duration)
    }

    func run() -> SimulationReport {
        while cluster.ledger.violation == nil, let event = cluster.next() {
            handle(event)
        }
        let ledger = cluster.ledger
        return SimulationReport(
            seed: seed, nodes: cluster.machines.count, violation: ledger.violation,
            transcriptHash: cluster.transcript.hash, transcript: cluster.transcript.lines,
            operations: ledger.operations.count, acknowledgedWrites: ledger.acknowledged,
            permittedLosses: ledger.permittedLosses, faults: faultCounts, versionsSeen: ledger.versionsSeen,
            events: cluster.events, simulatedMilliseconds: cluster.now / 1_000_000, liesTold: cluster.liesTold)
    }

    private var faultCounts: [(kind: FaultKind, count: Int)] {
        zip(FaultKind.allCases, cluster.faults).map { kind, count in
            switch kind {
            case .loss: (kind, cluster.network.lost)
            case .duplication: (kind, cluster.network.repeated)
            case .delay: (kind, cluster.network.delayed)
            default: (kind, count)
            }
        }
    }

    private func handle(_ event: SimulationEvent) {
        guard !cluster.putsOff(event) else { return }
        switch event {
        case .deliver(let message, let from, let to): cluster.onDeliver(message, from: from, to: to)
        case .linkLost(let node, let peer, let connection):
            cluster.onLinkLost(at: node, to: peer, connection: connection)
        case .reconnect(let one, let other): cluster.onReconnect(one, other)
        case .tick(let node, let process): cluster.onTick(node, process)
        case .storageRead(let node, let process, let request): cluster.onStorageRead(node, process, request)
        case .storageDone(let node, let process, let completion): cluster.onStorageDone(node, process, completion)
        case .storageGroup(let node, let process, let store): cluster.onStorageGroup(node, process, store)
        case .storageGroupDone(let node, let process, let store, let completions):
            cluster.onStorageGroupDone(node, process, store, completions)
        case .persisted(let node, let process): cluster.onPersisted(node, process)
        case .start(let node): cluster.start(node)
        case .fault(let fault): cluster.begin(fault)
        case .faultEnds(let fault): cluster.finish(fault)
        case .request(let number): onRequest(number)
        case .answer(let number, let reply): onAnswer(number, reply)
        case .clientStep(let client): step(client)
        case .clientTimeout(let number): onClientTimeout(number)
        case .deadline(let number): onDeadline(number)
        case .phase: goOn()
        }
    }

    // MARK: Clients

    private func planStep(_ client: Int, _ milliseconds: ClosedRange<Int>) {
        cluster.plan(.clientStep(client), after: generator.milliseconds(milliseconds))
    }

    private func step(_ client: Int) {
        guard case .working = part, clients[client].waiting == nil, clients[client].operationsLeft > 0 else { return }
        clients[client].operationsLeft -= 1
        let operation = clients[client].nextOperation(
            cluster.layout, number: cluster.ledger.operations.count, at: cluster.now, &generator)
        clients[client].waiting = operation.number
        invoke(operation)
        let patience = generator.chance(150) ? 100 : operation.timeoutMilliseconds * 5 / 4 + 500
        cluster.plan(.clientTimeout(operation.number), after: UInt64(patience) * 1_000_000)
    }

    private func invoke(_ operation: Operation) {
        cluster.ledger.onInvoked(operation)
        cluster.plan(.request(operation.number), after: generator.milliseconds(0...2))
    }

    private func onRequest(_ number: Int) {
        let operation = cluster.ledger.operations[number]
        let pause = cluster.machines[operation.node].pausedUntil
        if pause > cluster.now {
            cluster.heap.insert(.request(number), at: pause)
            return
        }
        let request = operation.request(cluster.layout, returnBody: number % 3 == 0)
        guard cluster.take(number, request, at: operation.node) else {
            cluster.ledger.onNotSent(number)
            cluster.plan(.answer(number, .failed(.notReady)), after: 1_000_000)
            return
        }
        // Nodes' timers run up to a tenth slow.
        let limit = operation.timeoutMilliseconds * 5 / 4 + 200
        cluster.plan(.deadline(number), after: UInt64(limit) * 1_000_000)
    }

    private func onDeadline(_ number: Int) {
        let operation = cluster.ledger.operations[number]
        let pause = cluster.machines[operation.node].pausedUntil
        if pause > cluster.now {
            // What it does first when it goes on may have a millisecond of its own.
            cluster.heap.insert(.deadline(number), at: pause + 20_000_000)
            return
        }
        let isRunning = cluster.machines[operation.node].process?.number == operation.process
        cluster.ledger.onDeadline(number, isRunning: isRunning, at: cluster.now)
    }

    private func onClientTimeout(_ number: Int) {
        let client = cluster.ledger.operations[number].client
        guard clients[client].waiting == number else { return }
        cluster.note("client \(client) gives #\(number) up")
        clients[client].waiting = nil
        clients[client].home = generator.below(cluster.machines.count)
        planStep(client, 1...400)
    }

    private func onAnswer(_ number: Int, _ reply: ClientReply) {
        let operation = cluster.ledger.operations[number]
        guard operation.client >= 0, clients[operation.client].waiting == number else { return }
        let client = operation.client
        clients[client].waiting = nil
        let isCart = cluster.layout.keys[operation.key].usage == .cart
        switch reply {
        case .found(let found), .stored(let found?):
            let items = found.object.siblings.flatMap { CartValue.decode($0.content.value) }
            clients[client].remember(
                VirtualClient.Sighting(context: found.context, shown: operation.shown, items: unique(items)),
                of: operation.key)
            if isCart, operation.kind == .get { clients[client].cartInHand = operation.key }
        case .notFound(let context):
            clients[client].remember(
                VirtualClient.Sighting(context: context, shown: operation.shown, items: []), of: operation.key)
            if isCart { clients[client].cartInHand = operation.key }
        case .stored(nil), .deleted: break
        case .failed:
            // A client in a hurry asks another node the same again.
            if isCart, operation.kind == .put, generator.chance(500) { clients[client].cartInHand = operation.key }
            if generator.chance(500) { clients[client].home = generator.below(cluster.machines.count) }
        }
        planStep(client, generator.chance(500) ? 0...50 : 50...800)
    }

    private func unique(_ items: [UInt32]) -> [UInt32] {
        var unique: [UInt32] = []
        for item in items.sorted() where item != unique.last { unique.append(item) }
        return unique
    }

    // MARK: The parts of a run

    private func goOn() {
        switch part {
        case .working:
            part = .settling
            cluster.note("calm")
            cluster.heal()
            // Stamps of clocks that were ahead are taken again when true time has passed them.
            cluster.plan(.phase, after: 240_000_000_000)
        case .settling:
            for node in cluster.machines.indices { checkWorks(node) }
            audit(round: 0)
        case .auditing(let round):
            if round + 1 < Self.auditRounds {
                audit(round: round + 1)
            } else {
                checkAudits()
                probe()
            }
        case .probing:
            checkAudits()
            finish()
        case .done: break
        }
    }

    private func checkWorks(_ node: Int) {
        let name = cluster.name(node)
        guard let process = cluster.machines[node].process else {
            cluster.ledger.object(.recovery, "\(name) does not run", key: nil, at: cluster.now)
            return
        }
        if !process.machine.isReady {
            cluster.ledger.object(.recovery, "\(name) is not ready", key: nil, at: cluster.now)
        }
        if process.machine.requestsInFlight > 0 {
            let count = process.machine.requestsInFlight
            cluster.ledger.object(.answeredInTime, "\(name) still has \(count) requests", key: nil, at: cluster.now)
        }
        if process.machine.linkedMembers.count != cluster.machines.count - 1 {
            cluster.ledger.object(.recovery, "\(name) misses links", key: nil, at: cluster.now)
        }
    }

    private func audit(round: Int) {
        part = .auditing(round: round)
        audits = []
        for key in cluster.layout.keys.indices {
            var operation = ownOperation(key, node: (round + key) % cluster.machines.count, .get)
            operation.r = .all
            audits.append(operation.number)
            invoke(operation)
        }
        cluster.plan(.phase, after: 6_000_000_000)
    }

    private func probe() {
        part = .probing
        audits = []
        for key in cluster.layout.keys.indices where cluster.layout.keys[key].usage == .probe {
            var operation = ownOperation(key, node: key % cluster.machines.count, .put)
            operation.value = [UInt32(operation.number)]
            operation.w = .all
            operation.dw = .all
            audits.append(operation.number)
            invoke(operation)
        }
        cluster.plan(.phase, after: 6_000_000_000)
    }

    private func ownOperation(_ key: Int, node: Int, _ kind: Operation.Kind) -> Operation {
        Operation(
            number: cluster.ledger.operations.count, client: -1, key: key, node: node, kind: kind,
            invoked: cluster.now, timeoutMilliseconds: 3000)
    }

    private func checkAudits() {
        for number in audits {
            let operation = cluster.ledger.operations[number]
            switch operation.outcome {
            case .found, .notFound, .done: break
            // What is damaged everywhere, nothing can mend, and it must not be read as "not found".
            case .refused where operation.kind == .get && cluster.isBeyondRepair(operation.key): break
            case .open, .refused, .unknown:
                cluster.ledger.object(
                    .recovery, "#\(number) (\(operation.kind) of all replicas) ended as \(operation.outcome)",
                    key: operation.key, at: cluster.now)
            }
        }
    }

    private func finish() {
        part = .done
        let copies = cluster.layout.keys.indices.map { key in
            cluster.machines.map { machine -> VersionedObject? in
                let store = cluster.layout.store(ofType: cluster.layout.keys[key].type)
                return machine.process.flatMap { cluster.copy(key, $0.stores[store], .readers) }
            }
        }
        cluster.ledger.finish(copies, at: cluster.now)
    }
}
