import CLMDB
import Glibc
public import NIOCore

/// A store in one LMDB database (``LMDBLayout``).
///
/// - The memory map doubles when it is full. Running reads end first, new ones wait for that moment, and the batch is
///   written again.
/// - `.synced` commits sync the data, then the page that makes it valid. `.unsynced` ones sync the data only
///   (MDB_NOMETASYNC: "This optimization maintains database integrity, but a system crash may undo the last committed
///   transaction"). MDB_NOSYNC would be several times faster, but without a promise of the file system to keep the
///   order of writes "a system crash can corrupt the database".
/// - LMDB has no page checksums: that a page is not what was written, beyond the file's head and length, is seen by
///   the checksums of the records only.
public final class LMDBEngine: LocalPersistenceEngine, @unchecked Sendable {
    // Unchecked: what only commits, syncs and close use is used by one thread at a time, as the contract says; the
    // counters are used under `monitor`.

    private let folder: EngineFolder
    private let maximumBytes: Int?
    private let database: MDB_dbi
    private let readers: ReaderPool<LMDBReader>
    private let health = EngineHealth()
    /// The data file once more. (LMDB's warning not to open its files concerns the locks on the other one.)
    private let witness: Int32
    private var environment: LMDBEnvironment?

    private var mapBytes: Int
    private var skipsMetaSync = false
    /// A commit's last page may not be on disk yet.
    private var hasUnsynced = false

    private let monitor = Monitor()
    private var commits = 0
    private var syncs = 0

    private static let maximumReaders = 256

    public var kind: EngineKind { .lmdb }

    /// Opens the database in the folder's `data`, and makes it where the folder is new. Takes the folder over: it is
    /// released with ``close()``.
    public init(folder: EngineFolder, options: EngineOptions) throws(EngineError) {
        let operation = "open \(folder.path)"
        let file = LMDBFile(path: folder.dataPath + "/data.mdb")
        if !folder.isNew { try file.requireHead(operation: operation) }
        let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
        let wished = min(options.initialMapBytes, options.maximumBytes ?? .max)
        let environment = try LMDBEnvironment(
            path: folder.dataPath, mapBytes: max(wished / pageSize, 32) * pageSize,
            maximumReaders: Self.maximumReaders, operation: operation)
        // A process that was killed leaves its slots in the table of readers, and they keep old pages.
        try LMDBFailure.check(mdb_reader_check(environment.handle, nil), operation, "mdb_reader_check")
        if !folder.isNew { try file.requirePages(environment.information, environment.handle, operation: operation) }
        database = try Self.openDatabase(environment.handle, isNew: folder.isNew, operation: operation)
        witness = try file.open(operation: operation)
        mapBytes = environment.information.me_mapsize
        maximumBytes = options.maximumBytes
        // The environment is made to be shared by threads.
        nonisolated(unsafe) let handle = environment.handle
        readers = ReaderPool(capacity: Self.maximumReaders) { () throws(EngineError) in try LMDBReader(handle) }
        self.folder = folder
        self.environment = consume environment
    }

    deinit {
        // Without close(): nothing can read any more, what was committed is the system's to write.
        readers.close()
        Glibc.close(witness)
    }

    public func read(_ key: ByteBuffer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try readers.withReader("read") { reader in
            try key.withUnsafeReadableBytes { key in try body(reader.find(key, in: database)) }
        }
    }

    public func scan(
        _ range: KeyRange,
        _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try readers.withReader("scan") { reader in
            let transaction = try reader.transaction("scan")
            try range.withBounds { lower, upper in
                var scan = LMDBScan(transaction, database)
                _ = try scan.visit(LMDBLayout.root, from: lower, to: upper, body)
            }
        }
    }

    public func commit(_ batch: WriteBatch, durability: Durability) throws(EngineError) {
        try batch.checkLimits()
        let handle = try requireSound("commit")
        if skipsMetaSync != (durability == .unsynced) {
            // lmdb.h MDB_NOMETASYNC: "This flag may be changed at any time using mdb_env_set_flags()."
            skipsMetaSync.toggle()
            let code = mdb_env_set_flags(handle, UInt32(MDB_NOMETASYNC), skipsMetaSync ? 1 : 0)
            try LMDBFailure.check(code, "commit", "mdb_env_set_flags")
        }
        while true {
            do throws(EngineError) {
                try write(batch, handle, durability)
                break
            } catch {
                guard error.number == Int(MDB_MAP_FULL) else { throw judge(error) }
                try grow(handle)
            }
        }
        monitor.withLock {
            commits += 1
            if durability == .synced { syncs += 1 }
        }
    }

    public func sync() throws(EngineError) {
        try sync(requireSound("sync"))
        monitor.withLock { syncs += 1 }
    }

    public func statistics() throws(EngineError) -> EngineStatistics {
        var entries: Result<Int, EngineError> = .success(0)
        do {
            try readers.withReader("statistics") { reader in
                entries = count(try reader.transaction("statistics"))
            }
        } catch let error as EngineError {
            throw error
        } catch {
            preconditionFailure("statistics: \(error)")
        }
        let disk = try folder.bytesOnDisk()
        let counted = try entries.get()
        return monitor.withLock {
            EngineStatistics(entries: counted, diskBytes: disk, commits: commits, syncs: syncs)
        }
    }

