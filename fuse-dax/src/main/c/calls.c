/* File calls that FUSE cannot carry, and an attribute that it does not know. */
#include "fusedax.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/major.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef STATX_ATTR_DAX
#define STATX_ATTR_DAX 0x200000
#endif

static bool shift_range(int fd, int mode, off_t offset, off_t length, long *result)
{
    struct identity identity;
    if (mode != FALLOC_FL_COLLAPSE_RANGE && mode != FALLOC_FL_INSERT_RANGE)
        return false;
    identify(fd, &identity);
    if (!identity.mount || !S_ISREG(identity.mode))
        return false;
    if (offset < 0 || length <= 0) {
        *result = -EINVAL;
        return true;
    }
    struct fusedax_range range = {(uint64_t)offset, (uint64_t)length};
    long open_mode = SYS2(SYS_fcntl, fd, F_GETFL);
    if (is_error(open_mode) || (open_mode & O_ACCMODE) == O_RDONLY)
        *result = -EBADF;
    else
        *result = SYS3(SYS_ioctl, fd,
                       mode == FALLOC_FL_COLLAPSE_RANGE ? FUSEDAX_IOCTL_COLLAPSE_RANGE
                                                        : FUSEDAX_IOCTL_INSERT_RANGE,
                       &range);
    return true;
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t length)
{
    long result;
    if (UNLIKELY(mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) &&
        shift_range(fd, mode, offset, length, &result))
        return (int)answer(result);
    return NEXT(fallocate)(fd, mode, offset, length);
}

EXPORT int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
    return fallocate(fd, mode, offset, length);
}

/* An unprivileged file system cannot set the attribute; the daemon knows. */
static void add_dax(int directory, const char *path, int flags, struct statx *stat)
{
    struct identity identity;
    bool by_name = path && *path;
    long fd = directory;
    /* Our mounts have no device, or a loop device (fuseblk). */
    if (!S_ISREG(stat->stx_mode) || (stat->stx_dev_major != 0 && stat->stx_dev_major != LOOP_MAJOR))
        return;
    if (by_name) {
        int open_flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
                         (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0);
        /* O_PATH opens nothing on the file system: foreign files are not disturbed. */
        fd = SYS4(SYS_openat, directory, path, O_PATH | open_flags, 0);
        if (is_error(fd))
            return;
        bool ours = may_be_ours((int)fd);
        SYS1(SYS_close, fd);
        if (!ours)
            return;
        fd = SYS4(SYS_openat, directory, path, open_flags, 0);
        if (is_error(fd))
            return;
    }
    identify((int)fd, &identity);
    if (identity.mount && file_is_dax(&identity, (int)fd))
        stat->stx_attributes |= STATX_ATTR_DAX;
    if (by_name)
        SYS1(SYS_close, fd);
}

EXPORT int statx(int directory, const char *path, int flags, unsigned int mask, struct statx *stat)
{
    int result = NEXT(statx)(directory, path, flags, mask, stat);
    if (result == 0 && !switched_off) {
        int saved = errno;
        add_dax(directory, path, flags, stat);
        errno = saved;
    }
    return result;
}
