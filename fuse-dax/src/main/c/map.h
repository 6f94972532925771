/* Placing mappings: shared by map.c, remap.c and advise.c. */
#ifndef FUSEDAX_MAP_H
#define FUSEDAX_MAP_H

#include "fusedax.h"

#include <sys/types.h>

#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* Reserves addresses as the flags of mmap want them, with the offset's phase. Under table_lock. */
long place_area(uintptr_t hint, size_t length, uint64_t offset, int flags, uintptr_t unit);

bool whole_units(uintptr_t start, uintptr_t *end);

/* The kernel's mmap; areas below a MAP_FIXED are forgotten. */
long kernel_map(uintptr_t address, size_t length, int prot, int flags, int fd, uint64_t offset);

#endif
