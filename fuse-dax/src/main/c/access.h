/* How calls are wrapped whose memory the kernel touches: access.c, structures.c. */
#ifndef FUSEDAX_ACCESS_H
#define FUSEDAX_ACCESS_H

#include "fusedax.h"

#include <errno.h>

#define ATTEMPTS 4

/* The kernel stores into, or loads from, memory. True if any of it is in an area. */
static inline bool stores(const void *memory, size_t length)
{
    return prefault(memory, length, ACCESS_WRITE, NULL);
}

static inline bool loads(const void *memory, size_t length)
{
    return prefault(memory, length, ACCESS_READ, NULL);
}

/* CALL, after PREPARE, which tells whether areas are concerned. */
#define CALL(prepare, call)                                                                \
    do {                                                                                   \
        if (LIKELY(atomic_load_explicit(&area_count, memory_order_relaxed) == 0))          \
            return call;                                                                   \
        for (int attempt_ = 1;; attempt_++) {                                              \
            bool ours_ = prepare;                                                          \
            __auto_type result_ = call;                                                    \
            if (!ours_ || (long)result_ != -1 || errno != EFAULT || attempt_ == ATTEMPTS)  \
                return result_;                                                            \
        }                                                                                  \
    } while (0)

/* As CALL for stdio, which gathers in memory of its own: it cannot be repeated. */
#define CALL_ONCE(prepare, call)                                                  \
    do {                                                                          \
        if (UNLIKELY(atomic_load_explicit(&area_count, memory_order_relaxed)))    \
            (void)(prepare);                                                      \
        return call;                                                              \
    } while (0)

#endif
