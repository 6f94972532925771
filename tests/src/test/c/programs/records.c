/*
 * Stores numbered records through a MAP_SYNC mapping, each to a page that nothing was stored to before, in a file that grows;
 * tells each on stdout when it is durable. To be killed at any moment: what was told must be there.
 *
 * usage: records FILE
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 4096, GROWTH = 64 };

int main(int argc, char **argv) {
    int fd = argc == 2 ? open(argv[1], O_RDWR | O_CREAT | O_EXCL, 0644) : -1;
    if (fd < 0) {
        perror("open");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (uint64_t page = 0; page < PAGES; page += GROWTH) {
        if (ftruncate(fd, (off_t) (page + GROWTH) * PAGE) != 0) {
            perror("ftruncate");
            return 1;
        }
        char *memory = mmap(NULL, GROWTH * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd,
                            (off_t) page * PAGE);
        if (memory == MAP_FAILED) {
            perror("mmap");
            return 1;
        }
        for (uint64_t i = 0; i < GROWTH; i++) {
            uint64_t number = page + i;
            volatile uint64_t *record = (volatile uint64_t *) (memory + i * PAGE);
            record[0] = number;
            record[PAGE / 8 - 1] = ~number;
            __asm__ volatile("mfence" ::: "memory"); /* the daemon dies, not the machine: no line needs write-back */
            printf("stored %llu\n", (unsigned long long) number);
        }
        munmap(memory, GROWTH * PAGE);
    }
    for (;;) {
        pause();
    }
}
