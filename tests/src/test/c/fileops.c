/* The rows of dax-file-operations.txt: what happens to a file while a MAP_SYNC mapping of it is live. */
#include "maptest.h"

#include <time.h>

#define FILE_BYTES (4 * MIB)
#ifndef FALLOC_FL_NO_HIDE_STALE
#define FALLOC_FL_NO_HIDE_STALE 0x04
#endif

static const char *directory;
static char *file_path;

static void row(const char *name, const char *result, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void row(const char *name, const char *result, const char *format, ...) {
    char detail[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    printf("%-44s | %-10s |%s%s\n", name, result, *detail ? " " : "", detail);
}

/* A file of 4 MiB, each page with its number in every byte, made durable, and its mapping. */
static int fresh_file(char **memory) {
    unlink(file_path);
    int fd = create_file(file_path);
    for (long page = 0; page < FILE_BYTES / PAGE; page++) {
        fill_file(fd, page * PAGE, (page + 1) * PAGE, 1 + page % 251);
    }
    must("fsync", fsync(fd));
    if (memory) {
        *memory = map_file(fd, FILE_BYTES, sync_flags());
        try_store(*memory + 7, 'z');
    }
    return fd;
}

/* What the mapping and pread show of the file, "same" or where they differ; its size; its blocks. */
static const char *compared(int fd, char *memory) {
    static char text[160];
    struct stat attributes;
    must("fstat", fstat(fd, &attributes));
    long length = attributes.st_size < FILE_BYTES ? attributes.st_size : FILE_BYTES;
    long different = first_difference(fd, memory, 0, length);
    char where[32];
    snprintf(where, sizeof where, "DIFFERS at page %ld", different);
    snprintf(text, sizeof text, "%s, size %ldK blocks %ldK", different < 0 ? "same" : where,
             (long)attributes.st_size / 1024, (long)attributes.st_blocks / 2);
    return text;
}

static void fallocate_row(const char *name, int mode, off_t offset, off_t length) {
    char *memory;
    int fd = fresh_file(&memory);
    long result = fallocate(fd, mode, offset, length);
    const char *text = name_of(result);
    row(name, text, "map(SYNC) vs pread: %s", compared(fd, memory));
    munmap(memory, FILE_BYTES);
    close(fd);
}

static void fallocate_rows(void) {
    fallocate_row("fallocate mode 0 past EOF", 0, FILE_BYTES, MIB);
    fallocate_row("FALLOC_FL_KEEP_SIZE past EOF", FALLOC_FL_KEEP_SIZE, FILE_BYTES, MIB);
    int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    fallocate_row("PUNCH_HOLE|KEEP_SIZE 64K", punch, MIB, 64 * KIB);
    fallocate_row("PUNCH_HOLE|KEEP_SIZE unaligned 100 bytes", punch, MIB + 50, 100);
    fallocate_row("PUNCH_HOLE without KEEP_SIZE", FALLOC_FL_PUNCH_HOLE, MIB, 64 * KIB);
    fallocate_row("ZERO_RANGE 64K", FALLOC_FL_ZERO_RANGE, MIB, 64 * KIB);
    fallocate_row("ZERO_RANGE|KEEP_SIZE past EOF", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, FILE_BYTES, 64 * KIB);
    fallocate_row("ZERO_RANGE unaligned", FALLOC_FL_ZERO_RANGE, MIB + 50, 10000);
    fallocate_row("COLLAPSE_RANGE 64K", FALLOC_FL_COLLAPSE_RANGE, MIB, 64 * KIB);
    fallocate_row("COLLAPSE_RANGE unaligned", FALLOC_FL_COLLAPSE_RANGE, MIB + 50, 1000);
    fallocate_row("INSERT_RANGE 64K", FALLOC_FL_INSERT_RANGE, MIB, 64 * KIB);
    fallocate_row("UNSHARE_RANGE", FALLOC_FL_UNSHARE_RANGE, MIB, 64 * KIB);
    fallocate_row("NO_HIDE_STALE", FALLOC_FL_NO_HIDE_STALE, MIB, 64 * KIB);
}

static void sharing_rows(void) {
    char *memory;
    int fd = fresh_file(&memory);
    char *clone_path = path_in(directory, "clone");
    int clone = create_file(clone_path);
    row("ioctl FICLONE of a file mapped dirty", name_of(ioctl(clone, FICLONE, fd)), "%s", "");
    struct file_clone_range range = {.src_fd = fd, .src_offset = 0, .src_length = 64 * KIB, .dest_offset = 0};
    row("ioctl FICLONERANGE 64K", name_of(ioctl(clone, FICLONERANGE, &range)), "%s", "");
    fill_file(clone, 0, 64 * KIB, 1);
    struct {
        struct file_dedupe_range head;
        struct file_dedupe_range_info info;
    } dedupe = {.head = {.src_length = 64 * KIB, .dest_count = 1}, .info = {.dest_fd = clone}};
    const char *text = name_of(ioctl(fd, FIDEDUPERANGE, &dedupe));
    row("ioctl FIDEDUPERANGE 64K", text, "status %d bytes %llu", dedupe.info.status,
        (unsigned long long)dedupe.info.bytes_deduped);
    off_t from = MIB, to = 0;
    ssize_t copied = copy_file_range(fd, &from, clone, &to, 64 * KIB, 0);
    text = name_of(copied);
    long different = copied < 0 ? -1 : first_difference(clone, memory + MIB, 0, copied);
    row("copy_file_range 64K", text, different < 0 ? "%zd" : "%zd, other bytes", copied);
    munmap(memory, FILE_BYTES);
    close(fd);
    close(clone);
    unlink(clone_path);
    free(clone_path);
}

static void attribute_rows(void) {
    char *memory;
    int fd = fresh_file(&memory);
    struct fsxattr attributes = {0};
    row("FS_IOC_FSGETXATTR", name_of(ioctl(fd, FS_IOC_FSGETXATTR, &attributes)), "xflags 0x%x", attributes.fsx_xflags);
    attributes.fsx_xflags ^= FS_XFLAG_DAX;
    const char *text = name_of(ioctl(fd, FS_IOC_FSSETXATTR, &attributes));
    row("FS_IOC_FSSETXATTR toggle FS_XFLAG_DAX, has data", text, "statx DAX now %s (while open)",
        is_dax(file_path) ? "set" : "clear");
    munmap(memory, FILE_BYTES);
    close(fd);
    row("  after close, stat by name", "", "statx DAX %s", is_dax(file_path) ? "set" : "clear");
}

static void other_rows(void) {
    char *memory;
    int fd = fresh_file(NULL);
    long hole = lseek(fd, 0, SEEK_HOLE), data = lseek(fd, 0, SEEK_DATA);
    printf("%-44s | %ld/%ld\n", "SEEK_HOLE/SEEK_DATA from 0", hole, data);
    close(fd);
    fd = open(directory, O_RDWR | O_TMPFILE, 0600);
    if (fd < 0) {
        row("O_TMPFILE", errno_name(errno), "%s", "");
    } else {
        must("ftruncate", ftruncate(fd, MIB));
        memory = mmap(NULL, MIB, PROT_READ | PROT_WRITE, sync_flags(), fd, 0);
        row("O_TMPFILE", "OK", "MAP_SYNC %s, store %s", memory == MAP_FAILED ? errno_name(errno) : "OK",
            memory == MAP_FAILED ? "none" : try_store(memory, 1));
        close(fd);
    }
    fd = fresh_file(&memory);
    must("unlink", unlink(file_path));
    const char *answer = try_store(memory + 5 * PAGE, 'u');
    row("store to mapping of an unlinked file", strcmp(answer, "ok") == 0 ? "OK" : answer, "%s", compared(fd, memory));
    munmap(memory, FILE_BYTES);
    close(fd);
}

/* Takes every block, by allocation in pieces that shrink. The errno that ended it. */
static int fill_file_system(int fd) {
    off_t at = 0;
    for (off_t piece = 64 * MIB; piece >= PAGE; piece /= 2) {
        while (fallocate(fd, 0, at, piece) == 0) {
            at += piece;
        }
        if (errno != ENOSPC) {
            break;
        }
    }
    return errno;
}

/* The rows with the file system full. They print no columns: that is how the reference has them. */
static void full_rows(void) {
    char *full_path = path_in(directory, "full"), *hole_path = path_in(directory, "hole");
    int hole = create_file(hole_path), full = create_file(full_path);
    must("ftruncate", ftruncate(hole, FILE_BYTES));
    must("fsync", fsync(hole));
    row("fill the file system", errno_name(fill_file_system(full)), "%s", "");
    char *memory = map_file(hole, FILE_BYTES, sync_flags());
    long stored = 0;
    const char *answer = "ok";
    while (stored < FILE_BYTES / PAGE && strcmp(answer = try_store(memory + stored * PAGE, 'f'), "ok") == 0) {
        stored++;
    }
    char text[64];
    snprintf(text, sizeof text, "%.*s after %ld pages", (int)strcspn(answer, " "), answer, stored);
    printf("%-44s | %s\n", "store into a hole with the FS full", text);
    munmap(memory, FILE_BYTES);
    close(hole);
    close(full);
    unlink(hole_path);
    unlink(full_path);
}

/* The calls that race with a child that stores. */
static const char *const calls[] = {"punch", "truncate", "grow", "fallocate", "zero", "collapse", "insert", "fsync"};
#define CALLS (sizeof calls / sizeof calls[0])

static long one_call(int fd, size_t which) {
    off_t at = rand() % (FILE_BYTES / PAGE) * PAGE, length = (1 + rand() % 64) * PAGE;
    switch (which) {
        case 0: return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length);
        case 1: return ftruncate(fd, at);
        case 2: return ftruncate(fd, FILE_BYTES);
        case 3: return fallocate(fd, 0, at, length);
        case 4: return fallocate(fd, FALLOC_FL_ZERO_RANGE, at, length);
        case 5: return fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, at, length);
        case 6: return fallocate(fd, FALLOC_FL_INSERT_RANGE, at, length);
        default: return fsync(fd);
    }
}

