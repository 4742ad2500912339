import CSQLite
import Synchronization

/// Keeps the write-ahead log short. Its bound: ``Bounds/hard`` and one batch, as long as no scan holds it back; a scan
/// may for ``Bounds/scan`` more, then it ends with `expired` (see ``SQLiteReader``).
///
/// A thread of its own copies the log's pages to the database (PASSIVE: "without waiting for any database readers or
/// writers to finish"). The log itself begins again from its start only when all of it is copied and nobody reads it,
/// which beside a busy writer is never; so the writer copies the small rest between two commits (RESTART).
final class SQLiteLog: @unchecked Sendable {
    // Unchecked: `backfiller` is used by `thread` alone, the other mutable fields by the one thread that commits and
    // closes, `wantsRestart` is atomic.

    /// In bytes of log.
    struct Bounds: Sendable {
        /// Copying begins here, and goes on each time the log has grown by half of it again.
        var soft = 32 << 20
        /// Here the writer waits for the copying.
        var hard = 128 << 20
        /// What may be logged while one scan runs.
        var scan = 1 << 30
    }

    /// What was logged since the store was opened.
    final class Gauge: Sendable {
        private let total = Atomic(0)
        var bytes: Int { total.load(ordering: .relaxed) }
        fileprivate func add(_ bytes: Int) { total.add(bytes, ordering: .relaxed) }
    }

    private let gauge: Gauge
    private let bounds: Bounds
    private let path: String
    private var connection: SQLiteConnection?
    private let readers: ReaderPool<SQLiteReader>
    private let health: EngineHealth
    private let backfiller: Backfiller
    private let thread: CheckpointThread

    /// The log's length, as SQLite told after the last commit.
    private var bytes = 0
    private var nextRequest: Int
    private var nextWait: Int

    private static let seconds = 60

    init(
        path: String, _ connection: SQLiteConnection, bounds: Bounds, gauge: Gauge,
        readers: ReaderPool<SQLiteReader>, health: EngineHealth
    ) throws(EngineError) {
        let backfiller = try Backfiller(path: path, health: health)
        self.path = path
        self.connection = connection
        self.bounds = bounds
        self.gauge = gauge
        nextRequest = bounds.soft
        nextWait = bounds.hard
        self.readers = readers
        self.health = health
        self.backfiller = backfiller
        thread = CheckpointThread(name: "sqlite-log", every: Self.seconds) { backfiller.run() }
        do throws(SQLiteFailure) {
            // The file gives its space back when the log begins again.
            try connection.execute("PRAGMA journal_size_limit = \(bounds.hard)")
        } catch {
            thread.stop()
            throw error.engineError("open \(path)")
        }
        let context = Unmanaged.passUnretained(self).toOpaque()
        // Replaces the checkpoints that SQLite would do within commits by itself.
        sqlite3_wal_hook(
            connection.handle,
            { context, _, _, pages in
                if let context {
                    let log = Unmanaged<SQLiteLog>.fromOpaque(context).takeUnretainedValue()
                    log.note(length: Int(pages) * SQLiteSchema.pageBytes)
                }
                return SQLITE_OK
            }, context)
    }

    deinit {
        stop()
    }

    /// After each commit, on its thread.
    func committed() {
        if bytes >= nextWait {
            thread.request()
            thread.waitUntilIdle()
            restart()
            nextWait = max(bounds.hard, bytes + bounds.soft)
        } else if backfiller.takeWantsRestart() {
            restart()
        } else if bytes >= nextRequest {
            nextRequest = bytes + bounds.soft / 2
            thread.request()
        }
    }

    private func note(length: Int) {
        gauge.add(length >= bytes ? length - bytes : length)
        bytes = length
    }

    func stop() {
        thread.stop()
    }

