/*
 * Calls by which the kernel fills in small structures, as access.c for buffers. A heap in a mapped file
 * has them anywhere. What is not here works if the page was stored to before, which is the rule for
 * memory that an allocator gave out.
 */
#include "access.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* A name: read here first, since its length is known only then. */
static bool text(const char *string)
{
    uintptr_t at = (uintptr_t)string;
    while (string && areas_near(at, at + 1)) {
        if (!loads((const void *)at, 1))
            return false;
        for (const char *c = (const char *)at; (uintptr_t)c < ROUND_DOWN(at, PAGE) + PAGE; c++)
            if (!*c)
                return true;
        at = ROUND_DOWN(at, PAGE) + PAGE;
    }
    return false;
}

static bool result_of(void *structure, size_t bytes)
{
    return structure && stores(structure, bytes);
}

static bool name_of_socket(void *name, socklen_t *length)
{
    return result_of(length, sizeof *length) | (length && result_of(name, *length));
}

#define WRAP(type, name, parameters, arguments, prepare) \
    EXPORT type name parameters                          \
    {                                                    \
        CALL(prepare, NEXT(name) arguments);             \
    }

WRAP(int, stat, (const char *restrict path, struct stat *restrict s), (path, s),
     text(path) | stores(s, sizeof *s))
WRAP(int, stat64, (const char *restrict path, struct stat64 *restrict s), (path, s),
     text(path) | stores(s, sizeof *s))
WRAP(int, lstat, (const char *restrict path, struct stat *restrict s), (path, s),
     text(path) | stores(s, sizeof *s))
WRAP(int, lstat64, (const char *restrict path, struct stat64 *restrict s), (path, s),
     text(path) | stores(s, sizeof *s))
WRAP(int, fstat, (int fd, struct stat *s), (fd, s), stores(s, sizeof *s))
WRAP(int, fstat64, (int fd, struct stat64 *s), (fd, s), stores(s, sizeof *s))
WRAP(int, fstatat, (int fd, const char *restrict path, struct stat *restrict s, int flags),
     (fd, path, s, flags), text(path) | stores(s, sizeof *s))
WRAP(int, fstatat64, (int fd, const char *restrict path, struct stat64 *restrict s, int flags),
     (fd, path, s, flags), text(path) | stores(s, sizeof *s))
WRAP(int, statfs, (const char *path, struct statfs *s), (path, s), text(path) | stores(s, sizeof *s))
WRAP(int, fstatfs, (int fd, struct statfs *s), (fd, s), stores(s, sizeof *s))
WRAP(char *, getcwd, (char *buffer, size_t size), (buffer, size), buffer && stores(buffer, size))
WRAP(ssize_t, readlink, (const char *restrict path, char *restrict buffer, size_t size),
     (path, buffer, size), text(path) | stores(buffer, size))
WRAP(ssize_t, readlinkat, (int fd, const char *restrict path, char *restrict buffer, size_t size),
     (fd, path, buffer, size), text(path) | stores(buffer, size))
WRAP(int, pipe, (int ends[2]), (ends), stores(ends, 2 * sizeof(int)))
WRAP(int, pipe2, (int ends[2], int flags), (ends, flags), stores(ends, 2 * sizeof(int)))
WRAP(int, socketpair, (int domain, int type, int protocol, int ends[2]), (domain, type, protocol, ends),
     stores(ends, 2 * sizeof(int)))
WRAP(int, getsockopt, (int fd, int level, int option, void *restrict value, socklen_t *restrict length),
     (fd, level, option, value, length), name_of_socket(value, length))
WRAP(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t length),
     (fd, level, option, value, length), loads(value, length))
WRAP(int, poll, (struct pollfd *fds, nfds_t count, int timeout), (fds, count, timeout),
     stores(fds, count * sizeof *fds))
WRAP(int, epoll_wait, (int fd, struct epoll_event *events, int count, int timeout),
     (fd, events, count, timeout), count > 0 && stores(events, (size_t)count * sizeof *events))
WRAP(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event),
     (epoll, operation, fd, event), event && loads(event, sizeof *event))
WRAP(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options),
     result_of(status, sizeof *status))
WRAP(pid_t, wait4, (pid_t pid, int *status, int options, struct rusage *usage),
     (pid, status, options, usage),
     result_of(status, sizeof *status) | result_of(usage, sizeof *usage))
WRAP(int, uname, (struct utsname *names), (names), stores(names, sizeof *names))
/* The kernel puts the frames of handlers there. */
WRAP(int, sigaltstack, (const stack_t *restrict stack, stack_t *restrict old), (stack, old),
     result_of(old, sizeof *old) | (stack && stores(stack->ss_sp, stack->ss_size)))

#define OPEN(name, parameters, arguments)         \
    EXPORT int name parameters                    \
    {                                             \
        va_list list;                             \
        va_start(list, flags);                    \
        unsigned mode = va_arg(list, unsigned);   \
        va_end(list);                             \
        CALL(text(path), NEXT(name) arguments);   \
    }

OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int fd, const char *path, int flags, ...), (fd, path, flags, mode))
OPEN(openat64, (int fd, const char *path, int flags, ...), (fd, path, flags, mode))

EXPORT int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    size_t bytes = _IOC_SIZE(request); /* old requests do not tell */
    CALL(bytes > 0 && areas_near((uintptr_t)argument, (uintptr_t)argument + bytes) &&
             (_IOC_DIR(request) & _IOC_READ ? stores(argument, bytes) : loads(argument, bytes)),
         NEXT(ioctl)(fd, request, argument));
}