static void stress_row(void) {
    char *memory;
    int fd = fresh_file(&memory), ends[2];
    long stores = 0, buses = 0, ok[CALLS] = {0}, errors[CALLS] = {0};
    must("pipe", pipe(ends));
    fflush(NULL);
    pid_t child = must("fork", fork());
    if (child == 0) {
        srand(2);
        for (time_t end = time(NULL) + 3; time(NULL) < end;) {
            strcmp(try_store(memory + rand() % FILE_BYTES, 's'), "ok") == 0 ? stores++ : buses++;
        }
        dprintf(ends[1], "%ld %ld", stores, buses);
        _exit(0);
    }
    srand(1);
    int status;
    while (waitpid(child, &status, WNOHANG) == 0) {
        size_t which = rand() % CALLS;
        *(one_call(fd, which) < 0 ? &errors[which] : &ok[which]) += 1;
    }
    char text[64] = "none none";
    if (read(ends[0], text, sizeof text - 1) < 0 || sscanf(text, "%ld %ld", &stores, &buses) != 2) {
        printf("stress MAP_SYNC: the child that stores ended with %d\n", status);
        return;
    }
    must("ftruncate", ftruncate(fd, FILE_BYTES));
    printf("stress MAP_SYNC: %ld stores, %ld SIGBUS;", stores, buses);
    for (size_t i = 0; i < CALLS; i++) {
        printf(" %s %ld/%ld", calls[i], ok[i], errors[i]);
    }
    printf(" (ok/errors); mapping vs pread: %s\n", compared(fd, memory));
    munmap(memory, FILE_BYTES);
    close(fd);
}

int fileops_main(int argc, char **argv) {
    (void)argc;
    directory = argv[0];
    file_path = path_in(directory, "file");
    fallocate_rows();
    sharing_rows();
    attribute_rows();
    other_rows();
    full_rows();
    stress_row();
    return 0;
}
