import CEngineLoops
import Engines
import NIOCore

/// An engine as the server uses it: puts go from an event loop's thread to the writer thread, which makes one commit of
/// all that wait and tells of their ends together; gets and scans have threads of their own.
final class EngineStore: BenchStore, @unchecked Sendable {
    // Unchecked: `running` is changed by settle() and close() only, while no load runs.

    private struct Running {
        let engine: any LocalPersistenceEngine
        let writer: WriterThread<PutJob>
    }

    private let kind: EngineKind
    private let writePath: WritePath
    private let path: String
    private let options: EngineOptions
    private var running: Running?

    /// As in the server.
    private static let capacity = 16_384
    private static let maximumGroup = 512

    init(_ kind: EngineKind, writePath: WritePath, path: String, options: EngineOptions) throws {
        self.kind = kind
        self.writePath = writePath
        self.path = path
        self.options = options
        try open()
    }

    func open() throws {
        guard running == nil else { return }
        let engine = try EngineFactory.open(kind, at: path, writePath: writePath, options: options)
        // A buffered put is answered from the buffer (Dynamo §6.1).
        let group = Group(engine: engine, durability: writePath == .buffered ? .unsynced : .synced)
        let writer = WriterThread<PutJob>(
            name: "bench-writer", capacity: Self.capacity, maximumGroup: Self.maximumGroup, gathers: true
        ) { group.commit($0) }
        running = Running(engine: engine, writer: writer)
    }

    func settle() throws {
        // What the memory engine holds is gone with it.
        if kind != .memory { try close() }
    }

    func close() throws {
        guard let running else { return }
        self.running = nil
        running.writer.stop()
        try running.engine.close()
    }

    func visit(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool) throws {
        try open("visit").engine.scan(.all) { key, value in body(key, value) ? .proceed : .stop }
    }

    func run(_ workload: BenchWorkload, _ load: BenchLoad) throws {
        let running = try open("\(workload)")
        if workload.writes {
            try BenchThreads.run(1, named: "bench-clients") { _ in
                var clients = PutClients(
                    clock: SystemClock(), clients: load.threads, pace: load.pace(thread: 0, of: 1),
                    deadline: load.deadline, limit: workload == .load ? load.data.keyCount : .max,
                    recorder: LatencyRecorder(load.timeline),
                    port: EnginePort(running.engine, running.writer, load, workload))
                try clients.run()
            }
        } else {
            try BenchThreads.run(load.threads, named: "bench") { thread in
                let reader = EngineReader(running.engine, load, thread: thread)
                let sum = try workload == .get ? reader.getAtRandom() : reader.scan()
                // What was read is of use to somebody, or it might not be read.
                engine_loop_use(sum)
            }
        }
    }

    private func open(_ operation: String) throws(EngineError) -> Running {
        guard let running else {
            throw EngineError(.closed, operation: operation, detail: "the store at \(path) is closed")
        }
        return running
    }

    /// What the writer thread does with all that waits.
    private final class Group: @unchecked Sendable {
        // Unchecked: used by the writer thread only.
        private let engine: any LocalPersistenceEngine
        private let durability: Durability
        private var batch = WriteBatch()

        init(engine: any LocalPersistenceEngine, durability: Durability) {
            self.engine = engine
            self.durability = durability
        }

        func commit(_ jobs: [PutJob]) {
            for job in jobs { batch.put(job.value, for: job.key) }
            var failure: EngineError?
            do throws(EngineError) {
                try engine.commit(batch, durability: durability)
            } catch {
                failure = error
            }
            batch.removeAll(keepingCapacity: true)
            jobs.first?.inbox.put(jobs.lazy.map(\.client), failure: failure)
        }
    }
}

/// A put of the one load that is running.
private struct PutJob: Sendable {
    let key: ByteBuffer
    let value: ByteBuffer
    let client: Int
    let inbox: PutInbox
}

/// Begins what a writing workload consists of.
private struct EnginePort: PutPort {
    private let engine: any LocalPersistenceEngine
    private let writer: WriterThread<PutJob>
    private let load: BenchLoad
    private let workload: BenchWorkload
    private let inbox = PutInbox()
    private let reader: EngineReader
    private var random: BenchRandom
    private var next = 0
    private var sum: UInt64 = 0

    init(
        _ engine: any LocalPersistenceEngine, _ writer: WriterThread<PutJob>, _ load: BenchLoad,
        _ workload: BenchWorkload
    ) {
        self.engine = engine
        self.writer = writer
        self.load = load
        self.workload = workload
        reader = EngineReader(engine, load, thread: 0)
        random = load.random(thread: 0)
    }

    mutating func begin(client: Int) throws -> Bool {
        var (key, variant) = random.record(of: load.data)
        switch workload {
        // Of the variant's bits, so that the keys of puts and gets are the same.
        case .mixed where variant % 2 == 0:
            try reader.get(key, &sum)
            return true
        case .load:
            key = next
            next += 1
        default:
            break
        }
        let job = PutJob(
            key: load.data.key(key), value: load.data.value(key, variant: variant), client: client, inbox: inbox)
        try writer.submit(job, bytes: load.data.recordBytes)
        return false
    }

    mutating func wait(until moment: UInt64?, ended: inout [Int]) throws(EngineError) {
        try inbox.take(until: moment, into: &ended)
    }
}

/// One thread that reads. What changes with each read is in local variables: the checks that the compiler puts around a
/// class's would be a tenth of a read's cost.
private struct EngineReader {
    private let engine: any LocalPersistenceEngine
    private let load: BenchLoad
    private let thread: Int

    init(_ engine: any LocalPersistenceEngine, _ load: BenchLoad, thread: Int) {
        self.engine = engine
        self.load = load
        self.thread = thread
    }

    func getAtRandom() throws -> UInt64 {
        var random = load.random(thread: thread)
        var sum: UInt64 = 0
        try loop { try get(random.record(of: load.data).key, &sum) }
        return sum
    }

    func get(_ key: Int, _ sum: inout UInt64) throws {
        try engine.read(load.data.key(key)) { value in
            guard let value else {
                throw EngineError(
                    .damaged, operation: "get", detail: "key number \(key) of the bench was put and is not there")
            }
            sum &+= engine_loop_touch(value.baseAddress, value.count)
        }
    }

    func scan() throws -> UInt64 {
        var random = load.random(thread: thread)
        var sum: UInt64 = 0
        try loop {
            let first = load.data.key(random.record(of: load.data).key)
            var left = load.scanEntries
            try engine.scan(KeyRange(from: first, to: nil)) { key, value in
                sum &+= engine_loop_touch(key.baseAddress, key.count)
                sum &+= engine_loop_touch(value.baseAddress, value.count)
                left -= 1
                return left > 0 ? .proceed : .stop
            }
        }
        return sum
    }

    private func loop(_ operation: () throws -> Void) throws {
        var loop = OperationLoop(
            clock: SystemClock(), pace: load.pace(thread: thread, of: load.threads), deadline: load.deadline,
            recorder: LatencyRecorder(load.timeline))
        try loop.run(operation)
    }
}
