import Engines
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
    private let options: SimulationOptions
    private let plan: FaultPlan
    /// Nanoseconds that clients work and faults happen.
    private let duration: UInt64
    /// When faults ended, and when the replicas were first seen to be equal.
    private var calmSince: UInt64 = 0
    private var convergedAt: UInt64?

    private static let auditRounds = 3

    /// - Throws: Where a real engine's folder cannot be made.
    init(seed: UInt64, options: SimulationOptions) throws(EngineError) {
        self.seed = seed
        self.options = options
        var generator = SeededGenerator(seed: seed)
        let draw = RunDraw(options, &generator)
        let layout = ClusterLayout(nodes: draw.nodes, workload: draw.workload, generator: &generator)
        var faultGenerator = generator.forked()
        let plan = FaultPlan(
            wished: options.faults, leftOut: options.skippedFaults, nodes: draw.nodes,
            stores: ClusterLayout.stores.count, duration: draw.duration, generator: &faultGenerator)
        self.plan = plan
        duration = draw.duration
        cluster = VirtualCluster(
            layout: layout, plan: plan, bug: options.bug, engines: try RealEngines(options.engine),
            isReadable: options.keepsTranscript, generator: generator.forked())
        clients = (0..<draw.clients).map { number in
            VirtualClient(
                number: number, home: generator.below(draw.nodes), operations: draw.operations / draw.clients + 1,
                keys: layout.keys.count)
        }
        self.generator = generator
        for node in 0..<draw.nodes { cluster.plan(.start(node), after: self.generator.milliseconds(0...1000)) }
        for entry in plan.entries { cluster.plan(.fault(entry.fault), after: entry.time) }
        for client in clients.indices {
            let first = self.generator.milliseconds(1000...3000)
            if !options.skippedClients.contains(client) { cluster.plan(.clientStep(client), after: first) }
        }
        cluster.plan(.phase, after: duration)
    }

    func run() -> SimulationReport {
        defer { cluster.closeAll() }
        while cluster.ledger.violation == nil, !isDone, let event = cluster.next() {
            handle(event)
        }
        let ledger = cluster.ledger
        return SimulationReport(
            seed: seed, options: options, nodes: cluster.machines.count, clients: clients.count,
            violation: ledger.violation, transcriptHash: cluster.transcript.hash, transcript: cluster.transcript.lines,
            operations: ledger.operations.count, acknowledgedWrites: ledger.acknowledged,
            permittedLosses: ledger.permittedLosses, faults: faultCounts, plannedKinds: plan.kinds,
            plannedFaults: plan.drawn,
            versionsSeen: ledger.versionsSeen,
            millisecondsToConverge: convergedAt.map { ($0 - calmSince) / 1_000_000 },
            largestTables: [
                cluster.largestTables.requests, cluster.largestTables.replicaOperations,
                cluster.largestTables.deadlines,
            ],
            events: cluster.events, simulatedMilliseconds: cluster.now / 1_000_000,
            workingMilliseconds: min(cluster.now, duration) / 1_000_000, strikes: cluster.strikes)
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

    /// Nodes never stop looking at their clocks.
    private var isDone: Bool {
        if case .done = part { true } else { false }
    }

    private func handle(_ event: SimulationEvent) {
        guard !cluster.putsOff(event), !cluster.handle(event) else { return }
        switch event {
        case .request(let number): onRequest(number)
        case .answer(let number, let reply): onAnswer(number, reply)
        case .clientStep(let client): step(client)
        case .clientTimeout(let number): onClientTimeout(number)
        case .deadline(let number): onDeadline(number)
        case .audit(let key, let node): invokeOwn(.get, key, node: node)
        case .probe(let key, let node): invokeOwn(.put, key, node: node)
        case .phase: goOn()
        case .look: look()
        default: preconditionFailure("nobody handles \(event)")
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
        let isHasty = generator.chance(cluster.layout.workload.hastyPermille)
        let patience = isHasty ? 100 : operation.timeoutMilliseconds * 5 / 4 + 500
        cluster.plan(.clientTimeout(operation.number), after: UInt64(patience) * 1_000_000)
    }

    private func invoke(_ operation: Operation) {
        cluster.ledger.onInvoked(operation)
        cluster.plan(.request(operation.number), after: generator.milliseconds(0...2))
    }

    private func onRequest(_ number: Int) {
        guard cluster.onRequest(number, returnBody: number % 3 == 0) else { return }
        // Nodes' timers run up to a tenth slow.
        let limit = cluster.ledger.operations[number].timeoutMilliseconds * 5 / 4 + 200
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
        let operation = cluster.ledger.operations[number]
        let client = operation.client
        guard clients[client].waiting == number else { return }
        cluster.note("client \(client) gives #\(number) up")
        clients[client].waiting = nil
        clients[client].home = generator.below(cluster.machines.count)
        // It writes the same again, though the first try may have been done.
        if operation.kind == .put, generator.chance(500) { takeInHand(operation.key, client) }
        planStep(client, 1...400)
    }

    private func takeInHand(_ key: Int, _ client: Int) {
        switch cluster.layout.keys[key].usage {
        case .cart, .counter: clients[client].inHand = key
        case .blind, .deletions, .anything, .conditional, .probe: break
        }
    }

    private func onAnswer(_ number: Int, _ reply: ClientReply) {
        let operation = cluster.ledger.operations[number]
        guard operation.client >= 0, clients[operation.client].waiting == number else { return }
        let client = operation.client
        clients[client].waiting = nil
        switch reply {
        case .found(let found), .stored(let found?):
            let usage = cluster.layout.keys[operation.key].usage
            clients[client].remember(
                VirtualClient.Sighting(
                    context: found.context, shown: operation.shown,
                    writes: found.object.siblings.filter { !$0.isTombstone }.compactMap {
                        ApplicationValue.write($0.content.value)
                    },
                    items: ApplicationValue.merged(usage, found.object.siblings)),
                of: operation.key)
            if operation.kind == .get { takeInHand(operation.key, client) }
        case .notFound(let context):
            clients[client].remember(
                VirtualClient.Sighting(context: context, shown: operation.shown, writes: [], items: []),
                of: operation.key)
            takeInHand(operation.key, client)
        case .stored(nil), .deleted: break
        case .failed:
            // A client in a hurry asks another node the same again.
            if operation.kind == .put, generator.chance(500) { takeInHand(operation.key, client) }
            if generator.chance(500) { clients[client].home = generator.below(cluster.machines.count) }
        }
        if generator.chance(cluster.layout.workload.restPermille) {
            planStep(client, 11_000...25_000)
        } else {
            planStep(client, generator.chance(500) ? 0...50 : 50...800)
        }
    }

    // MARK: The parts of a run

    private func goOn() {
        switch part {
        case .working:
            part = .settling
            cluster.note("calm")
            calmSince = cluster.now
            cluster.heal()
            cluster.plan(.look, after: 5_000_000_000)
            // Stamps of clocks that were ahead are taken again when true time has passed them.
            cluster.plan(.phase, after: 240_000_000_000)
        case .settling:
            for node in cluster.machines.indices { checkWorks(node) }
            checkConverged()
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

    private func look() {
        guard case .settling = part else { return }
        if cluster.ledger.differingKeys(copies).isEmpty {
            convergedAt = cluster.now
        } else {
            cluster.plan(.look, after: 5_000_000_000)
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

    /// Truth 2: "without client help". Clients have been silent for minutes.
    private func checkConverged() {
        for key in cluster.ledger.differingKeys(copies) {
            cluster.ledger.object(
                .convergence, "the replicas differ, though nothing has been broken for minutes", key: key,
                at: cluster.now)
        }
        cluster.checkTrees()
    }

    private func audit(round: Int) {
        part = .auditing(round: round)
        audits = []
        planOwn(cluster.layout.keys.indices.map { .audit($0, node: (round + $0) % cluster.machines.count) })
    }

    private func probe() {
        part = .probing
        audits = []
        let probes = cluster.layout.keys.indices.filter { cluster.layout.keys[$0].usage == .probe }
        planOwn(probes.map { .probe($0, node: $0 % cluster.machines.count) })
    }

    /// Requests of the run's own, a few at a time, and then long enough for each deadline that was ever set to have
    /// come.
    private func planOwn(_ requests: [SimulationEvent]) {
        let spacing: UInt64 = 150_000_000
        for (number, request) in requests.enumerated() { cluster.plan(request, after: UInt64(number) * spacing) }
        cluster.plan(.phase, after: UInt64(requests.count) * spacing + 12_000_000_000)
    }

    private func invokeOwn(_ kind: Operation.Kind, _ key: Int, node: Int) {
        var operation = Operation(
            number: cluster.ledger.operations.count, client: -1, key: key, node: node, kind: kind,
            invoked: cluster.now, timeoutMilliseconds: 3000)
        operation.r = .all
        if kind == .put {
            operation.value = [UInt32(operation.number)]
            operation.w = .all
            operation.dw = .all
        }
        audits.append(operation.number)
        invoke(operation)
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
        for node in cluster.machines.indices {
            if let process = cluster.machines[node].process { cluster.checkEmpty(node, process) }
            cluster.checkHintsDelivered(node)
        }
        cluster.ledger.finish(copies, at: cluster.now)
    }

    /// By key and node, what the stores hold.
    private var copies: [[VersionedObject?]] {
        cluster.layout.keys.indices.map { key in
            cluster.machines.map { machine -> VersionedObject? in
                let store = cluster.layout.store(ofType: cluster.layout.keys[key].type)
                return machine.process.flatMap { cluster.copy(key, store, $0.stores[store], .readers) }
            }
        }
    }
}
