#include "bdb_files.h"

#include <sys/types.h>
#include <db.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
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

int bdb_use_own_sync(void) { return db_env_set_func_fsync(rotor_bdb_sync); }
int bdb_use_own_open(void) { return db_env_set_func_open(rotor_bdb_open); }
