#include "loop_methods.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
// db.h uses u_int and friends without including their header.
#include <db.h>

#define PAGE_BYTES (16 << 10)
#define CHECKPOINT_BYTES (64 << 20)
#define SCAN_BYTES (256 << 10)

struct loop_store {
    DB_ENV *environment;
    DB *entries;
    loop_checkpoints checkpoints;
    size_t bytes_since_checkpoint;
    atomic_int checkpoint_failure;
};

struct loop_reader {
    loop_store *store;
    void *room;
    u_int32_t room_bytes;
};

static bool fail(engine_loop_failure *failure, int code, const char *call) {
    return loop_fail(failure, code, call, db_strerror(code));
}

static void checkpoint(void *context) {
    loop_store *store = context;
    int code = store->environment->txn_checkpoint(store->environment, CHECKPOINT_BYTES >> 10, 1, 0);
    if (code) atomic_store(&store->checkpoint_failure, code);
}

// The settings of Rotor's adapter.
static int configure(DB_ENV *environment, size_t cache_bytes, const char **call) {
    u_int32_t gigabytes = (u_int32_t)(cache_bytes >> 30), rest = (u_int32_t)(cache_bytes & ((1u << 30) - 1));
    int code;
    *call = "DB_ENV->set_...";
    if ((code = environment->set_cachesize(environment, gigabytes, rest, 1))) return code;
    if ((code = environment->set_lk_detect(environment, DB_LOCK_MINWRITE))) return code;
    if ((code = environment->set_lk_max_locks(environment, 1 << 21))) return code;
    if ((code = environment->set_lk_max_objects(environment, 1 << 21))) return code;
    if ((code = environment->set_lk_max_lockers(environment, 10000))) return code;
    if ((code = environment->set_lk_tablesize(environment, 16381))) return code;
    if ((code = environment->set_lg_bsize(environment, 2 << 20))) return code;
    if ((code = environment->set_lg_max(environment, 32 << 20))) return code;
    return environment->log_set_config(environment, DB_LOG_AUTO_REMOVE, 1);
}

static loop_store *open_store(const char *folder, size_t cache_bytes, engine_loop_failure *failure) {
    loop_store *store = calloc(1, sizeof *store);
    const char *call = "db_env_create";
    int code = store ? db_env_create(&store->environment, 0) : ENOMEM;
    if (code == 0) code = configure(store->environment, cache_bytes, &call);
    if (code == 0) {
        call = "DB_ENV->open";
        u_int32_t flags = DB_CREATE | DB_INIT_MPOOL | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_LOCK | DB_PRIVATE |
                          DB_THREAD | DB_RECOVER;
        code = store->environment->open(store->environment, folder, flags, 0644);
    }
    if (code == 0) {
        call = "db_create";
        code = db_create(&store->entries, store->environment, 0);
    }
    if (code == 0) {
        call = "DB->open";
        DB *entries = store->entries;
        code = entries->set_pagesize(entries, PAGE_BYTES);
        if (code == 0) code = entries->set_flags(entries, DB_CHKSUM);
        u_int32_t flags = DB_AUTO_COMMIT | DB_THREAD | DB_CREATE;
        if (code == 0) code = entries->open(entries, NULL, "entries.db", NULL, DB_BTREE, flags, 0644);
    }
    if (code == 0) {
        call = "DB_ENV->txn_checkpoint";
        code = store->environment->txn_checkpoint(store->environment, 0, 0, DB_FORCE);
    }
    if (code) {
        fail(failure, code, call);
    } else if (loop_checkpoints_start(&store->checkpoints, 15, checkpoint, store, failure)) {
        return store;
    }
    if (store && store->entries) store->entries->close(store->entries, DB_NOSYNC);
    if (store && store->environment) store->environment->close(store->environment, 0);
    free(store);
    return NULL;
}

static bool close_store(loop_store *store, engine_loop_failure *failure) {
    loop_checkpoints_stop(&store->checkpoints);
    DB_ENV *environment = store->environment;
    const char *call = "DB_ENV->txn_checkpoint";
    int code = environment->txn_checkpoint(environment, 0, 0, DB_FORCE);
    if (code == 0) code = atomic_load(&store->checkpoint_failure);
    int closing = store->entries->close(store->entries, DB_NOSYNC);
    if (code == 0 && closing) {
        call = "DB->close";
        code = closing;
    }
    closing = environment->close(environment, 0);
    if (code == 0 && closing) {
        call = "DB_ENV->close";
        code = closing;
    }
    free(store);
    return code == 0 || fail(failure, code, call);
}

