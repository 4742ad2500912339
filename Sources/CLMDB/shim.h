#ifndef ROTOR_CLMDB_SHIM_H
#define ROTOR_CLMDB_SHIM_H
#include <lmdb.h>
#endif
