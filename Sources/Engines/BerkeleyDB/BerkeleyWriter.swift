import CBDB
import NIOCore

/// Carries batches out, one transaction each. One thread.
final class BerkeleyWriter {
    /// Why a batch was not committed.
    enum Refusal: Error {
        /// It was not begun.
        case impossible(EngineError)
        /// Nothing of it is there, and the next batch may succeed.
        case undone(BerkeleyFailure)
        /// The commit itself failed: what is on disk is not known.
        case unknown(BerkeleyFailure)
    }

    private let store: BerkeleyStore
    private let readers: ReaderPool<BerkeleyReader>
    /// Keys stored, as of the last commit.
    private(set) var entryCount: Int

    /// From here on a batch takes long enough to keep readers from its pages, were there no older versions of them.
    private static let manyOperations = 256
    private static let manyBytes = 1 << 20

    init(store: BerkeleyStore, readers: ReaderPool<BerkeleyReader>) throws(EngineError) {
        self.store = store
        self.readers = readers
        entryCount = try store.storedEntryCount()
    }

    /// Returns when the batch is visible and its log records are written, not synced.
    func commit(_ batch: WriteBatch, bytes: Int) throws(Refusal) {
        let withVersions =
            bytes >= Self.manyBytes || batch.operations.count >= Self.manyOperations
            || batch.operations.contains { if case .deleteRange = $0 { true } else { false } }
        let entries: BerkeleyDatabase
        do throws(EngineError) {
            entries = try store.versions.writeBegins(withVersions: withVersions)
        } catch {
            throw .impossible(error)
        }
        defer { store.versions.writeEnds(withVersions: withVersions) }
        var attempts = 0
        while true {
            do throws(Refusal) {
                return try commitOnce(batch, to: entries)
            } catch .undone(let failure) where failure.isConflict && attempts < BerkeleyFailure.maximumAttempts {
                attempts += 1
            }
        }
    }

    private func commitOnce(_ batch: WriteBatch, to entries: BerkeleyDatabase) throws(Refusal) {
        var count = entryCount
        var isCommitting = false
        do throws(BerkeleyFailure) {
            let transaction = try BerkeleyTransaction(entries, for: .writing)
            try carryOut(batch, with: transaction.cursor, count: &count)
            if count != entryCount { try transaction.put(count, into: store.counters) }
            isCommitting = true
            readers.commitBegins()
            defer { readers.commitEnds() }
            // Written, not synced: the locks on its pages go before the sync, so that no reader waits for that.
            try transaction.commit(flags: UInt32(DB_TXN_WRITE_NOSYNC))
        } catch {
            throw isCommitting && !error.isConflict ? .unknown(error) : .undone(error)
        }
        entryCount = count
    }

    private func carryOut(
        _ batch: WriteBatch, with cursor: UnsafeMutablePointer<DBC>, count: inout Int
    ) throws(BerkeleyFailure) {
        for operation in batch.operations {
            switch operation {
            case .put(let key, let value):
                if try put(value, for: key, with: cursor) { count += 1 }
            case .delete(let key):
                if try delete(key, with: cursor) { count -= 1 }
            case .deleteRange(let range):
                count -= try delete(range, with: cursor)
            }
        }
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
            var data = DBT(empty: UInt32(DB_DBT_PARTIAL | DB_DBT_USERMEM))
            let code = bdb_cursor_get(cursor, &key, &data, step)
            if code == DB_NOTFOUND { return deleted }
            try BerkeleyFailure.check(code, "DBcursor->get")
            let found = UnsafeRawBufferPointer(rebasing: room.bytes[..<Int(key.size)])
            if let upperBound = range.upperBound, upperBound.withBytes({ KeyOrder.compare(found, $0) >= 0 }) {
                return deleted
            }
            try BerkeleyFailure.check(bdb_cursor_del(cursor), "DBcursor->del")
            deleted += 1
            step = UInt32(DB_NEXT | DB_RMW)
        }
    }

    /// Moves the cursor to the key, without fetching its value.
    private func find(
        _ key: UnsafeRawBufferPointer, with cursor: UnsafeMutablePointer<DBC>
    ) throws(BerkeleyFailure) -> Bool {
        var wanted = DBT(key)
        var data = DBT(empty: UInt32(DB_DBT_PARTIAL | DB_DBT_USERMEM))
        // DB_RMW: a write lock at once, instead of a read lock that two could wish to turn into one.
        let code = bdb_cursor_get(cursor, &wanted, &data, UInt32(DB_SET | DB_RMW))
        if code == DB_NOTFOUND { return false }
        try BerkeleyFailure.check(code, "DBcursor->get")
        return true
    }
}
