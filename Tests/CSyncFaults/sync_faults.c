#define _GNU_SOURCE
#include "sync_faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static unsigned char has_failed[1 << 16];
static int failures;

void sync_faults_below(const char *path) {
    pthread_mutex_lock(&lock);
    snprintf(folder, sizeof folder, "%s%s", path ? path : "", path ? "/" : "");
    memset(has_failed, 0, sizeof has_failed);
    failures = 0;
    pthread_mutex_unlock(&lock);
}

int sync_faults_count(void) {
    pthread_mutex_lock(&lock);
    int count = failures;
    pthread_mutex_unlock(&lock);
    return count;
}

static int is_broken(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    pthread_mutex_lock(&lock);
    int broken = 0;
    if (folder[0] != '\0' && descriptor >= 0 && descriptor < (int)sizeof has_failed && !has_failed[descriptor]) {
        ssize_t length = readlink(link, path, sizeof path - 1);
        if (length > 0) {
            path[length] = '\0';
            broken = strncmp(path, folder, strlen(folder)) == 0;
            failures += broken;
            has_failed[descriptor] = broken;
        }
    }
    pthread_mutex_unlock(&lock);
    return broken;
}

/* dlsym(3), RTLD_NEXT: "Find the next occurrence of the desired symbol in the search order after the
 * current object." */
static int sync_or_fault(const char *name, int descriptor) {
    int (*next)(int);
    if (is_broken(descriptor)) {
        errno = EIO;
        return -1;
    }
    *(void **)&next = dlsym(RTLD_NEXT, name);
    if (next == NULL) abort();
    return next(descriptor);
}

/* The linker exports them because the engines' libraries refer to them. */
int fdatasync(int descriptor) { return sync_or_fault("fdatasync", descriptor); }
int fsync(int descriptor) { return sync_or_fault("fsync", descriptor); }
