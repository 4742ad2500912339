#ifndef ROTOR_CSQLITE_SHIM_H
#define ROTOR_CSQLITE_SHIM_H
#include <sqlite3.h>
#endif
