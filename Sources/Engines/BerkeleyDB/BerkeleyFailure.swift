import CBDB
import CBDBFiles
import Glibc

/// A call of the library that did not return 0: the code and the call's name in the manual.
struct BerkeleyFailure: Error {
    let number: Int32
    let call: StaticString

    /// Throws where `code` is not 0.
    static func check(_ code: Int32, _ call: StaticString) throws(BerkeleyFailure) {
        guard code == 0 else { throw BerkeleyFailure(number: code, call: call) }
    }

    /// True where the same transaction may succeed when it is tried again. The manual on DB_LOCK_DEADLOCK: the
    /// operation was selected to resolve a deadlock; its transaction must be aborted.
    var isConflict: Bool { number == DB_LOCK_DEADLOCK || number == DB_LOCK_NOTGRANTED }

    /// Where pages cannot be written, the cache cannot make room (ENOMEM) and recovery cannot go on: only the messages
    /// tell why.
    private static func tellOfLimit(_ messages: String) -> Bool {
        limits.contains { messages.contains($0) }
    }

    private static let limits = [ENOSPC, EDQUOT, EFBIG].map { String(cString: db_strerror($0)) }

    var isFull: Bool { number == ENOSPC || number == EDQUOT || number == EFBIG }

    /// A failed sync, or the library's own end: after DB_RUNRECOVERY every call fails until the environment is opened
    /// again, with recovery.
    var isEnd: Bool { number == ROTOR_BDB_SYNC_FAILED || number == DB_RUNRECOVERY }

    /// Counts the attempt that has failed. Conflicts are rare with one writer; so often in a row it is something else.
    func mayRetry(_ attempts: inout Int) -> Bool {
        attempts += 1
        return isConflict && attempts < 100
    }

    /// What a caller can react to, with what the library has said about it meanwhile.
    func engineError(_ operation: String, _ messages: BerkeleyMessages?) -> EngineError {
        let own = messages?.take() ?? ""
        let (code, advice) = meaning(own)
        let reason = own.isEmpty ? String(cString: db_strerror(number)) : own
        return EngineError(
            code, operation: operation, call: "\(call)", number: Int(number),
            detail: advice.isEmpty ? reason : "\(reason); \(advice)")
    }

    private func meaning(_ messages: String) -> (EngineError.Code, String) {
        switch number {
        case _ where isFull || [ENOMEM, DB_RUNRECOVERY].contains(number) && Self.tellOfLimit(messages):
            (.full, "free some space, raise the store's limit or move it")
        case _ where isEnd:
            (.syncFailed, "check the disk; reopen and verify the store")
        case EACCES, EPERM, EROFS:
            (.unwritable, "choose a path that this user can write")
        case DB_PAGE_NOTFOUND, DB_VERIFY_BAD, DB_LOG_VERIFY_BAD, DB_CHKSUM_FAIL, ENOENT:
            (.damaged, "restore the store or refill it from the other replicas")
        case DB_OLD_VERSION, DB_VERSION_MISMATCH:
            (.foreign, "written by another version of Berkeley DB; use that version, or db5.3_upgrade on a copy")
        case DB_LOCK_DEADLOCK, DB_LOCK_NOTGRANTED:
            (.failed, "it gave way to another transaction every time; try again")
        default:
            (.failed, "")
        }
    }
}
