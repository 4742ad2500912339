import CSQLite
import NIOCore

/// One thread's connection to read with: its read transaction stays open from read to read until it is told to let go.
final class SQLiteReader: SnapshotReader {
    private let connection: SQLiteConnection
    private let begin: SQLiteStatement
    private let commit: SQLiteStatement
    private let find: SQLiteStatement
    private let findLarge: SQLiteStatement
    private let from: SQLiteStatement
    private let between: SQLiteStatement
    private var hasSnapshot = false
    private let gauge: SQLiteLog.Gauge
    private let scanBytes: Int

    init(path: String, cacheBytes: Int, gauge: SQLiteLog.Gauge, scanBytes: Int) throws(EngineError) {
        self.gauge = gauge
        self.scanBytes = scanBytes
        connection = try SQLiteConnection(path: path, operation: "open a reader of \(path)")
        do throws(SQLiteFailure) {
            try connection.configure(cacheBytes: cacheBytes)
            try connection.execute("PRAGMA query_only = ON")
            begin = try SQLiteStatement(connection, "BEGIN")
            commit = try SQLiteStatement(connection, "COMMIT")
            find = try SQLiteStatement(connection, "SELECT large, value FROM entries WHERE key = ?1")
            findLarge = try SQLiteStatement(connection, "SELECT value FROM large WHERE id = ?1")
            from = try SQLiteStatement(
                connection, "SELECT large, value, key FROM entries WHERE key >= ?1 ORDER BY key")
            between = try SQLiteStatement(
                connection, "SELECT large, value, key FROM entries WHERE key >= ?1 AND key < ?2 ORDER BY key")
        } catch {
            throw error.engineError("open a reader of \(path)")
        }
    }

    func releaseSnapshot() {
        guard hasSnapshot else { return }
        hasSnapshot = false
        do throws(SQLiteFailure) {
            try commit.run()
        } catch {
            // The end of a transaction that wrote nothing fails where the connection is unusable: the next use says so.
            sqlite3_exec(connection.handle, "ROLLBACK", nil, nil, nil)
        }
    }

    /// Calls `body` once, with bytes that are the library's own.
    func get(_ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) throws -> Void) throws {
        try inTransaction("read")
        defer { find.reset() }
        let found = try step("read") { () throws(SQLiteFailure) in
            try find.bind(1, key)
            return try find.step()
        }
        guard found else { return try body(nil) }
        try withValue(of: find, "read", body)
    }

    func scan(
        _ range: KeyRange, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        try inTransaction("scan")
        try range.lowerBound.withUnsafeReadableBytes { lower in
            guard let upperBound = range.upperBound else {
                try step("scan") { () throws(SQLiteFailure) in try from.bind(1, lower) }
                return try visit(from, body)
            }
            try upperBound.withUnsafeReadableBytes { upper in
                try step("scan") { () throws(SQLiteFailure) in
                    try between.bind(1, lower)
                    try between.bind(2, upper)
                }
                try visit(between, body)
            }
        }
    }

    private func visit(
        _ rows: borrowing SQLiteStatement,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> ScanStep
    ) throws {
        defer { rows.reset() }
        let start = gauge.bytes
        while try step("scan", { () throws(SQLiteFailure) in try rows.step() }) {
            guard gauge.bytes - start <= scanBytes else {
                throw EngineError(
                    .expired, operation: "scan",
                    detail: "it has kept the log from being shortened for \(scanBytes) bytes; scan a smaller range")
            }
            let key = try step("scan") { () throws(SQLiteFailure) in try rows.blob(2) }
            var next = ScanStep.proceed
            try withValue(of: rows, "scan") { value in
                if let value { next = try body(key, value) }
            }
            guard next == .proceed else { return }
        }
    }

    /// The value of the row that `row` stands on, wherever it is.
    private func withValue(
        of row: borrowing SQLiteStatement, _ operation: StaticString, _ body: (UnsafeRawBufferPointer?) throws -> Void
    ) throws {
        guard !row.isNull(0) else {
            return try body(step(operation) { () throws(SQLiteFailure) in try row.blob(1) })
        }
        let id = row.integer(0)
        defer { findLarge.reset() }
        let found = try step(operation) { () throws(SQLiteFailure) in
            try findLarge.bind(1, id)
            return try findLarge.step()
        }
        guard found else {
            throw EngineError(
                .damaged, operation: "\(operation)",
                detail: "the value number \(id) of a key is missing; restore the store or refill it")
        }
        try body(step(operation) { () throws(SQLiteFailure) in try findLarge.blob(0) })
    }

    private func inTransaction(_ operation: StaticString) throws(EngineError) {
        guard !hasSnapshot else { return }
        // The snapshot itself is taken by the first statement that reads.
        try step(operation) { () throws(SQLiteFailure) in try begin.run() }
        hasSnapshot = true
    }

    private func step<Value>(
        _ operation: StaticString, _ body: () throws(SQLiteFailure) -> Value
    ) throws(EngineError) -> Value {
        do throws(SQLiteFailure) {
            return try body()
        } catch {
            throw error.engineError("\(operation)")
        }
    }
}
