#include "bdb_files.h"

#include <sys/types.h>
#include <db.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int rotor_bdb_sync(int descriptor) {
    int code;
    do {
        code = fdatasync(descriptor);
    } while (code != 0 && errno == EINTR);
    return code == 0 ? 0 : ROTOR_BDB_SYNC_FAILED;
}

// The library never syncs a folder, also not for the next file of its log. fsync(2): "Calling fsync() does not
// necessarily ensure that the entry in the directory containing the file has also reached disk." Without its entry a
// file of the log is lost with every commit in it.
static int rotor_bdb_sync_folder(const char *path) {
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        size_t length = slash == path ? 1 : (size_t)(slash - path);
        if (length >= sizeof folder) return ENAMETOOLONG;
        memcpy(folder, path, length);
        folder[length] = '\0';
    }
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return errno;
    int code = fsync(descriptor) == 0 ? 0 : ROTOR_BDB_SYNC_FAILED;
    close(descriptor);
    return code;
}

static int rotor_bdb_open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = va_arg(list, int);
    va_end(list);
    int descriptor = flags & O_EXCL ? -1 : open(path, flags & ~O_CREAT, mode);
    if (descriptor >= 0 || !(flags & O_CREAT) || (!(flags & O_EXCL) && errno != ENOENT)) return descriptor;
    descriptor = open(path, flags, mode);
    if (descriptor < 0) return descriptor;
    int code = rotor_bdb_sync_folder(path);
    if (code == 0) return descriptor;
    close(descriptor);
    errno = code;
    return -1;
}

// A page that is written in part, for want of space, is one with a wrong checksum, and a file that ends with it is no
// longer opened, "file size not a multiple of the pagesize". So a file gets the space for all pages up to a new one
// before any of them is written: all of it or none.
static int make_room(int descriptor, size_t count, off_t offset) {
    struct stat status;
    if (count != ROTOR_BDB_PAGE_BYTES || offset % ROTOR_BDB_PAGE_BYTES != 0) return 0;
    if (fstat(descriptor, &status) != 0) return errno;
    off_t end = offset + (off_t)count;
    return end <= status.st_size ? 0 : posix_fallocate(descriptor, status.st_size, end - status.st_size);
}

static ssize_t rotor_bdb_pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    int code = make_room(descriptor, count, offset);
    if (code != 0) {
        errno = code;
        return -1;
    }
    size_t done = 0;
    while (done < count) {
        ssize_t written = pwrite(descriptor, (const char *)bytes + done, count - done, offset + (off_t)done);
        if (written > 0) {
            done += (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            return -1;
        }
    }
    return (ssize_t)count;
}

// What the library tries where the other failed.
static ssize_t rotor_bdb_write(int descriptor, const void *bytes, size_t count) {
    off_t offset = lseek(descriptor, 0, SEEK_CUR);
    if (offset < 0) return -1;
    ssize_t written = rotor_bdb_pwrite(descriptor, bytes, count, offset);
    if (written > 0 && lseek(descriptor, offset + (off_t)written, SEEK_SET) < 0) return -1;
    return written;
}

int bdb_use_own_writes(void) {
    int code = db_env_set_func_pwrite(rotor_bdb_pwrite);
    return code ? code : db_env_set_func_write(rotor_bdb_write);
}
int bdb_use_own_sync(void) { return db_env_set_func_fsync(rotor_bdb_sync); }
int bdb_use_own_open(void) { return db_env_set_func_open(rotor_bdb_open); }
