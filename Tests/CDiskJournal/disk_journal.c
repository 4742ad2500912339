#define _GNU_SOURCE
#include "disk_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* All calls go to the kernel directly: the C library's own functions are these here. */

enum { BELOW = 1, WRITES_THROUGH = 2, UNSYNCED = 4 };

/* Held from a call until its entry is written, so that the journal's order is the order in which things happened. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static const char *folder;
static const char *unsynced;
static unsigned char known[1 << 16];
static int64_t syncs;

static void end_process(const char *why) {
    syscall(SYS_write, STDERR_FILENO, why, strlen(why));
    syscall(SYS_exit_group, 70);
}

static int is_below(const char *path, const char *place) {
    size_t length = place ? strlen(place) : 0;
    return length > 0 && strncmp(path, place, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("ROTOR_DISK_JOURNAL");
    folder = getenv("ROTOR_DISK_FOLDER");
    unsynced = getenv("ROTOR_DISK_UNSYNCED");
    if (name == NULL || folder == NULL) return;
    journal = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (journal < 0) end_process("disk journal: cannot make its file\n");
}

/* Of the vectors, the first so many bytes. */
static void record(struct disk_journal_entry entry, const char *path, const struct iovec *vectors, size_t bytes) {
    struct iovec parts[IOV_MAX];
    int count = 2;
    entry.path_bytes = path ? (uint32_t)strlen(path) : 0;
    entry.data_bytes = (uint32_t)bytes;
    size_t total = sizeof entry + entry.path_bytes + bytes;
    parts[0] = (struct iovec){&entry, sizeof entry};
    parts[1] = (struct iovec){(void *)path, entry.path_bytes};
    for (; bytes > 0; vectors++) {
        if (count == IOV_MAX) end_process("disk journal: too many vectors\n");
        size_t part = vectors->iov_len < bytes ? vectors->iov_len : bytes;
        parts[count++] = (struct iovec){vectors->iov_base, part};
        bytes -= part;
    }
    if (syscall(SYS_writev, journal, parts, count) != (long)total) end_process("disk journal: cannot be written\n");
}

static int flags_of(int descriptor) {
    return descriptor >= 0 && descriptor < (int)sizeof known ? known[descriptor] : 0;
}

/* What an engine without syncs leaves out; that its folder is synced is the adapter's doing. */
static int is_unsynced(int descriptor, const char *path) {
    struct stat status;
    return is_below(path, unsynced) && fstat(descriptor, &status) == 0 && !S_ISDIR(status.st_mode);
}

static int is_watched(const char *path) { return journal >= 0 && path != NULL && is_below(path, folder); }

static int finish(int error, long result) {
    errno = error;
    return (int)result;
}

/* MARK: Names */

static int open_file(int place, const char *path, int flags, mode_t mode) {
    pthread_mutex_lock(&lock);
    long result = syscall(SYS_openat, place, path, flags, mode);
    int error = errno;
    if (result >= 0 && result < (long)sizeof known) {
        known[result] = 0;
        if (is_watched(path)) {
            known[result] = (unsigned char)(BELOW | ((flags & (O_DSYNC | O_SYNC)) ? WRITES_THROUGH : 0)
                                            | (is_unsynced((int)result, path) ? UNSYNCED : 0));
            record((struct disk_journal_entry){.kind = DISK_OPENED, .descriptor = (int)result, .offset = flags}, path,
                   NULL, 0);
        } else if (path[0] != '/' && (flags_of(place) & BELOW)) {
            record((struct disk_journal_entry){.kind = DISK_UNKNOWN}, "openat below a folder", NULL, 0);
        }
    } else if (result >= 0) {
        end_process("disk journal: a descriptor beyond its table\n");
    }
    pthread_mutex_unlock(&lock);
    return finish(error, result);
}

static mode_t mode_argument(int flags, va_list list) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, mode_t) : 0;
}

#define OPENS(name)                                                     \
    int name(const char *path, int flags, ...) {                       \
        va_list list;                                                   \
        va_start(list, flags);                                          \
        mode_t mode = mode_argument(flags, list);                       \
        va_end(list);                                                   \
        return open_file(AT_FDCWD, path, flags, mode);                  \
    }
#define OPENS_AT(name)                                                  \
    int name(int place, const char *path, int flags, ...) {            \
        va_list list;                                                   \
        va_start(list, flags);                                          \
        mode_t mode = mode_argument(flags, list);                       \
        va_end(list);                                                   \
        return open_file(place, path, flags, mode);                     \
    }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)
