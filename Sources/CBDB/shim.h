#ifndef ROTOR_CBDB_SHIM_H
#define ROTOR_CBDB_SHIM_H
// db.h uses u_int and friends without including their header.
#include <sys/types.h>
#include <db.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

// The library's methods are function pointers in its handles, which Swift imports as optionals to be called with the
// handle passed again. Each shim is one call; bdb_env_open is DB_ENV->open, bdb_open DB->open, bdb_txn_commit
// DB_TXN->commit, bdb_cursor_get DBcursor->get.

static inline int bdb_env_open(DB_ENV *env, const char *home, u_int32_t flags, int mode) {
    return env->open(env, home, flags, mode);
}
static inline int bdb_env_close(DB_ENV *env, u_int32_t flags) { return env->close(env, flags); }
static inline int bdb_env_set_cachesize(DB_ENV *env, u_int32_t gbytes, u_int32_t bytes, int ncache) {
    return env->set_cachesize(env, gbytes, bytes, ncache);
}
static inline int bdb_env_set_lk_detect(DB_ENV *env, u_int32_t policy) { return env->set_lk_detect(env, policy); }
static inline int bdb_env_set_lk_max_locks(DB_ENV *env, u_int32_t max) { return env->set_lk_max_locks(env, max); }
static inline int bdb_env_set_lk_max_objects(DB_ENV *env, u_int32_t max) { return env->set_lk_max_objects(env, max); }
static inline int bdb_env_set_lk_max_lockers(DB_ENV *env, u_int32_t max) { return env->set_lk_max_lockers(env, max); }
static inline int bdb_env_set_lk_tablesize(DB_ENV *env, u_int32_t size) { return env->set_lk_tablesize(env, size); }
static inline int bdb_env_set_lg_bsize(DB_ENV *env, u_int32_t bytes) { return env->set_lg_bsize(env, bytes); }
static inline int bdb_env_set_lg_max(DB_ENV *env, u_int32_t bytes) { return env->set_lg_max(env, bytes); }
static inline int bdb_env_log_set_config(DB_ENV *env, u_int32_t flags, int on) {
    return env->log_set_config(env, flags, on);
}
static inline int bdb_env_log_flush(DB_ENV *env) { return env->log_flush(env, NULL); }
static inline int bdb_env_txn_begin(DB_ENV *env, DB_TXN **txn, u_int32_t flags) {
    return env->txn_begin(env, NULL, txn, flags);
}
static inline int bdb_env_txn_checkpoint(DB_ENV *env, u_int32_t kbytes, u_int32_t minutes, u_int32_t flags) {
    return env->txn_checkpoint(env, kbytes, minutes, flags);
}
typedef void (*bdb_message_handler)(const DB_ENV *env, const char *prefix, const char *message);
static inline void bdb_env_set_messages(DB_ENV *env, void *context, bdb_message_handler handler) {
    env->app_private = context;
    env->set_errcall(env, handler);
}
static inline void *bdb_env_message_context(const DB_ENV *env) { return env->app_private; }

static inline int bdb_set_pagesize(DB *db, u_int32_t bytes) { return db->set_pagesize(db, bytes); }
static inline int bdb_set_flags(DB *db, u_int32_t flags) { return db->set_flags(db, flags); }
static inline int bdb_set_maxsize(DB *db, u_int32_t gbytes, u_int32_t bytes) {
    DB_MPOOLFILE *pool = db->get_mpf(db);
    return pool->set_maxsize(pool, gbytes, bytes);
}
static inline int bdb_open(DB *db, DB_TXN *txn, const char *file, u_int32_t flags, int mode) {
    return db->open(db, txn, file, NULL, DB_BTREE, flags, mode);
}
static inline int bdb_close(DB *db, u_int32_t flags) { return db->close(db, flags); }
static inline int bdb_get(DB *db, DB_TXN *txn, DBT *key, DBT *data, u_int32_t flags) {
    return db->get(db, txn, key, data, flags);
}
static inline int bdb_put(DB *db, DB_TXN *txn, DBT *key, DBT *data, u_int32_t flags) {
    return db->put(db, txn, key, data, flags);
}
static inline int bdb_cursor_open(DB *db, DB_TXN *txn, DBC **cursor, u_int32_t flags) {
    return db->cursor(db, txn, cursor, flags);
}

static inline int bdb_txn_commit(DB_TXN *txn, u_int32_t flags) { return txn->commit(txn, flags); }
static inline int bdb_txn_abort(DB_TXN *txn) { return txn->abort(txn); }

static inline int bdb_cursor_get(DBC *cursor, DBT *key, DBT *data, u_int32_t flags) {
    return cursor->get(cursor, key, data, flags);
}
static inline int bdb_cursor_put(DBC *cursor, DBT *key, DBT *data, u_int32_t flags) {
    return cursor->put(cursor, key, data, flags);
}
static inline int bdb_cursor_del(DBC *cursor) { return cursor->del(cursor, 0); }
static inline int bdb_cursor_close(DBC *cursor) { return cursor->close(cursor); }

// DB_MULTIPLE_INIT and DB_MULTIPLE_KEY_NEXT: the walk over a buffer that DB_MULTIPLE_KEY filled.
typedef struct {
    void *position;
    const void *key;
    const void *value;
    u_int32_t key_length;
    u_int32_t value_length;
} bdb_bulk;

static inline void bdb_bulk_start(bdb_bulk *bulk, const DBT *data) { DB_MULTIPLE_INIT(bulk->position, data); }

/* False at the end of the buffer. */
static inline _Bool bdb_bulk_next(bdb_bulk *bulk, const DBT *data) {
    void *position = bulk->position;
    u_int8_t *key = NULL, *value = NULL;
    u_int32_t key_length = 0, value_length = 0;
    DB_MULTIPLE_KEY_NEXT(position, data, key, key_length, value, value_length);
    bulk->position = position;
    bulk->key = key;
    bulk->value = value;
    bulk->key_length = key_length;
    bulk->value_length = value_length;
    return position != NULL;
}
#endif
