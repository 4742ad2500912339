import CLMDB

/// The read transactions of one environment: each is renewed for a read and reset after it, and lent to one thread at
/// a time. Also the gate for what must not run beside readers: growing the map and closing.
final class LMDBReaders: @unchecked Sendable {
    // Unchecked: every mutable field is used under `monitor`, a transaction only by whom it is lent to.
    private let environment: OpaquePointer
    private let capacity: Int
    private let monitor = Monitor()
    private var idle: [OpaquePointer] = []
    private var lent = 0
    private var waiting = 0
    private var isPaused = false
    private var isClosed = false

    init(_ environment: OpaquePointer, capacity: Int) {
        self.environment = environment
        self.capacity = capacity
        idle.reserveCapacity(capacity)
    }

    /// Runs `body` on a snapshot that holds every commit that returned before. Where all transactions are lent it
    /// waits for another read to end, never for a commit.
    func withTransaction(_ operation: String, _ body: (OpaquePointer) throws -> Void) throws {
        let transaction = try take(operation)
        defer { giveBack(transaction) }
        try body(transaction)
    }

    /// Runs `body` while no read transaction is live, and none begins.
    func withoutReaders<Value>(_ body: () -> Value) -> Value {
        monitor.lock()
        isPaused = true
        waitForLent()
        let value = body()
        isPaused = false
        monitor.wakeAll()
        monitor.unlock()
        return value
    }

    /// Waits for running reads, then ends every transaction. Every later read fails with `closed`. False where it was
    /// closed before.
    func close() -> Bool {
        monitor.withLock {
            if isClosed { return false }
            isClosed = true
            // Those who wait for a transaction must see it too.
            monitor.wakeAll()
            waitForLent()
            for transaction in idle { mdb_txn_abort(transaction) }
            idle.removeAll()
            return true
        }
    }

    private func waitForLent() {
        while lent > 0 {
            waiting += 1
            monitor.wait()
            waiting -= 1
        }
    }

    private func take(_ operation: String) throws(EngineError) -> OpaquePointer {
        monitor.lock()
        while true {
            if isClosed {
                monitor.unlock()
                throw EngineError(.closed, operation: operation, detail: "the LMDB engine is closed")
            }
            if !isPaused && lent < capacity { break }
            waiting += 1
            monitor.wait()
            waiting -= 1
        }
        lent += 1
        let pooled = idle.popLast()
        monitor.unlock()
        var transaction = pooled
        let code: Int32
        if let pooled {
            code = mdb_txn_renew(pooled)
        } else {
            code = mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &transaction)
        }
        guard code == MDB_SUCCESS, let transaction else {
            if let pooled { mdb_txn_abort(pooled) }
            end(nil)
            throw LMDBFailure.error(operation, pooled == nil ? "mdb_txn_begin" : "mdb_txn_renew", code)
        }
        return transaction
    }

    private func giveBack(_ transaction: OpaquePointer) {
        // lmdb.h: "Read transactions prevent reuse of pages freed by newer write transactions".
        mdb_txn_reset(transaction)
        end(transaction)
    }

    private func end(_ transaction: OpaquePointer?) {
        monitor.lock()
        lent -= 1
        if let transaction { idle.append(transaction) }
        // All of them: readers and whoever waits for there to be none wait on the one condition.
        if waiting > 0 { monitor.wakeAll() }
        monitor.unlock()
    }
}
