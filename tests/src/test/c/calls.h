/* What the items of `calls` share. */
#ifndef CALLS_H
#define CALLS_H

#include "maptest.h"

#define HOLE (-1)
#define RW (PROT_READ | PROT_WRITE)

/* A new file DIR/item of some pages, all holes or all of one byte and durable, and its mapping. */
char *fresh(const char *directory, long pages, int content, int *fd);

/* The byte of the file at an offset, by pread; -1 behind its end. */
int byte_at(int fd, off_t offset);

#define CHECK_LOADED(address, expected)                                                    \
    do {                                                                                   \
        unsigned char seen_ = 0;                                                           \
        const char *answer_ = try_load(address, &seen_);                                   \
        if (strcmp(answer_, "ok") != 0) {                                                  \
            return problem("line %d: load: %s", __LINE__, answer_);                        \
        }                                                                                  \
        if (seen_ != (unsigned char)(expected)) {                                          \
            return problem("line %d: loaded %d, not %d", __LINE__, seen_, (int)(expected)); \
        }                                                                                  \
    } while (0)
#define CHECK_FILE(fd, offset, expected)                                                              \
    do {                                                                                              \
        int seen_ = byte_at(fd, offset);                                                              \
        if (seen_ != (int)(expected)) {                                                               \
            return problem("line %d: pread sees %d, not %d", __LINE__, seen_, (int)(expected));       \
        }                                                                                             \
    } while (0)
#define CHECK_ANSWER(answer, expected)                                                           \
    do {                                                                                         \
        const char *got_ = answer;                                                               \
        if (strcmp(got_, expected) != 0) {                                                       \
            return problem("line %d: %s, not %s", __LINE__, got_, expected);                     \
        }                                                                                        \
    } while (0)
#define CHECK_OK(call)                                                                           \
    do {                                                                                         \
        if ((call) < 0) {                                                                        \
            return problem("line %d: %s: %s", __LINE__, #call, errno_name(errno));               \
        }                                                                                        \
    } while (0)

#endif
