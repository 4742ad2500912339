import ArgumentParser
import Engines
import Glibc
import RotorClient

/// How long anti-entropy takes (Dynamo §4.7).
struct BenchRepair: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Let a replica miss writes, and measure how long it takes to get them.",
        discussion: """
            Starts three daemons with temporary folders, which hold every object, and stores keys. Then one is \
            stopped, or killed; more keys are stored at the two others, without hints; and it is started again. Its \
            Merkle trees show what it lacks. Afterwards the two others are stopped, and what it had missed is read \
            from it alone.

              rotor bench repair                              10,000 of 1,010,000 keys
              rotor bench repair --keys 100000 --missing 1
              rotor bench repair --killed                     its trees have to be built first

            With --json: {"bytes_a_difference","difference_bytes","engine","keys","killed","link_bytes","missing", \
            "read","repaired","seconds","value_size"}. Exit code 3 if something was not repaired.
            """)

    @OptionGroup var output: JSONOption

    @Option(name: .long, help: "The engine of the daemons: lmdb, bdb, sqlite or memory.")
    var engine = EngineKind.lmdb

    @Option(name: .long, help: ArgumentHelp("Keys that all three have.", valueName: "number"))
    var keys = 1_000_000

    @Option(name: .long, help: ArgumentHelp("Keys that one misses.", valueName: "number"))
    var missing = 10_000

    @Option(name: .long, help: ArgumentHelp("Bytes of each value.", valueName: "bytes"))
    var valueSize = 1024

    @Flag(name: .long, help: "The one that misses them is killed, not stopped.")
    var killed = false

    /// The one that misses the keys.
    private static let away = 2
    private static let connections = 64

    func validate() throws {
        guard (1...16 << 20).contains(valueSize) else { throw ValidationError("--value-size goes from 1 to 16777216") }
        guard keys >= Self.connections, missing >= Self.connections else {
            throw ValidationError("--keys and --missing must be at least \(Self.connections)")
        }
    }

    struct Report: Encodable {
        /// Bytes over the links between the members, for a byte that was missing.
        var bytesADifference: Double
        var differenceBytes: Int
        var engine: String
        var keys: Int
        var killed: Bool
        var linkBytes: Int
        var missing: Int
        /// Gets at R=1 of keys that had been missing.
        var read: Int
        var repaired: Int
        /// From the link's coming up until the last key was repaired.
        var seconds: Double
        var valueSize: Int
    }

    func run() async throws {
        let engines = Array(repeating: (engine, engine), count: 3)
        try await LocalCluster.run(kept: nil, name: "rotor-repair", engines: engines) { cluster in
            try await cluster.startAll()
            StandardStreams.note("storing \(keys) keys\n")
            try await store(keys, "all", at: cluster.members)
            await cluster.end(Self.away, with: killed ? SIGKILL : SIGTERM)
            StandardStreams.note("storing \(missing) keys while one of the three is away\n")
            let others = Array(cluster.members[..<Self.away])
            try await store(missing, "missed", at: others, query: "?sloppy_quorum=false")
            try await measure(cluster, others)
        }
    }

    private func plan(_ count: Int, _ run: String, at members: [LocalCluster.Member], query: String) -> LoadPlan {
        LoadPlan(
            endpoints: members.map(\.http), connections: Self.connections, valueBytes: valueSize, keys: count,
            putRatio: 0, seconds: 1, type: "default", query: query, run: run)
    }

    private func store(
        _ count: Int, _ run: String, at members: [LocalCluster.Member], query: String = ""
    ) async throws {
        let result = try await result(of: plan(count, run, at: members, query: query))
        guard result.errorCount == 0 else {
            throw CommandFailure(.unavailable, "\(result.errorCount) requests failed while keys were stored")
        }
    }

    private func result(of plan: LoadPlan) async throws -> LoadResult {
        try await LoadRun.result(of: plan, onBegin: {}, onInterval: { _, _ in })
    }

    private func measure(_ cluster: LocalCluster, _ others: [LocalCluster.Member]) async throws {
        let clients = cluster.members.map { ClusterClient(endpoints: [$0.http]) }
        let before = try await clients.dropLast().asyncCounters()
        try cluster.start(Self.away)
        try await cluster.untilLinked(Self.away)
        let clock = ContinuousClock()
        let begin = clock.now
        var repaired = 0
        var seconds = 0.0
        while repaired < missing, clock.now < begin + .seconds(300) {
            try await Task.sleep(for: .milliseconds(100))
            let counters = try await clients.asyncCounters()
            repaired = counters[Self.away]["keys_pulled", default: 0]
            for (now, then) in zip(counters, before) {
                repaired += now["keys_pushed", default: 0] - then["keys_pushed", default: 0]
            }
            seconds = Double((clock.now - begin) / .milliseconds(1)) / 1000
            StandardStreams.note("\(Int(seconds)) s: \(repaired) of \(missing) keys\r")
        }
        StandardStreams.note("\n")
        let sent = try await clients.asyncCounters().map { $0["link_bytes_sent", default: 0] }.reduce(0, +)
        let bytes = sent - before.map { $0["link_bytes_sent", default: 0] }.reduce(0, +)
        for client in clients { try await client.shutdown() }
        for other in others.indices { await cluster.end(other, with: SIGTERM) }
        var reading = plan(missing, "missed", at: [cluster.members[Self.away]], query: "?r=1")
        reading.areStored = true
        let reads = try await result(of: reading)
        let report = Report(
            bytesADifference: Double(bytes) / Double(missing * valueSize), differenceBytes: missing * valueSize,
            engine: engine.rawValue, keys: keys, killed: killed, linkBytes: bytes, missing: missing,
            read: reads.gets.count, repaired: repaired, seconds: seconds, valueSize: valueSize)
        if output.json { try JSONOutput.print(report) } else { try tell(report) }
        guard repaired >= missing, reads.errorCount == 0 else {
            let failed = "\(reads.errorCount) of \(reads.gets.count + reads.errorCount) reads failed"
            throw CommandFailure(.unavailable, "\(repaired) of \(missing) keys were repaired, and \(failed)")
        }
    }

    private func tell(_ report: Report) throws {
        try StandardStreams.print(
            "\(report.repaired) of \(keys + missing) keys of \(valueSize) bytes, on \(report.engine), were missing"
                + " and repaired in \(report.seconds.tenths) s")
        try StandardStreams.print(
            "\(report.linkBytes.asBytes) between the members for \(report.differenceBytes.asBytes) of values:"
                + " \((report.bytesADifference * 100).rounded() / 100) ×")
        try StandardStreams.print("\(report.read) gets at R=1 of what was missing found it all")
    }
}

extension Collection<ClusterClient> {
    /// Of one member each.
    fileprivate func asyncCounters() async throws -> [[String: Int]] {
        var counters: [[String: Int]] = []
        for client in self { counters.append(try await client.status().counters) }
        return counters
    }
}
