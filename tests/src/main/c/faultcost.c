/*
 * What the first store to a 4 KiB page costs through a MAP_SYNC mapping, for tests/vm/cost.
 *
 *   faultcost FILE written|unwritten|hole WARM-UPS ROUNDS
 *
 * A round makes FILE anew, durable, and stores once to each of its pages. Prints the medians and means over all pages of
 * all rounds: nanoseconds of this thread's processor time, and on the wall, by the processor's time stamp counter. Where
 * an instruction takes a nanosecond (tests/vm/run --icount), both are instructions, the latter of all that ran meanwhile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif

#define PAGE 4096ul
#define WINDOW (1ul << 20) /* too small for a huge page */
#define WINDOWS 2
#define PAGES (WINDOWS * WINDOW / PAGE)

struct samples {
    double *values;
    size_t count;
};

static void fail(const char *what)
{
    fprintf(stderr, "faultcost: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void add(struct samples *samples, double value) { samples->values[samples->count++] = value; }

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(struct samples *samples)
{
    qsort(samples->values, samples->count, sizeof(double), compare);
    return samples->values[samples->count / 2];
}

static double mean(const struct samples *samples)
{
    double sum = 0;
    for (size_t i = 0; i < samples->count; i++)
        sum += samples->values[i];
    return sum / samples->count;
}

static double cpu_nanos(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

/* Ticks of the time stamp counter in a nanosecond. */
static double ticks_per_nano(void)
{
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    unsigned long long from = __rdtsc();
    double elapsed;
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        elapsed = (now.tv_sec - begin.tv_sec) * 1e9 + (now.tv_nsec - begin.tv_nsec);
    } while (elapsed < 5e7);
    return (__rdtsc() - from) / elapsed;
}

/* What asking for the time adds to a sample of processor time. */
static double asking(void)
{
    double values[101];
    struct samples samples = {values, 0};
    for (int i = 0; i < 101; i++) {
        double before = cpu_nanos();
        __rdtsc();
        __rdtsc();
        add(&samples, cpu_nanos() - before);
    }
    return median(&samples);
}

static int make_file(const char *path, const char *kind)
{
    static char page[PAGE];
    if (unlink(path) != 0 && errno != ENOENT)
        fail(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
    if (fd < 0)
        fail(path);
    int made = 0;
    if (strcmp(kind, "hole") == 0) {
        made = ftruncate(fd, PAGES * PAGE);
    } else if (strcmp(kind, "unwritten") == 0) {
        made = fallocate(fd, 0, 0, PAGES * PAGE);
    } else {
        memset(page, 1, PAGE);
        for (size_t i = 0; i < PAGES && made >= 0; i++)
            made = (int)pwrite(fd, page, PAGE, (off_t)(i * PAGE));
    }
    if (made < 0 || fsync(fd) != 0)
        fail(kind);
    return fd;
}

static void store_to_all(int fd, struct samples *cpu, struct samples *wall)
{
    for (size_t window = 0; window < WINDOWS; window++) {
        volatile char *start = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd,
                                    (off_t)(window * WINDOW));
        if (start == MAP_FAILED)
            fail("mmap");
        for (size_t page = 0; page < WINDOW; page += PAGE) {
            double before = cpu_nanos();
            unsigned long long from = __rdtsc();
            start[page] = 2;
            unsigned long long to = __rdtsc();
            double after = cpu_nanos();
            if (cpu != NULL) {
                add(cpu, after - before);
                add(wall, (double)(to - from));
            }
        }
        munmap((void *)start, WINDOW);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5 || atoi(argv[4]) < 1) {
        fprintf(stderr, "usage: faultcost FILE written|unwritten|hole WARM-UPS ROUNDS\n");
        return 2;
    }
    int warm_ups = atoi(argv[3]), rounds = atoi(argv[4]);
    double ticks = ticks_per_nano(), overhead = asking();
    struct samples cpu = {calloc(rounds * PAGES, sizeof(double)), 0};
    struct samples wall = {calloc(rounds * PAGES, sizeof(double)), 0};
    for (int i = 0; i < warm_ups + rounds; i++) {
        int fd = make_file(argv[1], argv[2]);
        store_to_all(fd, i < warm_ups ? NULL : &cpu, &wall);
        close(fd);
    }
    printf("cpu_median %.0f cpu_mean %.0f wall_median %.0f wall_mean %.0f pages %zu\n", median(&cpu) - overhead,
           mean(&cpu) - overhead, median(&wall) / ticks, mean(&wall) / ticks, wall.count);
    return unlink(argv[1]) != 0;
}
