/*
 * Many threads in several processes store, read, truncate, punch, collapse and fork at random.
 *
 * Invariant that every load checks: a byte of file f is 0 or has f's tag in its upper four bits. So a block that is in
 * two files, or still mapped after it was freed, shows by itself.
 *
 * Each worker also owns one file that nobody else changes (all others load from it), and knows every byte of it.
 */
#include "maptest.h"

#include <pthread.h>
#include <time.h>

#define PROCESSES 2
#define THREADS 3
#define OWNED (PROCESSES * THREADS)
#define COMMON 4
#define FILES (OWNED + COMMON)
#define BYTES (4 * MIB)
#define CHECKED (64 * KIB)

static const char *directory;
static time_t end_time;
static unsigned base_seed;
static volatile int failed;

struct worker {
    int number;
    unsigned seed;
    int fds[FILES];
    char *maps[FILES];
    unsigned char *model; /* of the file it owns: BYTES long, zero behind size */
    off_t size;
    long counts[16];
};

enum { STORES, LOADS, BUSES, CALLS, CHECKS, FORKS, KINDS };
static const char *const kinds[] = {"stores", "loads", "SIGBUS", "calls", "checks", "forks"};

static int tag(int file) { return (file + 1) << 4; }
static unsigned dice(struct worker *w, unsigned below) { return rand_r(&w->seed) % below; }

static void fail(struct worker *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct worker *w, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    failed = 1;
    printf("FAILED worker %d seed %u: %s\n", w->number, base_seed, text);
    fflush(stdout);
}

static void check_tags(struct worker *w, int file, off_t at, const unsigned char *bytes, long length, const char *by) {
    for (long i = 0; i < length; i++) {
        if (bytes[i] != 0 && (bytes[i] & 0xf0) != tag(file)) {
            fail(w, "file %d offset %ld has the foreign byte 0x%02x, seen by %s", file, (long)at + i, bytes[i], by);
            return;
        }
    }
}

/* Loads a page of any file. A page behind the end is SIGBUS, which only the owner of the file can foretell. */
static void load_any(struct worker *w) {
    unsigned char page[PAGE];
    int file = dice(w, FILES);
    off_t at = dice(w, BYTES / PAGE) * PAGE;
    w->counts[LOADS]++;
    if (strcmp(try_copy(page, w->maps[file] + at, PAGE), "ok") == 0) {
        check_tags(w, file, at, page, PAGE, "load");
    } else {
        w->counts[BUSES]++;
    }
    ssize_t got = pread(w->fds[file], page, PAGE, at);
    check_tags(w, file, at, page, got, "pread");
}

static void store_common(struct worker *w) {
    int file = OWNED + dice(w, COMMON);
    w->counts[STORES]++;
    if (strcmp(try_store(w->maps[file] + dice(w, BYTES), tag(file) | dice(w, 16)), "ok") != 0) {
        w->counts[BUSES]++;
    }
}

static void write_bytes(struct worker *w, int file, off_t at, long length, unsigned char *copy) {
    unsigned char bytes[5 * PAGE];
    memset(bytes, tag(file) | dice(w, 16), length);
    if (pwrite(w->fds[file], bytes, length, at) != length) {
        fail(w, "pwrite to file %d: %s", file, errno_name(errno));
    } else if (copy) {
        memcpy(copy + at, bytes, length);
    }
}

/* One call that changes a file that is common to all. What it may fail with is named. */
static void change_common(struct worker *w) {
    int file = OWNED + dice(w, COMMON), fd = w->fds[file];
    off_t at = dice(w, BYTES / PAGE) * PAGE, length = (1 + dice(w, 40)) * PAGE;
    long result = 0;
    w->counts[CALLS]++;
    switch (dice(w, 10)) {
        case 0: result = ftruncate(fd, at + dice(w, 2) * 77); break;
        case 1:
        case 2: result = ftruncate(fd, BYTES); break;
        case 3: result = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at + dice(w, 2) * 99, length); break;
        case 4: result = fallocate(fd, FALLOC_FL_ZERO_RANGE, at, length); break;
        case 5: result = fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, at, length); break;
        case 6: result = at + length <= BYTES ? fallocate(fd, FALLOC_FL_INSERT_RANGE, at, length) : 0; break;
        case 7: result = fallocate(fd, 0, at, length); break;
        case 8: result = fsync(fd); break;
        default: write_bytes(w, file, at < BYTES - 5 * PAGE ? at + 5 : 0, 1 + dice(w, 4 * PAGE), NULL);
    }
    if (result < 0 && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSPC) {
        fail(w, "a call on file %d: %s", file, errno_name(errno));
    }
    struct stat attributes;
    if (fstat(fd, &attributes) == 0 && attributes.st_size > 4 * BYTES) {
        must("ftruncate", ftruncate(fd, BYTES)); /* insertions of all workers add up */
    }
}

