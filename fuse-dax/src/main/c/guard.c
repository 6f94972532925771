/*
 * The second mechanism: pieces of the region that are mapped writable, but write-protected by
 * userfaultfd. A first store there stops in the kernel; the daemon, which has a copy of the
 * descriptor, commits what the page needs and lifts the protection. No signal, no ioctl.
 *
 * Invariants
 *  - A store never passes untrapped: a piece becomes writable (mprotect) after it was registered and
 *    protected, and is replaced, not unregistered, when access to it is taken away.
 *  - The daemon learns of an area, in FAULT, before the first piece of it is guarded.
 *  - A thread that waits in the kernel is woken by the daemon, whatever became of its mapping; when the
 *    daemon has gone, by the revocation thread, which has a copy of the descriptor of its own. That
 *    copy also keeps the protection in force, come what may of the others.
 *  - A child of fork never uses its parent's: it would change the parent's memory.
 */
#include "fusedax.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1 /* Linux 5.11 */
#endif
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12) /* Linux 5.19 */
#endif

int guard_create(void)
{
    long fd = SYS1(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (fd == -EPERM) /* then the kernel's own stores are refused: access.c comes before them */
        fd = SYS1(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    if (is_error(fd))
        return (int)fd;
    struct uffdio_api api = {
        .api = UFFD_API,
        .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
    };
    long result = SYS3(SYS_ioctl, fd, UFFDIO_API, &api);
    if (is_error(result)) {
        SYS1(SYS_close, fd);
        return (int)result;
    }
    return (int)fd;
}

long guard_offer(int socket, const struct mount *mount)
{
    struct fusedax_msg_guard offer = {
        .type = FUSEDAX_MSG_GUARD,
        .version = FUSEDAX_VERSION,
        .cookie = mount->cookie,
    };
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec place = {&offer, sizeof offer};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &mount->guard, sizeof(int));
    long result = SYS3(SYS_sendmsg, socket, &message, MSG_NOSIGNAL);
    if (is_error(result))
        return result;
    struct fusedax_msg_grant answer;
    memset(&answer, 0, sizeof answer);
    long length = SYS6(SYS_recvfrom, socket, &answer, sizeof answer, 0, NULL, NULL);
    if (is_error(length))
        return length;
    if (length != (long)sizeof answer || answer.type != FUSEDAX_MSG_GRANT)
        return -EPROTO;
    return -(long)answer.status;
}

bool guards(const struct area *area)
{
    const struct mount *mount = area->file->mount;
    return mount->guard >= 0 && mount->state == MOUNT_LIVE && !area->copy && area->may_write &&
           area->prot & PROT_WRITE;
}

long guard_register(int guard, uintptr_t from, uintptr_t to)
{
    struct uffdio_register range = {
        .range = {.start = from, .len = to - from},
        .mode = UFFDIO_REGISTER_MODE_WP,
    };
    return SYS3(SYS_ioctl, guard, UFFDIO_REGISTER, &range);
}

long guard_protect(int guard, uintptr_t from, uintptr_t to, bool on)
{
    struct uffdio_writeprotect range = {
        .range = {.start = from, .len = to - from},
        .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
    };
    long result;
    do
        result = SYS3(SYS_ioctl, guard, UFFDIO_WRITEPROTECT, &range);
    while (result == -EAGAIN || result == -EINTR);
    return result;
}

void guard_wake(int guard, uintptr_t from, uintptr_t to)
{
    struct uffdio_range range = {.start = from, .len = to - from};
    SYS3(SYS_ioctl, guard, UFFDIO_WAKE, &range);
}
