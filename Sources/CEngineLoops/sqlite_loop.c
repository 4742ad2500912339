#include "loop_methods.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE_BYTES (16 << 10)
// A row beyond this is large, as in Rotor's adapter: its value goes to a table of its own.
#define LARGEST_ROW 2000
// Bytes of log: from the first on it is copied to the database, at the second the writer waits for that.
#define SOFT_LOG_BYTES (32 << 20)
#define HARD_LOG_BYTES (128 << 20)
#define SMALL_REST 256

struct loop_store {
    sqlite3 *writer;
    sqlite3_stmt *begin, *commit, *put, *find, *put_large, *update_large;
    char path[4096];
    size_t cache_bytes;
    atomic_ulong commits;

    size_t log_bytes, next_request, next_wait;
    sqlite3 *copier;
    loop_checkpoints checkpoints;
    atomic_bool wants_restart;
    atomic_int checkpoint_failure;
};

struct loop_reader {
    loop_store *store;
    sqlite3 *connection;
    sqlite3_stmt *begin, *commit, *find, *from, *large;
    bool has_snapshot;
    unsigned long commits;
};

static bool fail(engine_loop_failure *failure, sqlite3 *connection, int code, const char *call) {
    return loop_fail(failure, code, call, connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code));
}

static int wait_a_moment(void *context, int attempts) {
    (void)context;
    if (attempts >= 200) return 0;
    usleep(500);
    return 1;
}

static sqlite3 *connect(const char *path, size_t cache_bytes, engine_loop_failure *failure) {
    sqlite3 *connection = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &connection, flags, NULL);
    if (code == SQLITE_OK) code = sqlite3_busy_handler(connection, wait_a_moment, NULL);
    if (code == SQLITE_OK) {
        char text[200];
        snprintf(
            text, sizeof text,
            "PRAGMA cache_size = -%zu; PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY;"
            "PRAGMA trusted_schema = OFF",
            cache_bytes >> 10 > 256 ? cache_bytes >> 10 : 256);
        code = sqlite3_exec(connection, text, NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) return connection;
    fail(failure, connection, code, "sqlite3_open_v2");
    sqlite3_close_v2(connection);
    return NULL;
}

static bool prepare(sqlite3 *connection, sqlite3_stmt **statement, const char *text, engine_loop_failure *failure) {
    int code = sqlite3_prepare_v3(connection, text, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
    return code == SQLITE_OK || fail(failure, connection, code, "sqlite3_prepare_v3");
}

static int note_length(void *context, sqlite3 *connection, const char *name, int pages) {
    (void)connection;
    (void)name;
    ((loop_store *)context)->log_bytes = (size_t)pages * PAGE_BYTES;
    return SQLITE_OK;
}

static void note_failure(loop_store *store, int code) {
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) atomic_store(&store->checkpoint_failure, code);
}

// Copies until little is left, or until it gets no nearer.
static void copy_log(void *context) {
    loop_store *store = context;
    int rest = INT32_MAX, total = 0, copied = 0;
    while (true) {
        int code = sqlite3_wal_checkpoint_v2(store->copier, "main", SQLITE_CHECKPOINT_PASSIVE, &total, &copied);
        if (code != SQLITE_OK) {
            note_failure(store, code);
            return;
        }
        if (total <= 0) return;
        int left = total - copied;
        if (left <= SMALL_REST || left >= rest) break;
        rest = left;
    }
    atomic_store(&store->wants_restart, true);
}

static bool create(loop_store *store, engine_loop_failure *failure) {
    const char *text =
        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY NOT NULL, large INTEGER, value BLOB) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS large (id INTEGER PRIMARY KEY, value BLOB NOT NULL)";
    int code = sqlite3_exec(store->writer, text, NULL, NULL, NULL);
    if (code != SQLITE_OK) return fail(failure, store->writer, code, "sqlite3_exec");
    return prepare(store->writer, &store->begin, "BEGIN IMMEDIATE", failure) &&
           prepare(store->writer, &store->commit, "COMMIT", failure) &&
           prepare(
               store->writer, &store->put,
               "INSERT INTO entries (key, large, value) VALUES (?1, ?2, ?3)"
               " ON CONFLICT (key) DO UPDATE SET large = excluded.large, value = excluded.value",
               failure) &&
           prepare(store->writer, &store->find, "SELECT large FROM entries WHERE key = ?1", failure) &&
           prepare(store->writer, &store->put_large, "INSERT INTO large (value) VALUES (?1)", failure) &&
           prepare(store->writer, &store->update_large, "UPDATE large SET value = ?1 WHERE id = ?2", failure);
}

static void release(loop_store *store) {
    sqlite3_stmt *statements[] = {store->begin, store->commit,    store->put,
                                  store->find,  store->put_large, store->update_large};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) sqlite3_finalize(statements[i]);
    sqlite3_close_v2(store->copier);
    sqlite3_close_v2(store->writer);
    free(store);
}