static void store_owned(struct worker *w) {
    if (w->size == 0) {
        return;
    }
    int file = w->number;
    off_t at = dice(w, w->size);
    unsigned char value = tag(file) | dice(w, 16);
    w->counts[STORES]++;
    const char *answer = try_store(w->maps[file] + at, value);
    if (strcmp(answer, "ok") != 0) {
        fail(w, "store to own file at %ld of %ld: %s", (long)at, (long)w->size, answer);
    }
    w->model[at] = value;
}

static void store_behind_end(struct worker *w) {
    off_t first = (w->size + PAGE - 1) / PAGE * PAGE;
    if (first < BYTES) {
        const char *answer = try_store(w->maps[w->number] + first + dice(w, BYTES - first), 1);
        if (strcmp(answer, "SIGBUS code 2") != 0) {
            fail(w, "store behind the end (%ld) of own file: %s", (long)w->size, answer);
        }
    }
}

static void resize(struct worker *w, off_t size) {
    if (ftruncate(w->fds[w->number], size) < 0) {
        fail(w, "ftruncate: %s", errno_name(errno));
        return;
    }
    if (size < w->size) {
        memset(w->model + size, 0, w->size - size);
    }
    w->size = size;
}

/* COLLAPSE and INSERT: the model moves as the file does. */
static void shift(struct worker *w, int insert) {
    int fd = w->fds[w->number];
    long pages = w->size / PAGE;
    if (pages < 4) {
        return;
    }
    off_t at = dice(w, pages - 2) * PAGE, length = (1 + dice(w, 20)) * PAGE;
    if (insert ? w->size + length > BYTES : at + length >= w->size) {
        return;
    }
    if (fallocate(fd, insert ? FALLOC_FL_INSERT_RANGE : FALLOC_FL_COLLAPSE_RANGE, at, length) < 0) {
        if (errno != EOPNOTSUPP) {
            fail(w, "%s %ld at %ld of %ld: %s", insert ? "insert" : "collapse", (long)length, (long)at, (long)w->size,
                 errno_name(errno));
        }
        return;
    }
    if (insert) {
        memmove(w->model + at + length, w->model + at, w->size - at);
        memset(w->model + at, 0, length);
        w->size += length;
    } else {
        memmove(w->model + at, w->model + at + length, w->size - at - length);
        memset(w->model + w->size - length, 0, length);
        w->size -= length;
    }
}

static void change_owned(struct worker *w) {
    int fd = w->fds[w->number], kind = dice(w, 9);
    off_t at = dice(w, BYTES - 50 * PAGE), length = 1 + dice(w, 40 * PAGE);
    long result = 0;
    w->counts[CALLS]++;
    switch (kind) {
        case 0: resize(w, at); break;
        case 1: resize(w, BYTES); break;
        case 2:
        case 3:
            result = fallocate(fd, (kind == 2 ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE) | FALLOC_FL_KEEP_SIZE, at,
                               length);
            if (result == 0) {
                memset(w->model + at, 0, length);
            }
            break;
        case 4: shift(w, 0); break;
        case 5: shift(w, 1); break;
        case 6: result = fsync(fd); break;
        case 7: result = madvise(w->maps[w->number], BYTES, MADV_DONTNEED); break;
        default:
            length = 1 + dice(w, 4 * PAGE);
            write_bytes(w, w->number, at, length, w->model);
            w->size = at + length > w->size ? at + length : w->size;
    }
    if (result < 0 && errno != EOPNOTSUPP) {
        fail(w, "call %d on own file: %s", kind, errno_name(errno));
    }
}

