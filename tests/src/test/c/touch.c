/* Touches a file page by page through one mapping: for the counters of faults and commits. */
#include "maptest.h"

int touch_main(int argc, char **argv) {
    (void)argc;
    int fd = must(argv[0], open(argv[0], O_RDWR));
    long pages = atol(argv[1]);
    int flags = strcmp(argv[2], "sync") == 0 ? sync_flags() : MAP_SHARED;
    int storing = strcmp(argv[3], "store") == 0;
    char *memory = map_file(fd, pages * PAGE, flags);
    unsigned char value = 0;
    for (long page = 0; page < pages; page++) {
        char *address = memory + page * PAGE;
        const char *answer = storing ? try_store(address, 't') : try_load(address, &value);
        if (strcmp(answer, "ok") != 0) {
            printf("page %ld | %s\n", page, answer);
            return 1;
        }
    }
    printf("touched %ld pages | OK\n", pages);
    return 0;
}

/*
 * `hold FILE`: maps the whole file, stores to every page, tells "ready 1", and waits for a byte on stdin. Then it
 * stores to every page once more, and tells how many were SIGBUS.
 */
int hold_main(int argc, char **argv) {
    (void)argc;
    int fd = must(argv[0], open(argv[0], O_RDWR)), buses = 0;
    struct stat attributes;
    must("fstat", fstat(fd, &attributes));
    char *memory = map_file(fd, attributes.st_size, sync_flags()), byte;
    for (off_t at = 0; at < attributes.st_size; at += PAGE) {
        if (strcmp(try_store(memory + at, 'h'), "ok") != 0) {
            return 1;
        }
    }
    printf("ready 1\n");
    must("read", read(STDIN_FILENO, &byte, 1));
    for (off_t at = 0; at < attributes.st_size; at += PAGE) {
        buses += strcmp(try_store(memory + at, 'H'), "ok") != 0;
    }
    printf("buses %d\n", buses);
    return 0;
}

/*
 * `lost FILE PAGE`: maps the whole file, loads and stores its pages, tells "ready 1" and waits for a byte on stdin: now
 * PAGE must be SIGBUS, and its neighbours not. Tells "ready 2" and waits again: now PAGE must show 'n'.
 */
int lost_main(int argc, char **argv) {
    (void)argc;
    int fd = must(argv[0], open(argv[0], O_RDWR));
    long lost = atol(argv[1]);
    struct stat attributes;
    must("fstat", fstat(fd, &attributes));
    char *memory = map_file(fd, attributes.st_size, MAP_SHARED), byte;
    unsigned char value = 0;
    for (off_t at = 0; at < attributes.st_size; at += PAGE) {
        if (strcmp(try_load(memory + at, &value), "ok") != 0 || strcmp(try_store(memory + at, 'l'), "ok") != 0) {
            die("page at %ld", (long)at);
        }
    }
    printf("ready 1\n");
    must("read", read(STDIN_FILENO, &byte, 1));
    for (long page = lost - 1; page <= lost + 1; page++) {
        char answers[80];
        snprintf(answers, sizeof answers, "%s, ", try_load(memory + page * PAGE, &value));
        strcat(answers, try_store(memory + page * PAGE + 1, 's'));
        const char *wanted = page == lost ? "SIGBUS code 2, SIGBUS code 2" : "ok, ok";
        if (strcmp(answers, wanted) != 0) {
            die("page %ld: %s, not %s", page, answers, wanted);
        }
    }
    printf("ready 2\n");
    must("read", read(STDIN_FILENO, &byte, 1));
    const char *answer = try_load(memory + lost * PAGE, &value);
    if (strcmp(answer, "ok") != 0 || value != 'n') {
        die("page %ld overwritten: %s, value %d", lost, answer, value);
    }
    return 0;
}
