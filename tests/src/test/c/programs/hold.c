/*
 * Maps a file, stores a byte and says so; then for each line of input it stores the line's first
 * byte at the same place and says so.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int count, char **words)
{
    int fd = count == 2 ? open(words[1], O_RDWR) : -1;
    volatile char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
    if (at == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    at[0] = 'a';
    puts("mapped");
    fflush(stdout);
    char line[16];
    while (fgets(line, sizeof line, stdin)) {
        at[0] = line[0];
        puts("stored");
        fflush(stdout);
    }
    return 0;
}
