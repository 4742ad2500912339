import CBDB
import Glibc
public import NIOCore
import Synchronization

/// Berkeley DB 5.3: a btree in a transactional environment (Dynamo §5 names it first).
///
/// - Writes are logged. A commit is visible when its log records are written: a crash of the process loses nothing, one
///   of the machine the newest. `synced` then syncs the log; a checkpoint does within about a minute anyway. Changed
///   pages follow at checkpoints, on a thread of their own, never before their log records. Opening recovers from the
///   log.
/// - Readers lock the page they read, so they wait while a batch that changes this very page is carried out, in
///   memory; never for a sync. Batches that take long, as with the largest values or long ranges, are felt that way.
/// - A scan has its snapshot from what ``BerkeleySnapshots`` keeps of changes ahead of it, up to a bound.
/// - Every page has a checksum. The log holds changes, not whole pages: a page that a crash of the machine tore in
///   the middle of its 16 KiB is found (`damaged`), not mended.
public final class BerkeleyDBEngine: LocalPersistenceEngine, @unchecked Sendable {
    // Unchecked: `writer`, `bytesSinceCheckpoint` and `isClosed` belong to the one thread that commits, syncs and
    // closes; the rest is constant or atomic.

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
    private static let checkpointMinutes = 1
    private static let checkpointCheckSeconds = 15

    /// Opens the store in a folder that is locked for it, and recovers it if it was not closed.
    ///
    /// Errors: `damaged`, `foreign` (another version's files), `unwritable`, `full`, `failed`.
    init(folder: EngineFolder, options: EngineOptions) throws(EngineError) {
        let store: BerkeleyStore
        do throws(EngineError) {
            store = try BerkeleyStore(path: folder.dataPath, isNew: folder.isNew, options: options)
        } catch {
            var error = error
            // What recovery cannot mend is damage, unless it lacks the space to.
            if error.number == Int(DB_RUNRECOVERY), error.code != .full { error.code = .damaged }
            throw error
        }
        let health = health
        self.folder = folder
        self.store = store
        readers = ReaderPool(capacity: Self.maximumReaders) { BerkeleyReader(store: store) }
        writer = try BerkeleyWriter(store: store)
        entryCount = Atomic(writer.entryCount)
        // Recovery and creation are on disk before anything is built on them.
        try store.environment.checkpoint(operation: "open \(folder.path)")
        checkpoints = CheckpointThread(name: "bdb-checkpoint", every: Self.checkpointCheckSeconds) {
            Self.checkpoint(store, health)
        }
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
        let bytes = batch.byteCount
        let deletedByRanges: Int
        do throws(BerkeleyWriter.Refusal) {
            deletedByRanges = try writer.commit(batch)
        } catch {
            throw refusal(error)
        }
        entryCount.store(writer.entryCount, ordering: .relaxed)
        if durability == .synced { try flushLog("commit") }
        commitCount.add(1, ordering: .relaxed)
        bytesSinceCheckpoint += bytes
        // The log has what was deleted, too, and the library knows how much that is.
        if bytesSinceCheckpoint >= Self.checkpointBytes || deletedByRanges > 0 {
            bytesSinceCheckpoint = 0
            checkpoints.request()
        }
    }

    public func sync() throws(EngineError) {
        try requireOpen("sync")
        try flushLog("sync")
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
        var first: EngineError?
        do throws(EngineError) {
            // A store that can't be trusted is left as it is: its log decides at the next open.
            try health.requireSound("close")
            try store.environment.checkpoint(operation: "close \(folder.path)")
        } catch {
            first = error
        }
        // Without space the pages stay as they are, and the log has everything. What it could not take is of batches
        // that were refused: what was acknowledged is in its files.
        if first?.code == .full {
            do throws(EngineError) { try store.environment.syncLogFiles() } catch { first = error }
        }
        do throws(EngineError) { try store.close() } catch { first = first ?? error }
        if let first, first.code != .full { throw first }
    }

    private func flushLog(_ operation: StaticString) throws(EngineError) {
        do throws(BerkeleyFailure) {
            try BerkeleyFailure.check(bdb_env_log_flush(store.environment.pointer), "DB_ENV->log_flush")
        } catch {
            throw condemn(error, operation)
        }
        syncCount.add(1, ordering: .relaxed)
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
        case .undone(let failure) where !failure.isEnd:
            return failure.engineError("commit", store.environment.messages)
        // A commit record is the last of its write: one that was cut short for want of space is none, and the library
        // has taken it back (a failed sync, for whatever reason, has another number).
        case .unknown(let failure) where failure.isFull:
            return failure.engineError("commit", store.environment.messages)
        case .undone(let failure), .unknown(let failure):
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
            try store.environment.checkpoint(
                afterBytes: checkpointBytes, afterMinutes: checkpointMinutes,
                operation: "checkpoint \(store.environment.path)")
        } catch {
            // Without space the log keeps what the pages lack, and the next one tries again.
            guard error.code != .full else { return }
            var verdict = error
            verdict.code = .syncFailed
            health.condemn(verdict)
        }
    }
}
