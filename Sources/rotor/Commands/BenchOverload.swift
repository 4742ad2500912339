import ArgumentParser
import Engines
import NIOConcurrencyHelpers
import Server

/// What a cluster does under more load than it can serve.
struct BenchOverload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "overload",
        abstract: "Ask three daemons for more than they can do.",
        discussion: """
            Starts three daemons with temporary folders and looks for their best: closed loops of 32, 64 and 128 \
            clients, each of which waits for its answer before it asks again. Then requests come by the clock, at a \
            quarter of the best, at three times the best, and at a quarter again, whether or not earlier ones are \
            answered.

            It says how much was still done, what became of the rest, and how soon all was well again. The load runs \
            on the same processors as the daemons: what it takes is theirs to lack, and is told.

              rotor bench overload                            puts of new keys
              rotor bench overload --put-ratio 0.1            a put for nine gets
              rotor bench overload --factor 10 --duration 60

            With --json: {"best","best_clients","closed":[{"clients","goodput","p99_milliseconds"}],"connections", \
            "engine","errors","generator_cpu","goodput","memory":[{"after_bytes","before_bytes","highest_bytes", \
            "node"}],"modest","modest_p99_milliseconds","offered","p50_milliseconds","p99_milliseconds","put_ratio", \
            "ratio","recovery_errors","recovery_refused","recovery_seconds","refused","refused_per_second","seconds", \
            "server_cpu","unsent","value_size"}. Exit code 3 if less than 80% of the best was done, or it took longer \
            than five seconds to be well again.
            """)

    @OptionGroup var output: JSONOption

    @Option(name: .long, help: "The engine of the daemons: lmdb, bdb, sqlite or memory.")
    var engine = EngineKind.lmdb

    @Option(name: .long, help: ArgumentHelp("How many times the best is offered.", valueName: "number"))
    var factor = 3.0

    @Option(name: .long, help: ArgumentHelp("Of the load, spread over the nodes.", valueName: "number"))
    var connections = 6_000

    @Option(name: .long, help: ArgumentHelp("Bytes of each value.", valueName: "bytes"))
    var valueSize = 1024

    @Option(name: .long, help: ArgumentHelp("Share of the requests that are puts, from 0 to 1.", valueName: "ratio"))
    var putRatio = 1.0

    @Option(name: .long, help: ArgumentHelp("How long to overload.", valueName: "seconds"))
    var duration = 20

    @Option(
        name: .long,
        help: ArgumentHelp("How long each closed loop and each modest load lasts.", valueName: "seconds"))
    var calm = 6

    private static let clients = [32, 64, 128]

    func validate() throws {
        guard (1...16 << 20).contains(valueSize) else { throw ValidationError("--value-size goes from 1 to 16777216") }
        guard (0...1).contains(putRatio) else { throw ValidationError("--put-ratio goes from 0 to 1") }
        guard (1...3_600).contains(duration) else { throw ValidationError("--duration goes from 1 to 3600 seconds") }
        guard (1...600).contains(calm) else { throw ValidationError("--calm goes from 1 to 600 seconds") }
        guard (0.1...100).contains(factor) else { throw ValidationError("--factor goes from 0.1 to 100") }
        guard (128...12_000).contains(connections) else {
            throw ValidationError("--connections goes from 128 to 12000")
        }
    }

    func run() async throws {
        let limit = DescriptorLimit.raise() ?? connections
        guard limit > connections + 64 else {
            throw CommandFailure(.unavailable, "\(limit) open files are allowed, fewer than \(connections) connections")
        }
        let engines = Array(repeating: (engine, engine), count: 3)
        try await LocalCluster.run(kept: nil, name: "rotor-overload", engines: engines) { cluster in
            try await cluster.startAll()
            let report = try await measure(cluster)
            if output.json {
                try JSONOutput.print(report)
            } else {
                for line in report.lines { try StandardStreams.print(line) }
            }
            guard report.isKept else { throw CommandFailure(.unavailable, "the overload was too much") }
        }
    }

    private func plan(_ cluster: LocalCluster, connections: Int, _ phases: [ArrivalPlan.Phase]) -> ArrivalPlan {
        ArrivalPlan(
            phases: phases, connections: connections, endpoints: cluster.members.map(\.http), valueBytes: valueSize,
            putRatio: putRatio, type: "default", run: String(UInt32.random(in: 0...UInt32.max), radix: 36))
    }

    private func measure(_ cluster: LocalCluster) async throws -> OverloadReport {
        StandardStreams.note("looking for the best\n")
        let loops = try await ArrivalLoad.results(
            of: plan(
                cluster, connections: 128,
                Self.clients.map { ArrivalPlan.Phase(pace: .closed(clients: $0), seconds: calm) })
        ) { _ in }
        let closed = zip(Self.clients, loops).map { clients, result in
            OverloadReport.Closed(
                clients: clients, goodput: result.goodput, p99Milliseconds: result.served.p99Milliseconds)
        }
        guard let best = closed.max(by: { $0.goodput < $1.goodput }), best.goodput > 0 else {
            throw CommandFailure(.unavailable, "no request was served: \(loops.first?.errors ?? [:])")
        }
        let modest = ArrivalPlan.Phase(pace: .open(perSecond: best.goodput / 4), seconds: calm)
        let offered = ArrivalPlan.Phase(pace: .open(perSecond: best.goodput * factor), seconds: duration)
        let usages = NIOLockedValueBox<[Usages]>([])
        let watch = MemoryWatch(cluster)
        let results = try await ArrivalLoad.results(
            of: plan(cluster, connections: connections, [modest, offered, modest])
        ) { phase in
            usages.withLockedValue { $0.append(Usages(of: cluster)) }
            if phase < 3 { StandardStreams.note(["a modest load\n", "the overload\n", "a modest load\n"][phase]) }
        }
        let highest = watch.end()
        return report(best, closed, results, usages.withLockedValue { $0 }, highest)
    }

    private func report(
        _ best: OverloadReport.Closed, _ closed: [OverloadReport.Closed], _ results: [ArrivalResult],
        _ usages: [Usages], _ highest: [String: Int]
    ) -> OverloadReport {
        let (before, overload, after) = (results[0], results[1], results[2])
        func cpu(_ usage: (Usages) -> Int) -> Double {
            Double(usage(usages[2]) - usage(usages[1])) / 1e6 / Double(duration)
        }
        let memory = usages[1].servers.map { node, usage in
            OverloadReport.Memory(
                node: node, beforeBytes: usage.residentBytes, highestBytes: highest[node] ?? 0,
                afterBytes: usages[3].servers.first { $0.node == node }?.usage.residentBytes ?? 0)
        }
        return OverloadReport(
            best: best.goodput, bestClients: best.clients, closed: closed, connections: connections,
            engine: engine.rawValue, errors: overload.errors,
            generatorCpu: cpu { $0.generator?.cpuMicroseconds ?? 0 }, goodput: overload.goodput,
            offered: overload.offered, unsent: Double(overload.unsent) / overload.seconds,
            p50Milliseconds: overload.served.p50Milliseconds, p99Milliseconds: overload.served.p99Milliseconds,
            ratio: overload.goodput / best.goodput, memory: memory, modest: best.goodput / 4,
            modestP99Milliseconds: before.served.p99Milliseconds, putRatio: putRatio,
            recoverySeconds: OverloadReport.recovery(after.slices, limit: before.served.p99Milliseconds * 2),
            recoveryErrors: after.errors, recoveryRefused: after.refused.count, refused: overload.refused,
            refusedPerSecond: Double(overload.refused.count) / overload.seconds, seconds: overload.seconds,
            serverCpu: cpu { $0.servers.reduce(0) { $0 + $1.usage.cpuMicroseconds } }, valueSize: valueSize)
    }
}

/// Looks now and then at how much memory each daemon has.
private final class MemoryWatch: Sendable {
    private let highest = NIOLockedValueBox<[String: Int]>([:])
    private let task: Task<Void, Never>

    init(_ cluster: LocalCluster) {
        let highest = highest
        task = Task {
            while !Task.isCancelled {
                for server in Usages(of: cluster).servers {
                    highest.withLockedValue { $0[server.node] = max($0[server.node] ?? 0, server.usage.residentBytes) }
                }
                try? await Task.sleep(for: .milliseconds(250))
            }
        }
    }

    /// By node.
    func end() -> [String: Int] {
        task.cancel()
        return highest.withLockedValue { $0 }
    }
}
