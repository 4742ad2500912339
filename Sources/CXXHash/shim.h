#ifndef ROTOR_CXXHASH_SHIM_H
#define ROTOR_CXXHASH_SHIM_H
#include <xxhash.h>
#endif
