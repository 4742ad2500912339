import NIOCore

@testable import Engines

/// An engine in memory that can be full, and whose commits can be held up.
final class TroubledEngine: LocalPersistenceEngine, @unchecked Sendable {
    // Unchecked: `onCommit` is set while nobody commits, the other mutable fields are used under `monitor`.
    let inner = MemoryEngine(keepsLastSync: true)
    private let monitor = Monitor()
    private var full = false
    private var held = false
    private var batches: [WriteBatch] = []
    /// Called before and after each commit, on its thread.
    var onCommit: () -> Void = {}

    var kind: EngineKind { .memory }

    /// Refuses batches that put something.
    var isFull: Bool {
        get { monitor.withLock { full } }
        set { monitor.withLock { full = newValue } }
    }

    /// Commits wait for as long as it is set.
    var isHeld: Bool {
        get { monitor.withLock { held } }
        set {
            monitor.withLock {
                held = newValue
                monitor.wakeAll()
            }
        }
    }

    /// What was committed.
    var committed: [WriteBatch] { monitor.withLock { batches } }

    func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try inner.read(key, body)
    }

    func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try inner.scan(range, body)
    }

    func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        let isRefused = monitor.withLock {
            while held { monitor.wait() }
            return full && !batch.onlyDeletes
        }
        if isRefused { throw EngineError(.full, operation: "commit", detail: "no space left; free some") }
        onCommit()
        try inner.commit(batch, durability: durability)
        onCommit()
        monitor.withLock { batches.append(batch) }
    }

    func sync() throws(EngineError) { try inner.sync() }
    func statistics() throws(EngineError) -> EngineStatistics { try inner.statistics() }

    /// It stays as it is, so that it can be opened again.
    func close() throws(EngineError) {}
}

/// A log's folder on a disk that can be full.
final class TroubledFiles: SegmentFiles, @unchecked Sendable {
    // Unchecked: used by one thread at a time.
    let folder: LogFolder
    var isFull = false

    init(_ path: String) {
        folder = LogFolder(path: path)
    }

    func exists() -> Bool { folder.exists() }
    func create() throws(EngineError) { try folder.create() }
    func removeAll() throws(EngineError) { try folder.removeAll() }
    func list() throws(EngineError) -> [(name: String, bytes: Int)] { try folder.list() }
    func allocate(_ name: String, bytes: Int) throws(EngineError) {
        if isFull { throw EngineError(.full, operation: "allocate", detail: "no space left; free some") }
        try folder.allocate(name, bytes: bytes)
    }
    func read(_ name: String, bytes: Int) throws(EngineError) -> ByteBuffer { try folder.read(name, bytes: bytes) }
    func write(_ bytes: ByteBuffer, to name: String, at offset: Int) throws(EngineError) {
        try folder.write(bytes, to: name, at: offset)
    }
    func sync(_ name: String) throws(EngineError) { try folder.sync(name) }
    func rename(_ old: String, to new: String) throws(EngineError) { try folder.rename(old, to: new) }
    func remove(_ name: String) throws(EngineError) { try folder.remove(name) }
    func syncNames() throws(EngineError) { try folder.syncNames() }
    func close() { folder.close() }
}

/// What a call failed with; nil where it did not.
func code(_ body: () throws -> Void) -> EngineError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? EngineError)?.code
    }
}

/// What other threads tell a test.
final class Told<Value: Sendable>: @unchecked Sendable {
    // Unchecked: used under `monitor`.
    private let monitor = Monitor()
    private var values: [Value] = []

    var all: [Value] { monitor.withLock { values } }

    func tell(_ value: Value) {
        monitor.withLock {
            values.append(value)
            monitor.wakeAll()
        }
    }

    func wait(for count: Int) -> [Value] {
        monitor.withLock {
            while values.count < count { monitor.wait() }
            return values
        }
    }
}
