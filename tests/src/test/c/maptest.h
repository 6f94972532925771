/*
 * What the parts of maptest share: rows, errno names, and loads and stores that survive a signal.
 *
 * maptest asks a file system what it does with shared mappings, and prints one line for each answer. It knows nothing
 * of fuse-dax: natively it tells how the host's file systems behave, under `fuse-dax run` how a mount does.
 */
#ifndef MAPTEST_H
#define MAPTEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif
#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif
#ifndef STATX_ATTR_DAX
#define STATX_ATTR_DAX 0x00200000
#endif

#define PAGE 4096L
#define KIB 1024L
#define MIB (1024L * 1024)

/* Flags of a live mapping: MAP_SYNC unless the environment has MAPTEST_PLAIN (to try maptest where no DAX is). */
int sync_flags(void);

/* "OK" for a result of 0 or more, else the name of errno. */
const char *name_of(long result);
const char *errno_name(int error);

/* Ends the program with a message and exit code 70: the surroundings of a test failed, not what is tested. */
void die(const char *what, ...) __attribute__((noreturn, format(printf, 1, 2)));
long must(const char *what, long result);

/* Accesses that may fault. The answer: "ok", or "SIGBUS code 2", valid until the thread's next access. */
void catch_faults(void);
const char *try_store(volatile void *address, unsigned char value);
const char *try_load(const volatile void *address, unsigned char *value);
const char *try_increment(volatile void *address, unsigned char *value);
const char *try_copy(void *to, const void *from, size_t length);

/* Files. */
char *path_in(const char *directory, const char *name);
int create_file(const char *path);
void write_fully(int fd, const void *data, size_t length, off_t offset);
void fill_file(int fd, off_t from, off_t to, unsigned char value);
int set_dax_flag(const char *path, int on);
int is_dax(const char *path);
char *map_file(int fd, size_t length, int flags);

/* First page that differs between memory and the file read by pread, or -1. */
long first_difference(int fd, const char *memory, off_t offset, size_t length);

/* Runs in a child, and tells how it ended: its exit code, or minus the signal. */
int in_child(int (*work)(void *), void *argument);

/* Subcommands: arguments behind the name; the result is the exit code. */
int conformance_main(int argc, char **argv);
int fileops_main(int argc, char **argv);
int powerloss_write_main(int argc, char **argv);
int powerloss_check_main(int argc, char **argv);
int touch_main(int argc, char **argv);
int hold_main(int argc, char **argv);
int lost_main(int argc, char **argv);
int guarded_main(int argc, char **argv);
int guarded_wait_main(int argc, char **argv);
int guarded_commit_main(int argc, char **argv);
int guarded_regrown_main(int argc, char **argv);
int calls_main(int argc, char **argv);
int units_main(int argc, char **argv);
int stress_main(int argc, char **argv);
int security_main(int argc, char **argv);

/* Items of `calls`: what one is called and what it does; it says NULL for fine, else what was wrong. */
struct item {
    const char *name;
    const char *(*run)(const char *directory);
};
extern const struct item process_items[], memory_items[], kernel_items[], sharing_items[], signal_items[];
extern const struct item unit_items[]; /* of `units` */

/* "text" formatted into a static buffer of the thread, for the results of items. */
const char *problem(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Fails an item at once. */
#define CHECK(condition, ...)            \
    do {                                 \
        if (!(condition)) {              \
            return problem(__VA_ARGS__); \
        }                                \
    } while (0)
#define CHECK_STORED(address, value)                                          \
    do {                                                                      \
        const char *answer_ = try_store(address, value);                      \
        if (strcmp(answer_, "ok") != 0) {                                     \
            return problem("line %d: store: %s", __LINE__, answer_);          \
        }                                                                     \
    } while (0)

#endif