static bool commit(loop_store *store, const loop_record *records, size_t count, engine_loop_failure *failure) {
    size_t bytes = 0;
    for (int attempt = 0;; attempt++) {
        DB_TXN *transaction;
        int code = store->environment->txn_begin(store->environment, NULL, &transaction, 0);
        if (code) return fail(failure, code, "DB_ENV->txn_begin");
        for (size_t i = 0; i < count && code == 0; i++) {
            DBT key = {.data = (void *)records[i].key, .size = ENGINE_LOOP_KEY_BYTES};
            DBT value = {.data = (void *)records[i].value, .size = (u_int32_t)records[i].value_bytes};
            code = store->entries->put(store->entries, transaction, &key, &value, 0);
            bytes += ENGINE_LOOP_KEY_BYTES + records[i].value_bytes;
        }
        if (code == 0) {
            // Its log records are written and synced.
            code = transaction->commit(transaction, DB_TXN_SYNC);
            if (code) return fail(failure, code, "DB_TXN->commit");
            break;
        }
        transaction->abort(transaction);
        if (code != DB_LOCK_DEADLOCK || attempt == 100) return fail(failure, code, "DB->put");
        bytes = 0;
    }
    store->bytes_since_checkpoint += bytes;
    if (store->bytes_since_checkpoint >= CHECKPOINT_BYTES) {
        store->bytes_since_checkpoint = 0;
        loop_checkpoints_request(&store->checkpoints);
    }
    return true;
}

static loop_reader *open_reader(loop_store *store, engine_loop_failure *failure) {
    loop_reader *reader = calloc(1, sizeof *reader);
    if (reader) {
        *reader = (loop_reader){.store = store, .room_bytes = SCAN_BYTES, .room = malloc(SCAN_BYTES)};
        if (reader->room) return reader;
    }
    free(reader);
    fail(failure, ENOMEM, "malloc");
    return NULL;
}

static void close_reader(loop_reader *reader) {
    free(reader->room);
    free(reader);
}

// What the library has said it needs, in units of 1024 bytes, as DB_MULTIPLE wants it.
static bool make_room(loop_reader *reader, u_int32_t bytes) {
    bytes = ((bytes > reader->room_bytes * 2 ? bytes : reader->room_bytes * 2) + 1023) & ~1023u;
    void *room = malloc(bytes);
    if (!room) return false;
    free(reader->room);
    reader->room = room;
    reader->room_bytes = bytes;
    return true;
}

static bool get(loop_reader *reader, const void *key, uint64_t *sum, engine_loop_failure *failure) {
    DB *entries = reader->store->entries;
    while (true) {
        DBT wanted = {.data = (void *)key, .size = ENGINE_LOOP_KEY_BYTES};
        DBT value = {.data = reader->room, .ulen = reader->room_bytes, .flags = DB_DBT_USERMEM};
        int code = entries->get(entries, NULL, &wanted, &value, 0);
        if (code == 0) {
            *sum += engine_loop_touch(value.data, value.size);
            return true;
        }
        if (code == DB_LOCK_DEADLOCK || (code == DB_BUFFER_SMALL && make_room(reader, value.size))) continue;
        return fail(failure, code, "DB->get");
    }
}

static bool scan(
    loop_reader *reader, const void *from, size_t from_bytes, size_t count, engine_loop_visit visit, void *context,
    uint64_t *sum, engine_loop_failure *failure) {
    DB *entries = reader->store->entries;
    DBC *cursor;
    int code = entries->cursor(entries, NULL, &cursor, 0);
    if (code) return fail(failure, code, "DB->cursor");
    char place[4096];
    memcpy(place, from, from_bytes);
    DBT key = {.data = place, .size = (u_int32_t)from_bytes, .ulen = sizeof place, .flags = DB_DBT_USERMEM};
    u_int32_t step = DB_SET_RANGE;
    bool is_wanted = true;
    while (is_wanted && count > 0) {
        DBT bulk = {.data = reader->room, .ulen = reader->room_bytes, .flags = DB_DBT_USERMEM};
        code = cursor->get(cursor, &key, &bulk, step | DB_MULTIPLE_KEY);
        if (code == DB_BUFFER_SMALL && make_room(reader, bulk.size)) continue;
        if (code) break;
        void *position, *found, *value;
        u_int32_t found_bytes, value_bytes;
        DB_MULTIPLE_INIT(position, &bulk);
        while (is_wanted && count > 0) {
            DB_MULTIPLE_KEY_NEXT(position, &bulk, found, found_bytes, value, value_bytes);
            if (!position) break;
            *sum += engine_loop_touch(found, found_bytes) + engine_loop_touch(value, value_bytes);
            is_wanted = !visit || visit(context, found, found_bytes, value, value_bytes);
            count--;
        }
        step = DB_NEXT;
    }
    int closing = cursor->close(cursor);
    if (code != 0 && code != DB_NOTFOUND) return fail(failure, code, "DBcursor->get");
    return closing == 0 || fail(failure, closing, "DBcursor->close");
}

const loop_methods loop_bdb = {open_store, close_store, commit, open_reader, close_reader, get, scan};
