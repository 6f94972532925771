/*
 * Calls by which the kernel touches the program's memory. An access of the kernel's to a page that was
 * not granted yet does not trap, it fails with EFAULT, or ends short; so the pages are made accessible
 * before. A revocation may come between: then once more. Without areas all this costs one load.
 *
 * The _chk functions are what programs built with _FORTIFY_SOURCE call instead.
 */
#include "access.h"

#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#undef fread_unlocked
#undef fwrite_unlocked

static bool vector(const struct iovec *parts, int count, bool (*touch)(const void *, size_t))
{
    bool ours = count > 0 && loads(parts, (size_t)count * sizeof *parts);
    for (int i = 0; i < count; i++)
        ours |= touch(parts[i].iov_base, parts[i].iov_len);
    return ours;
}

static bool message(const struct msghdr *message, bool (*touch)(const void *, size_t))
{
    bool ours = touch(message, sizeof *message);
    ours |= vector(message->msg_iov, (int)message->msg_iovlen, touch);
    if (message->msg_name)
        ours |= touch(message->msg_name, message->msg_namelen);
    if (message->msg_control)
        ours |= touch(message->msg_control, message->msg_controllen);
    return ours;
}

static bool messages(const struct mmsghdr *list, unsigned count, bool (*touch)(const void *, size_t))
{
    bool ours = false;
    for (unsigned i = 0; i < count; i++)
        ours |= message(&list[i].msg_hdr, touch) | stores(&list[i].msg_len, sizeof list[i].msg_len);
    return ours;
}

/* ---- the kernel stores ---- */

EXPORT ssize_t read(int fd, void *buffer, size_t length)
{
    CALL(stores(buffer, length), NEXT(read)(fd, buffer, length));
}

EXPORT ssize_t pread(int fd, void *buffer, size_t length, off_t offset)
{
    CALL(stores(buffer, length), NEXT(pread)(fd, buffer, length, offset));
}

EXPORT ssize_t pread64(int fd, void *buffer, size_t length, off64_t offset)
{
    CALL(stores(buffer, length), NEXT(pread64)(fd, buffer, length, offset));
}

EXPORT ssize_t readv(int fd, const struct iovec *parts, int count)
{
    CALL(vector(parts, count, stores), NEXT(readv)(fd, parts, count));
}

EXPORT ssize_t preadv(int fd, const struct iovec *parts, int count, off_t offset)
{
    CALL(vector(parts, count, stores), NEXT(preadv)(fd, parts, count, offset));
}

EXPORT ssize_t preadv64(int fd, const struct iovec *parts, int count, off64_t offset)
{
    CALL(vector(parts, count, stores), NEXT(preadv64)(fd, parts, count, offset));
}

EXPORT ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    CALL(vector(parts, count, stores), NEXT(preadv2)(fd, parts, count, offset, flags));
}

EXPORT ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags)
{
    CALL(vector(parts, count, stores), NEXT(preadv64v2)(fd, parts, count, offset, flags));
}

EXPORT ssize_t recv(int fd, void *buffer, size_t length, int flags)
{
    CALL(stores(buffer, length), NEXT(recv)(fd, buffer, length, flags));
}

EXPORT ssize_t recvfrom(int fd, void *buffer, size_t length, int flags, __SOCKADDR_ARG from, socklen_t *size)
{
    CALL(stores(buffer, length), NEXT(recvfrom)(fd, buffer, length, flags, from, size));
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *header, int flags)
{
    CALL(message(header, stores), NEXT(recvmsg)(fd, header, flags));
}

EXPORT int recvmmsg(int fd, struct mmsghdr *list, unsigned int count, int flags, struct timespec *timeout)
{
    CALL(messages(list, count, stores), NEXT(recvmmsg)(fd, list, count, flags, timeout));
}

EXPORT ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
    CALL(stores(buffer, length), NEXT(getrandom)(buffer, length, flags));
}

EXPORT size_t fread(void *buffer, size_t size, size_t count, FILE *stream)
{
    CALL_ONCE(stores(buffer, size * count), NEXT(fread)(buffer, size, count, stream));
}

EXPORT size_t fread_unlocked(void *buffer, size_t size, size_t count, FILE *stream)
{
    CALL_ONCE(stores(buffer, size * count), NEXT(fread_unlocked)(buffer, size, count, stream));
}

