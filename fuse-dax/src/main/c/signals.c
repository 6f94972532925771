/*
 * Calls that change what happens on SIGSEGV. From the first direct mapping on the handler is ours, and
 * the program's is kept here. SIGSEGV is taken out of every mask, from the start: threads that block
 * all signals are common, and a store that traps with SIGSEGV blocked kills. What the program sees of
 * its masks is as it set them.
 */
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>

__thread bool segv_blocked;

static struct lock action_lock;
static bool installed;
static struct sigaction program_action;
static bool mask_has_segv[65]; /* by signal: the program's sa_mask had it */

int real_sigaction(int signal, const struct sigaction *action, struct sigaction *old)
{
    return NEXT(sigaction)(signal, action, old);
}

/* The handler runs on the alternate stack, unless the program has a handler that would not. */
static void install(void)
{
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_sigaction = handle_segv;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | (program_action.sa_flags & SA_RESTART);
    if (program_action.sa_handler != SIG_DFL && program_action.sa_handler != SIG_IGN)
        ours.sa_flags &= ~SA_ONSTACK | program_action.sa_flags;
    sigfillset(&ours.sa_mask);
    real_sigaction(SIGSEGV, &ours, NULL);
}

void handler_install(void)
{
    uint64_t mask = enter(&action_lock);
    if (!installed) {
        real_sigaction(SIGSEGV, NULL, &program_action);
        if (mask_has_segv[SIGSEGV])
            sigaddset(&program_action.sa_mask, SIGSEGV);
        install();
        installed = true;
    }
    leave(&action_lock, mask);
}

struct sigaction program_action_take(bool forced)
{
    lock_acquire(&action_lock);
    struct sigaction result = program_action;
    if (forced) {
        memset(&result, 0, sizeof result);
        result.sa_handler = SIG_DFL;
    } else if (program_action.sa_flags & SA_RESETHAND) {
        program_action.sa_handler = SIG_DFL;
        program_action.sa_flags = 0;
    }
    lock_release(&action_lock);
    return result;
}

EXPORT int sigaction(int signal, const struct sigaction *action, struct sigaction *old)
{
    struct sigaction wanted;
    struct sigaction before;
    bool has_segv = false;
    int result = 0;

    if (signal < 1 || signal > 64)
        return real_sigaction(signal, action, old);
    if (action) {
        wanted = *action;
        has_segv = sigismember(&wanted.sa_mask, SIGSEGV);
    }
    uint64_t mask = enter(&action_lock);
    if (signal == SIGSEGV && installed) {
        before = program_action;
        if (action) {
            program_action = wanted;
            install();
        }
    } else {
        if (action)
            sigdelset(&wanted.sa_mask, SIGSEGV);
        result = real_sigaction(signal, action ? &wanted : NULL, &before);
        if (result == 0 && mask_has_segv[signal])
            sigaddset(&before.sa_mask, SIGSEGV);
        if (result == 0 && action)
            mask_has_segv[signal] = has_segv;
    }
    leave(&action_lock, mask);
    if (result == 0 && old)
        *old = before;
    return result;
}

static sighandler_t simple_signal(int signal, sighandler_t handler, int flags)
{
    struct sigaction action;
    struct sigaction old;
    if (handler == SIG_ERR || signal < 1 || signal > 64) {
        errno = EINVAL;
        return SIG_ERR;
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    if (!(flags & SA_NODEFER))
        sigaddset(&action.sa_mask, signal);
    return sigaction(signal, &action, &old) < 0 ? SIG_ERR : old.sa_handler;
}

EXPORT sighandler_t signal(int signal, sighandler_t handler)
{
    return simple_signal(signal, handler, SA_RESTART);
}

EXPORT sighandler_t ssignal(int signal, sighandler_t handler)
{
    return simple_signal(signal, handler, SA_RESTART);
}

sighandler_t bsd_signal(int signal, sighandler_t handler);
EXPORT sighandler_t bsd_signal(int signal, sighandler_t handler)
{
    return simple_signal(signal, handler, SA_RESTART);
}

EXPORT sighandler_t sysv_signal(int signal, sighandler_t handler)
{
    return simple_signal(signal, handler, SA_RESETHAND | SA_NODEFER);
}

EXPORT sighandler_t __sysv_signal(int signal, sighandler_t handler)
{
    return simple_signal(signal, handler, SA_RESETHAND | SA_NODEFER);
}

static int change_mask(__typeof__(&pthread_sigmask) next, int how, const sigset_t *set, sigset_t *old)
{
    sigset_t wanted;
    sigset_t before;
    bool was_blocked = segv_blocked;
    bool has_segv = false;
    if (set) {
        wanted = *set;
        has_segv = sigismember(&wanted, SIGSEGV);
        if (how != SIG_UNBLOCK)
            sigdelset(&wanted, SIGSEGV);
    }
    int result = next(how, set ? &wanted : NULL, &before);
    if (result != 0)
        return result;
    if (set && how == SIG_SETMASK)
        segv_blocked = has_segv;
    else if (set && has_segv)
        segv_blocked = how == SIG_BLOCK;
    if (old) {
        if (was_blocked)
            sigaddset(&before, SIGSEGV);
        *old = before;
    }
    return 0;
}

EXPORT int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    return change_mask(NEXT(pthread_sigmask), how, set, old);
}

EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    return change_mask(NEXT(sigprocmask), how, set, old);
}

/* Masks that hold while a call waits hold in the handlers that interrupt it, too. */
static const sigset_t *without_segv(const sigset_t *set, sigset_t *copy)
{
    if (!set)
        return NULL;
    *copy = *set;
    sigdelset(copy, SIGSEGV);
    return copy;
}

EXPORT int sigsuspend(const sigset_t *set)
{
    sigset_t copy;
    return NEXT(sigsuspend)(without_segv(set, &copy));
}

EXPORT int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *set)
{
    sigset_t copy;
    return NEXT(ppoll)(fds, count, timeout, without_segv(set, &copy));
}

int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *set,
                size_t room);
EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                       const sigset_t *set, size_t room)
{
    sigset_t copy;
    return NEXT(__ppoll_chk)(fds, count, timeout, without_segv(set, &copy), room);
}

EXPORT int pselect(int count, fd_set *reads, fd_set *writes, fd_set *exceptions,
                   const struct timespec *timeout, const sigset_t *set)
{
    sigset_t copy;
    return NEXT(pselect)(count, reads, writes, exceptions, timeout, without_segv(set, &copy));
}

EXPORT int epoll_pwait(int fd, struct epoll_event *events, int count, int timeout, const sigset_t *set)
{
    sigset_t copy;
    return NEXT(epoll_pwait)(fd, events, count, timeout, without_segv(set, &copy));
}

void signals_start(void)
{
    sigset_t segv;
    sigset_t before;
    sigemptyset(&segv);
    sigaddset(&segv, SIGSEGV);
    if (NEXT(pthread_sigmask)(SIG_UNBLOCK, &segv, &before) == 0 && sigismember(&before, SIGSEGV))
        segv_blocked = true;
}
