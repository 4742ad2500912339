import CLMDB
import Glibc

/// The environment handle. Its owner sees to it that every transaction has ended before it goes.
struct LMDBEnvironment: ~Copyable {
    let handle: OpaquePointer

    /// `mapBytes` is address space. Where the system has not so much, half of it is tried, and so on.
    init(path: String, mapBytes: Int, maximumReaders: Int, operation: String) throws(EngineError) {
        var mapBytes = mapBytes
        while true {
            var created: OpaquePointer?
            try LMDBFailure.check(mdb_env_create(&created), operation, "mdb_env_create")
            guard let created else { preconditionFailure("mdb_env_create succeeded without a handle") }
            var call = "mdb_env_set_mapsize"
            var code = mdb_env_set_mapsize(created, mapBytes)
            if code == MDB_SUCCESS {
                call = "mdb_env_set_maxreaders"
                code = mdb_env_set_maxreaders(created, UInt32(maximumReaders))
            }
            if code == MDB_SUCCESS {
                call = "mdb_env_open"
                // lmdb.h MDB_NOTLS: "A read-only transaction may span threads if the user synchronizes its use."
                code = mdb_env_open(created, path, UInt32(MDB_NOTLS), 0o644)
            }
            if code == MDB_SUCCESS {
                handle = created
                return
            }
            // lmdb.h mdb_env_open: "If this function fails, mdb_env_close() must be called".
            mdb_env_close(created)
            guard code == ENOMEM, mapBytes > 1 << 30 else { throw LMDBFailure.error(operation, call, code) }
            mapBytes /= 2
        }
    }

    deinit {
        mdb_env_close(handle)
    }

    var information: MDB_envinfo {
        var information = MDB_envinfo()
        mdb_env_info(handle, &information)
        return information
    }
}

/// A write transaction: committed by ``commit()``, aborted in every other case.
struct LMDBWriteTransaction: ~Copyable {
    let handle: OpaquePointer

    init(_ environment: OpaquePointer) throws(EngineError) {
        var begun: OpaquePointer?
        try LMDBFailure.check(mdb_txn_begin(environment, nil, 0, &begun), "commit", "mdb_txn_begin")
        guard let begun else { preconditionFailure("mdb_txn_begin succeeded without a handle") }
        handle = begun
    }

    deinit {
        mdb_txn_abort(handle)
    }

    /// lmdb.h mdb_txn_commit: "The transaction handle is freed", whether it succeeded or not.
    consuming func commit() -> Int32 {
        let handle = handle
        discard self
        return mdb_txn_commit(handle)
    }
}

/// A cursor. It must not outlive its transaction.
struct LMDBCursor: ~Copyable {
    private let handle: OpaquePointer

    init(_ transaction: OpaquePointer, _ database: MDB_dbi, operation: String) throws(EngineError) {
        var opened: OpaquePointer?
        try LMDBFailure.check(mdb_cursor_open(transaction, database, &opened), operation, "mdb_cursor_open")
        guard let opened else { preconditionFailure("mdb_cursor_open succeeded without a handle") }
        handle = opened
    }

    deinit {
        mdb_cursor_close(handle)
    }

    /// False at the end.
    func move(
        _ step: MDB_cursor_op, _ key: inout MDB_val, _ value: inout MDB_val, operation: String
    ) throws(EngineError) -> Bool {
        let code = mdb_cursor_get(handle, &key, &value, step)
        if code == MDB_NOTFOUND { return false }
        try LMDBFailure.check(code, operation, "mdb_cursor_get")
        return true
    }

    /// Deletes the present entry; ``move(_:_:_:operation:)`` with MDB_NEXT then gives the one after it.
    func delete(operation: String) throws(EngineError) {
        try LMDBFailure.check(mdb_cursor_del(handle, 0), operation, "mdb_cursor_del")
    }
}

extension MDB_val {
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: mv_data, count: mv_size)
    }
}