    /// Copies the whole log and removes it, unless the store cannot be trusted: then the next open decides.
    func close() throws(EngineError) {
        guard let connection else { return }
        self.connection = nil
        sqlite3_wal_hook(connection.handle, nil, nil)
        do throws(EngineError) {
            try health.requireSound("close")
        } catch {
            backfiller.leaveLogAtClose()
            _ = rotor_sqlite_leave_log_at_close(connection.handle)
            throw error
        }
        let code = sqlite3_wal_checkpoint_v2(connection.handle, "main", SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        guard code != SQLITE_OK else { return }
        let failure = SQLiteFailure(code, "sqlite3_wal_checkpoint_v2", connection.handle)
        guard failure.isFull else { throw failure.engineError("close \(path)") }
        // The database has no space for it: what was committed stays in the log.
        backfiller.leaveLogAtClose()
        _ = rotor_sqlite_leave_log_at_close(connection.handle)
        do throws(SQLiteFailure) {
            try connection.check(rotor_sqlite_sync_log(connection.handle), "sqlite3_io_methods.xSync")
        } catch {
            throw error.engineError("close \(path)")
        }
    }

    /// Between two commits: copies what is left and lets the next commit begin the log again. Waits a moment for
    /// running reads; one that takes longer keeps the log for the time being.
    private func restart() {
        guard let connection else { return }
        readers.commitBegins()
        defer { readers.commitEnds() }
        let code = sqlite3_wal_checkpoint_v2(connection.handle, "main", SQLITE_CHECKPOINT_RESTART, nil, nil)
        if code == SQLITE_OK {
            nextRequest = bounds.soft
            nextWait = bounds.hard
        } else {
            nextRequest = bytes + bounds.soft / 2
            health.note(SQLiteFailure(code, "sqlite3_wal_checkpoint_v2", connection.handle), path: path)
        }
    }
}

/// The connection that copies the log to the database beside the writer.
private final class Backfiller: @unchecked Sendable {
    // Unchecked: used by the checkpoint thread, and by the closing one after that has ended.
    private let connection: SQLiteConnection
    private let path: String
    private let health: EngineHealth
    private let wantsRestart = Atomic(false)

    /// A rest that the writer can copy within a commit's time.
    private static let smallRest = 256

    init(path: String, health: EngineHealth) throws(EngineError) {
        self.path = path
        self.health = health
        connection = try SQLiteConnection(path: path, operation: "open \(path)")
        do throws(SQLiteFailure) {
            try connection.configure(cacheBytes: 1 << 20)
            // Syncs the log before the copying and the database after it.
            try connection.execute("PRAGMA synchronous = NORMAL")
        } catch {
            throw error.engineError("open \(path)")
        }
    }

    func takeWantsRestart() -> Bool {
        wantsRestart.exchange(false, ordering: .acquiringAndReleasing)
    }

    func leaveLogAtClose() {
        _ = rotor_sqlite_leave_log_at_close(connection.handle)
    }

    /// Copies until little is left, or until it gets no nearer: then a reader or a fast writer is in the way.
    func run() {
        guard health.isSound else { return }
        var rest = Int32.max
        while true {
            var total: Int32 = 0
            var copied: Int32 = 0
            let code = sqlite3_wal_checkpoint_v2(
                connection.handle, "main", SQLITE_CHECKPOINT_PASSIVE, &total, &copied)
            guard code == SQLITE_OK else {
                return health.note(SQLiteFailure(code, "sqlite3_wal_checkpoint_v2", connection.handle), path: path)
            }
            if total <= 0 { return }
            let left = total - copied
            if left <= Self.smallRest || left >= rest { break }
            rest = left
        }
        wantsRestart.store(true, ordering: .releasing)
    }
}

extension EngineHealth {
    /// What a failed checkpoint means: busy or out of space, the log keeps everything and the next one tries again.
    /// Anything else may be a failed sync, after which a second one proves nothing.
    fileprivate func note(_ failure: SQLiteFailure, path: String) {
        if failure.isFull || failure.primary == SQLITE_BUSY || failure.primary == SQLITE_LOCKED { return }
        var error = failure.engineError("checkpoint \(path)")
        error.code = .syncFailed
        condemn(error)
    }
}
