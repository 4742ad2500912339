import CSQLite
public import NIOCore
import Synchronization

/// SQLite with a write-ahead log: one connection that writes, one for each thread that reads, one for checkpoints.
///
/// - `synced` commits sync the log before they are visible. `unsynced` ones leave it to the system, or to the next
///   checkpoint: a crash of the machine loses the newest, whole.
/// - Readers see the log up to their snapshot and wait neither for the writer nor for its sync.
/// - Log and database hold whole pages, so that a torn one is written again from the log. Pages have no checksums.
public final class SQLiteEngine: LocalPersistenceEngine, @unchecked Sendable {
    // Unchecked: `writer`, `log` and `isClosed` belong to the one thread that commits, syncs and closes; the rest is
    // constant or atomic.

    public let kind = EngineKind.sqlite

    private let folder: EngineFolder
    private let readers: ReaderPool<SQLiteReader>
    private let health: EngineHealth
    private var writer: SQLiteWriter?
    private let log: SQLiteLog

    private let entryCount: Atomic<Int>
    private let commitCount = Atomic(0)
    private let syncCount = Atomic(0)

    /// Reads at one time; more wait for one of them to end. Each has a connection with two or three open files.
    private static let maximumReaders = 64

    /// Opens the store in a folder that is locked for it.
    ///
    /// Errors: `damaged`, `foreign` (another program's database, or a newer version's), `unwritable`, `full`, `failed`.
    init(
        folder: EngineFolder, options: EngineOptions, logBounds: SQLiteLog.Bounds = SQLiteLog.Bounds()
    ) throws(EngineError) {
        let operation = "open \(folder.path)"
        let path = folder.dataPath + "/" + SQLiteSchema.fileName
        guard folder.isNew || FileCalls.exists(path) else {
            throw EngineError(
                .damaged, operation: operation,
                detail: "\(path) is missing; restore the store, or remove \(folder.path) to begin anew")
        }
        let connection = try SQLiteConnection(
            path: path, flags: folder.isNew ? SQLITE_OPEN_CREATE : 0, operation: operation)
        let health = EngineHealth()
        let gauge = SQLiteLog.Gauge()
        // A reader's cache is of use until the next commit only; the writer's stays.
        let readerCache = options.cacheBytes / 8
        let readers = ReaderPool(capacity: Self.maximumReaders) { () throws(EngineError) in
            try SQLiteReader(path: path, cacheBytes: readerCache, gauge: gauge, scanBytes: logBounds.scan)
        }
        do throws(SQLiteFailure) {
            try connection.configure(cacheBytes: options.cacheBytes / 2)
            if folder.isNew { try SQLiteSchema.create(connection) }
        } catch {
            throw error.engineError(operation)
        }
        try SQLiteSchema.check(connection, operation: operation)
        let writer: SQLiteWriter
        do throws(SQLiteFailure) {
            if let bytes = options.maximumBytes {
                try connection.execute("PRAGMA max_page_count = \(max(bytes / SQLiteSchema.pageBytes, 1))")
            }
            writer = try SQLiteWriter(connection, readers: readers)
        } catch {
            throw error.engineError(operation)
        }
        log = try SQLiteLog(
            path: path, connection, bounds: logBounds, gauge: gauge, readers: readers, health: health)
        self.folder = folder
        self.readers = readers
        self.health = health
        self.writer = writer
        entryCount = Atomic(writer.entryCount)
    }

    deinit {
        log.stop()
        readers.close()
    }

    public func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try readers.withReader("read") { reader in
            try key.withUnsafeReadableBytes { try reader.get($0, body) }
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
        let writer = try openWriter("commit")
        try batch.checkLimits()
        do throws(SQLiteWriter.Refusal) {
            try writer.commit(batch, durability: durability)
        } catch {
            switch error {
            case .undone(let failure): throw failure.engineError("commit")
            case .unknown(let failure): throw condemn(failure, "commit")
            }
        }
        entryCount.store(writer.entryCount, ordering: .relaxed)
        commitCount.add(1, ordering: .relaxed)
        if durability == .synced { syncCount.add(1, ordering: .relaxed) }
        log.committed()
    }

    public func sync() throws(EngineError) {
        let writer = try openWriter("sync")
        do throws(SQLiteFailure) {
            try writer.sync()
        } catch {
            throw condemn(error, "sync")
        }
        syncCount.add(1, ordering: .relaxed)
    }

    public func statistics() throws(EngineError) -> EngineStatistics {
        guard readers.isOpen else { throw Self.closed("statistics") }
        return EngineStatistics(
            entries: entryCount.load(ordering: .relaxed), diskBytes: try folder.bytesOnDisk(),
            commits: commitCount.load(ordering: .relaxed), syncs: syncCount.load(ordering: .relaxed))
    }

    public func close() throws(EngineError) {
        guard writer != nil else { return }
        writer = nil
        log.stop()
        readers.close()
        defer { folder.release() }
        try log.close()
    }

    private func openWriter(_ operation: StaticString) throws(EngineError) -> SQLiteWriter {
        guard let writer else { throw Self.closed(operation) }
        try health.requireSound(operation)
        return writer
    }

    private static func closed(_ operation: StaticString) -> EngineError {
        EngineError(.closed, operation: "\(operation)", detail: "the engine is closed")
    }

    private func condemn(_ failure: SQLiteFailure, _ operation: StaticString) -> EngineError {
        var error = failure.engineError("\(operation)")
        error.code = .syncFailed
        health.condemn(error)
        return error
    }
}
