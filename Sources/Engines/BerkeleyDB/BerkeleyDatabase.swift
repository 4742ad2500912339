import CBDB
import Glibc

/// Owns a DB handle: one btree file of an environment. Closed by ``close()`` before its environment.
final class BerkeleyDatabase: @unchecked Sendable {
    // Unchecked: opened with DB_THREAD; `handle` goes away in close() only, when nobody else is left.

    let environment: BerkeleyEnvironment
    private let name: String
    private var handle: UnsafeMutablePointer<DB>?

    /// - Parameter isNew: Makes the file; otherwise a missing one is an error.
    init(
        _ environment: BerkeleyEnvironment, name: String, isNew: Bool, maximumBytes: Int? = nil
    ) throws(EngineError) {
        self.environment = environment
        self.name = name
        let operation = "open \(environment.path)/\(name)"
        var created: UnsafeMutablePointer<DB>?
        try environment.check(db_create(&created, environment.pointer, 0), "db_create", operation)
        guard let created else { preconditionFailure("db_create returned 0 and no handle") }
        handle = created
        // From here on deinit closes the handle, also where open fails.
        let pageBytes = UInt32(BerkeleyEnvironment.pageBytes)
        try environment.check(bdb_set_pagesize(created, pageBytes), "DB->set_pagesize", operation)
        // A page that was torn or rotted is an error, not an answer.
        try environment.check(bdb_set_flags(created, UInt32(DB_CHKSUM)), "DB->set_flags", operation)
        if let maximumBytes {
            try environment.check(
                bdb_set_maxsize(created, UInt32(clamping: maximumBytes >> 30), UInt32(maximumBytes & (1 << 30 - 1))),
                "DB_MPOOLFILE->set_maxsize", operation)
        }
        let flags = UInt32(DB_AUTO_COMMIT | DB_THREAD | (isNew ? DB_CREATE : 0))
        let code = bdb_open(created, nil, name, flags, 0o644)
        if code == EINVAL {
            // What DB->open says of a file that is no btree of these settings.
            throw BerkeleyFailure(number: DB_VERIFY_BAD, call: "DB->open").engineError(operation, environment.messages)
        }
        try environment.check(code, "DB->open", operation)
    }

    deinit {
        if let handle { _ = bdb_close(handle, UInt32(DB_NOSYNC)) }
    }

    var pointer: UnsafeMutablePointer<DB> {
        guard let handle else { preconditionFailure("the Berkeley DB file \(name) is used after close") }
        return handle
    }

    /// Leaves changed pages to the environment's log and checkpoints.
    func close() throws(EngineError) {
        guard let handle else { return }
        self.handle = nil
        let code = bdb_close(handle, UInt32(DB_NOSYNC))
        try environment.check(code, "DB->close", "close \(environment.path)/\(name)")
    }
}

/// The two files of a store: what is stored, and how many keys that is.
final class BerkeleyStore: Sendable {
    let environment: BerkeleyEnvironment
    let entries: BerkeleyDatabase
    let counters: BerkeleyDatabase
    let snapshots: BerkeleySnapshots

    init(path: String, isNew: Bool, options: EngineOptions) throws(EngineError) {
        environment = try BerkeleyEnvironment(path: path, cacheBytes: options.cacheBytes)
        entries = try BerkeleyDatabase(
            environment, name: "entries.db", isNew: isNew, maximumBytes: options.maximumBytes)
        counters = try BerkeleyDatabase(environment, name: "counters.db", isNew: isNew)
        snapshots = BerkeleySnapshots(maximumBytes: max(options.cacheBytes, 64 << 20))
    }

    /// The number of keys as of the last commit.
    func storedEntryCount() throws(EngineError) -> Int {
        var count: UInt64 = 0
        let code = withUnsafeMutableBytes(of: &count) { bytes in
            var key = DBT(empty: UInt32(DB_DBT_USERMEM))
            var data = DBT(filling: bytes)
            return bdb_get(counters.pointer, nil, &key, &data, 0)
        }
        if code == DB_NOTFOUND { return 0 }
        try environment.check(code, "DB->get", "open \(environment.path)")
        return Int(UInt64(littleEndian: count))
    }

    /// Closes all of it, and tells of the first that failed.
    func close() throws(EngineError) {
        var first: EngineError?
        for closing in [entries.close, counters.close, environment.close] as [() throws(EngineError) -> Void] {
            do throws(EngineError) { try closing() } catch { first = first ?? error }
        }
        if let first { throw first }
    }
}

extension DBT {
    /// Bytes that the library reads.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init()
        data = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        size = UInt32(bytes.count)
    }

    /// Room that the library writes into; `size` says how much it took, or needs if the call is DB_BUFFER_SMALL.
    init(filling bytes: UnsafeMutableRawBufferPointer) {
        self.init()
        data = bytes.baseAddress
        ulen = UInt32(bytes.count)
        flags = UInt32(DB_DBT_USERMEM)
    }

    /// No bytes. With DB_DBT_PARTIAL the library returns none either: only the return code counts.
    init(empty flags: UInt32) {
        self.init()
        self.flags = flags
    }
}
