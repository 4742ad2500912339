#ifndef ROTOR_LOOP_METHODS_H
#define ROTOR_LOOP_METHODS_H
// What each engine's file gives to the loops.
#include "engine_loops.h"
#include <pthread.h>
#include <stdatomic.h>

typedef struct {
    const void *key; // ENGINE_LOOP_KEY_BYTES
    const void *value;
    size_t value_bytes;
} loop_record;

typedef struct loop_store loop_store;
typedef struct loop_reader loop_reader;

// Every method is false, or NULL, with `failure` filled, where the library refused.
typedef struct {
    loop_store *(*open)(const char *folder, size_t cache_bytes, engine_loop_failure *);
    bool (*close)(loop_store *, engine_loop_failure *);
    // One transaction, synced before it returns.
    bool (*commit)(loop_store *, const loop_record *, size_t count, engine_loop_failure *);
    loop_reader *(*open_reader)(loop_store *, engine_loop_failure *);
    void (*close_reader)(loop_reader *);
    // A key that is not there is a failure: the loops read only what was stored.
    bool (*get)(loop_reader *, const void *key, uint64_t *sum, engine_loop_failure *);
    // In order from the key, at most `count` entries, or until `visit` has enough; NULL: only touched.
    bool (*scan)(
        loop_reader *, const void *key, size_t key_bytes, size_t count, engine_loop_visit visit, void *context,
        uint64_t *sum, engine_loop_failure *);
} loop_methods;

extern const loop_methods loop_lmdb, loop_bdb, loop_sqlite;

// Always false.
bool loop_fail(engine_loop_failure *failure, int code, const char *call, const char *detail);

// A thread that does checkpoints when it is asked to, and after some time at the latest.
typedef struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_requested, is_running, is_stopping;
    int seconds;
    void (*work)(void *context);
    void *context;
} loop_checkpoints;

bool loop_checkpoints_start(
    loop_checkpoints *, int seconds, void (*work)(void *), void *context, engine_loop_failure *);
void loop_checkpoints_request(loop_checkpoints *);
void loop_checkpoints_wait_until_idle(loop_checkpoints *);
void loop_checkpoints_stop(loop_checkpoints *);
#endif
