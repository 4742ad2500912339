import CBDB

/// A transaction and its one cursor on the entries. Aborts at its end unless it is committed.
struct BerkeleyTransaction: ~Copyable {
    private let transaction: UnsafeMutablePointer<DB_TXN>
    let cursor: UnsafeMutablePointer<DBC>

    init(_ entries: BerkeleyDatabase) throws(BerkeleyFailure) {
        var begun: UnsafeMutablePointer<DB_TXN>?
        let code = bdb_env_txn_begin(entries.environment.pointer, &begun, 0)
        guard code == 0, let begun else { throw BerkeleyFailure(number: code, call: "DB_ENV->txn_begin") }
        var opened: UnsafeMutablePointer<DBC>?
        let cursorCode = bdb_cursor_open(entries.pointer, begun, &opened, 0)
        guard cursorCode == 0, let opened else {
            _ = bdb_txn_abort(begun)
            throw BerkeleyFailure(number: cursorCode, call: "DB->cursor")
        }
        transaction = begun
        cursor = opened
    }

    // The cursor first, on every path: a transaction that ends closes its cursors, which must not be closed again.
    // Where this fails the environment is unusable, and says so at the next call.
    deinit {
        _ = bdb_cursor_close(cursor)
        _ = bdb_txn_abort(transaction)
    }

    func put(_ count: Int, into counters: BerkeleyDatabase) throws(BerkeleyFailure) {
        let code = withUnsafeBytes(of: UInt64(count).littleEndian) { bytes in
            var key = DBT()
            var data = DBT(bytes)
            return bdb_put(counters.pointer, transaction, &key, &data, 0)
        }
        try BerkeleyFailure.check(code, "DB->put")
    }

    /// The transaction is over whatever happens: a commit that fails has aborted it.
    consuming func commit(flags: UInt32) throws(BerkeleyFailure) {
        let transaction = transaction
        let closing = bdb_cursor_close(cursor)
        discard self
        guard closing == 0 else {
            _ = bdb_txn_abort(transaction)
            throw BerkeleyFailure(number: closing, call: "DBcursor->close")
        }
        try BerkeleyFailure.check(bdb_txn_commit(transaction, flags), "DB_TXN->commit")
    }
}
