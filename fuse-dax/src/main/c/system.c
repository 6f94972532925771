/* The little of an operating system that the handler and the revocation thread may lean on. */
#include "system.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

bool debug_wanted;

void lock_wait(struct lock *lock)
{
    while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire) != 0)
        SYS4(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, 2, NULL);
}

void lock_wake(struct lock *lock)
{
    SYS3(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1);
}

uint64_t signals_block(void)
{
    uint64_t all = ~0ull;
    uint64_t before = 0;
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    return before;
}

void signals_restore(uint64_t mask)
{
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

void *own_memory(size_t bytes)
{
    long memory = SYS6(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return is_error(memory) ? NULL : (void *)memory;
}

void sleep_micros(long micros)
{
    struct timespec pause = {micros / 1000000, micros % 1000000 * 1000};
    SYS2(SYS_nanosleep, &pause, NULL);
}

void debug_print(const char *what, int count, const uint64_t *numbers)
{
    char line[256];
    size_t n = 0;
    for (const char *c = "fusedax: "; *c; c++)
        line[n++] = *c;
    while (*what && n < 100)
        line[n++] = *what++;
    for (int i = 0; i < count && n < sizeof line - 20; i++) {
        line[n++] = ' ';
        int shift = 60;
        while (shift > 0 && !(numbers[i] >> shift & 15))
            shift -= 4;
        for (; shift >= 0; shift -= 4)
            line[n++] = "0123456789abcdef"[numbers[i] >> shift & 15];
    }
    line[n++] = '\n';
    SYS3(SYS_write, 2, line, n);
}
