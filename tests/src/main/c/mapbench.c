/*
 * Times stores and loads through mappings of a file, for tests/bench. Each command prints lines of
 * "name value", nanoseconds unless the name says otherwise.
 *
 *   mapbench first FILE sync|plain       first store to each 4 KiB page, in mappings of 1 MiB
 *   mapbench bandwidth FILE BLOCK        stores and loads in blocks, after every page was touched once
 *   mapbench durable FILE msync|flush    store of 64 bytes to a page, made durable
 *   mapbench punch FILE                  fallocate(PUNCH_HOLE) of 64 KiB, mapped and touched, and not
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif

#define PAGE 4096ul
#define WINDOW (1ul << 20) /* too small for a huge page */
#define PUNCHED 65536ul

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "mapbench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, double *samples, size_t count)
{
    qsort(samples, count, sizeof *samples, compare);
    printf("%s %.1f\n", name, samples[count / 2]);
}

static char *map(int fd, size_t length, off_t offset, int flags)
{
    char *start = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, offset);
    if (start == MAP_FAILED)
        fail("mmap");
    return start;
}

static void first(int fd, size_t size, int flags)
{
    double *samples = malloc(size / PAGE * sizeof *samples);
    size_t count = 0;
    for (size_t window = 0; window + WINDOW <= size; window += WINDOW) {
        volatile char *start = map(fd, WINDOW, (off_t)window, flags);
        for (size_t page = 0; page < WINDOW; page += PAGE) {
            double before = now();
            start[page] = 1;
            samples[count++] = now() - before;
        }
        munmap((void *)start, WINDOW);
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += samples[i];
    printf("mean %.1f\n", sum / count);
    report("median", samples, count);
}

static void bandwidth(int fd, size_t size, size_t block)
{
    char *start = map(fd, size, 0, MAP_SHARED);
    char *copy = aligned_alloc(PAGE, block);
    size_t blocks = size / block;
    double stores[15], loads[15];
    memset(copy, 1, block);
    for (size_t page = 0; page < size; page += PAGE)
        ((volatile char *)start)[page] = 1;
    for (int round = 0; round < 15; round++) {
        double before = now();
        for (size_t i = 0; i < blocks; i++)
            memcpy(start + i * 7919 % blocks * block, copy, block);
        double between = now();
        for (size_t i = 0; i < blocks; i++)
            memcpy(copy, start + i * 7919 % blocks * block, block);
        stores[round] = between - before;
        loads[round] = now() - between;
    }
    report("stores", stores, 15);
    report("loads", loads, 15);
}

static void flush(const char *line)
{
    _mm_clflush(line);
    _mm_sfence();
}

static void durable(int fd, size_t size, int with_msync, int flags)
{
    size_t pages = size / PAGE, count = 0, rounds = 8;
    double *samples = malloc(pages * rounds * sizeof *samples);
    char *start = map(fd, size, 0, flags);
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < pages; i++) {
            char *page = start + i * 7919 % pages * PAGE;
            double before = now();
            memset(page, (int)round, 64);
            if (!with_msync)
                flush(page);
            else if (msync(page, PAGE, MS_SYNC) != 0)
                fail("msync");
            samples[count++] = now() - before;
        }
    }
    report("median", samples, count);
}

static void punch(int fd, size_t size)
{
    double mapped[512], unmapped[512];
    for (int round = 0; round < 512; round++) {
        off_t at = (off_t)(round * PUNCHED % size);
        volatile char *start = map(fd, PUNCHED, at, MAP_SHARED);
        for (size_t page = 0; page < PUNCHED; page += PAGE)
            start[page] = 1;
        double before = now();
        if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, PUNCHED) != 0)
            fail("fallocate");
        mapped[round] = now() - before;
        for (size_t page = 0; page < PUNCHED; page += PAGE)
            start[page] = 1;
        munmap((void *)start, PUNCHED);
        before = now();
        if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, PUNCHED) != 0)
            fail("fallocate");
        unmapped[round] = now() - before;
    }
    report("mapped", mapped, 512);
    report("unmapped", unmapped, 512);
}

int main(int count, char **arguments)
{
    struct stat stat;
    if (count < 3) {
        fprintf(stderr, "usage: mapbench first|bandwidth|durable|punch FILE [HOW]\n");
        return 2;
    }
    const char *command = arguments[1], *how = count > 3 ? arguments[3] : "";
    int fd = open(arguments[2], O_RDWR);
    if (fd < 0 || fstat(fd, &stat) != 0)
        fail(arguments[2]);
    size_t size = (size_t)stat.st_size;
    int sync = MAP_SHARED_VALIDATE | MAP_SYNC;
    if (!strcmp(command, "first"))
        first(fd, size, !strcmp(how, "sync") ? sync : MAP_SHARED);
    else if (!strcmp(command, "bandwidth"))
        bandwidth(fd, size, strtoul(how, NULL, 10));
    else if (!strcmp(command, "durable"))
        durable(fd, size, !strcmp(how, "msync"), !strcmp(how, "msync") ? MAP_SHARED : sync);
    else if (!strcmp(command, "punch"))
        punch(fd, size);
    else
        return 2;
    return 0;
}
