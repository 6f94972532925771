/*
 * The library's own descriptors: high numbers, closed at exec, and protected. A program may close all
 * numbers it does not know (daemons, shells do), and put its own at any number with dup2.
 */
#include "fusedax.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_DESCRIPTORS (1 << 20)

_Atomic bool record_locks_used;

static _Atomic uint64_t ours[MAX_DESCRIPTORS / 64];
static _Atomic size_t count;

bool descriptor_is_ours(int fd)
{
    return UNLIKELY(count != 0) && fd >= 0 && fd < MAX_DESCRIPTORS && (ours[fd / 64] >> (fd % 64) & 1);
}

int descriptor_copy(int fd)
{
    struct rlimit limit = {0, 0};
    SYS4(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
    rlim_t top = limit.rlim_cur < MAX_DESCRIPTORS ? limit.rlim_cur : MAX_DESCRIPTORS;
    rlim_t floor = top > 4096 ? 3072 : top / 2; /* the kernel's table grows with the highest number */
    long copy;
    do {
        copy = SYS3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, floor);
        floor /= 2;
    } while (is_error(copy) && floor > 2);
    if (is_error(copy))
        return (int)copy;
    if (copy < MAX_DESCRIPTORS) {
        atomic_fetch_or(&ours[copy / 64], 1ull << (copy % 64));
        count++;
    }
    return (int)copy;
}

int descriptor_keep(int fd)
{
    int copy = descriptor_copy(fd);
    if (copy < 0)
        return fd; /* unprotected, better than nothing */
    SYS1(SYS_close, fd);
    return copy;
}

void descriptor_close(int fd)
{
    if (descriptor_is_ours(fd)) {
        atomic_fetch_and(&ours[fd / 64], ~(1ull << (fd % 64)));
        count--;
    }
    SYS1(SYS_close, fd);
}

/* The program's descriptor of a file of ours is closed: idle descriptors of the file may follow. */
static void before_close(int fd, struct identity *identity)
{
    identity->mount = NULL;
    if (UNLIKELY(files_idle != 0))
        identify(fd, identity);
}

static void after_close(const struct identity *identity)
{
    if (UNLIKELY(identity->mount != NULL)) {
        int saved = errno;
        files_sweep(identity->mount, identity->inode);
        errno = saved;
    }
}

EXPORT int close(int fd)
{
    struct identity identity;
    if (descriptor_is_ours(fd)) {
        errno = EBADF;
        return -1;
    }
    before_close(fd, &identity);
    int result = NEXT(close)(fd);
    after_close(&identity);
    return result;
}

static bool make_room(int from, int to)
{
    if (descriptor_is_ours(from)) {
        errno = EBADF;
        return false;
    }
    /* In a child of vfork the memory is still the parent's, but not the descriptors. */
    if (descriptor_is_ours(to) && from != to && SYS0(SYS_getpid) == process_id)
        files_move_descriptor(to);
    return true;
}

EXPORT int dup2(int from, int to)
{
    return make_room(from, to) ? NEXT(dup2)(from, to) : -1;
}

EXPORT int dup3(int from, int to, int flags)
{
    return make_room(from, to) ? NEXT(dup3)(from, to, flags) : -1;
}

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
    if (count == 0 || first > last || (flags & CLOSE_RANGE_CLOEXEC))
        return (int)answer(SYS3(SYS_close_range, first, last, flags));
    long result = 0;
    unsigned int from = first;
    for (unsigned int fd = first; fd <= last && fd < MAX_DESCRIPTORS && !is_error(result); fd++) {
        if (fd % 64 == 0 && ours[fd / 64] == 0 && last - fd >= 64) {
            fd += 63;
            continue;
        }
        if (!descriptor_is_ours((int)fd))
            continue;
        if (fd > from)
            result = SYS3(SYS_close_range, from, fd - 1, flags);
        from = fd + 1;
    }
    if (!is_error(result) && from <= last && from >= first)
        result = SYS3(SYS_close_range, from, last, flags);
    return (int)answer(result);
}

EXPORT void closefrom(int low)
{
    close_range(low < 0 ? 0 : (unsigned int)low, ~0u, 0);
}

/* Only noticed: whether the program uses POSIX record locks, see files.c. */
static int control(__typeof__(&fcntl) next, int fd, int command, void *argument)
{
    if (command == F_SETLK || command == F_SETLKW)
        record_locks_used = true;
    return next(fd, command, argument);
}

EXPORT int fcntl(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return control(NEXT(fcntl), fd, command, argument);
}

EXPORT int fcntl64(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return control(NEXT(fcntl64), fd, command, argument);
}

EXPORT int lockf(int fd, int command, off_t length)
{
    record_locks_used = true;
    return NEXT(lockf)(fd, command, length);
}

EXPORT int lockf64(int fd, int command, off64_t length)
{
    record_locks_used = true;
    return NEXT(lockf64)(fd, command, length);
}
