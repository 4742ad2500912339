import Node
import Placement
import Versions

@testable import Simulation

/// Six nodes in three zones, one of which is lost for a while as a whole, while clients read and write at the others.
final class ZoneLossRun {
    enum Loss: CaseIterable {
        /// Both nodes are killed, and start again.
        case killed
        /// Both lose their power.
        case powerless
        /// Nobody hears them, nor do they hear anybody.
        case cutOff
    }

    private let cluster: VirtualCluster
    private let loss: Loss
    /// Node indices of those that stay.
    private let staying: [Int]
    private let lost: [Int]
    private var generator: SeededGenerator
    /// By client and key: what it saw last.
    private var sightings: [[VirtualClient.Sighting?]]
    private var isOver = false

    private static let clients = 6
    private static let second: UInt64 = 1_000_000_000
    /// When the zone is lost, when it comes back, when clients stop, and when all is looked at.
    private static let times = (lost: 4 * second, back: 12 * second, calm: 15 * second, end: 75 * second)
    private static let loses = SimulationEvent.look
    private static let answersWithin = 3000

    init(seed: UInt64, loss: Loss) {
        var generator = SeededGenerator(seed: seed)
        let workload = WorkloadPlan(
            wished: [.carts, .blindWrites, .lastWriteWins], operations: 0, keysEach: 4, generator: &generator)
        let layout = ClusterLayout(nodes: 6, zones: 3, workload: workload, isPlain: true, generator: &generator)
        let plan = FaultPlan(
            wished: loss == .powerless ? [.powerFailure] : [], leftOut: Array(0..<64), nodes: 6,
            stores: ClusterLayout.stores.count, duration: Self.second, generator: &generator)
        cluster = VirtualCluster(
            layout: layout, plan: plan, bug: nil, engines: nil, isReadable: false, generator: generator.forked())
        self.loss = loss
        let zone = layout.map.members[generator.below(6)].zone
        lost = layout.map.members.indices.filter { layout.map.members[$0].zone == zone }
        staying = layout.map.members.indices.filter { layout.map.members[$0].zone != zone }
        self.generator = generator
        sightings = Array(repeating: layout.keys.map { _ in nil }, count: Self.clients)
        for node in layout.members.indices { cluster.plan(.start(node), after: 0) }
        for client in 0..<Self.clients { cluster.plan(.clientStep(client), after: 2 * Self.second) }
        cluster.plan(Self.loses, after: Self.times.lost)
        cluster.plan(.phase, after: Self.times.calm)
    }

    struct Report {
        var violation: Violation?
        /// Requests while the zone was away, and those of them that were not done.
        var requests = 0
        var failures: [String] = []
        /// Keys whose replicas differ at the end.
        var differing: [Int] = []
        var zonesOfHolders: [Int] = []
    }

    func run() -> Report {
        while !isOver, cluster.ledger.violation == nil, let event = cluster.next() {
            guard !cluster.putsOff(event), !cluster.handle(event) else { continue }
            switch event {
            case .clientStep(let client): step(client)
            case .request(let number): _ = cluster.onRequest(number, returnBody: false)
            case .answer(let number, let reply): onAnswer(number, reply)
            case .look: lose()
            case .phase: goOn()
            default: break
            }
        }
        var report = Report(violation: cluster.ledger.violation)
        report.differing = cluster.ledger.differingKeys(copies)
        report.zonesOfHolders = cluster.layout.keys.map { key in
            Set(key.holders.map { cluster.layout.map.members[$0].zone }).count
        }
        for operation in cluster.ledger.operations {
            if operation.invoked > Self.times.lost, operation.invoked < Self.times.back { report.requests += 1 }
            guard !isFine(operation) else { continue }
            report.failures.append(
                "#\(operation.number) \(operation.kind) at \(operation.invoked / 1_000_000) ms: \(operation.outcome)")
        }
        return report
    }

    /// A write that was on its way to a coordinator in the lost zone may have happened, and nobody who is left can
    /// tell. Until the others know that the zone is gone such writes may be begun.
    private func isFine(_ operation: Operation) -> Bool {
        switch operation.outcome {
        case .found, .notFound, .done: true
        case .unknown:
            operation.kind == .put && operation.invoked + Self.second > Self.times.lost
                && operation.invoked < Self.times.lost + 3 * Self.second
        case .open, .refused: false
        }
    }

    private func lose() {
        let down = Self.times.back - Self.times.lost
        switch loss {
        case .killed: for node in lost { cluster.begin(.kill(node, down: down)) }
        case .powerless: for node in lost { cluster.begin(.powerFailure(node, down: down)) }
        case .cutOff:
            let members = lost.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
            cluster.begin(.partition(members: members, announced: generator.chance(500), lasts: down))
        }
    }

    private func goOn() {
        if cluster.now < Self.times.end {
            cluster.heal()
            cluster.plan(.phase, after: Self.times.end - cluster.now)
        } else {
            cluster.ledger.finish(copies, at: cluster.now)
            isOver = true
        }
    }

    /// Reads, and then writes what it has read and one thing more, at any node that stays.
    private func step(_ client: Int) {
        guard cluster.now < Self.times.calm - 4 * Self.second else { return }
        let key = generator.below(cluster.layout.workingKeys.count)
        var operation = Operation(
            number: cluster.ledger.operations.count, client: client, key: key,
            node: staying[generator.below(staying.count)], kind: .get, invoked: cluster.now,
            timeoutMilliseconds: Self.answersWithin)
        if generator.chance(500) {
            operation.kind = .put
            operation.value = [UInt32(operation.number)]
            if cluster.layout.keys[key].usage != .blind, let sighting = sightings[client][key] {
                operation.know(sighting)
                operation.value += sighting.items
            }
        }
        operation.r = .count(2)
        operation.w = .count(2)
        cluster.ledger.onInvoked(operation)
        cluster.plan(.request(operation.number), after: 100_000)
    }

    private func onAnswer(_ number: Int, _ reply: ClientReply) {
        let operation = cluster.ledger.operations[number]
        switch reply {
        case .found(let found):
            sightings[operation.client][operation.key] = VirtualClient.Sighting(
                context: found.context, shown: operation.shown,
                writes: found.object.siblings.filter { !$0.isTombstone }.compactMap {
                    ApplicationValue.write($0.content.value)
                },
                items: ApplicationValue.merged(cluster.layout.keys[operation.key].usage, found.object.siblings))
        case .notFound, .stored, .deleted, .failed: break
        }
        cluster.plan(.clientStep(operation.client), after: generator.milliseconds(0...60))
    }

    private var copies: [[VersionedObject?]] {
        cluster.layout.keys.indices.map { key in
            cluster.machines.map { machine -> VersionedObject? in
                let store = cluster.layout.store(ofType: cluster.layout.keys[key].type)
                return machine.process.flatMap { cluster.copy(key, store, $0.stores[store], .readers) }
            }
        }
    }
}
