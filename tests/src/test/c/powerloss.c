/*
 * The workload behind dax-after-power-loss.txt, as far as its rows tell, and the look at what is left.
 *
 * What was inferred, and from which rows:
 *  - Eleven files and the name created-empty. Everything made in `prepare` was durable before the measurement: in plain
 *    mode hole, unwritten and written keep their size and blocks.
 *  - ext had 16 written pages and was then grown to 64 by ftruncate: in plain mode it falls back to 16 pages; in sync
 *    mode its segments are the 16 old pages with page 16 at their end, and 23 single pages (24 in all).
 *  - new was created in the measurement: gone in plain mode, there in sync mode.
 *  - Stores went to pages 0, 2, 4 ...; a whole page has the stored byte. In plain mode they are left where blocks were
 *    written already, and gone where the block was a hole or unwritten.
 *  - All stores came before the operations on punched ... created-empty: in sync mode a fault commits everything that
 *    came before it, yet those operations are lost in both modes. None of them touches data in place, so the pages
 *    stored to show again.
 *  - pwritten: 16 durable pages overwritten by pwrite without fsync. DAX has no page cache: the bytes are there.
 */
#include "maptest.h"

#define PAGES 64
#define SMALL 16
#define STORED 'D'

static const char *directory;

/* How each file is before the measurement. */
enum content { ABSENT, HOLE, UNWRITTEN, WRITTEN };

static const struct file {
    const char *name;
    enum content content;
    int pages;      /* durable at first */
    int grow_to;    /* pages, by ftruncate in the measurement */
    int stored;     /* whether every second page is stored to */
} files[] = {
    {"hole", HOLE, PAGES, PAGES, 1},      {"unwritten", UNWRITTEN, PAGES, PAGES, 1},
    {"written", WRITTEN, PAGES, PAGES, 1}, {"ext", WRITTEN, SMALL, PAGES, 1},
    {"new", ABSENT, 0, PAGES, 1},         {"punched", WRITTEN, SMALL, SMALL, 1},
    {"grown", WRITTEN, SMALL, SMALL, 1},  {"shrunk", WRITTEN, SMALL, SMALL, 1},
    {"renamed-before", WRITTEN, SMALL, SMALL, 1}, {"renamed-after", ABSENT, 0, 0, 0},
    {"pwritten", WRITTEN, SMALL, SMALL, 0}, {"appended", WRITTEN, SMALL, SMALL, 0},
    {"unlinked", WRITTEN, SMALL, SMALL, 0}, {"created-empty", ABSENT, 0, 0, 0},
};
#define FILES (sizeof files / sizeof files[0])

static void sync_directory(void) {
    int fd = must(directory, open(directory, O_RDONLY | O_DIRECTORY));
    must("fsync", fsync(fd));
    close(fd);
}

static void prepare(const struct file *file) {
    if (file->content == ABSENT) {
        return;
    }
    char *path = path_in(directory, file->name);
    int fd = create_file(path);
    if (file->content == HOLE) {
        must("ftruncate", ftruncate(fd, file->pages * PAGE));
    } else if (file->content == UNWRITTEN) {
        must("fallocate", fallocate(fd, 0, 0, file->pages * PAGE));
    } else {
        fill_file(fd, 0, file->pages * PAGE, 0);
    }
    must("fsync", fsync(fd));
    close(fd);
    free(path);
}

static void store(const struct file *file, int flags) {
    char *path = path_in(directory, file->name);
    int fd = must(path, open(path, O_RDWR | O_CREAT, 0644));
    if (file->grow_to != file->pages) {
        must("ftruncate", ftruncate(fd, file->grow_to * PAGE));
    }
    char *memory = map_file(fd, file->grow_to * PAGE, flags);
    for (int page = 0; page < file->grow_to; page += 2) {
        memset(memory + page * PAGE, STORED, PAGE);
    }
    free(path); /* mapping and descriptor stay until the end */
}

static int reopen(const char *name) {
    char *path = path_in(directory, name);
    int fd = must(path, open(path, O_RDWR));
    free(path);
    return fd;
}

static void change(void) {
    static char data[SMALL * PAGE];
    memset(data, STORED, sizeof data);
    must("punch", fallocate(reopen("punched"), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SMALL / 2 * PAGE));
    must("ftruncate", ftruncate(reopen("grown"), PAGES * PAGE));
    must("ftruncate", ftruncate(reopen("shrunk"), SMALL / 2 * PAGE));
    must("rename", rename(path_in(directory, "renamed-before"), path_in(directory, "renamed-after")));
    write_fully(reopen("pwritten"), data, sizeof data, 0);
    write_fully(reopen("appended"), data, sizeof data, sizeof data);
    must("unlink", unlink(path_in(directory, "unlinked")));
    create_file(path_in(directory, "created-empty"));
}

int powerloss_write_main(int argc, char **argv) {
    (void)argc;
    directory = argv[0];
    int flags = strcmp(argv[1], "sync") == 0 ? sync_flags() : MAP_SHARED;
    for (size_t i = 0; i < FILES; i++) {
        prepare(&files[i]);
    }
    sync_directory();
    printf("prepared 1\n");
    for (size_t i = 0; i < FILES; i++) {
        if (files[i].stored) {
            store(&files[i], flags);
        }
    }
    change();
    printf("done 1\n");
    while (1) {
        pause(); /* for the kill: an orderly end would unmap and close */
    }
}

static int count_segments(int fd, off_t size) {
    int segments = 0;
    for (off_t at = 0; at < size; segments++) {
        off_t data = lseek(fd, at, SEEK_DATA);
        if (data < 0) {
            break;
        }
        at = must("SEEK_HOLE", lseek(fd, data, SEEK_HOLE));
    }
    return segments;
}

static void check(const char *name) {
    static const char zero[PAGE];
    static char page[PAGE], data[PAGE];
    memset(data, STORED, PAGE);
    char *path = path_in(directory, name);
    int fd = open(path, O_RDONLY);
    free(path);
    if (fd < 0) {
        printf("%-15s %s\n", name, errno_name(errno));
        return;
    }
    struct stat attributes;
    must("fstat", fstat(fd, &attributes));
    int with_data = 0, with_zero = 0, other = 0;
    for (off_t at = 0; at < attributes.st_size; at += PAGE) {
        ssize_t got = must("pread", pread(fd, page, PAGE, at));
        if (got == PAGE && memcmp(page, data, PAGE) == 0) {
            with_data++;
        } else if (memcmp(page, zero, got) == 0) {
            with_zero++;
        } else {
            other++;
        }
    }
    printf("%-15s size %7ld blocks %4ld KiB  pages with data %2d, zero %2d, other %d  SEEK_DATA segments %d\n", name,
           (long)attributes.st_size, (long)attributes.st_blocks / 2, with_data, with_zero, other,
           count_segments(fd, attributes.st_size));
    close(fd);
}

int powerloss_check_main(int argc, char **argv) {
    (void)argc;
    directory = argv[0];
    for (size_t i = 0; i < FILES; i++) {
        check(files[i].name);
    }
    return 0;
}
