/* Items of `calls`: programs that mask or handle SIGSEGV and SIGBUS themselves. */
#include "calls.h"

#include <pthread.h>
#include <ucontext.h>

static void *store_with_everything_blocked(void *argument) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    char *memory = argument;
    for (int page = 0; page < 16; page++) {
        memory[page * PAGE] = 'b';
    }
    return NULL;
}

static const char *stores_with_signals_blocked(const char *directory) {
    int fd;
    pthread_t thread;
    char *memory = fresh(directory, 64, HOLE, &fd);
    pthread_create(&thread, NULL, store_with_everything_blocked, memory);
    pthread_join(thread, NULL);
    CHECK_FILE(fd, 15 * PAGE, 'b');
    sigset_t all, old;
    sigfillset(&all);
    CHECK_OK(sigprocmask(SIG_SETMASK, &all, &old));
    memory[20 * PAGE] = 'c';
    CHECK_OK(sigprocmask(SIG_SETMASK, &old, NULL));
    CHECK_FILE(fd, 20 * PAGE, 'c');
    return NULL;
}

static volatile int handled, handled_code;
static void *volatile handled_address;
static char *volatile unprotect;

/* The program's own way of catching stores, as garbage collectors do it: give the page back and go on. */
static void own_handler(int signal, siginfo_t *info, void *context) {
    (void)signal;
    (void)context;
    handled++;
    handled_code = info->si_code;
    handled_address = info->si_addr;
    mprotect(unprotect, PAGE, RW);
}

static const char *own_handler_gets_its_own_faults(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, HOLE, &fd);
    unprotect = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction action = {.sa_sigaction = own_handler, .sa_flags = SA_SIGINFO}, seen;
    CHECK_OK(sigaction(SIGSEGV, &action, NULL));
    CHECK_OK(sigaction(SIGSEGV, NULL, &seen));
    CHECK(seen.sa_sigaction == own_handler, "sigaction tells another handler than was set");
    for (int page = 0; page < 64; page++) {
        memory[page * PAGE] = 'a';
    }
    CHECK(handled == 0, "%d faults of the mapping reached the program", handled);
    unprotect[123] = 1;
    CHECK(handled == 1, "the program's own fault: its handler ran %d times", handled);
    CHECK(handled_address == unprotect + 123 && handled_code == SEGV_ACCERR, "it got another address or code");
    memory[5] = 'b';
    CHECK_FILE(fd, 5, 'b');
    CHECK_FILE(fd, 63 * PAGE, 'a');
    return NULL;
}

static char *volatile handler_memory;

static void storing_handler(int signal) {
    handler_memory[(signal == SIGUSR1 ? 1 : 2) * PAGE] = 'h';
    handled++;
}

static const char *handler_stores(const char *directory) {
    int fd;
    handler_memory = fresh(directory, 64, HOLE, &fd);
    signal(SIGUSR1, storing_handler);
    raise(SIGUSR1);
    struct sigaction action = {.sa_handler = storing_handler};
    sigfillset(&action.sa_mask);
    CHECK_OK(sigaction(SIGUSR2, &action, NULL));
    raise(SIGUSR2);
    CHECK(handled == 2, "handlers ran %d times", handled);
    CHECK_FILE(fd, PAGE, 'h');
    CHECK_FILE(fd, 2 * PAGE, 'h');
    return NULL;
}

static const char *handler_on_an_own_stack(const char *directory) {
    int fd;
    handler_memory = fresh(directory, 64, HOLE, &fd);
    stack_t stack = {.ss_sp = malloc(64 * 1024), .ss_size = 64 * 1024};
    CHECK_OK(sigaltstack(&stack, NULL));
    struct sigaction action = {.sa_handler = storing_handler, .sa_flags = SA_ONSTACK};
    CHECK_OK(sigaction(SIGUSR1, &action, NULL));
    raise(SIGUSR1);
    handler_memory[10 * PAGE] = 'x';
    CHECK_FILE(fd, PAGE, 'h');
    CHECK_FILE(fd, 10 * PAGE, 'x');
    return NULL;
}

static const char *mapping_on_the_stack_pointer_of_a_handler(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, HOLE, &fd);
    stack_t stack = {.ss_sp = memory, .ss_size = 64 * PAGE}; /* the kernel itself stores to untouched pages */
    handler_memory = memory;
    for (int page = 0; page < 64; page++) {
        memory[page * PAGE + 1] = 'x';
    }
    CHECK_OK(sigaltstack(&stack, NULL));
    struct sigaction action = {.sa_handler = storing_handler, .sa_flags = SA_ONSTACK};
    CHECK_OK(sigaction(SIGUSR1, &action, NULL));
    raise(SIGUSR1);
    CHECK_FILE(fd, PAGE, 'h');
    return NULL;
}

static int fault_by_default(void *argument) {
    signal(SIGSEGV, SIG_DFL);
    *(volatile char *)argument = 1;
    return 0;
}

static int bus_by_default(void *argument) {
    signal(SIGBUS, SIG_DFL);
    *(volatile char *)argument = 1;
    return 0;
}

static int store_by_default(void *argument) {
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    *(volatile char *)argument = 1;
    return 0;
}

static int store_ignoring(void *argument) {
    signal(SIGSEGV, SIG_IGN);
    *(volatile char *)argument = 1;
    return 0;
}

static const char *default_action_kills(const char *directory) {
    int fd;
    char *memory = fresh(directory, 4, 7, &fd), *longer = map_file(fd, 8 * PAGE, sync_flags());
    char *locked = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int end = in_child(fault_by_default, locked);
    CHECK(end == -SIGSEGV, "a fault of the program's own ended it with %d", end);
    end = in_child(fault_by_default, NULL);
    CHECK(end == -SIGSEGV, "a null pointer ended it with %d", end);
    end = in_child(bus_by_default, longer + 6 * PAGE);
    CHECK(end == -SIGBUS, "a store behind the end ended it with %d", end);
    end = in_child(store_by_default, memory);
    CHECK(end == 0, "a proper store ended it with %d", end);
    end = in_child(store_ignoring, memory + PAGE);
    CHECK(end == 0, "a proper store with SIGSEGV ignored ended it with %d", end);
    return NULL;
}

static const char *handler_with_the_mask_of_sigsegv(const char *directory) {
    int fd;
    handler_memory = fresh(directory, 64, HOLE, &fd);
    struct sigaction action = {.sa_handler = storing_handler};
    sigaddset(&action.sa_mask, SIGSEGV);
    sigaddset(&action.sa_mask, SIGBUS);
    CHECK_OK(sigaction(SIGUSR1, &action, NULL));
    raise(SIGUSR1);
    CHECK_FILE(fd, PAGE, 'h');
    return NULL;
}

const struct item signal_items[] = {
    {"signals-blocked", stores_with_signals_blocked},
    {"own-handler-gets-its-own-faults", own_handler_gets_its_own_faults},
    {"handler-stores", handler_stores},
    {"handler-on-an-own-stack", handler_on_an_own_stack},
    {"handler-stack-in-the-mapping", mapping_on_the_stack_pointer_of_a_handler},
    {"handler-masks-sigsegv", handler_with_the_mask_of_sigsegv},
    {"default-action-kills", default_action_kills},
    {NULL, NULL},
};
