import CSQLite

/// A call of SQLite that did not return what it should: the extended code, the call's name and the library's message.
struct SQLiteFailure: Error {
    let number: Int32
    let call: StaticString
    let message: String
    /// There was no space, or a quota's or the system's limit of size was met: a write was cut short, no sync failed.
    let isFull: Bool

    /// - Parameter connection: The one the call was made on; nil where there is none, and so no message.
    init(_ number: Int32, _ call: StaticString, _ connection: OpaquePointer?) {
        self.number = number
        self.call = call
        // sqlite3_errmsg describes the most recent failing call: the extended code tells whether that was this one.
        let isOwn = connection != nil && sqlite3_extended_errcode(connection) == number
        isFull =
            number & 0xff == SQLITE_FULL
            || number == SQLiteCode.writeFailed && connection.map(rotor_sqlite_write_met_limit) == true
        message = String(cString: isOwn ? sqlite3_errmsg(connection) : sqlite3_errstr(number))
    }

    /// The lowest byte of an extended code is the primary one.
    var primary: Int32 { number & 0xff }

    var isSync: Bool { number == SQLiteCode.syncFailed || number == SQLiteCode.directorySyncFailed }

    func engineError(_ operation: String) -> EngineError {
        let (code, advice) = meaning
        return EngineError(
            code, operation: operation, call: "\(call)", number: Int(number),
            detail: advice.isEmpty ? message : "\(message); \(advice)")
    }

    private var meaning: (EngineError.Code, String) {
        if isSync { return (.syncFailed, "check the disk; reopen and verify the store") }
        if isFull { return (.full, "free some space, raise the store's limit or move it") }
        switch primary {
        case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT:
            return (.damaged, "restore the store or refill it from the other replicas")
        case SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH:
            return (.unwritable, "choose a path that this user can write")
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL:
            return (.locked, "another program uses the database file; stop it")
        case SQLITE_TOOBIG:
            return (.tooLarge, "")
        default:
            return (.failed, "")
        }
    }
}

/// Extended codes, which the header makes with an expression that is not imported.
enum SQLiteCode {
    static let writeFailed = SQLITE_IOERR | 3 << 8
    static let syncFailed = SQLITE_IOERR | 4 << 8
    static let directorySyncFailed = SQLITE_IOERR | 5 << 8
}
