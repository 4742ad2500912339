import CSQLite

/// What is in the database file, and how a file is known as ours.
///
/// `entries` is the ordered map: WITHOUT ROWID makes the key the place of the row, so that a read goes down one tree.
/// It is
/// not for large rows: they leave inner pages little to branch by, and one that does not fit its page is read whole
/// wherever a search compares its key. Larger values go to `large`, and `entries` keeps their number.
enum SQLiteSchema {
    static let fileName = "entries.sqlite"
    /// A row of a kibibyte overflows the default pages of 4096 bytes.
    static let pageBytes = 16 << 10
    /// "Rotr". The manual on application_id: for programs whose files are their own format, so that file(1) and we
    /// know them.
    static let applicationID = 0x526f_7472
    static let version = 1

    /// Bytes of key and value. Rows lie on the inner pages of the tree too: with 2,000 bytes a page of 16 KiB still has
    /// eight of them to branch by.
    private static let largestRow = 2_000
    /// A value of no more than this goes with its key even where the key alone is as long as a row may be.
    private static let alwaysInRow = 64

    static func isLarge(keyBytes: Int, valueBytes: Int) -> Bool {
        valueBytes > alwaysInRow && keyBytes + valueBytes > largestRow
    }

    /// For the one connection that writes, in a folder that this open has made.
    static func create(_ connection: SQLiteConnection) throws(SQLiteFailure) {
        // Both before the first table; the mode is kept in the file.
        try connection.execute("PRAGMA page_size = \(pageBytes); PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
        try connection.execute(
            """
            BEGIN IMMEDIATE;
            CREATE TABLE entries (key BLOB PRIMARY KEY NOT NULL, large INTEGER, value BLOB) WITHOUT ROWID;
            CREATE TABLE large (id INTEGER PRIMARY KEY, value BLOB NOT NULL);
            CREATE TABLE counters (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID;
            INSERT INTO counters VALUES ('entries', 0);
            PRAGMA application_id = \(applicationID);
            PRAGMA user_version = \(version);
            COMMIT;
            """)
    }

    /// Refuses a file that is not a store of this version.
    static func check(_ connection: SQLiteConnection, operation: String) throws(EngineError) {
        let application: Int
        let found: Int
        let pages: Int
        do throws(SQLiteFailure) {
            application = try connection.number("PRAGMA application_id")
            found = try connection.number("PRAGMA user_version")
            pages = try connection.number("PRAGMA page_count")
        } catch {
            throw error.engineError(operation)
        }
        guard pages > 0 else {
            throw EngineError(
                .damaged, operation: operation,
                detail: "\(fileName) is empty; restore the store or refill it from the other replicas")
        }
        guard application == applicationID else {
            throw EngineError(
                .foreign, operation: operation,
                detail:
                    "\(fileName) is another program's database (application_id \(application)); choose another folder")
        }
        guard found <= version else {
            throw EngineError(
                .foreign, operation: operation,
                detail: "\(fileName) has version \(found), this program knows up to \(version); use a newer rotor")
        }
    }
}
