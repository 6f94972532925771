/*
 * System calls and locks that may be used anywhere in the library: in the SIGSEGV handler and in the
 * revocation thread, which has no thread-local storage of its own. So nothing here touches errno: a
 * call answers its result, or minus the errno.
 */
#ifndef FUSEDAX_SYSTEM_H
#define FUSEDAX_SYSTEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define PAGE 4096ul
#define HUGE_PAGE (2ul << 20)
#define ROUND_DOWN(value, unit) ((value) & ~((__typeof__(value))(unit) - 1))
#define ROUND_UP(value, unit) ROUND_DOWN((value) + (unit) - 1, unit)
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#if defined(__x86_64__)
static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#else
#error "fuse-dax: no direct mappings on this processor yet"
#endif

#define SYS6(n, a, b, c, d, e, f) \
    system_call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYS5(n, a, b, c, d, e) SYS6(n, a, b, c, d, e, 0)
#define SYS4(n, a, b, c, d) SYS6(n, a, b, c, d, 0, 0)
#define SYS3(n, a, b, c) SYS6(n, a, b, c, 0, 0, 0)
#define SYS2(n, a, b) SYS6(n, a, b, 0, 0, 0, 0)
#define SYS1(n, a) SYS6(n, a, 0, 0, 0, 0, 0)
#define SYS0(n) SYS6(n, 0, 0, 0, 0, 0, 0)

static inline bool is_error(long result)
{
    return (unsigned long)result > -4096ul;
}

/* A futex lock. Taken outside the handler only with all signals blocked (see enter), so the handler
 * never finds it held by the thread that it interrupted. */
struct lock {
    _Atomic int word; /* 0 free, 1 held, 2 held and waited for */
};

void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

static inline void lock_acquire(struct lock *lock)
{
    int unlocked = 0;
    if (!atomic_compare_exchange_strong_explicit(
            &lock->word, &unlocked, 1, memory_order_acquire, memory_order_relaxed))
        lock_wait(lock);
}

static inline void lock_release(struct lock *lock)
{
    if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
        lock_wake(lock);
}

/* The kernel's signal mask: 64 bits. */
uint64_t signals_block(void);
void signals_restore(uint64_t mask);

static inline uint64_t enter(struct lock *lock)
{
    uint64_t mask = signals_block();
    lock_acquire(lock);
    return mask;
}

static inline void leave(struct lock *lock, uint64_t mask)
{
    lock_release(lock);
    signals_restore(mask);
}

/* Memory of the library's own, zeroed, never from malloc; NULL when there is none. */
void *own_memory(size_t bytes);
void sleep_micros(long micros);

/* FUSEDAX_DEBUG=1: one line on stderr, in one write. Numbers are printed in hexadecimal. */
extern bool debug_wanted;
void debug_print(const char *what, int count, const uint64_t *numbers);
#define DEBUG(what, ...)                                                                 \
    do {                                                                                 \
        if (UNLIKELY(debug_wanted)) {                                                    \
            const uint64_t numbers_[] = {__VA_ARGS__};                                   \
            debug_print(what, (int)(sizeof numbers_ / sizeof numbers_[0]), numbers_);    \
        }                                                                                \
    } while (0)

#endif
