import CLMDB
import NIOCore

/// Carries out one batch in one write transaction.
struct LMDBBatchWriter: ~Copyable {
    private let transaction: OpaquePointer
    private let database: MDB_dbi
    private var room = LMDBKeyRoom()
    /// Nodes made by this batch may still be empty, so the numbers go on from the first that was asked for.
    private var nextNode: UInt64?
    /// How many more directories there are than before the batch.
    private var addedDirectories: Int64 = 0

    init(_ transaction: OpaquePointer, _ database: MDB_dbi) {
        self.transaction = transaction
        self.database = database
    }

    mutating func write(_ batch: WriteBatch) throws(EngineError) {
        for operation in batch.operations {
            switch operation {
            case .put(let key, let value):
                try key.withBytes { key throws(EngineError) in
                    try value.withBytes { value throws(EngineError) in try put(key, value) }
                }
            case .delete(let key):
                try key.withBytes { key throws(EngineError) in try delete(key) }
            case .deleteRange(let range):
                try range.withBounds { lower, upper throws(EngineError) in
                    try deleteRange(LMDBLayout.root, from: lower, to: upper)
                }
            }
        }
        if addedDirectories != 0 {
            var about = try LMDBAbout(transaction, database)
            about.directories = UInt64(Int64(about.directories) + addedDirectories)
            try about.put(transaction, database)
        }
    }

    private mutating func put(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(EngineError) {
        var node = LMDBLayout.root
        var rest = key
        while room.make(node, &rest) {
            var found = MDB_val()
            if try get(&found) {
                node = try LMDBLayout.node(found)
                continue
            }
            node = try makeNode()
            try store(node.bigEndian)
            addedDirectories += 1
        }
        try store(value)
    }

    private mutating func delete(_ key: UnsafeRawBufferPointer) throws(EngineError) {
        var node = LMDBLayout.root
        var rest = key
        var parents: [(node: UInt64, rest: UnsafeRawBufferPointer)] = []
        while true {
            let before = rest
            guard room.make(node, &rest) else { break }
            var found = MDB_val()
            guard try get(&found) else { return }
            parents.append((node, before))
            node = try LMDBLayout.node(found)
        }
        guard try remove() else { return }
        while let parent = parents.popLast(), try isEmpty(node) {
            rest = parent.rest
            _ = room.make(parent.node, &rest)
            _ = try remove()
            addedDirectories -= 1
            node = parent.node
        }
    }

    /// Deletes what is in a node from `lower` up to, but not including, `upper`; both without what leads to the node.
    private mutating func deleteRange(
        _ node: UInt64, from lower: UnsafeRawBufferPointer, to upper: UnsafeRawBufferPointer?
    ) throws(EngineError) {
        let head = LMDBLayout.headLength(node)
        var beyond = lower
        _ = room.make(node, &beyond)
        var key = room.key
        var value = MDB_val()
        var cursor = try LMDBCursor(transaction, database, operation: "commit")
        var found = try cursor.move(MDB_SET_RANGE, &key, &value, operation: "commit")
        while found, room.isIn(node, key) {
            let rest = UnsafeRawBufferPointer(rebasing: key.bytes[head...])
            if let upper, KeyOrder.compare(rest, upper) >= 0 { return }
            if LMDBLayout.isDirectory(key.bytes) {
                // Deletes move pages under pointers and cursors: keep the directory's key, and seek anew after it.
                let directory = ByteBuffer(bytes: rest)
                let child = try LMDBLayout.node(value)
                let isGone = try directory.withBytes { directory throws(EngineError) in
                    try deleteRange(in: directory, of: node, child, from: lower, to: upper)
                }
                key = room.key
                cursor = try LMDBCursor(transaction, database, operation: "commit")
                found = try cursor.move(MDB_SET_RANGE, &key, &value, operation: "commit")
                if !found || isGone { continue }
            } else {
                try cursor.delete(operation: "commit")
            }
            found = try cursor.move(MDB_NEXT, &key, &value, operation: "commit")
        }
    }

    /// Deletes what of the range is in one directory, and the directory where nothing is left in it: true then. Leaves
    /// the directory's key in `room`.
    private mutating func deleteRange(
        in directory: UnsafeRawBufferPointer, of node: UInt64, _ child: UInt64,
        from lower: UnsafeRawBufferPointer, to upper: UnsafeRawBufferPointer?
    ) throws(EngineError) -> Bool {
        func beyond(_ bound: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
            guard KeyOrder.hasPrefix(bound, directory) else { return nil }
            return UnsafeRawBufferPointer(rebasing: bound[directory.count...])
        }
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        try deleteRange(child, from: beyond(lower) ?? nothing, to: upper.flatMap(beyond))
        let isGone = try isEmpty(child)
        var rest = directory
        _ = room.make(node, &rest)
        if isGone {
            _ = try remove()
            addedDirectories -= 1
        }
        return isGone
    }

    // The calls below work on the key in `room`.

    private func get(_ value: inout MDB_val) throws(EngineError) -> Bool {
        var key = room.key
        let code = mdb_get(transaction, database, &key, &value)
        if code == MDB_NOTFOUND { return false }
        try LMDBFailure.check(code, "commit", "mdb_get")
        return true
    }

    private func store(_ number: UInt64) throws(EngineError) {
        let code = withUnsafeBytes(of: number) { bytes in
            var key = room.key
            var value = MDB_val(bytes)
            return mdb_put(transaction, database, &key, &value, 0)
        }
        try LMDBFailure.check(code, "commit", "mdb_put")
    }

    private func store(_ bytes: UnsafeRawBufferPointer) throws(EngineError) {
        var key = room.key
        var value = MDB_val(bytes)
        try LMDBFailure.check(mdb_put(transaction, database, &key, &value, 0), "commit", "mdb_put")
    }

    /// False where there was nothing.
    private func remove() throws(EngineError) -> Bool {
        var key = room.key
        let code = mdb_del(transaction, database, &key, nil)
        if code == MDB_NOTFOUND { return false }
        try LMDBFailure.check(code, "commit", "mdb_del")
        return true
    }

    private mutating func isEmpty(_ node: UInt64) throws(EngineError) -> Bool {
        room.makeHead(node)
        var key = room.key
        var value = MDB_val()
        let cursor = try LMDBCursor(transaction, database, operation: "commit")
        return !(try cursor.move(MDB_SET_RANGE, &key, &value, operation: "commit") && room.isIn(node, key))
    }

    /// A number above that of every node there is. Leaves the key in `room` as it is.
    private mutating func makeNode() throws(EngineError) -> UInt64 {
        let number: UInt64
        if let nextNode { number = nextNode } else { number = try highestNode() + 1 }
        nextNode = number + 1
        return number
    }

    private func highestNode() throws(EngineError) -> UInt64 {
        // The record about the database comes right after the last node's last entry.
        var about = LMDBKeyRoom()
        about.makeAbout()
        var key = about.key
        var value = MDB_val()
        let cursor = try LMDBCursor(transaction, database, operation: "commit")
        guard try cursor.move(MDB_SET, &key, &value, operation: "commit"),
            try cursor.move(MDB_PREV, &key, &value, operation: "commit"),
            key.mv_size >= LMDBLayout.headLength(1), key.bytes[0] == LMDBLayout.nodeHead
        else { return LMDBLayout.root }
        return UInt64(bigEndian: key.bytes.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
    }
}
