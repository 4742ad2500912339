public import NIOCore

/// An ordered map in memory, for tests, the simulator, and stores that need not outlive the process.
///
/// A scan works on a snapshot (a copy-on-write copy); a point read holds the lock for its search only. The writer holds
/// it while it applies a batch.
public final class MemoryEngine: LocalPersistenceEngine, @unchecked Sendable {
    // Unchecked: every mutable property is used under `monitor`.
    private let monitor = Monitor()
    private var records = RecordMap()
    /// What a crash of the machine leaves; nil where nobody asked to keep it.
    private var durable: RecordMap?
    private var closed = false
    private var commits = 0
    private var syncs = 0

    public var kind: EngineKind { .memory }

    /// With `keepsLastSync`, ``loseUnsynced()`` works, and each write after a sync copies a little.
    public init(keepsLastSync: Bool = false) {
        durable = keepsLastSync ? RecordMap() : nil
    }

    public func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        let record = try monitor.withLock { () throws(EngineError) in
            try checkOpen("read")
            return key.withUnsafeReadableBytes { records[$0] }
        }
        guard let record else { return try body(nil) }
        try withExtendedLifetime(record) { try body(record.value) }
    }

    public func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        try batch.checkLimits()
        try monitor.withLock { () throws(EngineError) in
            try checkOpen("commit")
            for operation in batch.operations {
                switch operation {
                case .put(let key, let value): records.put(Record(key: key, value: value))
                case .delete(let key): key.withUnsafeReadableBytes { records.remove($0) }
                case .deleteRange(let range): records.removeRange(range)
                }
            }
            commits += 1
            if durability == .synced { makeDurable() }
        }
    }

    public func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        let snapshot = try monitor.withLock { () throws(EngineError) in
            try checkOpen("scan")
            return records
        }
        try (range.upperBound ?? ByteBuffer()).withUnsafeReadableBytes { upper in
            var position = range.lowerBound.withUnsafeReadableBytes(snapshot.lowerBound)
            while let record = snapshot.record(at: position) {
                if range.upperBound != nil, KeyOrder.compare(record.key, upper) >= 0 { return }
                let step = try withExtendedLifetime(record) { try body(record.key, record.value) }
                if step == .stop { return }
                position = snapshot.position(after: position)
            }
        }
    }

    public func sync() throws(EngineError) {
        try monitor.withLock { () throws(EngineError) in
            try checkOpen("sync")
            makeDurable()
        }
    }

    public func statistics() throws(EngineError) -> EngineStatistics {
        try monitor.withLock { () throws(EngineError) in
            try checkOpen("statistics")
            return EngineStatistics(entries: records.count, diskBytes: 0, commits: commits, syncs: syncs)
        }
    }

    public func close() throws(EngineError) {
        monitor.withLock {
            closed = true
            records = RecordMap()
            durable = nil
        }
    }

    /// Takes the engine back to its last sync, as a crash of the machine would: for the simulator's disks.
    public func loseUnsynced() {
        monitor.withLock {
            guard let durable else { preconditionFailure("loseUnsynced() needs init(keepsLastSync: true)") }
            records = durable
        }
    }

    private func makeDurable() {
        if durable != nil { durable = records }
        syncs += 1
    }

    private func checkOpen(_ operation: String) throws(EngineError) {
        guard !closed else {
            throw EngineError(.closed, operation: operation, detail: "the memory engine is closed")
        }
    }
}
