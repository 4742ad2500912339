#ifndef ROTOR_DISK_JOURNAL_H
#define ROTOR_DISK_JOURNAL_H

#include <stdint.h>

/* A library to be preloaded (ld.so(8), LD_PRELOAD) into a process that writes below one folder: it writes down, in
 * their order, what happens to the files there and what was synced, for a test that makes the folder as a power cut
 * may leave it. What a call did is written after the call, and what has failed is not; a sync has two entries, and
 * covers what was written before the first once the second is there.
 *
 *   ROTOR_DISK_JOURNAL   the journal's file, which must not be below the folder
 *   ROTOR_DISK_FOLDER    the folder, an absolute path
 *   ROTOR_DISK_UNSYNCED  optional: below this path syncs of files do nothing, and say that they did
 *
 * An entry is this head, in the machine's byte order, then the path, then the bytes. */
struct disk_journal_entry {
    uint32_t kind;
    int32_t descriptor;
    int64_t offset;
    int64_t length;
    uint32_t path_bytes;
    uint32_t data_bytes;
};

enum disk_journal_kind {
    DISK_OPENED = 1,  /* descriptor, path, offset: flags */
    DISK_WRITTEN,     /* descriptor, offset, bytes */
    DISK_LENGTH,      /* descriptor or path, length */
    DISK_ALLOCATED,   /* descriptor, offset, length */
    DISK_RENAMED,     /* path, bytes: the new path */
    DISK_REMOVED,     /* path: of a file or an empty folder */
    DISK_FOLDER_MADE, /* path */
    DISK_SYNC_BEGUN,  /* descriptor, offset: the sync's number */
    DISK_SYNC_ENDED,  /* offset: the sync's number */
    DISK_DURABLE,     /* descriptor, offset, length: written through O_DSYNC or O_SYNC */
    DISK_MAPPED,      /* descriptor, offset, length: from now on memory writes to the file, unseen */
    DISK_SAID,        /* bytes on standard output, before they are there */
    DISK_UNKNOWN,     /* path: a call that this journal cannot tell */
};

#endif
