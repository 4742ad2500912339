import CSQLite
import NIOCore

/// The one connection that writes: carries batches out, one transaction each, and restarts the log. One thread.
final class SQLiteWriter {
    private let connection: SQLiteConnection
    private let readers: ReaderPool<SQLiteReader>
    private let begin: SQLiteStatement
    private let commit: SQLiteStatement
    private let find: SQLiteStatement
    private let putRow: SQLiteStatement
    private let insert: SQLiteStatement
    private let update: SQLiteStatement
    private let delete: SQLiteStatement
    private let insertLarge: SQLiteStatement
    private let updateLarge: SQLiteStatement
    private let deleteLarge: SQLiteStatement
    private let deleteLargeFrom: SQLiteStatement
    private let deleteLargeBetween: SQLiteStatement
    private let deleteFrom: SQLiteStatement
    private let deleteBetween: SQLiteStatement
    private let setEntryCount: SQLiteStatement

    /// Whether ``putRow`` has found a row: SQLite does not say whether an upsert has inserted.
    private let replaced: UnsafeMutablePointer<Bool>

    /// Keys stored, as of the last commit.
    private(set) var entryCount: Int
    private var synchronous: Durability?

    /// Why a batch was not committed.
    enum Refusal: Error {
        /// Nothing of it is there, and the next batch may succeed.
        case undone(SQLiteFailure)
        /// The commit itself failed: what is on disk is not known.
        case unknown(SQLiteFailure)
    }

    init(_ connection: SQLiteConnection, readers: ReaderPool<SQLiteReader>) throws(SQLiteFailure) {
        self.connection = connection
        self.readers = readers
        replaced = UnsafeMutablePointer.allocate(capacity: 1)
        replaced.initialize(to: false)
        begin = try SQLiteStatement(connection, "BEGIN IMMEDIATE")
        commit = try SQLiteStatement(connection, "COMMIT")
        find = try SQLiteStatement(connection, "SELECT large FROM entries WHERE key = ?1")
        // One walk down the tree for what is by far the most frequent: a row, new or in the place of a row.
        try Self.defineReplaces(connection, replaced)
        putRow = try SQLiteStatement(
            connection,
            "INSERT INTO entries (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
                + " WHERE large IS NULL AND rotor_replaces()")
        insert = try SQLiteStatement(connection, "INSERT INTO entries (key, large, value) VALUES (?1, ?2, ?3)")
        update = try SQLiteStatement(connection, "UPDATE entries SET large = ?2, value = ?3 WHERE key = ?1")
        delete = try SQLiteStatement(connection, "DELETE FROM entries WHERE key = ?1")
        insertLarge = try SQLiteStatement(connection, "INSERT INTO large (value) VALUES (?1)")
        updateLarge = try SQLiteStatement(connection, "UPDATE large SET value = ?1 WHERE id = ?2")
        deleteLarge = try SQLiteStatement(connection, "DELETE FROM large WHERE id = ?1")
        let largeIn = "DELETE FROM large WHERE id IN (SELECT large FROM entries WHERE large IS NOT NULL AND key >= ?1"
        deleteLargeFrom = try SQLiteStatement(connection, largeIn + ")")
        deleteLargeBetween = try SQLiteStatement(connection, largeIn + " AND key < ?2)")
        deleteFrom = try SQLiteStatement(connection, "DELETE FROM entries WHERE key >= ?1")
        deleteBetween = try SQLiteStatement(connection, "DELETE FROM entries WHERE key >= ?1 AND key < ?2")
        setEntryCount = try SQLiteStatement(connection, "UPDATE counters SET value = ?1 WHERE name = 'entries'")
        entryCount = try connection.number("SELECT value FROM counters WHERE name = 'entries'")
    }

    deinit {
        replaced.deallocate()
    }

    /// A function of no arguments that is true, and leaves a note of having been asked.
    private static func defineReplaces(
        _ connection: SQLiteConnection, _ note: UnsafeMutablePointer<Bool>
    ) throws(SQLiteFailure) {
        try connection.check(
            sqlite3_create_function_v2(
                connection.handle, "rotor_replaces", 0, SQLITE_UTF8 | SQLITE_DIRECTONLY, note,
                { context, _, _ in
                    sqlite3_user_data(context)?.assumingMemoryBound(to: Bool.self).pointee = true
                    sqlite3_result_int(context, 1)
                }, nil, nil, nil), "sqlite3_create_function_v2")
    }

    func commit(_ batch: WriteBatch, durability: Durability) throws(Refusal) {
        var count = entryCount
        var isCommitting = false
        let changes = sqlite3_total_changes(connection.handle)
        do throws(SQLiteFailure) {
            try set(durability)
            try begin.run()
            try carryOut(batch, count: &count)
            if count != entryCount {
                try setEntryCount.bind(1, count)
                try setEntryCount.run()
            }
            isCommitting = true
            readers.commitBegins()
            defer { readers.commitEnds() }
            try commit.run()
            // A transaction that has changed nothing writes nothing to the log, and so syncs nothing of those before.
            if durability == .synced, sqlite3_total_changes(connection.handle) == changes { try sync() }
        } catch {
            // Some failures have rolled back by themselves: then there is no transaction to end.
            if sqlite3_get_autocommit(connection.handle) == 0 {
                sqlite3_exec(connection.handle, "ROLLBACK", nil, nil, nil)
            }
            // The frame that commits is the log's last: one that was cut short for want of space is none, and the next
            // transaction overwrites it. A log that starts again is synced before its first commit, too.
            let isUnknown = error.isSync || isCommitting && error.primary == SQLITE_IOERR && !error.isFull
            throw isUnknown ? .unknown(error) : .undone(error)
        }
        entryCount = count
    }

