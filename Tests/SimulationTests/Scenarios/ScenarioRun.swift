import Node
import Versions

@testable import Simulation

/// A scripted run in a small cluster, with what happened written down line by line.
///
/// A script has a line for the number of nodes and then one a step: the time in milliseconds, who does it, what:
///
///     nodes 3
///     1000 alice@ada put cart w=2        a client puts at a node; `knowing`: with the context of its last get
///     1500 bob@ben get cart
///     2000 kill cleo 500                 a fault, and for how long, or until the node starts again
final class ScenarioRun {
    struct Mistake: Error, CustomStringConvertible {
        let description: String
    }

    private struct Step {
        let time: UInt64
        let words: [String]
    }

    private let cluster: VirtualCluster
    private var steps: [Step] = []
    private var sightings: [String: VirtualClient.Sighting] = [:]
    private var clients: [String] = []
    private var isOver = false

    private static let keys = ["cart": 0, "note": 1, "price": 2]

    init(_ script: String) throws {
        var nodes = 3
        for line in script.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard let first = words.first, first != "#" else { continue }
            if first == "nodes" {
                nodes = try Self.number(words, 1)
            } else {
                steps.append(Step(time: UInt64(try Self.number(words, 0)), words: Array(words.dropFirst())))
            }
        }
        var generator = SeededGenerator(seed: 1)
        let workload = WorkloadPlan(
            wished: [.carts, .deletes, .lastWriteWins], operations: 0, keysEach: 1, generator: &generator)
        let layout = ClusterLayout(nodes: nodes, workload: workload, isPlain: true, generator: &generator)
        let plan = FaultPlan(
            wished: [], nodes: nodes, stores: ClusterLayout.stores.count, duration: 1_000_000_000,
            generator: &generator)
        cluster = VirtualCluster(
            layout: layout, plan: plan, bug: nil, engines: nil, isReadable: true, generator: generator.forked())
        for node in 0..<nodes { cluster.plan(.start(node), after: 0) }
        for (index, step) in steps.enumerated() { cluster.plan(.clientStep(index), after: step.time * 1_000_000) }
        let end = (steps.map(\.time).max() ?? 0) + 3000
        cluster.plan(.phase, after: end * 1_000_000)
    }

    /// The transcript; its last line says whether all truths were kept.
    func run() throws -> [String] {
        while !isOver, cluster.ledger.violation == nil, let event = cluster.next() {
            guard !cluster.putsOff(event), !cluster.handle(event) else { continue }
            switch event {
            case .clientStep(let step): try perform(steps[step])
            case .request(let number): _ = cluster.onRequest(number, returnBody: false)
            case .answer(let number, let reply): onAnswer(number, reply)
            case .phase: isOver = true
            default: break
            }
        }
        return cluster.transcript.lines + [cluster.ledger.violation.map { "broken: \($0)" } ?? "all truths kept"]
    }

    private func perform(_ step: Step) throws {
        let words = step.words
        guard let first = words.first else { throw Mistake(description: "a step without words") }
        let parts = first.split(separator: "@").map(String.init)
        if parts.count == 2 {
            try invoke(client: parts[0], node: try node(parts[1]), words)
        } else {
            cluster.begin(try fault(words))
        }
    }

    private func invoke(client: String, node: Int, _ words: [String]) throws {
        guard words.count >= 3, let key = Self.keys[words[2]] else {
            throw Mistake(description: "no key in \(words)")
        }
        if !clients.contains(client) { clients.append(client) }
        var operation = Operation(
            number: cluster.ledger.operations.count, client: clients.firstIndex(of: client) ?? 0, key: key, node: node,
            kind: .get, invoked: cluster.now, timeoutMilliseconds: 1000)
        switch words[1] {
        case "get": operation.kind = .get
        case "put": operation.kind = .put
        case "delete": operation.kind = .delete
        default: throw Mistake(description: "\(words[1]) is none of get, put, delete")
        }
        let sighting = sightings["\(client) \(key)"]
        if operation.kind == .put { operation.value = [UInt32(operation.number)] }
        for word in words.dropFirst(3) {
            let pair = word.split(separator: "=").map(String.init)
            if word == "knowing", let sighting {
                operation.know(sighting)
                if operation.kind == .put { operation.value += sighting.items }
            } else if pair.count == 2, let count = Int(pair[1]) {
                switch pair[0] {
                case "r": operation.r = .count(count)
                case "w": operation.w = .count(count)
                case "dw": operation.dw = .count(count)
                case "pw": operation.pw = .count(count)
                default: throw Mistake(description: "\(word) is no quorum")
                }
            } else {
                throw Mistake(description: "\(word): nothing known of it")
            }
        }
        cluster.note(
            "\(client) at \(cluster.name(node)): \(words.dropFirst().joined(separator: " ")) is #\(operation.number)")
        cluster.ledger.onInvoked(operation)
        cluster.plan(.request(operation.number), after: 100_000)
    }

    private func onAnswer(_ number: Int, _ reply: ClientReply) {
        let operation = cluster.ledger.operations[number]
        let place = "\(clients[operation.client]) \(operation.key)"
        switch reply {
        case .found(let found):
            sightings[place] = VirtualClient.Sighting(
                context: found.context, shown: operation.shown,
                writes: found.object.siblings.filter { !$0.isTombstone }.compactMap {
                    ApplicationValue.write($0.content.value)
                },
                items: ApplicationValue.merged(cluster.layout.keys[operation.key].usage, found.object.siblings))
        case .notFound(let context):
            sightings[place] = VirtualClient.Sighting(
                context: context, shown: operation.shown, writes: [], items: [])
        case .stored, .deleted, .failed: break
        }
    }

    private func fault(_ words: [String]) throws -> Fault {
        func time(_ index: Int) throws -> UInt64 { UInt64(try Self.number(words, index)) * 1_000_000 }
        func node(_ index: Int) throws -> Int {
            guard index < words.count else { throw Mistake(description: "no node in \(words)") }
            return try self.node(words[index])
        }
        switch words[0] {
        case "kill": return .kill(try node(1), down: try time(2))
        case "power": return .powerFailure(try node(1), down: try time(2))
        case "restart": return .restart(try node(1), down: try time(2))
        case "wipe": return .wipe(try node(1), down: try time(2))
        case "pause": return .pause(try node(1), lasts: try time(2))
        case "copy": return .copy(try node(1))
        case "restore": return .oldCopy(try node(1), down: try time(2), draw: 0)
        case "jump": return .clockJump(try node(1), milliseconds: try Self.number(words, 2))
        case "full": return .fullDisk(try node(1), store: 0, lasts: try time(2))
        case "failsync": return .syncFailure(try node(1), store: 0, down: try time(2))
        case "oneway":
            return .oneWay(from: try node(1), to: try node(2), announced: false, lasts: try time(3))
        case "partition": return .partition(members: 1 << UInt64(try node(1)), announced: true, lasts: try time(2))
        case "flap": return .flap(try node(1), try node(2), times: 1)
        default: throw Mistake(description: "\(words[0]) is no fault")
        }
    }

    private func node(_ name: String) throws -> Int {
        guard let index = cluster.machines.indices.first(where: { cluster.name($0) == name }) else {
            throw Mistake(description: "no node \(name)")
        }
        return index
    }

    private static func number(_ words: [String], _ index: Int) throws -> Int {
        guard index < words.count, let number = Int(words[index]) else {
            throw Mistake(description: "no number at \(index) in \(words)")
        }
        return number
    }
}
