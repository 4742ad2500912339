import CBDB
import CBDBFiles
import Glibc

/// Owns a DB_ENV: the cache, log, locks and transactions of one folder. Closed by ``close()``, at the latest when it
/// goes.
final class BerkeleyEnvironment: @unchecked Sendable {
    // Unchecked: opened with DB_THREAD, "the DB_ENV handle [is] free-threaded"; `handle` goes away in close() only,
    // which the engine calls when nobody else is left.

    /// Pages of the environment's databases, in bytes. A record of 4 KiB stays on its leaf.
    static let pageBytes = Int(ROTOR_BDB_PAGE_BYTES)

    let messages = BerkeleyMessages()
    let path: String
    private var handle: UnsafeMutablePointer<DB_ENV>?

    init(path: String, cacheBytes: Int) throws(EngineError) {
        self.path = path
        let operation = "open \(path)"
        try check(Self.ownSync, "db_env_set_func_fsync", operation)
        try check(Self.ownOpen, "db_env_set_func_open", operation)
        try check(Self.ownWrites, "db_env_set_func_pwrite", operation)
        try Self.cutOffPartsOfPages(in: path, operation)
        var created: UnsafeMutablePointer<DB_ENV>?
        let code = db_env_create(&created, 0)
        guard code == 0, let created else {
            throw BerkeleyFailure(number: code, call: "db_env_create").engineError(operation, nil)
        }
        handle = created
        // From here on deinit closes the handle, which must be done where open fails too.
        bdb_env_set_messages(created, Unmanaged.passUnretained(messages).toOpaque()) { environment, _, text in
            guard let context = environment.flatMap(bdb_env_message_context), let text else { return }
            Unmanaged<BerkeleyMessages>.fromOpaque(context).takeUnretainedValue().add(String(cString: text))
        }
        try configure(created, cacheBytes: cacheBytes, operation: operation)
        let flags =
            DB_CREATE | DB_INIT_MPOOL | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK | DB_PRIVATE | DB_THREAD | DB_RECOVER
        try check(bdb_env_open(created, path, UInt32(flags), 0o644), "DB_ENV->open", operation)
    }

    deinit {
        if let handle { _ = bdb_env_close(handle, 0) }
    }

    /// The handle for a call of the library; the engine lets nobody in after ``close()``.
    var pointer: UnsafeMutablePointer<DB_ENV> {
        guard let handle else { preconditionFailure("the Berkeley DB environment \(path) is used after close") }
        return handle
    }

    /// Set before the first environment of the process.
    private static let ownSync = bdb_use_own_sync()
    private static let ownOpen = bdb_use_own_open()
    private static let ownWrites = bdb_use_own_writes()

    /// Of what was killed, or lost its power, in the middle of a page that made its file longer: the log has it.
    private static func cutOffPartsOfPages(in path: String, _ operation: String) throws(EngineError) {
        for name in try FileCalls.names(in: path, operation: operation) where name.hasSuffix(".db") {
            let file = "\(path)/\(name)"
            guard let bytes = try FileCalls.length(of: file, operation: operation), bytes % pageBytes != 0 else {
                continue
            }
            try FileCalls.setLength(of: file, bytes - bytes % pageBytes, operation: operation)
        }
    }

    func check(_ code: Int32, _ call: StaticString, _ operation: @autoclosure () -> String) throws(EngineError) {
        guard code == 0 else { throw BerkeleyFailure(number: code, call: call).engineError(operation(), messages) }
    }

    /// Writes changed pages and lets logs go that recovery no longer needs.
    func checkpoint(operation: String) throws(EngineError) {
        let code = bdb_env_txn_checkpoint(pointer, 0, 0, UInt32(DB_FORCE))
        try check(code, "DB_ENV->txn_checkpoint", operation)
    }

    /// The same where so much was logged since the last one, or anything at all and the time has passed.
    func checkpoint(afterBytes bytes: Int, afterMinutes minutes: Int, operation: String) throws(EngineError) {
        let code = bdb_env_txn_checkpoint(pointer, UInt32(bytes >> 10), UInt32(minutes), 0)
        try check(code, "DB_ENV->txn_checkpoint", operation)
    }

    /// Where the library cannot, since its buffer holds records that the files have no space for.
    func syncLogFiles() throws(EngineError) {
        let operation = "sync the log of \(path)"
        for name in try FileCalls.names(in: path, operation: operation) where name.hasPrefix("log.") {
            try FileCalls.sync("\(path)/\(name)", operation: operation)
        }
    }

    func close() throws(EngineError) {
        guard let handle else { return }
        self.handle = nil
        // "After DB_ENV->close() has been called, regardless of its return, the Berkeley DB environment handle may not
        // be accessed again."
        try check(bdb_env_close(handle, 0), "DB_ENV->close", "close \(path)")
    }

    private func configure(
        _ handle: UnsafeMutablePointer<DB_ENV>, cacheBytes: Int, operation: String
    ) throws(EngineError) {
        let gigabytes = UInt32(clamping: cacheBytes >> 30)
        let rest = UInt32(clamping: cacheBytes & (1 << 30 - 1))
        try check(bdb_env_set_cachesize(handle, gigabytes, rest, 1), "DB_ENV->set_cachesize", operation)
        // A reader that goes down the tree and the writer that splits a page can wait for each other: the one without
        // write locks, the reader, gives way and tries again.
        try check(bdb_env_set_lk_detect(handle, UInt32(DB_LOCK_MINWRITE)), "DB_ENV->set_lk_detect", operation)
        // A transaction holds a lock for each page it changed until it ends: a large batch or range delete has many.
        try check(bdb_env_set_lk_max_locks(handle, 1 << 21), "DB_ENV->set_lk_max_locks", operation)
        try check(bdb_env_set_lk_max_objects(handle, 1 << 21), "DB_ENV->set_lk_max_objects", operation)
        try check(bdb_env_set_lk_max_lockers(handle, 10_000), "DB_ENV->set_lk_max_lockers", operation)
        // Otherwise the hash table is as large as the most locks.
        try check(bdb_env_set_lk_tablesize(handle, 16_381), "DB_ENV->set_lk_tablesize", operation)
        // A group's records in one write. A log file has at least four times the buffer's size.
        try check(bdb_env_set_lg_bsize(handle, 2 << 20), "DB_ENV->set_lg_bsize", operation)
        try check(bdb_env_set_lg_max(handle, 32 << 20), "DB_ENV->set_lg_max", operation)
        try check(bdb_env_log_set_config(handle, UInt32(DB_LOG_AUTO_REMOVE), 1), "DB_ENV->log_set_config", operation)
    }
}

/// The library's own messages, which say more than its codes: kept for the next error instead of printed.
final class BerkeleyMessages: @unchecked Sendable {
    // Unchecked: `texts` is used under `monitor`.
    private let monitor = Monitor()
    private var texts: [String] = []
    private static let limit = 4

    func add(_ text: String) {
        monitor.withLock {
            // The first ones name the cause, later ones its consequences.
            if texts.count < Self.limit { texts.append(text) }
        }
    }

    func take() -> String {
        monitor.withLock {
            defer { texts.removeAll() }
            return texts.joined(separator: "; ")
        }
    }
}
