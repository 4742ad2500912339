import CLMDB
import Glibc

/// What a failing LMDB call means for the caller.
enum LMDBFailure {
    static func error(_ operation: String, _ call: String, _ number: Int32) -> EngineError {
        let reason = String(cString: mdb_strerror(number))
        let (code, advice): (EngineError.Code, String) =
            switch number {
            case ENOSPC, EDQUOT, EFBIG: (.full, "free space or move the store")
            case MDB_MAP_FULL: (.full, "raise the store's limit of size")
            case MDB_PANIC: (.syncFailed, "check the disk, then reopen and verify the store")
            case EIO: (.failed, "check the disk")
            case MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_INCOMPATIBLE:
                (.damaged, "refill the store from its replicas or a backup")
            case MDB_VERSION_MISMATCH: (.foreign, "written by another version of LMDB; dump and load it")
            case EACCES, EPERM, EROFS: (.unwritable, "choose a path that this user can write")
            case EAGAIN, EBUSY: (.locked, "in use by another process; stop it")
            default: (.failed, "")
            }
        return EngineError(
            code, operation: operation, call: call, number: Int(number),
            detail: advice.isEmpty ? reason : "\(reason); \(advice)")
    }

    static func check(_ number: Int32, _ operation: String, _ call: String) throws(EngineError) {
        guard number == MDB_SUCCESS else { throw error(operation, call, number) }
    }
}
