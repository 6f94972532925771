/*
 * First stores that the kernel stops by userfaultfd. `guarded FILE`: steps on a file of 64 written pages, each with one
 * answer; how many stores came that way is for the daemon's counters to tell. `guarded-wait FILE`: one store while
 * nobody answers. `guarded-commit FILE`: a guarded store that needs a new file size; `guarded-regrown FILE OTHER`:
 * the same in a mapping that grew back over another one's place. Both then wait to be killed.
 */
#include "maptest.h"

#include <pthread.h>
#include <sys/syscall.h>

#define PAGES 64
#define THREADS 4
#define UNIT (2ul << 20)

static char *memory;
static int fd;

static void row(const char *step, const char *answer) { printf("%s | %s\n", step, answer); }

static const char *stores(int from, int to) {
    for (int page = from; page < to; page++) {
        CHECK_STORED(memory + page * PAGE, (unsigned char)page);
    }
    for (int page = from; page < to; page++) {
        unsigned char found = 255;
        must("pread", pread(fd, &found, 1, page * PAGE));
        CHECK(found == page, "page %d: %d", page, found);
    }
    return "ok";
}

static const char *kernel_store(int page, int raw) {
    int ends[2];
    char byte = 'k';
    must("pipe", pipe(ends));
    must("write", write(ends[1], &byte, 1));
    long result = raw ? syscall(SYS_read, ends[0], memory + page * PAGE, 1) : read(ends[0], memory + page * PAGE, 1);
    const char *answer = name_of(result);
    close(ends[0]);
    close(ends[1]);
    return result == 1 && memory[page * PAGE] != byte ? "another byte" : answer;
}

static void *store_some(void *page) {
    for (int round = 0; round < 1000; round++) {
        ((volatile char *)page)[round] = 1;
    }
    return NULL;
}

static const char *threads(int first_page) {
    pthread_t all[THREADS];
    for (int i = 0; i < THREADS; i++) {
        must("thread", -pthread_create(&all[i], NULL, store_some, memory + (first_page + i) * PAGE));
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(all[i], NULL);
    }
    return "ok";
}

static int store_in_child(void *pages) {
    const int *range = pages;
    return strcmp(stores(range[0], range[1]), "ok") != 0;
}

static const char *protection(void) {
    must("mprotect", mprotect(memory, PAGES * PAGE, PROT_READ));
    const char *answer = try_store(memory + 3 * PAGE, 0);
    must("mprotect", mprotect(memory, PAGES * PAGE, PROT_READ | PROT_WRITE));
    return answer;
}

static const char *punched(int page) {
    must("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * PAGE, PAGE));
    CHECK(memory[page * PAGE] == 0, "not zero");
    return stores(page, page + 1);
}

/* Within 2 MiB of addresses, which is as far as one answer guards. */
static void map_it(const char *path) {
    fd = must(path, open(path, O_RDWR));
    char *reserved = map_file(-1, 2 * UNIT, MAP_PRIVATE | MAP_ANONYMOUS);
    char *aligned = (char *)(((uintptr_t)reserved + UNIT - 1) & -UNIT);
    memory = mmap(aligned, PAGES * PAGE, PROT_READ | PROT_WRITE, sync_flags() | MAP_FIXED, fd, 0);
    if (memory != aligned) {
        must("mmap", -1);
    }
}

int guarded_main(int argc, char **argv) {
    (void)argc;
    int range[] = {7, 9};
    map_it(argv[0]);
    row("first store", stores(0, 1));
    row("15 stores", stores(1, 16));
    row("read(2) into a page", kernel_store(32, 0));
    row("read(2) unnoticed", kernel_store(40, 1));
    row("4 threads", threads(16));
    must("madvise", madvise(memory, PAGES * PAGE, MADV_DONTNEED));
    row("anew after MADV_DONTNEED, and 1 store", stores(1, 3));
    row("store while read-only", protection());
    row("anew after mprotect, and 1 store", stores(3, 5));
    row("punched", punched(5));
    row("1 store beside it", stores(6, 7));
    row("anew, and 1 store, in a child", in_child(store_in_child, range) == 0 ? "ok" : "failed");
    row("1 store after the child's", stores(8, 9));
    must("ftruncate", ftruncate(fd, 20 * PAGE));
    row("store behind the end", try_store(memory + 30 * PAGE, 1));
    must("munmap", munmap(memory, PAGES * PAGE));
    return 0;
}

int guarded_wait_main(int argc, char **argv) {
    (void)argc;
    char byte;
    map_it(argv[0]);
    row("first store", try_store(memory, 1));
    printf("ready 1\n");
    must("read", read(STDIN_FILENO, &byte, 1));
    const char *answer = try_store(memory + PAGE, 1);
    printf("answered %d\n", strcmp(answer, "SIGBUS code 2") == 0 ? 7 : strcmp(answer, "ok") == 0 ? 0 : 1);
    return 0;
}

static void grow_and_store(int page) {
    must("ftruncate", ftruncate(fd, (PAGES + 1) * PAGE));
    ((volatile char *)memory)[page * PAGE] = 'c';
    printf("ready 1\n");
    fflush(stdout);
    pause();
}

int guarded_commit_main(int argc, char **argv) {
    (void)argc;
    map_it(argv[0]);
    *(volatile char *)memory = 'c'; /* the pages around are guarded from here on */
    grow_and_store(1);
    return 0;
}

int guarded_regrown_main(int argc, char **argv) {
    (void)argc;
    size_t half = PAGES / 2 * PAGE;
    map_it(argv[0]);
    *(volatile char *)memory = 'c';
    int other = must(argv[1], open(argv[1], O_RDWR));
    map_file(other, PAGE, MAP_SHARED); /* so that the file stays known */
    if (mremap(memory, PAGES * PAGE, half, 0) != memory) {
        must("mremap to half", -1);
    }
    char *tail = mmap(memory + half, half, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, other, 0);
    if (tail != memory + half) {
        must("mmap behind", -1);
    }
    *(volatile char *)tail = 'o';
    must("munmap", munmap(tail, half));
    if (mremap(memory, half, PAGES * PAGE, 0) != memory) {
        must("mremap to whole", -1);
    }
    memory[half + PAGE] = 'c';
    grow_and_store(PAGES / 2 + 2);
    return 0;
}
