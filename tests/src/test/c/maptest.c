/* maptest: the subcommands, and what they share. */
#include "maptest.h"

#include <setjmp.h>

static __thread sigjmp_buf on_fault;
static __thread volatile sig_atomic_t expecting;
static __thread char fault_text[64];
static __thread char problem_text[512];

int sync_flags(void) { return getenv("MAPTEST_PLAIN") ? MAP_SHARED : MAP_SHARED_VALIDATE | MAP_SYNC; }

const char *errno_name(int error) {
    const char *name = strerrorname_np(error);
    return name ? name : "?";
}

const char *name_of(long result) { return result < 0 ? errno_name(errno) : "OK"; }

void die(const char *what, ...) {
    int error = errno;
    va_list arguments;
    va_start(arguments, what);
    fflush(stdout);
    fprintf(stderr, "maptest: ");
    vfprintf(stderr, what, arguments);
    fprintf(stderr, ": %s\n", errno_name(error));
    va_end(arguments);
    exit(70);
}

long must(const char *what, long result) {
    if (result < 0) {
        die("%s", what);
    }
    return result;
}

const char *problem(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem_text, sizeof problem_text, format, arguments);
    va_end(arguments);
    return problem_text;
}

static void handler(int signal, siginfo_t *info, void *context) {
    (void)context;
    if (expecting) {
        snprintf(fault_text, sizeof fault_text, "%s code %d", signal == SIGBUS ? "SIGBUS" : "SIGSEGV", info->si_code);
        expecting = 0;
        siglongjmp(on_fault, 1);
    }
    fprintf(stderr, "maptest: unexpected signal %d code %d address %p\n", signal, info->si_code, info->si_addr);
    _exit(71);
}

void catch_faults(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    must("sigaction", sigaction(SIGBUS, &action, NULL));
    must("sigaction", sigaction(SIGSEGV, &action, NULL));
}

#define TRYING(access)                       \
    do {                                     \
        if (sigsetjmp(on_fault, 1) != 0) {   \
            return fault_text;               \
        }                                    \
        expecting = 1;                       \
        access;                              \
        expecting = 0;                       \
        return "ok";                         \
    } while (0)

const char *try_store(volatile void *address, unsigned char value) { TRYING(*(volatile unsigned char *)address = value); }

const char *try_load(const volatile void *address, unsigned char *value) {
    TRYING(*value = *(const volatile unsigned char *)address);
}

const char *try_increment(volatile void *address, unsigned char *value) {
    TRYING(*value = ++*(volatile unsigned char *)address);
}

const char *try_copy(void *to, const void *from, size_t length) { TRYING(memcpy(to, from, length)); }

char *path_in(const char *directory, const char *name) {
    char *path = NULL;
    must("asprintf", asprintf(&path, "%s/%s", directory, name));
    return path;
}

int create_file(const char *path) { return must(path, open(path, O_RDWR | O_CREAT | O_TRUNC, 0644)); }

void write_fully(int fd, const void *data, size_t length, off_t offset) {
    while (length > 0) {
        ssize_t written = must("pwrite", pwrite(fd, data, length, offset));
        data = (const char *)data + written;
        length -= written;
        offset += written;
    }
}

void fill_file(int fd, off_t from, off_t to, unsigned char value) {
    static __thread char block[64 * 1024];
    memset(block, value, sizeof block);
    while (from < to) {
        size_t length = to - from < (off_t)sizeof block ? (size_t)(to - from) : sizeof block;
        write_fully(fd, block, length, from);
        from += length;
    }
}

int set_dax_flag(const char *path, int on) {
    struct fsxattr attributes;
    int fd = must(path, open(path, O_RDONLY));
    int result = ioctl(fd, FS_IOC_FSGETXATTR, &attributes);
    if (result == 0) {
        attributes.fsx_xflags = on ? attributes.fsx_xflags | FS_XFLAG_DAX : attributes.fsx_xflags & ~FS_XFLAG_DAX;
        result = ioctl(fd, FS_IOC_FSSETXATTR, &attributes);
    }
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

int is_dax(const char *path) {
    struct statx attributes;
    must("statx", statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &attributes));
    return (attributes.stx_attributes & STATX_ATTR_DAX) != 0;
}

char *map_file(int fd, size_t length, int flags) {
    char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (memory == MAP_FAILED) {
        die("mmap flags 0x%x", flags);
    }
    return memory;
}

long first_difference(int fd, const char *memory, off_t offset, size_t length) {
    static __thread char page[PAGE], seen[PAGE];
    for (size_t at = 0; at < length; at += PAGE) {
        size_t want = length - at < PAGE ? length - at : PAGE;
        ssize_t got = must("pread", pread(fd, page, want, offset + at));
        if (strcmp(try_copy(seen, memory + at, got), "ok") != 0 || memcmp(page, seen, got) != 0) {
            return at / PAGE;
        }
    }
    return -1;
}

int in_child(int (*work)(void *), void *argument) {
    fflush(NULL);
    pid_t child = must("fork", fork());
    if (child == 0) {
        int code = work(argument);
        fflush(NULL);
        _exit(code);
    }
    int status = 0;
    must("waitpid", waitpid(child, &status, 0));
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int setdax_main(int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        printf("%s | %s\n", argv[i], name_of(set_dax_flag(argv[i], 1)));
    }
    return 0;
}

static const struct {
    const char *name;
    int arguments;
    int (*run)(int argc, char **argv);
    const char *usage;
} subcommands[] = {
    {"conformance", 2, conformance_main, "DIR LABEL (a label with +x: the file gets FS_XFLAG_DAX)"},
    {"fileops", 1, fileops_main, "DIR"},
    {"powerloss-write", 2, powerloss_write_main, "DIR sync|plain"},
    {"powerloss-check", 1, powerloss_check_main, "DIR"},
    {"touch", 4, touch_main, "FILE PAGES sync|plain store|load"},
    {"hold", 1, hold_main, "FILE"},
    {"lost", 2, lost_main, "FILE PAGE"},
    {"guarded", 1, guarded_main, "FILE"},
    {"guarded-wait", 1, guarded_wait_main, "FILE"},
    {"guarded-commit", 1, guarded_commit_main, "FILE"},
    {"guarded-regrown", 2, guarded_regrown_main, "FILE OTHER"},
    {"calls", 2, calls_main, "DIR ITEM|PREFIX-|all|list"},
    {"units", 2, units_main, "DIR ITEM|PREFIX-|all|list"},
    {"stress", 3, stress_main, "DIR SECONDS SEED"},
    {"security", 3, security_main, "FILE REGION ro|rw"},
    {"setdax", 1, setdax_main, "PATH..."},
};

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    size_t count = sizeof subcommands / sizeof subcommands[0];
    for (size_t i = 0; argc > 1 && i < count; i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0 && argc - 2 >= subcommands[i].arguments) {
            catch_faults();
            return subcommands[i].run(argc - 2, argv + 2);
        }
    }
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "%s maptest %s %s\n", i ? "      " : "usage:", subcommands[i].name, subcommands[i].usage);
    }
    return 2;
}
