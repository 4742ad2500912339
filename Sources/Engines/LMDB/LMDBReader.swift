import CLMDB

/// A read transaction, begun once and renewed for each snapshot: that saves its allocation and its place in the table
/// of readers. It must be closed before its environment.
final class LMDBReader: SnapshotReader {
    private let handle: OpaquePointer
    private var hasSnapshot = true
    private var isClosed = false
    private var room = LMDBKeyRoom()

    init(_ environment: OpaquePointer) throws(EngineError) {
        var begun: OpaquePointer?
        try LMDBFailure.check(mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &begun), "read", "mdb_txn_begin")
        guard let begun else { preconditionFailure("mdb_txn_begin succeeded without a handle") }
        handle = begun
    }

    deinit {
        close()
    }

    func close() {
        if !isClosed { mdb_txn_abort(handle) }
        isClosed = true
        hasSnapshot = false
    }

    /// The transaction, with a snapshot: the one it has, or the newest.
    func transaction(_ operation: String) throws(EngineError) -> OpaquePointer {
        if !hasSnapshot {
            try LMDBFailure.check(mdb_txn_renew(handle), operation, "mdb_txn_renew")
            hasSnapshot = true
        }
        return handle
    }

    /// lmdb.h: "Read transactions prevent reuse of pages freed by newer write transactions".
    func releaseSnapshot() {
        guard hasSnapshot else { return }
        mdb_txn_reset(handle)
        hasSnapshot = false
    }

    /// The value under `key`, valid as long as the snapshot; nil where there is none.
    func find(
        _ key: UnsafeRawBufferPointer, in database: MDB_dbi
    ) throws(EngineError) -> UnsafeRawBufferPointer? {
        let transaction = try transaction("read")
        var node = LMDBLayout.root
        var rest = key
        var value = MDB_val()
        while true {
            let isDirectory = room.make(node, &rest)
            var sought = room.key
            let code = mdb_get(transaction, database, &sought, &value)
            if code == MDB_NOTFOUND { return nil }
            try LMDBFailure.check(code, "read", "mdb_get")
            guard isDirectory else { return value.bytes }
            node = try LMDBLayout.node(value)
        }
    }
}
