public import ArgumentParser
public import Engines
import Glibc
import NIOConcurrencyHelpers
import RotorClient

struct BenchCluster: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Put a cluster under load through its HTTP doors.",
        discussion: """
            Each connection sends a request, waits for the answer and sends the next. Without --keys each put makes a \
            new key; with it the keys are stored beforehand, and each put reads its key's context first, which counts \
            as a get. Gets need keys.

              rotor bench cluster --start                     three daemons here
              rotor bench cluster --start --engine bdb --duration 10
              rotor bench cluster --connect 127.0.0.1:8098    one that runs
              rotor bench cluster --start --keys 10000 --put-ratio 0.1

            With --start it also says how much processor time the daemons took. With --json: {"connections","engine", \
            "errors","generator_cpu_microseconds_per_request","gets","keys","put_ratio","puts","seconds", \
            "servers":[{"cpu_microseconds_per_request","node","resident_bytes"}],"value_size"}; times in \
            milliseconds. Exit code 3 if there was an error.
            """)

    @OptionGroup var connection: ConnectOptions
    @OptionGroup var output: JSONOption

    @Flag(name: .long, help: "Start three daemons with temporary folders, and end them afterwards.")
    var start = false

    @Option(name: .long, help: "The engine of those daemons: lmdb, bdb, sqlite or memory.")
    var engine = EngineKind.lmdb

    @Option(name: .long, help: ArgumentHelp("Clients at a time, spread over the nodes.", valueName: "number"))
    var connections = 32

    @Option(name: .long, help: ArgumentHelp("Bytes of each value.", valueName: "bytes"))
    var valueSize = 1024

    @Option(
        name: .long, help: ArgumentHelp("Keys to store beforehand and to use; 0 for new ones.", valueName: "number"))
    var keys = 0

    @Option(name: .long, help: ArgumentHelp("Share of the requests that are puts, from 0 to 1.", valueName: "ratio"))
    var putRatio = 1.0

    @Option(name: .long, help: ArgumentHelp("How long to measure.", valueName: "seconds"))
    var duration = 60

    @Option(name: .long, help: "The bucket type to use.")
    var type = "default"

    func validate() throws {
        guard (1...10_000).contains(connections) else { throw ValidationError("--connections goes from 1 to 10000") }
        guard (1...16 << 20).contains(valueSize) else { throw ValidationError("--value-size goes from 1 to 16777216") }
        guard (0...1).contains(putRatio) else { throw ValidationError("--put-ratio goes from 0 to 1") }
        guard (1...86_400).contains(duration) else { throw ValidationError("--duration goes from 1 to 86400 seconds") }
        guard keys >= 0 else { throw ValidationError("--keys cannot be negative") }
        guard keys >= connections || (keys == 0 && putRatio == 1) else {
            throw ValidationError("--keys must be at least the number of connections, \(connections): gets need keys")
        }
        if start, connection.connect != nil { throw ValidationError("--start and --connect exclude each other") }
    }

    func run() async throws {
        guard start else { return try await measure(try connection.endpoints(), cluster: nil) }
        let engines = Array(repeating: (engine, engine), count: 3)
        try await LocalCluster.run(kept: nil, name: "rotor-bench", engines: engines) { cluster in
            try await cluster.startAll()
            try await measure(cluster.members.map(\.http), cluster: cluster)
        }
    }

    private func measure(_ endpoints: [Endpoint], cluster: LocalCluster?) async throws {
        try await check(endpoints)
        let plan = LoadPlan(
            endpoints: endpoints, connections: connections, valueBytes: valueSize, keys: keys, putRatio: putRatio,
            seconds: duration, type: type, run: String(UInt32.random(in: 0...UInt32.max), radix: 36))
        let before = NIOLockedValueBox(Usages(of: cluster))
        let result = try await LoadRun.result(of: plan) {
            before.withLockedValue { $0 = Usages(of: cluster) }
        } onInterval: { second, perSecond in
            StandardStreams.note("\(second) s: \(perSecond) requests/s\n")
        }
        let report = LoadReport(
            plan, result, engine: cluster == nil ? nil : engine.rawValue, before: before.withLockedValue { $0 },
            after: Usages(of: cluster))
        if output.json {
            try JSONOutput.print(report)
        } else {
            for line in report.lines { try StandardStreams.print(line) }
        }
        if result.errorCount > 0 { throw CommandFailure(.unavailable, "\(result.errorCount) requests failed") }
    }

    /// A node that is down is told before the run, not in its figures.
    private func check(_ endpoints: [Endpoint]) async throws {
        for endpoint in endpoints {
            let client = ClusterClient(endpoints: [endpoint])
            let answer: Result<NodeReport, RotorClientError>
            do throws(RotorClientError) {
                answer = .success(try await client.status())
            } catch {
                answer = .failure(error)
            }
            try await client.shutdown()
            if case .failure(let error) = answer { throw CommandFailure(error) }
        }
    }
}

extension EngineKind: ExpressibleByArgument {}
