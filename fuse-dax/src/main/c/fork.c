/*
 * Start of the library, and fork. A child inherits table and descriptors; connection and grants it does
 * not: it connects, attaches and starts its thread with its first fault, so that a child that only
 * execs pays nothing.
 */
#include "fusedax.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool switched_off;
bool signals_only;
long process_id;

volatile bool *in_own_process;

static uint64_t mask_before_fork;

/* The linker's names for the ends of the section that NEXT fills. */
extern struct next __start_fusedax_next[] __attribute__((visibility("hidden")));
extern struct next __stop_fusedax_next[] __attribute__((visibility("hidden")));

void *next_find(struct next *next)
{
    void *found = dlsym(RTLD_NEXT, next->name);
    __atomic_store_n(&next->function, found, __ATOMIC_RELAXED);
    return found;
}

long answer(long result)
{
    if (LIKELY(!is_error(result)))
        return result;
    errno = (int)-result;
    return -1;
}

static void before_fork(void)
{
    uint64_t mask = enter(&attach_lock);
    lock_acquire(&table_lock);
    mask_before_fork = mask;
}

static void after_fork_in_parent(void)
{
    uint64_t mask = mask_before_fork;
    lock_release(&table_lock);
    leave(&attach_lock, mask);
}

static void inherit(void)
{
    *in_own_process = true;
    process_id = SYS0(SYS_getpid);
    mounts_forked();
    files_forked();
    areas_forked();
}

static void after_fork_in_child(void)
{
    inherit();
    after_fork_in_parent();
}

/* The other threads may have been at anything; they are gone, with their locks. */
void forked_unnoticed(void)
{
    table_lock.word = attach_lock.word = 0;
    inherit();
}

/* How many mappings the kernel allows: half of them for us. */
static void read_limit(void)
{
    char text[16];
    long fd = SYS4(SYS_openat, AT_FDCWD, "/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC, 0);
    if (is_error(fd))
        return;
    long length = SYS3(SYS_read, fd, text, sizeof text);
    SYS1(SYS_close, fd);
    size_t limit = 0;
    for (long i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++)
        limit = limit * 10 + (size_t)(text[i] - '0');
    if (limit > 1000)
        fragments_wanted = limit / 2;
}

__attribute__((constructor)) static void start(void)
{
    for (struct next *next = __start_fusedax_next; next < __stop_fusedax_next; next++)
        next_find(next);
    const char *debug = getenv("FUSEDAX_DEBUG");
    const char *mechanism = getenv("FUSEDAX_MECHANISM");
    debug_wanted = debug && strcmp(debug, "1") == 0;
    switched_off = (mechanism && strcmp(mechanism, "none") == 0) || sysconf(_SC_PAGESIZE) != PAGE;
    signals_only = mechanism && strcmp(mechanism, "signal") == 0;
    if (switched_off)
        return;
    process_id = SYS0(SYS_getpid);
    in_own_process = own_memory(PAGE);
    if (!in_own_process || is_error(SYS3(SYS_madvise, in_own_process, PAGE, MADV_WIPEONFORK))) {
        switched_off = true;
        return;
    }
    *in_own_process = true;
    signals_start();
    read_limit();
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