/* What fortified programs call in their place. */
int __open_2(const char *path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
int creat(const char *path, mode_t mode) { return open_file(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open_file(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode); }

int close(int descriptor) {
    pthread_mutex_lock(&lock);
    if (flags_of(descriptor)) known[descriptor] = 0;
    long result = syscall(SYS_close, descriptor);
    int error = errno;
    pthread_mutex_unlock(&lock);
    return finish(error, result);
}

/* Relative paths are taken as they are: the engines and the tests have none. */
static int change_name(uint32_t kind, long call, int place, const char *path, int flags, const char *target) {
    pthread_mutex_lock(&lock);
    long result = kind == DISK_RENAMED ? syscall(call, place, path, place, target, flags)
                                       : syscall(call, place, path, flags);
    int error = errno;
    if (result == 0 && (is_watched(path) || (target && is_watched(target)))) {
        struct iovec vector = {(void *)target, target ? strlen(target) : 0};
        record((struct disk_journal_entry){.kind = kind}, path, &vector, vector.iov_len);
    } else if (result == 0 && path[0] != '/' && (flags_of(place) & BELOW)) {
        record((struct disk_journal_entry){.kind = DISK_UNKNOWN}, "a name below a folder", NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return finish(error, result);
}

int rename(const char *path, const char *target) {
    return change_name(DISK_RENAMED, SYS_renameat2, AT_FDCWD, path, 0, target);
}
int unlink(const char *path) { return change_name(DISK_REMOVED, SYS_unlinkat, AT_FDCWD, path, 0, NULL); }
int rmdir(const char *path) { return change_name(DISK_REMOVED, SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR, NULL); }
int unlinkat(int place, const char *path, int flags) {
    return change_name(DISK_REMOVED, SYS_unlinkat, place, path, flags, NULL);
}
int mkdir(const char *path, mode_t mode) {
    return change_name(DISK_FOLDER_MADE, SYS_mkdirat, AT_FDCWD, path, (int)mode, NULL);
}

static void record_unknown(const char *call, const char *path, const char *target) {
    if (!is_watched(path) && !is_watched(target)) return;
    pthread_mutex_lock(&lock);
    record((struct disk_journal_entry){.kind = DISK_UNKNOWN}, call, NULL, 0);
    pthread_mutex_unlock(&lock);
}

int renameat(int place, const char *path, int target_place, const char *target) {
    record_unknown("renameat", path, target);
    return (int)syscall(SYS_renameat2, place, path, target_place, target, 0);
}
int renameat2(int place, const char *path, int target_place, const char *target, unsigned flags) {
    record_unknown("renameat2", path, target);
    return (int)syscall(SYS_renameat2, place, path, target_place, target, flags);
}
int link(const char *path, const char *target) {
    record_unknown("link", path, target);
    return (int)syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, target, 0);
}
int symlink(const char *path, const char *target) {
    record_unknown("symlink", path, target);
    return (int)syscall(SYS_symlinkat, path, AT_FDCWD, target);
}

/* MARK: Contents */

/* At the file's own place where `offset` is below 0. */
static ssize_t write_file(int descriptor, const struct iovec *vectors, int count, off_t offset) {
    if (journal < 0 || (!flags_of(descriptor) && descriptor != STDOUT_FILENO)) {
        return offset < 0 ? syscall(SYS_writev, descriptor, vectors, count)
                          : syscall(SYS_pwritev, descriptor, vectors, count, offset, 0L);
    }
    pthread_mutex_lock(&lock);
    int flags = flags_of(descriptor);
    if (!flags) {
        size_t bytes = 0;
        for (int index = 0; index < count; index++) bytes += vectors[index].iov_len;
        record((struct disk_journal_entry){.kind = DISK_SAID}, NULL, vectors, bytes);
    }
    long result = offset < 0 ? syscall(SYS_writev, descriptor, vectors, count)
                             : syscall(SYS_pwritev, descriptor, vectors, count, offset, 0L);
    int error = errno;
    if (result > 0 && flags) {
        /* write(2): the offset is advanced by the bytes written, also with O_APPEND. */
        if (offset < 0) offset = syscall(SYS_lseek, descriptor, 0L, SEEK_CUR) - result;
        struct disk_journal_entry entry = {.kind = DISK_WRITTEN, .descriptor = descriptor, .offset = offset};
        record(entry, NULL, vectors, (size_t)result);
        if ((flags & WRITES_THROUGH) && !(flags & UNSYNCED)) {
            entry.kind = DISK_DURABLE;
            entry.length = result;
            record(entry, NULL, NULL, 0);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

static ssize_t write_bytes(int descriptor, const void *bytes, size_t length, off_t offset) {
    struct iovec vector = {(void *)bytes, length};
    return write_file(descriptor, &vector, 1, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t length) { return write_bytes(descriptor, bytes, length, -1); }
ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
    return write_bytes(descriptor, bytes, length, offset);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off_t offset) {
    return write_bytes(descriptor, bytes, length, offset);
}
ssize_t writev(int descriptor, const struct iovec *vectors, int count) {
    return write_file(descriptor, vectors, count, -1);
}
ssize_t pwritev(int descriptor, const struct iovec *vectors, int count, off_t offset) {
    return write_file(descriptor, vectors, count, offset);
}
ssize_t pwritev64(int descriptor, const struct iovec *vectors, int count, off_t offset) {
    return write_file(descriptor, vectors, count, offset);
}

static int set_length(int descriptor, const char *path, off_t length) {
    pthread_mutex_lock(&lock);
    long result = path ? syscall(SYS_truncate, path, length) : syscall(SYS_ftruncate, descriptor, length);
    int error = errno;
    if (result == 0 && (path ? is_watched(path) : flags_of(descriptor))) {
        record((struct disk_journal_entry){.kind = DISK_LENGTH, .descriptor = descriptor, .length = length}, path,
               NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return finish(error, result);
}

int ftruncate(int descriptor, off_t length) { return set_length(descriptor, NULL, length); }
int ftruncate64(int descriptor, off_t length) { return set_length(descriptor, NULL, length); }
int truncate(const char *path, off_t length) { return set_length(-1, path, length); }
int truncate64(const char *path, off_t length) { return set_length(-1, path, length); }

static int allocate(int descriptor, int mode, off_t offset, off_t length) {
    pthread_mutex_lock(&lock);
    long result = syscall(SYS_fallocate, descriptor, mode, offset, length);
    int error = errno;
    if (result == 0 && flags_of(descriptor)) {
        uint32_t kind = mode == 0 ? DISK_ALLOCATED : DISK_UNKNOWN;
        struct disk_journal_entry entry = {
            .kind = kind, .descriptor = descriptor, .offset = offset, .length = length};
        record(entry, mode == 0 ? NULL : "fallocate with a mode", NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return finish(error, result);
}

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
    return allocate(descriptor, mode, offset, length);
}
int fallocate64(int descriptor, int mode, off_t offset, off_t length) {
    return allocate(descriptor, mode, offset, length);
}
/* posix_fallocate(3) "returns zero on success, or an error number on failure. Note that errno is not set." */
int posix_fallocate(int descriptor, off_t offset, off_t length) {
    int before = errno;
    int code = allocate(descriptor, 0, offset, length) == 0 ? 0 : errno;
    return finish(before, code);
}
int posix_fallocate64(int descriptor, off_t offset, off_t length) {
    return posix_fallocate(descriptor, offset, length);
}

static void *map(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
    void *result = (void *)syscall(SYS_mmap, address, length, protection, flags, descriptor, offset);
    int error = errno;
    if (result != MAP_FAILED && (flags & MAP_SHARED) && (protection & PROT_WRITE) && flags_of(descriptor)) {
        pthread_mutex_lock(&lock);
        record((struct disk_journal_entry){
                   .kind = DISK_MAPPED, .descriptor = descriptor, .offset = offset, .length = (int64_t)length},
               NULL, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = error;
    return result;
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
    return map(address, length, protection, flags, descriptor, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
    return map(address, length, protection, flags, descriptor, offset);
}

/* MARK: Syncs. msync and sync_file_range are not here: of a mapped file nothing is taken for durable, and the latter,
 * sync_file_range(2) says, gives no "guarantees that the data will be available after a crash". */

static int sync_file(long call, int descriptor) {
    int flags = flags_of(descriptor);
    if (!flags) return (int)syscall(call, descriptor);
    if (flags & UNSYNCED) return 0;
    pthread_mutex_lock(&lock);
    struct disk_journal_entry entry = {.kind = DISK_SYNC_BEGUN, .descriptor = descriptor, .offset = ++syncs};
    record(entry, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    long result = syscall(call, descriptor);
    int error = errno;
    if (result == 0) {
        pthread_mutex_lock(&lock);
        entry.kind = DISK_SYNC_ENDED;
        record(entry, NULL, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return finish(error, result);
}

int fsync(int descriptor) { return sync_file(SYS_fsync, descriptor); }
int fdatasync(int descriptor) { return sync_file(SYS_fdatasync, descriptor); }
