import CEngineLoops
import Engines

/// Carries a plan out, one store after the other.
public struct BenchRun: Sendable {
    public let plan: BenchPlan
    /// A folder of its own, in which each store has one while it is measured.
    public let folder: String

    /// The run's time is cut into intervals, whose percentiles show how even it was: of a second, or into so many.
    private static let intervals = 60

    public init(_ plan: BenchPlan, folder: String) {
        self.plan = plan
        self.folder = folder
    }

    /// By value size, workload, engine and write path. Blocks as long as it takes.
    ///
    /// - Parameter onStep: Called after each of the plan's steps.
    /// - Throws: `EngineError`, or `Overloaded` where more clients put than a writer's queue holds.
    public func results(onStep: () -> Void) throws -> [BenchResult] {
        var results: [(configuration: Int, result: BenchResult)] = []
        for (number, configuration) in plan.configurations.enumerated() {
            let path =
                "\(folder)/\(configuration.subject.rawValue)-\(configuration.writePath)-\(configuration.valueBytes)"
            ProcessFigures.giveBackFreeMemory()
            do {
                results += try measure(configuration, at: path, onStep).map { (number, $0) }
            } catch {
                // What is wrong with the store is told, not that it then cannot be removed.
                try? FileCalls.removeTree(path, operation: "remove \(path)")
                throw error
            }
            try FileCalls.removeTree(path, operation: "remove \(path)")
        }
        return results.sorted { order($0.result.row, $0.configuration) < order($1.result.row, $1.configuration) }
            .map(\.result)
    }

    private func order(_ row: BenchRow, _ configuration: Int) -> (Int, Int, Int) {
        let workload = BenchWorkload.allCases.firstIndex { $0.rawValue == row.workload } ?? 0
        return (row.valueBytes, workload, configuration)
    }

    private func measure(
        _ configuration: BenchPlan.Configuration, at path: String, _ onStep: () -> Void
    ) throws -> [BenchResult] {
        let data = BenchData(
            keyCount: plan.keyCount(for: configuration.valueBytes), valueBytes: configuration.valueBytes,
            seed: plan.seed)
        var options = EngineOptions()
        options.cacheBytes = plan.cacheBytes
        options.writePath = plan.writePathOptions
        let store: any BenchStore =
            switch configuration.subject {
            case .engine(let kind):
                try EngineStore(kind, writePath: configuration.writePath, path: path, options: options)
            case .loop(let loop):
                try LoopStore(loop, path: path, cacheBytes: plan.cacheBytes)
            }
        var results: [BenchResult] = []
        do {
            for workload in [.load] + configuration.workloads.filter({ $0 != .load }) {
                let result = try measure(workload, on: store, configuration, data, at: path)
                if configuration.workloads.contains(workload) { results.append(result) }
                onStep()
            }
        } catch {
            try? store.close()
            throw error
        }
        try store.close()
        return results
    }

    private func measure(
        _ workload: BenchWorkload, on store: any BenchStore, _ configuration: BenchPlan.Configuration,
        _ data: BenchData, at path: String
    ) throws -> BenchResult {
        let clock = SystemClock()
        let written = try WrittenBytes(onDiskOf: folder)
        let before = try ProcessFigures.now()
        let start = clock.now()
        let length = UInt64(plan.seconds * 1e9)
        // A load ends when all is stored: how long that takes is not known.
        let interval = workload == .load ? length : min(length, max(1_000_000_000, length / UInt64(Self.intervals)))
        let timeline = LatencyTimeline(
            start: start, interval: interval, count: workload == .load ? 1 : Int(length / interval))
        let threads = workload.writes ? plan.threads : plan.readers
        let load = BenchLoad(
            data: data, threads: threads, deadline: workload == .load ? .max : start + length,
            rate: workload == .load ? nil : plan.rate, seed: plan.seed &+ UInt64(workload.seed),
            scanEntries: plan.scanEntries(for: configuration.valueBytes), timeline: timeline)
        try store.run(workload, load)
        let after = try ProcessFigures.now()
        // Every write is paid for when the store is closed; what opening it writes is another matter.
        let settling = clock.now()
        if workload.writes { try store.settle() }
        let settled = clock.now()
        let writtenBytes = try WrittenBytes(onDiskOf: folder).since(written)
        let diskBytes = try FileCalls.bytesInTree(path, operation: "measure \(path)")
        try store.open()
        let latencies = timeline.summary
        let operations = Double(max(1, latencies.operations))
        let puts = workload == .mixed ? operations / 2 : workload.writes ? operations : 0
        let row = BenchRow(
            engine: configuration.subject.rawValue, writePath: configuration.writePath.rawValue,
            workload: workload.rawValue, valueBytes: configuration.valueBytes, threads: threads,
            operationsPerSecond: Double(latencies.operations) / max(latencies.seconds, 1e-9),
            p50: latencies.p50Microseconds, p99: latencies.p99Microseconds, p999: latencies.p999Microseconds,
            cpuMicrosecondsPerOperation: (after.cpuMicroseconds - before.cpuMicroseconds) / operations,
            diskBytesPerKey: Double(diskBytes) / Double(data.keyCount),
            writeAmplification: puts == 0 ? 0 : Double(writtenBytes) / (puts * Double(data.recordBytes)),
            residentBytes: after.residentBytes)
        return BenchResult(row: row, latencies: latencies, settleSeconds: Double(settled - settling) / 1e9)
    }

    /// Whether the folder's file system is in memory: what is synced there tells nothing about a disk.
    public static func isInMemory(_ path: String) -> Bool {
        engine_loop_is_in_memory(path)
    }
}

extension BenchWorkload {
    /// No two workloads of a store go through the keys in the same order.
    fileprivate var seed: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
