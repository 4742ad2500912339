import CBDB
import NIOCore

/// Carries batches out, one transaction each. One thread.
final class BerkeleyWriter {
    /// Why a batch was not committed.
    enum Refusal: Error {
        /// Nothing of it is there, and the next batch may succeed.
        case undone(BerkeleyFailure)
        /// The commit itself failed: what is on disk is not known.
        case unknown(BerkeleyFailure)
    }

    private let store: BerkeleyStore
    /// During a commit: the scans that must be told of what it changes.
    private var snapshots: [BerkeleySnapshot] = []
    private var imageRoom = ReadingRoom(count: 64 << 10)
    /// Keys stored, as of the last commit.
    private(set) var entryCount: Int

    init(store: BerkeleyStore) throws(EngineError) {
        self.store = store
        entryCount = try store.storedEntryCount()
    }

    /// Returns when the batch is visible and its log records are written, not synced. Gives back how many entries its
    /// ranges deleted.
    func commit(_ batch: WriteBatch) throws(Refusal) -> Int {
        snapshots = store.snapshots.writeBegins()
        defer {
            snapshots = []
            store.snapshots.writeEnds()
        }
        var attempts = 0
        while true {
            do throws(Refusal) {
                return try commitOnce(batch)
            } catch {
                guard case .undone(let failure) = error, failure.mayRetry(&attempts) else { throw error }
            }
        }
    }

    private func commitOnce(_ batch: WriteBatch) throws(Refusal) -> Int {
        var count = entryCount
        var deletedByRanges = 0
        var isCommitting = false
        do throws(BerkeleyFailure) {
            let transaction = try BerkeleyTransaction(store.entries)
            deletedByRanges = try carryOut(batch, with: transaction.cursor, count: &count)
            if count != entryCount { try transaction.put(count, into: store.counters) }
            isCommitting = true
            // Written, not synced: the locks on its pages go before the sync, so that no reader waits for that.
            try transaction.commit(flags: UInt32(DB_TXN_WRITE_NOSYNC))
        } catch {
            throw isCommitting && !error.isConflict ? .unknown(error) : .undone(error)
        }
        entryCount = count
        return deletedByRanges
    }

    private func carryOut(
        _ batch: WriteBatch, with cursor: UnsafeMutablePointer<DBC>, count: inout Int
    ) throws(BerkeleyFailure) -> Int {
        var deletedByRanges = 0
        for operation in batch.operations {
            switch operation {
            case .put(let key, let value):
                if try put(value, for: key, with: cursor) { count += 1 }
            case .delete(let key):
                if try delete(key, with: cursor) { count -= 1 }
            case .deleteRange(let range):
                deletedByRanges += try delete(range, with: cursor)
            }
        }
        count -= deletedByRanges
        return deletedByRanges
    }

    /// True where the key is new.
    private func put(
        _ value: ByteBuffer, for key: ByteBuffer, with cursor: UnsafeMutablePointer<DBC>
    ) throws(BerkeleyFailure) -> Bool {
        try key.withBytes { keyBytes throws(BerkeleyFailure) in
            try value.withBytes { valueBytes throws(BerkeleyFailure) in
                let isNew = try !find(keyBytes, with: cursor)
                var keyData = DBT(keyBytes)
                var data = DBT(valueBytes)
                // Where the key was found the cursor stands on it: no second way down the tree.
                let place = isNew ? DB_KEYLAST : DB_CURRENT
                try BerkeleyFailure.check(
                    bdb_cursor_put(cursor, &keyData, &data, UInt32(place)), "DBcursor->put")
                return isNew
            }
        }
    }

    /// True where the key was there.
    private func delete(_ key: ByteBuffer, with cursor: UnsafeMutablePointer<DBC>) throws(BerkeleyFailure) -> Bool {
        guard try key.withBytes({ bytes throws(BerkeleyFailure) in try find(bytes, with: cursor) }) else {
            return false
        }
        try BerkeleyFailure.check(bdb_cursor_del(cursor), "DBcursor->del")
        return true
    }

    /// How many there were.
    private func delete(
        _ range: KeyRange, with cursor: UnsafeMutablePointer<DBC>
    ) throws(BerkeleyFailure) -> Int {
        let room = ReadingRoom(copying: range.lowerBound)
        var key = DBT(filling: room.bytes)
        key.size = UInt32(room.count)
        var step = UInt32(DB_SET_RANGE | DB_RMW)
        var deleted = 0
        while true {
            // Without its value.
            var data = DBT(empty: UInt32(DB_DBT_PARTIAL | DB_DBT_USERMEM))
            let code = bdb_cursor_get(cursor, &key, &data, step)
            if code == DB_NOTFOUND { return deleted }
            try BerkeleyFailure.check(code, "DBcursor->get")
            let found = UnsafeRawBufferPointer(rebasing: room.bytes[..<Int(key.size)])
            if let upperBound = range.upperBound, upperBound.withBytes({ KeyOrder.compare(found, $0) >= 0 }) {
                return deleted
            }
            if !snapshots.isEmpty { try keepImage(of: found, isThere: true, with: cursor) }
            try BerkeleyFailure.check(bdb_cursor_del(cursor), "DBcursor->del")
            deleted += 1
            step = UInt32(DB_NEXT | DB_RMW)
        }
    }

    /// Moves the cursor to the key, which is about to be changed; false where it is not there.
    private func find(
        _ key: UnsafeRawBufferPointer, with cursor: UnsafeMutablePointer<DBC>
    ) throws(BerkeleyFailure) -> Bool {
        var wanted = DBT(key)
        var data = DBT(empty: UInt32(DB_DBT_PARTIAL | DB_DBT_USERMEM))
        // DB_RMW: a write lock at once, instead of a read lock that two could wish to turn into one.
        let code = bdb_cursor_get(cursor, &wanted, &data, UInt32(DB_SET | DB_RMW))
        if code != DB_NOTFOUND { try BerkeleyFailure.check(code, "DBcursor->get") }
        if !snapshots.isEmpty { try keepImage(of: key, isThere: code == 0, with: cursor) }
        return code == 0
    }

    /// Tells the scans that have not come to the key what is there. The cursor stands on it, if it is there.
    private func keepImage(
        of key: UnsafeRawBufferPointer, isThere: Bool, with cursor: UnsafeMutablePointer<DBC>
    ) throws(BerkeleyFailure) {
        let concerned = snapshots.filter { $0.needs(key) }
        guard !concerned.isEmpty else { return }
        guard isThere else {
            for snapshot in concerned { snapshot.keep(nil, for: key) }
            return
        }
        while true {
            var present = DBT(empty: UInt32(DB_DBT_PARTIAL | DB_DBT_USERMEM))
            var data = DBT(filling: imageRoom.bytes)
            let code = bdb_cursor_get(cursor, &present, &data, UInt32(DB_CURRENT | DB_RMW))
            if code == DB_BUFFER_SMALL {
                imageRoom = ReadingRoom(count: Int(data.size))
                continue
            }
            try BerkeleyFailure.check(code, "DBcursor->get")
            let value = UnsafeRawBufferPointer(rebasing: imageRoom.bytes[..<Int(data.size)])
            for snapshot in concerned { snapshot.keep(value, for: key) }
            return
        }
    }
}
