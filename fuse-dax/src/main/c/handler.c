/*
 * SIGSEGV: ours first, then what the program wants done with it, as if we were not there. SIGBUS is
 * given to the program as the kernel does it: with the address, and not to be blocked or ignored.
 */
#include "signals.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static enum access access_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    unsigned long error = (unsigned long)context->uc_mcontext.gregs[REG_ERR];
    return error & 2 ? ACCESS_WRITE : error & 16 ? ACCESS_EXECUTE : ACCESS_READ;
#else
    /* The exception syndrome is one of the records behind the registers. */
    const struct _aarch64_ctx *record = (const void *)context->uc_mcontext.__reserved;
    while (record->magic && record->magic != ESR_MAGIC)
        record = (const void *)((const char *)record + record->size);
    if (record->magic != ESR_MAGIC)
        return ACCESS_READ;
    uint64_t syndrome = ((const struct esr_context *)record)->esr;
    if (syndrome >> 26 == 0x20)
        return ACCESS_EXECUTE;
    return syndrome & 64 ? ACCESS_WRITE : ACCESS_READ;
#endif
}

/* Sends a signal to this thread, as if the kernel had found the fault itself. */
static void send_signal(int signal, siginfo_t *info)
{
    SYS4(SYS_rt_tgsigqueueinfo, SYS0(SYS_getpid), SYS0(SYS_gettid), signal, info);
}

static void send_bus(void *address, ucontext_t *context)
{
    struct sigaction action;
    real_sigaction(SIGBUS, NULL, &action);
    bool ignored = action.sa_handler == SIG_IGN;
    if (ignored || sigismember(&context->uc_sigmask, SIGBUS)) {
        memset(&action, 0, sizeof action);
        action.sa_handler = SIG_DFL;
        real_sigaction(SIGBUS, &action, NULL);
        sigdelset(&context->uc_sigmask, SIGBUS);
    }
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGBUS;
    info.si_code = BUS_ADRERR;
    info.si_addr = address;
    send_signal(SIGBUS, &info);
}

/* Not ours: what would have happened without us. */
static void pass_on(siginfo_t *info, ucontext_t *context)
{
    bool fault = info->si_code > 0;
    struct sigaction action = program_action_take(fault && segv_blocked);

    if (action.sa_handler == SIG_IGN && !fault)
        return;
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
        struct sigaction deadly;
        memset(&deadly, 0, sizeof deadly);
        deadly.sa_handler = SIG_DFL;
        real_sigaction(SIGSEGV, &deadly, NULL);
        if (!fault)
            send_signal(SIGSEGV, info);
        return; /* a fault happens again, now deadly */
    }
    sigset_t mask;
    sigorset(&mask, &context->uc_sigmask, &action.sa_mask);
    sigdelset(&mask, SIGSEGV);
    uint64_t kernel_mask;
    memcpy(&kernel_mask, &mask, sizeof kernel_mask);
    signals_restore(kernel_mask);
    if (action.sa_flags & SA_SIGINFO)
        action.sa_sigaction(SIGSEGV, info, context);
    else
        action.sa_handler(SIGSEGV);
}

void handle_segv(int signal, siginfo_t *info, void *context)
{
    static __thread uintptr_t last_page;
    static __thread unsigned repeats;
    int saved_errno = errno;
    uintptr_t page = ROUND_DOWN((uintptr_t)info->si_addr, PAGE);
    (void)signal;

    if ((info->si_code == SEGV_ACCERR || info->si_code == SEGV_MAPERR) &&
        areas_near(page, page + PAGE)) {
        enum access access = access_of(context);
        if (UNLIKELY(!*in_own_process))
            forked_unnoticed();
        /* State and memory should never disagree. If they did, this would spin: start the page anew. */
        if (page != last_page) {
            last_page = page;
            repeats = 0;
        } else if (++repeats % 16 == 0) {
            lock_acquire(&table_lock);
            struct area *area = area_find(page);
            if (area)
                area_drop(area, page, page + PAGE, false);
            lock_release(&table_lock);
        }
        enum outcome outcome = fault_resolve(page, access, false);
        if (outcome != FAULT_DENIED) {
            if (outcome == FAULT_BUS)
                send_bus(info->si_addr, context);
            errno = saved_errno;
            return;
        }
    }
    errno = saved_errno;
    pass_on(info, context);
    errno = saved_errno;
}
