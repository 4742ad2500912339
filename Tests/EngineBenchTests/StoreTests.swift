import Engines
import NIOCore
import Testing

@testable import EngineBench

@Suite("The bench's stores")
struct StoreTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let path = try FileCalls.makeTemporaryFolder(named: "rotor-bench-tests")
        do {
            try body(path)
        } catch {
            try FileCalls.removeTree(path, operation: "clear up")
            throw error
        }
        try FileCalls.removeTree(path, operation: "clear up")
    }

    /// Whose log is made quickly.
    static var smallPath: WritePathOptions {
        var options = WritePathOptions()
        options.bufferObjects = 100
        options.segmentBytes = 1 << 20
        options.logBytes = 8 << 20
        return options
    }

    /// Every store there is to measure.
    enum Store: Sendable, CustomTestStringConvertible {
        case engine(EngineKind, WritePath)
        case loop(BenchSubject.CLoop)

        static let all: [Store] =
            EngineKind.allCases.flatMap { kind in
                WritePath.allCases.filter { kind != .memory || $0 != .logged }.map { .engine(kind, $0) }
            } + BenchSubject.CLoop.allCases.map { .loop($0) }

        func open(at path: String) throws -> any BenchStore {
            var options = EngineOptions()
            options.cacheBytes = 4 << 20
            // So that it is emptied while puts come.
            options.writePath = StoreTests.smallPath
            return switch self {
            case .engine(let kind, let writePath):
                try EngineStore(kind, writePath: writePath, path: path, options: options)
            case .loop(let loop):
                try LoopStore(loop, path: path, cacheBytes: options.cacheBytes)
            }
        }

        var testDescription: String {
            switch self {
            case .engine(let kind, let writePath): "\(kind) \(writePath)"
            case .loop(let loop): loop.rawValue
            }
        }
    }

    private func run(_ workload: BenchWorkload, on store: any BenchStore, _ data: BenchData, seconds: Double) throws
        -> LatencySummary
    {
        let clock = SystemClock()
        let start = clock.now()
        let timeline = LatencyTimeline(start: start, interval: 1, count: 1)
        let load = BenchLoad(
            data: data, threads: workload.writes ? 4 : 2,
            deadline: workload == .load ? .max : start + UInt64(seconds * 1e9), rate: nil, seed: 7, scanEntries: 20,
            timeline: timeline)
        try store.run(workload, load)
        return timeline.summary
    }

    @Test(
        "every key that was loaded and put again is there once, in order, with one of its values",
        arguments: Store.all)
    func stored(_ subject: Store) throws {
        // Below and above what SQLite's adapter and loop keep in a row; the last needs more room than a scan has.
        for valueBytes in [100, 5_000, 300_000] {
            try withFolder { path in
                let data = BenchData(keyCount: valueBytes > 10_000 ? 11 : 301, valueBytes: valueBytes, seed: 3)
                let store = try subject.open(at: path + "/store")
                let loaded = try run(.load, on: store, data, seconds: 0)
                #expect(loaded.operations == data.keyCount)
                try store.settle()
                try store.open()
                let put = try run(.put, on: store, data, seconds: 0.05)
                #expect(put.operations > 0)
                try store.settle()
                try store.open()
                for workload in [BenchWorkload.get, .scan] {
                    let read = try run(workload, on: store, data, seconds: 0.02)
                    #expect(read.operations > 0, "\(workload)")
                }
                let numbers = (0..<data.keyCount).sorted {
                    Array(data.key($0).readableBytesView).lexicographicallyPrecedes(data.key($1).readableBytesView)
                }
                var visited = 0
                try store.visit { key, value in
                    guard visited < numbers.count else { return false }
                    let number = numbers[visited]
                    #expect(data.key(number).readableBytesView.elementsEqual(key), "key \(visited)")
                    #expect(data.isValue(value, of: number), "the value of key \(visited)")
                    visited += 1
                    return true
                }
                #expect(visited == data.keyCount)
                try store.close()
            }
        }
    }

    @Test("puts change what is stored", arguments: Store.all)
    func changed(_ subject: Store) throws {
        try withFolder { path in
            let data = BenchData(keyCount: 8, valueBytes: 128, seed: 5)
            let store = try subject.open(at: path + "/store")
            func values() throws -> [[UInt8]] {
                var values: [[UInt8]] = []
                try store.visit { _, value in
                    values.append(Array(value))
                    return true
                }
                return values
            }
            _ = try run(.load, on: store, data, seconds: 0)
            let before = try values()
            _ = try run(.put, on: store, data, seconds: 0.05)
            #expect(try values() != before)
            try store.close()
        }
    }

    @Test("a run gives a row for each workload of each store, every figure finite, and leaves nothing behind")
    func rows() throws {
        try withFolder { path in
            var plan = BenchPlan()
            plan.subjects = BenchSubject.allCases
            plan.writePaths = WritePath.allCases
            plan.writePathOptions = Self.smallPath
            plan.workloads = BenchWorkload.allCases
            plan.valueSizes = [64, 3_000]
            plan.keys = 200
            plan.seconds = 0.02
            plan.threads = 8
            plan.readers = 2
            var steps = 0
            let results = try BenchRun(plan, folder: path).results { steps += 1 }
            #expect(steps == plan.steps)
            // Five workloads on three engines' three write paths and the memory engine's two; the C loops, three,
            // have one path, and no mixed workload.
            #expect(results.count == 2 * ((3 * 3 + 2) * 5 + 3 * 4))
            #expect(plan.omissions.count == 2 && plan.omissions[0].contains("mixed"))
            for result in results { check(result) }
            #expect(results.map(\.row.valueBytes) == results.map(\.row.valueBytes).sorted())
            #expect(try FileCalls.names(in: path, operation: "look").isEmpty)
        }
    }

    private func check(_ result: BenchResult) {
        let row = result.row
        let figures = [
            row.operationsPerSecond, row.p50, row.p99, row.p999, row.cpuMicrosecondsPerOperation, row.diskBytesPerKey,
            row.writeAmplification, result.settleSeconds,
        ]
        #expect(figures.allSatisfy { $0.isFinite && $0 >= 0 }, "\(row)")
        #expect(row.operationsPerSecond > 0 && row.p50 > 0 && row.residentBytes > 1 << 20, "\(row)")
        #expect(row.p50 <= row.p99 && row.p99 <= row.p999, "\(row)")
        #expect(row.threads == (["get", "scan"].contains(row.workload) ? 2 : 8), "\(row)")
        if row.engine != "memory" { #expect(row.diskBytesPerKey > Double(row.valueBytes), "\(row)") }
        if row.workload == "get" || row.workload == "scan" { #expect(row.writeAmplification == 0, "\(row)") }
        #expect(result.latencies.distribution.allSatisfy { $0.microseconds.isFinite })
    }

    @Test("a C loop that cannot open its store says which call failed and why")
    func loopFailure() throws {
        try withFolder { path in
            try FileCalls.write("no folder", to: path + "/data", operation: "prepare")
            #expect(throws: EngineError.self) { try LoopStore(.lmdb, path: path, cacheBytes: 4 << 20) }
            try FileCalls.makeDirectories(path + "/sqlite/data", operation: "prepare")
            try FileCalls.write(
                String(repeating: "no database ", count: 500), to: path + "/sqlite/data/entries.sqlite",
                operation: "prepare")
            do {
                _ = try LoopStore(.sqlite, path: path + "/sqlite", cacheBytes: 4 << 20)
                Issue.record("a file that is no database was opened")
            } catch let error as EngineError {
                #expect(error.description.contains("sqlite-c") && error.detail.contains("not a database"), "\(error)")
            }
        }
    }

    @Test("the same seed gives the same keys and values, another one others")
    func data() {
        let first = BenchData(keyCount: 50, valueBytes: 100, seed: 1)
        let again = BenchData(keyCount: 50, valueBytes: 100, seed: 1)
        let other = BenchData(keyCount: 50, valueBytes: 100, seed: 2)
        #expect(Set((0..<50).map { Array(first.key($0).readableBytesView) }).count == 50)
        for number in 0..<50 {
            #expect(first.key(number) == again.key(number) && first.key(number) != other.key(number))
            for variant in 0..<BenchData.variants {
                let value = first.value(number, variant: variant)
                #expect(value == again.value(number, variant: variant) && value.readableBytes == 100)
                #expect(value.withUnsafeReadableBytes { first.isValue($0, of: number) })
                #expect(!value.withUnsafeReadableBytes { first.isValue($0, of: (number + 1) % 50) })
            }
        }
    }
}
