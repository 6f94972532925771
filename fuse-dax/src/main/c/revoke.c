/*
 * One thread for each connection obeys the daemon: it takes access to a range of a file away and
 * acknowledges. It is made with clone(2), not pthread_create: a forked child may need it first in the
 * middle of a fault, where malloc is not allowed. So it has no thread-local storage of its own and
 * stays away from libc, and this library is built without stack protector.
 *
 * It has a table of descriptors of its own, with nothing in it but the connection and the
 * userfaultfd. The program cannot close them, and when it is killed the connection ends at once: if it
 * were one of the program's many descriptors, one before it might wait at its closing for the daemon,
 * which waits for this thread.
 */
#include "fusedax.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define STACK_BYTES (32ul << 10)
#define MANY_DESCRIPTORS 65536

#define LOWEST_ADDRESS 0x10000ul
#define HIGHEST_ADDRESS ((1ul << 47) - PAGE)

struct start {
    struct mount *mount;
    int socket;
    int guard;           /* or -1 */
    struct lock closing; /* held until the copies of the program's descriptors are closed */
};

static void obey(const struct mount *mount, const struct fusedax_msg_revoke *revoke)
{
    lock_acquire(&table_lock);
    struct file *file = file_by_id(mount, revoke->file);
    if (file) {
        if (file->generation < revoke->generation)
            file->generation = revoke->generation;
        file_drop(file, revoke->from, revoke->to);
    }
    lock_release(&table_lock);
    DEBUG("revoke", revoke->serial, revoke->file, revoke->from, revoke->to, revoke->generation);
}

/* The daemon has gone: nobody can be asked any more, so nothing may be stored any more. Threads that
 * wait for it in the kernel find that out. */
static void lost(struct mount *mount, int guard)
{
    DEBUG("connection ended", mount->hello.session);
    lock_acquire(&table_lock);
    atomic_store(&mount->state, MOUNT_DEAD);
    for (struct area *area = area_next(0); area; area = area_next(area->end))
        if (area->file->mount == mount)
            area_drop(area, area->start, area->end, false);
    if (guard >= 0)
        guard_wake(guard, LOWEST_ADDRESS, HIGHEST_ADDRESS); /* areas that have gone since, too */
    lock_release(&table_lock);
}

static void close_range_of(int first, int last)
{
    if (first > last || !is_error(SYS3(SYS_close_range, first, last, 0)))
        return;
    for (int fd = first; fd <= last && fd < MANY_DESCRIPTORS; fd++) /* before Linux 5.9 */
        SYS1(SYS_close, fd);
}

static void close_all_but(int one, int other)
{
    int lower = one < other ? one : other;
    int upper = one < other ? other : one;
    close_range_of(upper + 1, INT32_MAX);
    close_range_of(lower < 2 ? 3 : lower + 1, upper - 1);
    close_range_of(3, lower - 1);
    for (int fd = 0; fd < 3 && !debug_wanted; fd++)
        if (fd != one && fd != other)
            SYS1(SYS_close, fd);
}

static int run(void *argument)
{
    struct mount *mount = ((struct start *)argument)->mount;
    int socket = ((struct start *)argument)->socket;
    int guard = ((struct start *)argument)->guard;
    close_all_but(socket, guard);
    lock_release(&((struct start *)argument)->closing);
    SYS2(SYS_prctl, PR_SET_NAME, "fusedax");
    for (;;) {
        struct fusedax_msg_revoke revoke;
        long length = SYS6(SYS_recvfrom, socket, &revoke, sizeof revoke, 0, NULL, NULL);
        if (length == -EINTR)
            continue;
        if (length != (long)sizeof revoke || revoke.type != FUSEDAX_MSG_REVOKE)
            break;
        obey(mount, &revoke);
        struct fusedax_msg_ack ack = {FUSEDAX_MSG_ACK, revoke.serial};
        SYS6(SYS_sendto, socket, &ack, sizeof ack, MSG_NOSIGNAL, NULL, 0);
    }
    lost(mount, guard);
    SYS1(SYS_exit, 0);
    return 0;
}

bool revoke_start(struct mount *mount, int socket)
{
    char *stack = own_memory(STACK_BYTES + PAGE);
    if (!stack)
        return false;
    SYS3(SYS_mprotect, stack, PAGE, PROT_NONE);
    struct start *start = (struct start *)(stack + PAGE);
    *start = (struct start){.mount = mount, .socket = socket, .guard = mount->guard};
    lock_acquire(&start->closing);
    int flags = CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    /* Signals are blocked here, so they are in the thread. */
    int thread = clone(run, stack + PAGE + STACK_BYTES, flags, start);
    if (thread < 0)
        SYS2(SYS_munmap, stack, STACK_BYTES + PAGE);
    else
        lock_acquire(&start->closing); /* a copy would keep the program's flock(2) after its close */
    return thread > 0;
}
