#pragma once

#include <errno.h>

// A write that finds no space may be tried again, a sync that fails must not: the kernel tells of lost bytes once. The
// library returns the same numbers (ENOSPC, EDQUOT, EIO) for both, and calls fdatasync again after EIO. So its syncs go
// through here, once each, and a failed one has a number that nothing else has.
#define ROTOR_BDB_SYNC_FAILED EREMOTEIO

// Of the pages of Rotor's databases.
#define ROTOR_BDB_PAGE_BYTES (16 << 10)

// How Berkeley DB opens, writes and syncs its files. All for the whole process, before the first environment. They
// return 0, or what is wrong.
int bdb_use_own_sync(void);
int bdb_use_own_open(void);
int bdb_use_own_writes(void);