/* Compares a part of the own file, by loads and by pread, with what it must be. */
static void check_owned(struct worker *w) {
    static __thread unsigned char seen[CHECKED];
    off_t at = dice(w, BYTES / CHECKED) * CHECKED;
    long length = w->size - at < CHECKED ? w->size - at : CHECKED;
    if (length <= 0) {
        return;
    }
    w->counts[CHECKS]++;
    for (int by_load = 0; by_load < 2; by_load++) {
        if (by_load) {
            const char *answer = try_copy(seen, w->maps[w->number] + at, length);
            if (strcmp(answer, "ok") != 0) {
                fail(w, "load of own file at %ld of %ld: %s", (long)at, (long)w->size, answer);
                return;
            }
        } else if (pread(w->fds[w->number], seen, length, at) != length) {
            fail(w, "pread of own file at %ld of %ld is short", (long)at, (long)w->size);
            return;
        }
        for (long i = 0; i < length; i++) {
            if (seen[i] != w->model[at + i]) {
                fail(w, "own file at %ld of %ld: 0x%02x, must be 0x%02x, seen by %s", (long)at + i, (long)w->size,
                     seen[i], w->model[at + i], by_load ? "load" : "pread");
                return;
            }
        }
    }
}

/* A child stores through the inherited mapping; in a program with threads it may do little else. */
static void fork_child(struct worker *w) {
    if (w->size == 0) {
        return;
    }
    off_t at = dice(w, w->size);
    unsigned char value = tag(w->number) | dice(w, 16);
    w->counts[FORKS]++;
    pid_t child = fork();
    if (child == 0) {
        _exit(strcmp(try_store(w->maps[w->number] + at, value), "ok") != 0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
        fail(w, "a forked child stores at %ld: status 0x%x", (long)at, status);
        return;
    }
    w->model[at] = value;
}

static void remap(struct worker *w) {
    int file = dice(w, FILES);
    munmap(w->maps[file], BYTES);
    w->maps[file] = map_file(w->fds[file], BYTES, dice(w, 2) ? sync_flags() : MAP_SHARED);
}

static void *work(void *argument) {
    struct worker *w = argument;
    while (!failed && time(NULL) < end_time) {
        unsigned what = dice(w, 1000);
        if (what < 350) {
            store_owned(w);
        } else if (what < 600) {
            store_common(w);
        } else if (what < 800) {
            load_any(w);
        } else if (what < 880) {
            change_owned(w);
        } else if (what < 920) {
            change_common(w);
        } else if (what < 980) {
            check_owned(w);
        } else if (what < 990) {
            store_behind_end(w);
        } else if (what < 998) {
            remap(w);
        } else {
            fork_child(w);
        }
    }
    return NULL;
}

static void open_files(struct worker *w, int number) {
    w->number = number;
    w->seed = base_seed * 31 + number;
    w->model = calloc(1, BYTES);
    w->size = BYTES;
    for (int file = 0; file < FILES; file++) {
        char name[32];
        snprintf(name, sizeof name, "stress%d", file);
        char *path = path_in(directory, name);
        w->fds[file] = must(path, open(path, O_RDWR));
        w->maps[file] = map_file(w->fds[file], BYTES, sync_flags());
        free(path);
    }
}

static int process_main(int process) {
    static struct worker workers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        open_files(&workers[i], process * THREADS + i);
    }
    for (int i = 0; i < THREADS; i++) {
        must("pthread_create", -pthread_create(&threads[i], NULL, work, &workers[i]));
    }
    long sums[KINDS] = {0};
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (int kind = 0; kind < KINDS; kind++) {
            sums[kind] += workers[i].counts[kind];
        }
    }
    printf("process %d:", process);
    for (int kind = 0; kind < KINDS; kind++) {
        printf(" %s %ld", kinds[kind], sums[kind]);
    }
    printf("%s\n", failed ? " FAILED" : "");
    fflush(stdout);
    return failed;
}

int stress_main(int argc, char **argv) {
    (void)argc;
    directory = argv[0];
    base_seed = strtoul(argv[2], NULL, 10);
    for (int file = 0; file < FILES; file++) {
        char name[32];
        snprintf(name, sizeof name, "stress%d", file);
        char *path = path_in(directory, name);
        int fd = create_file(path);
        must("ftruncate", ftruncate(fd, BYTES));
        close(fd);
        free(path);
    }
    end_time = time(NULL) + atol(argv[1]);
    printf("seed %u\n", base_seed);
    fflush(stdout);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = must("fork", fork());
        if (children[i] == 0) {
            _exit(process_main(i));
        }
    }
    int bad = 0;
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        must("waitpid", waitpid(children[i], &status, 0));
        if (status != 0) {
            printf("process %d ended with status 0x%x\n", i, status);
            bad = 1;
        }
    }
    return bad;
}