    public func close() throws(EngineError) {
        guard let handle = environment?.handle else { return }
        readers.close()
        defer {
            environment = nil
            folder.release()
        }
        try health.requireSound("close")
        if hasUnsynced { try sync(handle) }
    }

    private func write(_ batch: WriteBatch, _ handle: OpaquePointer, _ durability: Durability) throws(EngineError) {
        let transaction = try LMDBWriteTransaction(handle)
        let number = mdb_txn_id(transaction.handle)
        var writer = LMDBBatchWriter(transaction.handle, database)
        try writer.write(batch)
        readers.commitBegins()
        let code = transaction.commit()
        readers.commitEnds()
        try LMDBFailure.check(code, "commit", "mdb_txn_commit")
        let wroteSomething = environment?.information.me_last_txnid == number
        if durability == .unsynced {
            hasUnsynced = hasUnsynced || wroteSomething
        } else if wroteSomething {
            hasUnsynced = false
        } else if hasUnsynced {
            // LMDB writes nothing for a transaction that changed nothing: what came before is still to be synced.
            try sync(handle)
        }
    }

    private func sync(_ handle: OpaquePointer) throws(EngineError) {
        let code = mdb_env_sync(handle, 1)
        guard code == MDB_SUCCESS else {
            var error = LMDBFailure.error("sync", "mdb_env_sync", code)
            error.code = .syncFailed
            throw judge(error)
        }
        hasUnsynced = false
    }

    /// A failed sync ends the engine: nobody knows any more what is on disk. A commit that could not be written does
    /// not: its pages are nobody's. LMDB tells neither one from the other nor the full disk, where its write is cut
    /// short, from a broken one (both EIO); `witness` does, since each open file is told once of a failed write back.
    private func judge(_ error: EngineError) -> EngineError {
        guard error.code != .syncFailed else {
            health.condemn(error)
            return error
        }
        var error = error
        if [ENOSPC, EDQUOT, EFBIG, EIO].contains(where: { Int($0) == error.number }) {
            if fdatasync(witness) == 0 {
                hasUnsynced = false
                error.code = .full
                error.detail =
                    "a write failed or was cut short, the disk is probably full; free space or move the store"
            } else {
                error.code = .syncFailed
                health.condemn(error)
            }
        }
        return error
    }

    private func requireSound(_ operation: StaticString) throws(EngineError) -> OpaquePointer {
        guard let handle = environment?.handle else {
            throw EngineError(.closed, operation: "\(operation)", detail: "the LMDB engine is closed")
        }
        try health.requireSound(operation)
        return handle
    }

    /// lmdb.h mdb_env_set_mapsize: "It may be called at later times if no transactions are active in this process."
    private func grow(_ handle: OpaquePointer) throws(EngineError) {
        let wished = min(mapBytes * 2, maximumBytes ?? .max)
        guard wished > mapBytes else {
            throw EngineError(
                .full, operation: "commit", call: "mdb_put", number: Int(MDB_MAP_FULL),
                detail: "the store has reached its limit of \(mapBytes) bytes; raise it or delete something")
        }
        let code = readers.withoutSnapshots { mdb_env_set_mapsize(handle, wished) }
        guard code == MDB_SUCCESS else {
            // The old map is gone and there is no new one: nothing can be read any more either.
            let error = LMDBFailure.error("grow the map to \(wished) bytes", "mdb_env_set_mapsize", code)
            health.condemn(error)
            readers.close()
            throw error
        }
        mapBytes = environment?.information.me_mapsize ?? wished
    }

    private func count(_ transaction: OpaquePointer) -> Result<Int, EngineError> {
        var statistics = MDB_stat()
        do throws(EngineError) {
            try LMDBFailure.check(mdb_stat(transaction, database, &statistics), "statistics", "mdb_stat")
            let about = try LMDBAbout(transaction, database)
            // The record about the database is no entry, and neither is a directory.
            let entries = Int(statistics.ms_entries) - 1 - Int(about.directories)
            guard entries >= 0 else { throw LMDBAbout.damaged("\(about.directories) directories, more than entries") }
            return .success(entries)
        } catch {
            return .failure(error)
        }
    }

    private static func openDatabase(
        _ environment: OpaquePointer, isNew: Bool, operation: String
    ) throws(EngineError) -> MDB_dbi {
        let transaction = try LMDBWriteTransaction(environment)
        var database = MDB_dbi()
        try LMDBFailure.check(mdb_dbi_open(transaction.handle, nil, 0, &database), operation, "mdb_dbi_open")
        if isNew {
            try LMDBAbout().put(transaction.handle, database)
        } else {
            _ = try LMDBAbout(transaction.handle, database)
        }
        try LMDBFailure.check(transaction.commit(), operation, "mdb_txn_commit")
        return database
    }
}
