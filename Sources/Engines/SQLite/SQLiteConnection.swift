import CSQLite
import Glibc

/// Owns a connection. Closed at the end of the object, whatever failed before.
final class SQLiteConnection: @unchecked Sendable {
    // Unchecked: SQLITE_OPEN_NOMUTEX, "multi-thread mode": safe as long as no two threads use it at the same time,
    // which its one owner sees to.

    let handle: OpaquePointer

    /// - Parameter flags: Beside SQLITE_OPEN_READWRITE: a reader of a write-ahead log must be able to write its index.
    init(path: String, flags: Int32 = 0, operation: String) throws(EngineError) {
        _ = Self.preparedLibrary
        var opened: OpaquePointer?
        let allFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | flags
        let code = sqlite3_open_v2(path, &opened, allFlags, nil)
        guard code == SQLITE_OK, let opened else {
            // "Whether or not an error occurs when it is opened, resources associated with the database connection
            // handle should be released by passing it to sqlite3_close() when it is no longer required."
            let failure = SQLiteFailure(code, "sqlite3_open_v2", opened)
            sqlite3_close_v2(opened)
            throw failure.engineError(operation)
        }
        handle = opened
    }

    deinit {
        // close_v2: statements that are finalized after this still find their connection.
        sqlite3_close_v2(handle)
    }

    /// What all connections of a store have in common.
    func configure(cacheBytes: Int) throws(SQLiteFailure) {
        // Only the log's index can be busy, for moments: while another connection opens, closes or restarts the log.
        try check(
            sqlite3_busy_handler(
                handle,
                { _, attempts in
                    guard attempts < 200 else { return 0 }
                    usleep(500)
                    return 1
                }, nil), "sqlite3_busy_handler")
        // locking_mode stays NORMAL: EXCLUSIVE would shut the readers' connections out. Other processes are kept off
        // by the store's own lock. A deleted value need not be overwritten with zeros, which Debian's build does.
        try execute(
            """
            PRAGMA cache_size = -\(max(cacheBytes >> 10, 256));
            PRAGMA secure_delete = OFF;
            PRAGMA temp_store = MEMORY;
            PRAGMA trusted_schema = OFF;
            """)
    }

    /// Runs statements that return nothing of interest.
    func execute(_ sql: String) throws(SQLiteFailure) {
        try check(sqlite3_exec(handle, sql, nil, nil, nil), "sqlite3_exec")
    }

    /// The first column of the first row, as a number.
    func number(_ sql: String) throws(SQLiteFailure) -> Int {
        let statement = try SQLiteStatement(self, sql)
        guard try statement.step() else { throw SQLiteFailure(SQLITE_CORRUPT, "sqlite3_step", nil) }
        return statement.integer(0)
    }

    func check(_ code: Int32, _ call: StaticString) throws(SQLiteFailure) {
        guard code == SQLITE_OK else { throw SQLiteFailure(code, call, handle) }
    }

    /// Before the first connection of the process. Where the program has used SQLite before, it stays as it was.
    private static let preparedLibrary: Int32 = rotor_sqlite_stop_counting_memory()
}

/// Owns a prepared statement, and the row it stands on.
struct SQLiteStatement: ~Copyable {
    private let handle: OpaquePointer
    private let connection: SQLiteConnection

    init(_ connection: SQLiteConnection, _ sql: String) throws(SQLiteFailure) {
        var prepared: OpaquePointer?
        // "a hint to the query planner that the prepared statement will be retained for a long time"
        let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
        try connection.check(
            sqlite3_prepare_v3(connection.handle, sql, -1, flags, &prepared, nil), "sqlite3_prepare_v3")
        guard let prepared else { preconditionFailure("no statement in: \(sql)") }
        handle = prepared
        self.connection = connection
    }

    deinit {
        sqlite3_finalize(handle)
    }

    /// Lends the bytes to the statement until ``reset()``, which must come before they go away.
    func bind(_ index: Int32, _ bytes: UnsafeRawBufferPointer) throws(SQLiteFailure) {
        try connection.check(
            rotor_sqlite_bind_borrowed(handle, index, bytes.baseAddress, Int32(bytes.count)), "sqlite3_bind_blob")
    }

    func bind(_ index: Int32, _ number: Int) throws(SQLiteFailure) {
        try connection.check(sqlite3_bind_int64(handle, index, Int64(number)), "sqlite3_bind_int64")
    }

    func bindNull(_ index: Int32) throws(SQLiteFailure) {
        try connection.check(sqlite3_bind_null(handle, index), "sqlite3_bind_null")
    }

    /// True where there is a row.
    func step() throws(SQLiteFailure) -> Bool {
        let code = sqlite3_step(handle)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw SQLiteFailure(code, "sqlite3_step", connection.handle)
        }
    }

    /// Steps to the end of a statement that returns no rows, and resets it.
    func run() throws(SQLiteFailure) {
        defer { reset() }
        _ = try step()
    }

    /// Ends the row and what was lent. Its code only repeats what ``step()`` has reported.
    func reset() {
        sqlite3_reset(handle)
    }

    func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    func integer(_ column: Int32) -> Int {
        Int(sqlite3_column_int64(handle, column))
    }

    /// Valid until the next step or reset. The manual: "The return value from sqlite3_column_blob() for a zero-length
    /// BLOB is a NULL pointer"; for one that isn't, it is out of memory.
    func blob(_ column: Int32) throws(SQLiteFailure) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(handle, column)
        let count = Int(sqlite3_column_bytes(handle, column))
        guard start != nil || count == 0 else {
            throw SQLiteFailure(SQLITE_NOMEM, "sqlite3_column_blob", nil)
        }
        return UnsafeRawBufferPointer(start: start, count: count)
    }
}
