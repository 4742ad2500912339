#ifndef ROTOR_CSQLITE_SHIM_H
#define ROTOR_CSQLITE_SHIM_H
#include <errno.h>
#include <sqlite3.h>

// sqlite3_config is variadic. Counting every allocation under one global mutex is of no use here and makes the reader
// connections wait for each other. Refused (SQLITE_MISUSE) if the library already runs in this process: then it counts.
static inline int rotor_sqlite_stop_counting_memory(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

static inline int rotor_sqlite_leave_log_at_close(sqlite3 *connection) {
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

// SQLITE_STATIC is a cast that Swift does not import: "the content pointer is constant and will never change". True
// where bind, step and reset stay within the buffer's withUnsafeReadableBytes.
static inline int rotor_sqlite_bind_borrowed(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    // "If the third parameter to sqlite3_bind_blob() is a NULL pointer then [...] the result is the same as
    // sqlite3_bind_null()": an empty blob needs an address.
    return sqlite3_bind_blob(statement, index, bytes ? bytes : (const void *)"", count, SQLITE_STATIC);
}

// The library reports ENOSPC as SQLITE_FULL; a quota or a limit for files is a plain SQLITE_IOERR_WRITE to it. Its
// files keep the number of their last failed call, which SQLITE_FCNTL_LAST_ERRNO asks for.
static inline _Bool rotor_sqlite_write_met_limit(sqlite3 *connection) {
    int in_database = 0, in_log = 0;
    sqlite3_file *log = 0;
    sqlite3_file_control(connection, "main", SQLITE_FCNTL_LAST_ERRNO, &in_database);
    sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log && log->pMethods) log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &in_log);
    return in_database == EFBIG || in_database == EDQUOT || in_log == EFBIG || in_log == EDQUOT;
}

// The manual on SQLITE_FCNTL_JOURNAL_POINTER: "obtain a pointer to the sqlite3_file object associated with the journal
// file (either the rollback journal or the write-ahead log)".
static inline int rotor_sqlite_sync_log(sqlite3 *connection) {
    sqlite3_file *log = 0;
    int code = sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (code != SQLITE_OK) return code;
    // No methods: the log was not opened yet, so nothing was written since this connection came.
    if (log == 0 || log->pMethods == 0) return SQLITE_OK;
    return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}
#endif
