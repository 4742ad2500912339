#ifndef ROTOR_ENGINE_LOOPS_H
#define ROTOR_ENGINE_LOOPS_H
// What an engine can do without Rotor: plain C loops over its own interface, with the page sizes, caches, syncs and
// checkpoints of Rotor's adapters, and with nothing else: no queue, no second thread's answer, no count of entries.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ENGINE_LOOP_KEY_BYTES 16

// What is stored, the same for the loops and for Rotor's engines. A value is a piece of the pool; each key has some
// variants of it, so that no put finds the bytes that it is about to write.
#define ENGINE_LOOP_VARIANTS 16

typedef struct {
    const uint8_t *keys; // key_count times ENGINE_LOOP_KEY_BYTES
    size_t key_count;
    const uint8_t *pool;
    size_t pool_bytes; // above value_bytes
    size_t value_bytes;
} engine_loop_data;

// SplitMix64.
static inline uint64_t engine_loop_next(uint64_t *state) {
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

// Random bytes.
void engine_loop_fill(uint64_t *state, void *bytes, size_t count);

// Where in the pool a variant of a key's value begins.
static inline size_t engine_loop_value_offset(size_t key, unsigned variant, size_t span) {
    uint64_t state = (uint64_t)key * ENGINE_LOOP_VARIANTS + variant;
    return (size_t)(engine_loop_next(&state) % span);
}

// What a reader does with each byte string it gets: a value that nobody looks at would cost LMDB nothing.
static inline uint64_t engine_loop_touch(const void *bytes, size_t count) {
    uint64_t head = 0;
    memcpy(&head, bytes, count < sizeof head ? count : sizeof head);
    return head + count;
}

// So that no compiler leaves out what made the sum.
void engine_loop_use(uint64_t sum);

typedef enum { ENGINE_LOOP_LMDB, ENGINE_LOOP_BDB, ENGINE_LOOP_SQLITE } engine_loop_kind;

typedef struct {
    int code;         // the library's
    const char *call; // as in its manual
    char detail[200];
} engine_loop_failure;

// Told of operations that have ended: `count` latencies in nanoseconds, each of `operations_each` operations, and the
// time of the last end (CLOCK_MONOTONIC). False ends the loop.
typedef bool (*engine_loop_record)(
    void *context, const uint64_t *latencies, size_t count, uint64_t operations_each, uint64_t now);

typedef struct {
    const engine_loop_data *data;
    uint64_t seed;       // of the order of keys and variants
    bool each_key_once;  // puts: in the order of the data instead of a random one, and no longer than that
    size_t group;        // puts: how many a commit
    size_t scan_entries; // scans: how many entries an operation visits, if so many are left
    engine_loop_record record;
    void *context;
} engine_loop_run;

typedef struct engine_loop engine_loop;

// Opens the store in the folder, which must be there; makes one where it is empty. NULL on failure.
engine_loop *engine_loop_open(
    engine_loop_kind kind, const char *folder, size_t cache_bytes, engine_loop_failure *failure);
// Checkpoints, syncs and closes, whatever fails.
bool engine_loop_close(engine_loop *loop, engine_loop_failure *failure);

// Durable puts, `group` a transaction, in the calling thread. One thread at a time.
bool engine_loop_put(engine_loop *loop, const engine_loop_run *run, engine_loop_failure *failure);
// Random gets or range scans from random keys, in the calling thread. Any number of threads. `sum` is of what they
// read.
bool engine_loop_get(engine_loop *loop, const engine_loop_run *run, uint64_t *sum, engine_loop_failure *failure);
bool engine_loop_scan(engine_loop *loop, const engine_loop_run *run, uint64_t *sum, engine_loop_failure *failure);

// Visits every entry in order until `visit` returns false.
typedef bool (*engine_loop_visit)(
    void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes);
bool engine_loop_visit_all(
    engine_loop *loop, engine_loop_visit visit, void *context, engine_loop_failure *failure);

// What Swift's module of the C library lacks.
bool engine_loop_is_in_memory(const char *path); // tmpfs or ramfs
void engine_loop_give_back_memory(void);         // what was freed, to the system
unsigned engine_loop_disk_major(uint64_t device); // of stat's st_dev
unsigned engine_loop_disk_minor(uint64_t device);
#endif