#define CHECKED(type, name, parameters, arguments, memory, bytes)  \
    type name parameters;                                          \
    EXPORT type name parameters                                    \
    {                                                              \
        CALL(stores(memory, bytes), NEXT(name) arguments);         \
    }

CHECKED(ssize_t, __read_chk, (int fd, void *b, size_t n, size_t size), (fd, b, n, size), b, n)
CHECKED(ssize_t, __pread_chk, (int fd, void *b, size_t n, off_t at, size_t size), (fd, b, n, at, size), b, n)
CHECKED(ssize_t, __pread64_chk, (int fd, void *b, size_t n, off64_t at, size_t size),
        (fd, b, n, at, size), b, n)
CHECKED(ssize_t, __recv_chk, (int fd, void *b, size_t n, size_t size, int flags),
        (fd, b, n, size, flags), b, n)
CHECKED(ssize_t, __recvfrom_chk,
        (int fd, void *b, size_t n, size_t size, int flags, void *from, socklen_t *length),
        (fd, b, n, size, flags, from, length), b, n)

size_t __fread_chk(void *buffer, size_t room, size_t size, size_t count, FILE *stream);
EXPORT size_t __fread_chk(void *buffer, size_t room, size_t size, size_t count, FILE *stream)
{
    CALL_ONCE(stores(buffer, size * count), NEXT(__fread_chk)(buffer, room, size, count, stream));
}

size_t __fread_unlocked_chk(void *buffer, size_t room, size_t size, size_t count, FILE *stream);
EXPORT size_t __fread_unlocked_chk(void *buffer, size_t room, size_t size, size_t count, FILE *stream)
{
    CALL_ONCE(stores(buffer, size * count),
              NEXT(__fread_unlocked_chk)(buffer, room, size, count, stream));
}

/* ---- the kernel loads ---- */

EXPORT ssize_t write(int fd, const void *buffer, size_t length)
{
    CALL(loads(buffer, length), NEXT(write)(fd, buffer, length));
}

EXPORT ssize_t pwrite(int fd, const void *buffer, size_t length, off_t offset)
{
    CALL(loads(buffer, length), NEXT(pwrite)(fd, buffer, length, offset));
}

EXPORT ssize_t pwrite64(int fd, const void *buffer, size_t length, off64_t offset)
{
    CALL(loads(buffer, length), NEXT(pwrite64)(fd, buffer, length, offset));
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
    CALL(vector(parts, count, loads), NEXT(writev)(fd, parts, count));
}

EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    CALL(vector(parts, count, loads), NEXT(pwritev)(fd, parts, count, offset));
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset)
{
    CALL(vector(parts, count, loads), NEXT(pwritev64)(fd, parts, count, offset));
}

EXPORT ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    CALL(vector(parts, count, loads), NEXT(pwritev2)(fd, parts, count, offset, flags));
}

EXPORT ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags)
{
    CALL(vector(parts, count, loads), NEXT(pwritev64v2)(fd, parts, count, offset, flags));
}

EXPORT ssize_t send(int fd, const void *buffer, size_t length, int flags)
{
    CALL(loads(buffer, length), NEXT(send)(fd, buffer, length, flags));
}

EXPORT ssize_t sendto(int fd, const void *buffer, size_t length, int flags, __CONST_SOCKADDR_ARG to,
                      socklen_t size)
{
    CALL(loads(buffer, length), NEXT(sendto)(fd, buffer, length, flags, to, size));
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *header, int flags)
{
    CALL(message(header, loads), NEXT(sendmsg)(fd, header, flags));
}

EXPORT int sendmmsg(int fd, struct mmsghdr *list, unsigned int count, int flags)
{
    CALL(messages(list, count, loads), NEXT(sendmmsg)(fd, list, count, flags));
}

EXPORT size_t fwrite(const void *buffer, size_t size, size_t count, FILE *stream)
{
    CALL_ONCE(loads(buffer, size * count), NEXT(fwrite)(buffer, size, count, stream));
}

EXPORT size_t fwrite_unlocked(const void *buffer, size_t size, size_t count, FILE *stream)
{
    CALL_ONCE(loads(buffer, size * count), NEXT(fwrite_unlocked)(buffer, size, count, stream));
}