static loop_store *open_store(const char *folder, size_t cache_bytes, engine_loop_failure *failure) {
    // As Rotor's adapter: before the first connection of the process, refused afterwards.
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    loop_store *store = calloc(1, sizeof *store);
    if (!store) {
        loop_fail(failure, SQLITE_NOMEM, "calloc", "no memory for a store");
        return NULL;
    }
    store->cache_bytes = cache_bytes;
    store->next_request = SOFT_LOG_BYTES;
    store->next_wait = HARD_LOG_BYTES;
    snprintf(store->path, sizeof store->path, "%s/entries.sqlite", folder);
    store->writer = connect(store->path, cache_bytes / 2, failure);
    if (store->writer && create(store, failure)) store->copier = connect(store->path, 1 << 20, failure);
    if (store->copier) {
        char text[80];
        snprintf(text, sizeof text, "PRAGMA journal_size_limit = %d", HARD_LOG_BYTES);
        sqlite3_exec(store->writer, text, NULL, NULL, NULL);
        sqlite3_exec(store->copier, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
        sqlite3_wal_hook(store->writer, note_length, store);
        if (loop_checkpoints_start(&store->checkpoints, 60, copy_log, store, failure)) return store;
    }
    release(store);
    return NULL;
}

static bool close_store(loop_store *store, engine_loop_failure *failure) {
    loop_checkpoints_stop(&store->checkpoints);
    sqlite3_wal_hook(store->writer, NULL, NULL);
    int code = sqlite3_wal_checkpoint_v2(store->writer, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (code == SQLITE_OK) code = atomic_load(&store->checkpoint_failure);
    if (code != SQLITE_OK) fail(failure, NULL, code, "sqlite3_wal_checkpoint_v2");
    release(store);
    return code == SQLITE_OK;
}

static int run(sqlite3_stmt *statement) {
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

static int put_row(loop_store *store, const loop_record *record, const void *value, size_t count, sqlite3_int64 large) {
    sqlite3_bind_blob(store->put, 1, record->key, ENGINE_LOOP_KEY_BYTES, SQLITE_STATIC);
    if (value) {
        sqlite3_bind_null(store->put, 2);
        sqlite3_bind_blob(store->put, 3, value, (int)count, SQLITE_STATIC);
    } else {
        sqlite3_bind_int64(store->put, 2, large);
        sqlite3_bind_null(store->put, 3);
    }
    return run(store->put);
}

static int put(loop_store *store, const loop_record *record) {
    if (ENGINE_LOOP_KEY_BYTES + record->value_bytes <= LARGEST_ROW)
        return put_row(store, record, record->value, record->value_bytes, 0);
    sqlite3_bind_blob(store->find, 1, record->key, ENGINE_LOOP_KEY_BYTES, SQLITE_STATIC);
    int code = sqlite3_step(store->find);
    sqlite3_int64 large = code == SQLITE_ROW ? sqlite3_column_int64(store->find, 0) : 0;
    sqlite3_reset(store->find);
    if (code != SQLITE_ROW && code != SQLITE_DONE) return code;
    sqlite3_stmt *statement = code == SQLITE_ROW ? store->update_large : store->put_large;
    sqlite3_bind_blob(statement, 1, record->value, (int)record->value_bytes, SQLITE_STATIC);
    if (code == SQLITE_ROW) {
        sqlite3_bind_int64(statement, 2, large);
        return run(statement);
    }
    code = run(statement);
    if (code != SQLITE_OK) return code;
    return put_row(store, record, NULL, 0, sqlite3_last_insert_rowid(store->writer));
}

// Between two commits: copies what is left and lets the next commit begin the log again.
static void restart_log(loop_store *store) {
    int code = sqlite3_wal_checkpoint_v2(store->writer, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    if (code == SQLITE_OK) {
        store->next_request = SOFT_LOG_BYTES;
        store->next_wait = HARD_LOG_BYTES;
    } else {
        store->next_request = store->log_bytes + SOFT_LOG_BYTES / 2;
        note_failure(store, code);
    }
}

static void bound_log(loop_store *store) {
    if (store->log_bytes >= store->next_wait) {
        loop_checkpoints_request(&store->checkpoints);
        loop_checkpoints_wait_until_idle(&store->checkpoints);
        restart_log(store);
        size_t later = store->log_bytes + SOFT_LOG_BYTES;
        store->next_wait = later > HARD_LOG_BYTES ? later : HARD_LOG_BYTES;
    } else if (atomic_exchange(&store->wants_restart, false)) {
        restart_log(store);
    } else if (store->log_bytes >= store->next_request) {
        store->next_request = store->log_bytes + SOFT_LOG_BYTES / 2;
        loop_checkpoints_request(&store->checkpoints);
    }
}

static bool commit(loop_store *store, const loop_record *records, size_t count, engine_loop_failure *failure) {
    int code = run(store->begin);
    for (size_t i = 0; i < count && code == SQLITE_OK; i++) code = put(store, &records[i]);
    if (code == SQLITE_OK) code = run(store->commit);
    if (code != SQLITE_OK) {
        fail(failure, store->writer, code, "sqlite3_step");
        sqlite3_exec(store->writer, "ROLLBACK", NULL, NULL, NULL);
        return false;
    }
    atomic_fetch_add(&store->commits, 1);
    bound_log(store);
    return true;
}

static void close_reader(loop_reader *reader) {
    if (reader->has_snapshot) run(reader->commit);
    sqlite3_stmt *statements[] = {reader->begin, reader->commit, reader->find, reader->from, reader->large};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) sqlite3_finalize(statements[i]);
    sqlite3_close_v2(reader->connection);
    free(reader);
}

static loop_reader *open_reader(loop_store *store, engine_loop_failure *failure) {
    loop_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        loop_fail(failure, SQLITE_NOMEM, "calloc", "no memory for a reader");
        return NULL;
    }
    reader->store = store;
    reader->connection = connect(store->path, store->cache_bytes / 8, failure);
    sqlite3 *connection = reader->connection;
    if (connection && prepare(connection, &reader->begin, "BEGIN", failure) &&
        prepare(connection, &reader->commit, "COMMIT", failure) &&
        prepare(connection, &reader->find, "SELECT large, value FROM entries WHERE key = ?1", failure) &&
        prepare(
            connection, &reader->from, "SELECT large, value, key FROM entries WHERE key >= ?1 ORDER BY key",
            failure) &&
        prepare(connection, &reader->large, "SELECT value FROM large WHERE id = ?1", failure))
        return reader;
    close_reader(reader);
    return NULL;
}

// A read transaction is kept until there is a newer commit.
static bool renew(loop_reader *reader, engine_loop_failure *failure) {
    unsigned long commits = atomic_load(&reader->store->commits);
    if (reader->has_snapshot && commits == reader->commits) return true;
    int code = reader->has_snapshot ? run(reader->commit) : SQLITE_OK;
    if (code == SQLITE_OK) code = run(reader->begin);
    reader->has_snapshot = code == SQLITE_OK;
    reader->commits = commits;
    return code == SQLITE_OK || fail(failure, reader->connection, code, "sqlite3_step");
}

// The value of the row that `row` stands on; valid until `row` and `large` are reset.
static int value_of(loop_reader *reader, sqlite3_stmt *row, const void **value, size_t *count) {
    sqlite3_stmt *holder = row;
    int column = 1;
    if (sqlite3_column_type(row, 0) != SQLITE_NULL) {
        holder = reader->large;
        column = 0;
        sqlite3_bind_int64(holder, 1, sqlite3_column_int64(row, 0));
        int code = sqlite3_step(holder);
        if (code != SQLITE_ROW) return code == SQLITE_DONE ? SQLITE_CORRUPT : code;
    }
    *value = sqlite3_column_blob(holder, column);
    *count = (size_t)sqlite3_column_bytes(holder, column);
    return *value || *count == 0 ? SQLITE_OK : SQLITE_NOMEM;
}

static bool get(loop_reader *reader, const void *key, uint64_t *sum, engine_loop_failure *failure) {
    if (!renew(reader, failure)) return false;
    sqlite3_bind_blob(reader->find, 1, key, ENGINE_LOOP_KEY_BYTES, SQLITE_STATIC);
    int code = sqlite3_step(reader->find);
    if (code == SQLITE_DONE) code = SQLITE_NOTFOUND;
    if (code == SQLITE_ROW) {
        const void *value;
        size_t count;
        code = value_of(reader, reader->find, &value, &count);
        if (code == SQLITE_OK) *sum += engine_loop_touch(value, count);
        sqlite3_reset(reader->large);
    }
    sqlite3_reset(reader->find);
    return code == SQLITE_OK || fail(failure, NULL, code, "sqlite3_step");
}

static bool scan(
    loop_reader *reader, const void *from, size_t from_bytes, size_t count, engine_loop_visit visit, void *context,
    uint64_t *sum, engine_loop_failure *failure) {
    if (!renew(reader, failure)) return false;
    sqlite3_bind_blob(reader->from, 1, from, (int)from_bytes, SQLITE_STATIC);
    int code = SQLITE_OK;
    while (count-- > 0) {
        code = sqlite3_step(reader->from);
        if (code != SQLITE_ROW) break;
        const void *key = sqlite3_column_blob(reader->from, 2), *value;
        size_t key_bytes = (size_t)sqlite3_column_bytes(reader->from, 2), value_bytes;
        code = value_of(reader, reader->from, &value, &value_bytes);
        if (code != SQLITE_OK) break;
        *sum += engine_loop_touch(key, key_bytes) + engine_loop_touch(value, value_bytes);
        bool is_wanted = !visit || visit(context, key, key_bytes, value, value_bytes);
        if (sqlite3_stmt_busy(reader->large)) sqlite3_reset(reader->large);
        if (!is_wanted) break;
    }
    sqlite3_reset(reader->from);
    sqlite3_reset(reader->large);
    return code == SQLITE_OK || code == SQLITE_DONE || fail(failure, NULL, code, "sqlite3_step");
}

const loop_methods loop_sqlite = {open_store, close_store, commit, open_reader, close_reader, get, scan};
