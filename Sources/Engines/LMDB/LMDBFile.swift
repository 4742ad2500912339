import CLMDB
import Glibc

/// What LMDB takes on trust about its data file: it would make an empty database of an empty file, and a read beyond
/// the end of a truncated one ends the process (SIGBUS).
struct LMDBFile {
    let path: String

    /// The two pages of the head must be there.
    func requireHead(operation: String) throws(EngineError) {
        guard let length = try FileCalls.length(of: path, operation: operation) else {
            throw damaged("\(path) is missing", operation)
        }
        guard length >= 2 * 4096 else { throw damaged("\(path) has \(length) bytes", operation) }
    }

    func open(operation: String) throws(EngineError) -> Int32 {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileCalls.failure(operation, "open", path) }
        return descriptor
    }

    /// Every page that the head counts must be in the file, or be free: LMDB does not write a page that it allocated
    /// and freed in one transaction, so the last ones may never have been.
    func requirePages(
        _ information: MDB_envinfo, _ environment: OpaquePointer, operation: String
    ) throws(EngineError) {
        var pages = MDB_stat()
        try LMDBFailure.check(mdb_env_stat(environment, &pages), operation, "mdb_env_stat")
        let pageSize = Int(pages.ms_psize)
        let (needed, isBeyond) = (information.me_last_pgno &+ 1).multipliedReportingOverflow(by: pageSize)
        guard !isBeyond, needed > 0 else {
            throw damaged("\(path) has page number \(information.me_last_pgno)", operation)
        }
        let present = try FileCalls.length(of: path, operation: operation) ?? 0
        guard present < needed else { return }
        // With its full length, holes read as zeros, which LMDB tells from pages of its tree.
        try setLength(needed, operation)
        let missing = Set(present / pageSize...information.me_last_pgno)
        let free: Set<Int>
        do throws(EngineError) {
            free = try freePages(environment, operation: operation)
        } catch {
            try setLength(present, operation)
            throw error
        }
        guard missing.isSubset(of: free) else {
            try setLength(present, operation)
            throw damaged("\(path) has \(present) bytes of \(needed)", operation)
        }
    }

    /// Database 0 holds, for each transaction that freed pages, their count and numbers (as mdb_stat -f reads it).
    private func freePages(_ environment: OpaquePointer, operation: String) throws(EngineError) -> Set<Int> {
        var begun: OpaquePointer?
        try LMDBFailure.check(mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &begun), operation, "mdb_txn_begin")
        guard let transaction = begun else { preconditionFailure("mdb_txn_begin succeeded without a handle") }
        defer { mdb_txn_abort(transaction) }
        let cursor = try LMDBCursor(transaction, 0, operation: operation)
        var free: Set<Int> = []
        var key = MDB_val()
        var value = MDB_val()
        while try cursor.move(MDB_NEXT, &key, &value, operation: operation) {
            let numbers = value.bytes
            guard numbers.count >= 8 else { throw damaged("\(path): a list of free pages is cut short", operation) }
            let count = numbers.loadUnaligned(as: Int.self)
            guard count >= 0, count < numbers.count / 8 else {
                throw damaged("\(path): a list of free pages is wrong", operation)
            }
            for index in 0..<count {
                free.insert(numbers.loadUnaligned(fromByteOffset: 8 * (index + 1), as: Int.self))
            }
        }
        return free
    }

    private func setLength(_ length: Int, _ operation: String) throws(EngineError) {
        try FileCalls.setLength(of: path, length, operation: operation)
    }

    private func damaged(_ what: String, _ operation: String) -> EngineError {
        EngineError(
            .damaged, operation: operation, detail: "\(what); refill the store from its replicas or a backup")
    }
}
