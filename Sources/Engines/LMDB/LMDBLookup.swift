import CLMDB

/// A point read.
enum LMDBLookup {
    /// The value under `key`, valid as long as the transaction; nil where there is none.
    static func find(
        _ key: UnsafeRawBufferPointer, _ transaction: OpaquePointer, _ database: MDB_dbi
    ) throws(EngineError) -> UnsafeRawBufferPointer? {
        var room = LMDBKeyRoom()
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
