/* SIGSEGV between kernel, library and program. */
#ifndef FUSEDAX_SIGNALS_H
#define FUSEDAX_SIGNALS_H

#include "fusedax.h"

#include <signal.h>

void handle_segv(int signal, siginfo_t *info, void *context);

/* What the program wants done on SIGSEGV; with SA_RESETHAND, or forced, it is back to default after. */
struct sigaction program_action_take(bool forced);

/* This thread has, in its own view, SIGSEGV blocked. */
extern __thread bool segv_blocked;

/* The kernel's view, by libc's sigaction; good in the handler. */
int real_sigaction(int signal, const struct sigaction *action, struct sigaction *old);

#endif