    /// Puts the log on stable storage, with all that was committed.
    func sync() throws(SQLiteFailure) {
        try connection.check(rotor_sqlite_sync_log(connection.handle), "sqlite3_io_methods.xSync")
    }

    /// The manual on synchronous: "WAL mode is always consistent with synchronous=NORMAL, but WAL mode does lose
    /// durability"; FULL syncs the log in each commit. It cannot be changed inside a transaction, and costs a statement
    /// only where two commits in a row differ.
    private func set(_ durability: Durability) throws(SQLiteFailure) {
        guard synchronous != durability else { return }
        synchronous = nil
        try connection.execute("PRAGMA synchronous = \(durability == .synced ? "FULL" : "NORMAL")")
        synchronous = durability
    }

    private func carryOut(_ batch: WriteBatch, count: inout Int) throws(SQLiteFailure) {
        for operation in batch.operations {
            switch operation {
            case .put(let key, let value):
                try key.withBytes { keyBytes throws(SQLiteFailure) in
                    try value.withBytes { valueBytes throws(SQLiteFailure) in
                        if try put(valueBytes, for: keyBytes) { count += 1 }
                    }
                }
            case .delete(let key):
                if try key.withBytes({ bytes throws(SQLiteFailure) in try remove(bytes) }) { count -= 1 }
            case .deleteRange(let range):
                count -= try remove(range)
            }
        }
    }

    private enum Place {
        case none
        case row
        case large(Int)
    }

    private func place(of key: UnsafeRawBufferPointer) throws(SQLiteFailure) -> Place {
        defer { find.reset() }
        try find.bind(1, key)
        guard try find.step() else { return .none }
        return find.isNull(0) ? .row : .large(find.integer(0))
    }

    /// True where the key is new.
    private func put(
        _ value: UnsafeRawBufferPointer, for key: UnsafeRawBufferPointer
    ) throws(SQLiteFailure) -> Bool {
        let isLarge = SQLiteSchema.isLarge(keyBytes: key.count, valueBytes: value.count)
        if !isLarge, let isNew = try putRow(value, for: key) { return isNew }
        switch try place(of: key) {
        case .none:
            try write(insert, key, isLarge ? nil : value, large: isLarge ? store(value) : nil)
            return true
        case .row:
            try write(update, key, isLarge ? nil : value, large: isLarge ? store(value) : nil)
        case .large(let id) where isLarge:
            try updateLarge.bind(1, value)
            try updateLarge.bind(2, id)
            try updateLarge.run()
        case .large(let id):
            try write(update, key, value, large: nil)
            try deleteLarge.bind(1, id)
            try deleteLarge.run()
        }
        return false
    }

    /// Whether the key is new; nil where its value is a large one, which has to go first.
    private func putRow(
        _ value: UnsafeRawBufferPointer, for key: UnsafeRawBufferPointer
    ) throws(SQLiteFailure) -> Bool? {
        replaced.pointee = false
        try putRow.bind(1, key)
        try putRow.bind(2, value)
        try putRow.run()
        guard sqlite3_changes64(connection.handle) == 1 else { return nil }
        return !replaced.pointee
    }

    /// The number of the new large value.
    private func store(_ value: UnsafeRawBufferPointer) throws(SQLiteFailure) -> Int {
        try insertLarge.bind(1, value)
        try insertLarge.run()
        return Int(sqlite3_last_insert_rowid(connection.handle))
    }

    private func write(
        _ statement: borrowing SQLiteStatement, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?,
        large: Int?
    ) throws(SQLiteFailure) {
        try statement.bind(1, key)
        if let large { try statement.bind(2, large) } else { try statement.bindNull(2) }
        if let value { try statement.bind(3, value) } else { try statement.bindNull(3) }
        try statement.run()
    }

    /// True where the key was there.
    private func remove(_ key: UnsafeRawBufferPointer) throws(SQLiteFailure) -> Bool {
        switch try place(of: key) {
        case .none:
            return false
        case .row:
            break
        case .large(let id):
            try deleteLarge.bind(1, id)
            try deleteLarge.run()
        }
        try delete.bind(1, key)
        try delete.run()
        return true
    }

    /// How many there were.
    private func remove(_ range: KeyRange) throws(SQLiteFailure) -> Int {
        guard !range.isEmpty else { return 0 }
        try range.lowerBound.withBytes { lower throws(SQLiteFailure) in
            guard let upperBound = range.upperBound else {
                try deleteLargeFrom.bind(1, lower)
                try deleteLargeFrom.run()
                try deleteFrom.bind(1, lower)
                return try deleteFrom.run()
            }
            try upperBound.withBytes { upper throws(SQLiteFailure) in
                try deleteLargeBetween.bind(1, lower)
                try deleteLargeBetween.bind(2, upper)
                try deleteLargeBetween.run()
                try deleteBetween.bind(1, lower)
                try deleteBetween.bind(2, upper)
                try deleteBetween.run()
            }
        }
        return Int(sqlite3_changes64(connection.handle))
    }
}
