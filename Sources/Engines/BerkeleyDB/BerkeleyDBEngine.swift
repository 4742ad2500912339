import CBDB
import Glibc
public import NIOCore
import Synchronization

/// Berkeley DB 5.3: a btree in a transactional environment (Dynamo §5 names it first).
///
/// - Writes are logged; a commit returns when its log records are synced (`synced`) or written (`unsynced`: a crash of
///   the process loses nothing, one of the machine the newest). Changed pages follow at checkpoints, on a thread of
///   their own. Opening recovers from the log.
/// - Reads go through snapshots of page versions: they take no lock and never wait for the writer. Versions that a
///   snapshot still needs and the cache has no room for go to `__db.freezer` files beside the database until the
///   snapshot ends.
/// - Every page has a checksum. The log holds changes, not whole pages: a page that a crash of the machine tore in
///   the middle of its 16 KiB is found (`damaged`), not mended.
public final class BerkeleyDBEngine: LocalPersistenceEngine, @unchecked Sendable {
    // Unchecked: `writer`, `loggedBytes` and `isClosed` belong to the one thread that commits, syncs and closes; the
    // rest is constant or atomic.

    public let kind = EngineKind.bdb

    private let folder: EngineFolder
    private let store: BerkeleyStore
    private let readers: ReaderPool<BerkeleyReader>
    private let health = EngineHealth()
    private let checkpoints: CheckpointThread
    private let writer: BerkeleyWriter
    private var bytesSinceCheckpoint = 0
    private var isClosed = false

    private let entryCount: Atomic<Int>
    private let commitCount = Atomic(0)
    private let syncCount = Atomic(0)

    /// Reads at one time; more wait for one of them to end.
    private static let maximumReaders = 64
    /// Recovery repeats at most what was written since the last checkpoint but one.
    private static let checkpointBytes = 64 << 20
    private static let checkpointSeconds = 60

    /// Opens the store in a folder that is locked for it, and recovers it if it was not closed.
    ///
    /// Errors: `damaged`, `foreign` (another version's files), `unwritable`, `full`, `failed`.
    init(folder: EngineFolder, options: EngineOptions) throws(EngineError) {
        let store = try BerkeleyStore(
            path: folder.dataPath, isNew: folder.isNew, readers: Self.maximumReaders, options: options)
        let health = health
        self.folder = folder
        self.store = store
        readers = ReaderPool(capacity: Self.maximumReaders) { BerkeleyReader(store: store) }
        writer = try BerkeleyWriter(store: store, readers: readers)
        entryCount = Atomic(writer.entryCount)
        // Recovery and creation are on disk before anything is built on them.
        try store.environment.checkpoint(force: true, operation: "open \(folder.path)")
        checkpoints = try CheckpointThread(
            every: Self.checkpointSeconds, operation: "open \(folder.path)",
            work: { Self.checkpoint(store, health) })
    }

    deinit {
        // Not closed: the log has everything, the next open recovers.
        checkpoints.stop()
        readers.close()
    }

    public func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try readers.withReader("read") { reader in
            try key.withUnsafeReadableBytes { try body(reader.get($0)) }
        }
    }

    public func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try readers.withReader("scan") { reader in
            if !range.isEmpty { try reader.scan(range, body) }
        }
    }

    public func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        try requireOpen("commit")
        try batch.checkLimits()
        // DB_TXN_WRITE_NOSYNC: "Write, but do not synchronously flush, the log": the machine's crash loses it, ours
        // does not. Pages never go to disk before their log records, so that either way whole commits are lost.
        let flags = durability == .synced ? DB_TXN_SYNC : DB_TXN_WRITE_NOSYNC
        do throws(BerkeleyWriter.Refusal) {
            try writer.commit(batch, flags: UInt32(flags))
        } catch {
            throw refusal(error)
        }
        entryCount.store(writer.entryCount, ordering: .relaxed)
        commitCount.add(1, ordering: .relaxed)
        if durability == .synced { syncCount.add(1, ordering: .relaxed) }
        bytesSinceCheckpoint += batch.byteCount
        if bytesSinceCheckpoint >= Self.checkpointBytes {
            bytesSinceCheckpoint = 0
            checkpoints.request()
        }
    }

    public func sync() throws(EngineError) {
        try requireOpen("sync")
        do throws(BerkeleyFailure) {
            try BerkeleyFailure.check(bdb_env_log_flush(store.environment.pointer), "DB_ENV->log_flush")
        } catch {
            throw condemn(error, "sync")
        }
        syncCount.add(1, ordering: .relaxed)
    }

    public func statistics() throws(EngineError) -> EngineStatistics {
        // Through the gate, so that it fails after close() like any other call.
        guard readers.isOpen else { throw Self.closed("statistics") }
        return EngineStatistics(
            entries: entryCount.load(ordering: .relaxed), diskBytes: try folder.bytesOnDisk(),
            commits: commitCount.load(ordering: .relaxed), syncs: syncCount.load(ordering: .relaxed))
    }

    public func close() throws(EngineError) {
        guard !isClosed else { return }
        isClosed = true
        checkpoints.stop()
        readers.close()
        defer { folder.release() }
        // A store that can't be trusted is left as it is: its log decides at the next open.
        if health.isSound { try store.environment.checkpoint(force: true, operation: "close \(folder.path)") }
        try store.close()
    }

    private func requireOpen(_ operation: StaticString) throws(EngineError) {
        if isClosed { throw Self.closed(operation) }
        try health.requireSound(operation)
    }

    private static func closed(_ operation: StaticString) -> EngineError {
        EngineError(.closed, operation: "\(operation)", detail: "the engine is closed")
    }

    private func refusal(_ refusal: BerkeleyWriter.Refusal) -> EngineError {
        switch refusal {
        case .undone(let failure):
            let error = failure.engineError("commit", store.environment.messages)
            // DB_RUNRECOVERY: the environment has stopped for good.
            if failure.number == DB_RUNRECOVERY { health.condemn(error) }
            return error
        case .unknown(let failure) where failure.number == ENOSPC || failure.number == EDQUOT:
            return failure.engineError("commit", store.environment.messages)
        case .unknown(let failure):
            return condemn(failure, "commit")
        }
    }

    private func condemn(_ failure: BerkeleyFailure, _ operation: StaticString) -> EngineError {
        var error = failure.engineError("\(operation)", store.environment.messages)
        error.code = .syncFailed
        health.condemn(error)
        return error
    }

    private static func checkpoint(_ store: BerkeleyStore, _ health: EngineHealth) {
        guard health.isSound else { return }
        do throws(EngineError) {
            try store.environment.checkpoint(force: false, operation: "checkpoint \(store.environment.path)")
        } catch {
            // Without space the log keeps what the pages lack, and the next one tries again. Anything else may be a
            // failed sync, after which a second one proves nothing.
            guard error.code != .full else { return }
            var verdict = error
            verdict.code = .syncFailed
            health.condemn(verdict)
        }
    }
}
