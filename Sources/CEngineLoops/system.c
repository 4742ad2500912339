#include "engine_loops.h"
#include <linux/magic.h>
#include <malloc.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

bool engine_loop_is_in_memory(const char *path) {
    struct statfs status;
    return statfs(path, &status) == 0 && (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

void engine_loop_give_back_memory(void) { malloc_trim(0); }

unsigned engine_loop_disk_major(uint64_t device) { return major(device); }

unsigned engine_loop_disk_minor(uint64_t device) { return minor(device); }

void engine_loop_use(uint64_t sum) {
    static volatile uint64_t used;
    used = sum;
}
