#ifndef ROTOR_CBDB_SHIM_H
#define ROTOR_CBDB_SHIM_H
// db.h uses u_int and friends without including their header.
#include <sys/types.h>
#include <db.h>
#endif
