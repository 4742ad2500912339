#ifndef ROTOR_SYNC_FAULTS_H
#define ROTOR_SYNC_FAULTS_H

/* Makes the next sync through each open file below one folder fail with EIO; NULL ends it. So it is where the disk has
 * refused a write: the kernel tells each open file once, and the sync after that succeeds.
 *
 * This program's own fdatasync and fsync come before the C library's for every shared library in it, so for the
 * engines' too: nothing in the engines knows of the tests. One test at a time. */
void sync_faults_below(const char *folder);

/* How many syncs have failed since the folder was named. */
int sync_faults_count(void);

#endif
