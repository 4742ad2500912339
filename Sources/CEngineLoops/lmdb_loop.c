#include "loop_methods.h"
#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>

struct loop_store {
    MDB_env *environment;
    MDB_dbi entries;
    atomic_ulong commits;
};

struct loop_reader {
    loop_store *store;
    MDB_txn *transaction;
    MDB_cursor *cursor;
    // The store's commits when the snapshot was taken: it is kept until there is a newer one.
    unsigned long commits;
};

static bool fail(engine_loop_failure *failure, int code, const char *call) {
    return loop_fail(failure, code, call, mdb_strerror(code));
}

static loop_store *open_store(const char *folder, size_t cache_bytes, engine_loop_failure *failure) {
    (void)cache_bytes; // LMDB reads through the system's.
    loop_store *store = calloc(1, sizeof *store);
    const char *call = "mdb_env_create";
    int code = store ? mdb_env_create(&store->environment) : ENOMEM;
    if (code == 0) {
        call = "mdb_env_set_mapsize";
        code = mdb_env_set_mapsize(store->environment, (size_t)64 << 30);
    }
    if (code == 0) {
        call = "mdb_env_set_maxreaders";
        code = mdb_env_set_maxreaders(store->environment, 256);
    }
    if (code == 0) {
        call = "mdb_env_open";
        code = mdb_env_open(store->environment, folder, MDB_NOTLS, 0644);
    }
    MDB_txn *transaction = NULL;
    if (code == 0) {
        call = "mdb_txn_begin";
        code = mdb_txn_begin(store->environment, NULL, 0, &transaction);
    }
    if (code == 0) {
        call = "mdb_dbi_open";
        code = mdb_dbi_open(transaction, NULL, 0, &store->entries);
        if (code) {
            mdb_txn_abort(transaction);
        } else {
            call = "mdb_txn_commit";
            code = mdb_txn_commit(transaction);
        }
    }
    if (code == 0) return store;
    fail(failure, code, call);
    if (store && store->environment) mdb_env_close(store->environment);
    free(store);
    return NULL;
}

static bool close_store(loop_store *store, engine_loop_failure *failure) {
    int code = mdb_env_sync(store->environment, 1);
    mdb_env_close(store->environment);
    free(store);
    return code == 0 || fail(failure, code, "mdb_env_sync");
}

static bool commit(loop_store *store, const loop_record *records, size_t count, engine_loop_failure *failure) {
    MDB_txn *transaction;
    int code = mdb_txn_begin(store->environment, NULL, 0, &transaction);
    if (code) return fail(failure, code, "mdb_txn_begin");
    for (size_t i = 0; i < count; i++) {
        MDB_val key = {ENGINE_LOOP_KEY_BYTES, (void *)records[i].key};
        MDB_val value = {records[i].value_bytes, (void *)records[i].value};
        code = mdb_put(transaction, store->entries, &key, &value, 0);
        if (code) {
            mdb_txn_abort(transaction);
            return fail(failure, code, "mdb_put");
        }
    }
    // Without MDB_NOSYNC and MDB_NOMETASYNC it syncs the data and then the page that makes it valid.
    code = mdb_txn_commit(transaction);
    atomic_fetch_add(&store->commits, 1);
    return code == 0 || fail(failure, code, "mdb_txn_commit");
}

static loop_reader *open_reader(loop_store *store, engine_loop_failure *failure) {
    loop_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        fail(failure, ENOMEM, "calloc");
        return NULL;
    }
    reader->store = store;
    reader->commits = atomic_load(&store->commits);
    const char *call = "mdb_txn_begin";
    int code = mdb_txn_begin(store->environment, NULL, MDB_RDONLY, &reader->transaction);
    if (code == 0) {
        call = "mdb_cursor_open";
        code = mdb_cursor_open(reader->transaction, store->entries, &reader->cursor);
    }
    if (code == 0) return reader;
    fail(failure, code, call);
    if (reader->transaction) mdb_txn_abort(reader->transaction);
    free(reader);
    return NULL;
}

static void close_reader(loop_reader *reader) {
    mdb_cursor_close(reader->cursor);
    mdb_txn_abort(reader->transaction);
    free(reader);
}

static bool renew(loop_reader *reader, engine_loop_failure *failure) {
    unsigned long commits = atomic_load(&reader->store->commits);
    if (commits == reader->commits) return true;
    reader->commits = commits;
    mdb_txn_reset(reader->transaction);
    int code = mdb_txn_renew(reader->transaction);
    if (code) return fail(failure, code, "mdb_txn_renew");
    code = mdb_cursor_renew(reader->transaction, reader->cursor);
    return code == 0 || fail(failure, code, "mdb_cursor_renew");
}

static bool get(loop_reader *reader, const void *key, uint64_t *sum, engine_loop_failure *failure) {
    if (!renew(reader, failure)) return false;
    MDB_val wanted = {ENGINE_LOOP_KEY_BYTES, (void *)key}, value;
    int code = mdb_get(reader->transaction, reader->store->entries, &wanted, &value);
    if (code) return fail(failure, code, "mdb_get");
    *sum += engine_loop_touch(value.mv_data, value.mv_size);
    return true;
}

static bool scan(
    loop_reader *reader, const void *from, size_t from_bytes, size_t count, engine_loop_visit visit, void *context,
    uint64_t *sum, engine_loop_failure *failure) {
    if (!renew(reader, failure)) return false;
    MDB_val key = {from_bytes, (void *)from}, value;
    // lmdb.h: keys have at least one byte; without one the scan is of everything.
    int code = mdb_cursor_get(reader->cursor, &key, &value, from_bytes ? MDB_SET_RANGE : MDB_FIRST);
    while (code == 0 && count-- > 0) {
        *sum += engine_loop_touch(key.mv_data, key.mv_size) + engine_loop_touch(value.mv_data, value.mv_size);
        if (visit && !visit(context, key.mv_data, key.mv_size, value.mv_data, value.mv_size)) return true;
        code = mdb_cursor_get(reader->cursor, &key, &value, MDB_NEXT);
    }
    return code == 0 || code == MDB_NOTFOUND || fail(failure, code, "mdb_cursor_get");
}

const loop_methods loop_lmdb = {open_store, close_store, commit, open_reader, close_reader, get, scan};
