#include "loop_methods.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct engine_loop {
    const loop_methods *methods;
    loop_store *store;
};

// Latencies told of at once: telling costs a call, and what a loop measures may take a microsecond.
#define BATCH 256

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void engine_loop_fill(uint64_t *state, void *bytes, size_t count) {
    for (size_t done = 0; done < count; done += sizeof(uint64_t)) {
        uint64_t random = engine_loop_next(state);
        memcpy((uint8_t *)bytes + done, &random, count - done < sizeof random ? count - done : sizeof random);
    }
}

bool loop_fail(engine_loop_failure *failure, int code, const char *call, const char *detail) {
    failure->code = code;
    failure->call = call;
    snprintf(failure->detail, sizeof failure->detail, "%s", detail ? detail : "");
    return false;
}

engine_loop *engine_loop_open(
    engine_loop_kind kind, const char *folder, size_t cache_bytes, engine_loop_failure *failure) {
    const loop_methods *methods = kind == ENGINE_LOOP_LMDB  ? &loop_lmdb
                                  : kind == ENGINE_LOOP_BDB ? &loop_bdb
                                                            : &loop_sqlite;
    engine_loop *loop = malloc(sizeof *loop);
    if (!loop) {
        loop_fail(failure, 0, "malloc", "no memory for a loop");
        return NULL;
    }
    loop->methods = methods;
    loop->store = methods->open(folder, cache_bytes, failure);
    if (loop->store) return loop;
    free(loop);
    return NULL;
}

bool engine_loop_close(engine_loop *loop, engine_loop_failure *failure) {
    bool is_done = loop->methods->close(loop->store, failure);
    free(loop);
    return is_done;
}

static loop_record record_for(const engine_loop_data *data, size_t key, unsigned variant) {
    size_t span = data->pool_bytes - data->value_bytes + 1;
    return (loop_record){
        .key = data->keys + key * ENGINE_LOOP_KEY_BYTES,
        .value = data->pool + engine_loop_value_offset(key, variant, span),
        .value_bytes = data->value_bytes,
    };
}

bool engine_loop_put(engine_loop *loop, const engine_loop_run *run, engine_loop_failure *failure) {
    const engine_loop_data *data = run->data;
    loop_record *group = malloc(run->group * sizeof *group);
    if (!group) return loop_fail(failure, 0, "malloc", "no memory for a group of puts");
    uint64_t random = run->seed;
    size_t next = 0;
    bool is_done = true;
    uint64_t begin = now();
    while (!run->each_key_once || next < data->key_count) {
        size_t count = 0;
        while (count < run->group && !(run->each_key_once && next == data->key_count)) {
            uint64_t drawn = engine_loop_next(&random);
            size_t key = run->each_key_once ? next++ : (size_t)((drawn >> 8) % data->key_count);
            group[count++] = record_for(data, key, (unsigned)(drawn % ENGINE_LOOP_VARIANTS));
        }
        is_done = loop->methods->commit(loop->store, group, count, failure);
        if (!is_done) break;
        uint64_t end = now();
        uint64_t latency = end - begin;
        begin = end;
        if (!run->record(run->context, &latency, 1, count, end)) break;
    }
    free(group);
    return is_done;
}

// Gets, or scans where `entries` is not 0.
static bool read_on(
    engine_loop *loop, const engine_loop_run *run, size_t entries, uint64_t *sum, engine_loop_failure *failure) {
    const engine_loop_data *data = run->data;
    const loop_methods *methods = loop->methods;
    loop_reader *reader = methods->open_reader(loop->store, failure);
    if (!reader) return false;
    uint64_t random = run->seed, latencies[BATCH];
    size_t batch = entries ? 1 : BATCH, count = 0;
    uint64_t begin = now();
    bool is_done;
    while (true) {
        size_t drawn = (size_t)((engine_loop_next(&random) >> 8) % data->key_count);
        const void *key = data->keys + drawn * ENGINE_LOOP_KEY_BYTES;
        is_done = entries ? methods->scan(reader, key, ENGINE_LOOP_KEY_BYTES, entries, NULL, NULL, sum, failure)
                          : methods->get(reader, key, sum, failure);
        if (!is_done) break;
        uint64_t end = now();
        latencies[count++] = end - begin;
        begin = end;
        if (count < batch) continue;
        count = 0;
        if (!run->record(run->context, latencies, batch, 1, end)) break;
    }
    methods->close_reader(reader);
    return is_done;
}

bool engine_loop_get(engine_loop *loop, const engine_loop_run *run, uint64_t *sum, engine_loop_failure *failure) {
    return read_on(loop, run, 0, sum, failure);
}

bool engine_loop_scan(engine_loop *loop, const engine_loop_run *run, uint64_t *sum, engine_loop_failure *failure) {
    return read_on(loop, run, run->scan_entries, sum, failure);
}

bool engine_loop_visit_all(
    engine_loop *loop, engine_loop_visit visit, void *context, engine_loop_failure *failure) {
    loop_reader *reader = loop->methods->open_reader(loop->store, failure);
    if (!reader) return false;
    uint64_t sum = 0;
    bool is_done = loop->methods->scan(reader, "", 0, SIZE_MAX, visit, context, &sum, failure);
    loop->methods->close_reader(reader);
    return is_done;
}
