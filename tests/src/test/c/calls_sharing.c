/* Items of `calls`: one process maps a file, another changes it. Both must see the same bytes at once. */
#include "calls.h"

#define PAGES 1024L
#define BYTES (PAGES * PAGE)

/* The process that only maps: it has opened the file itself. One byte on the pipe is a command, one the answer. */
struct mapper {
    pid_t process;
    int to, from;
    char text[256];
};

/* 'c' compares its mapping with pread, 's' stores 'S' to each of the first pages, 'q' ends. */
static const char *obey(char command, int fd, char *memory) {
    struct stat attributes;
    must("fstat", fstat(fd, &attributes));
    long pages = (attributes.st_size + PAGE - 1) / PAGE;
    if (command == 'c') {
        long length = attributes.st_size < BYTES ? attributes.st_size : BYTES;
        long different = first_difference(fd, memory, 0, length);
        CHECK(different < 0, "the mapper's page %ld differs from pread", different);
        if (pages < PAGES) {
            CHECK_ANSWER(try_store(memory + pages * PAGE, 1), "SIGBUS code 2");
        }
    } else {
        for (long page = 0; page < pages && page < PAGES; page += 3) {
            CHECK_STORED(memory + page * PAGE + 5, 'S');
            CHECK_FILE(fd, page * PAGE + 5, page * PAGE + 5 < attributes.st_size ? 'S' : -1);
        }
    }
    return NULL;
}

static void mapper_main(const char *path, int commands, int answers) {
    char command;
    unsigned char value;
    int fd = must(path, open(path, O_RDWR));
    char *memory = map_file(fd, BYTES, sync_flags());
    for (long page = 0; page < PAGES; page++) { /* every page is mapped, every second one writable */
        if (page % 2) {
            try_load(memory + page * PAGE, &value);
        } else {
            try_store(memory + page * PAGE + 9, 'm');
        }
    }
    char ready[256] = "";
    must("write", write(answers, ready, sizeof ready));
    while (read(commands, &command, 1) == 1 && command != 'q') {
        char text[256] = "";
        const char *wrong = obey(command, fd, memory);
        snprintf(text, sizeof text, "%s", wrong ? wrong : "");
        must("write", write(answers, text, sizeof text));
    }
    _exit(0);
}

static void start(struct mapper *mapper, const char *directory) {
    int commands[2], answers[2];
    must("pipe", pipe(commands));
    must("pipe", pipe(answers));
    mapper->process = must("fork", fork());
    if (mapper->process == 0) {
        close(commands[1]);
        mapper_main(path_in(directory, "item"), commands[0], answers[1]);
    }
    close(answers[1]);
    mapper->to = commands[1];
    mapper->from = answers[0];
    if (read(mapper->from, mapper->text, sizeof mapper->text) <= 0) {
        die("the mapper did not start");
    }
}

static const char *ask(struct mapper *mapper, char command) {
    must("write", write(mapper->to, &command, 1));
    if (read(mapper->from, mapper->text, sizeof mapper->text) <= 0) {
        return "the mapper died";
    }
    return mapper->text[0] ? problem("after '%c': %s", command, mapper->text) : NULL;
}

static void end(struct mapper *mapper) {
    must("write", write(mapper->to, "q", 1));
    waitpid(mapper->process, NULL, 0);
}

#define ASK(mapper, command)                       \
    do {                                           \
        const char *wrong_ = ask(mapper, command); \
        if (wrong_) {                              \
            return wrong_;                         \
        }                                          \
    } while (0)

/* The whole of it for one call on the file. */
static const char *check_change(const char *directory, int content, long (*change)(int fd)) {
    struct mapper mapper;
    int fd;
    char *own = fresh(directory, PAGES, content, &fd);
    start(&mapper, directory);
    CHECK_LOADED(own + 9, 'm');
    CHECK_OK(change(fd));
    ASK(&mapper, 'c');
    ASK(&mapper, 's');
    struct stat attributes;
    CHECK_OK(fstat(fd, &attributes));
    long different = first_difference(fd, own, 0, attributes.st_size < BYTES ? attributes.st_size : BYTES);
    CHECK(different < 0, "page %ld of the one who made the change differs from pread", different);
    ASK(&mapper, 'c');
    end(&mapper);
    return NULL;
}

static long truncate_it(int fd) { return ftruncate(fd, 300 * PAGE); }
static long truncate_odd(int fd) { return ftruncate(fd, 300 * PAGE + 77); }
static long truncate_and_grow(int fd) { return ftruncate(fd, 300 * PAGE + 77) < 0 ? -1 : ftruncate(fd, BYTES); }
static long punch(int fd) { return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100 * PAGE, 64 * PAGE); }
static long punch_odd(int fd) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100 * PAGE + 10, 64 * PAGE);
}
static long zero(int fd) { return fallocate(fd, FALLOC_FL_ZERO_RANGE, 100 * PAGE, 64 * PAGE); }
static long collapse(int fd) { return fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 100 * PAGE, 64 * PAGE); }
static long insert(int fd) { return fallocate(fd, FALLOC_FL_INSERT_RANGE, 100 * PAGE, 64 * PAGE); }
static long allocate(int fd) { return fallocate(fd, 0, 0, BYTES + 16 * PAGE); }
static long write_it(int fd) { return fill_file(fd, 50 * PAGE + 3, 200 * PAGE + 3, 'W'), 0; }
static long append_it(int fd) { return fill_file(fd, BYTES, BYTES + 16 * PAGE, 'W'), 0; }

static const char *mapped_truncate(const char *d) { return check_change(d, 7, truncate_it); }
static const char *mapped_truncate_odd(const char *d) { return check_change(d, 7, truncate_odd); }
static const char *mapped_truncate_and_grow(const char *d) { return check_change(d, 7, truncate_and_grow); }
static const char *mapped_punch(const char *d) { return check_change(d, 7, punch); }
static const char *mapped_punch_odd(const char *d) { return check_change(d, 7, punch_odd); }
static const char *mapped_zero(const char *d) { return check_change(d, 7, zero); }
static const char *mapped_collapse(const char *d) { return check_change(d, 7, collapse); }
static const char *mapped_insert(const char *d) { return check_change(d, 7, insert); }
static const char *mapped_allocate(const char *d) { return check_change(d, HOLE, allocate); }
static const char *mapped_write(const char *d) { return check_change(d, 7, write_it); }
static const char *mapped_write_to_hole(const char *d) { return check_change(d, HOLE, write_it); }
static const char *mapped_append(const char *d) { return check_change(d, 7, append_it); }

static const char *mapped_unlink(const char *directory) {
    struct mapper mapper;
    int fd;
    fresh(directory, PAGES, 7, &fd);
    start(&mapper, directory);
    char *path = path_in(directory, "item");
    CHECK_OK(unlink(path));
    int other = create_file(path); /* the same name, other blocks */
    fill_file(other, 0, BYTES, 'N');
    ASK(&mapper, 'c');
    ASK(&mapper, 's');
    CHECK_FILE(fd, 5, 'S');
    CHECK_FILE(other, 5, 'N');
    close(fd); /* now only the mapper has it */
    fill_file(other, 0, BYTES, 'O');
    ASK(&mapper, 'c');
    ASK(&mapper, 's');
    CHECK_FILE(other, 5, 'O');
    end(&mapper);
    return NULL;
}

static const char *mapped_rename_over(const char *directory) {
    struct mapper mapper;
    int fd;
    fresh(directory, PAGES, 7, &fd);
    start(&mapper, directory);
    char *path = path_in(directory, "item"), *new_path = path_in(directory, "item2");
    int other = create_file(new_path);
    fill_file(other, 0, BYTES, 'N');
    CHECK_OK(rename(new_path, path));
    ASK(&mapper, 's');
    ASK(&mapper, 'c');
    CHECK_FILE(fd, 5, 'S');
    CHECK_FILE(other, 5, 'N');
    end(&mapper);
    return NULL;
}

static const char *mapped_open_truncates(const char *directory) {
    struct mapper mapper;
    int fd;
    fresh(directory, PAGES, 7, &fd);
    start(&mapper, directory);
    int other = create_file(path_in(directory, "item"));
    ASK(&mapper, 'c');
    fill_file(other, 0, BYTES, 'N');
    ASK(&mapper, 'c');
    ASK(&mapper, 's');
    end(&mapper);
    return NULL;
}

/* A page of zeros that one process has mapped must not outlive the block that another gives to the file. */
static const char *hole_filled_by_another(const char *directory) {
    struct mapper mapper;
    int fd;
    char *own = fresh(directory, PAGES, HOLE, &fd);
    for (long page = 0; page < PAGES; page++) {
        CHECK_LOADED(own + page * PAGE, 0);
    }
    start(&mapper, directory);
    for (long page = 0; page < PAGES; page += 2) {
        CHECK_LOADED(own + page * PAGE + 9, 'm');
    }
    CHECK_STORED(own + 7 * PAGE, 'o');
    ASK(&mapper, 'c');
    ASK(&mapper, 's');
    for (long page = 0; page < PAGES; page += 3) {
        CHECK_LOADED(own + page * PAGE + 5, 'S');
    }
    end(&mapper);
    return NULL;
}

/* Blocks freed under a mapping go to another file: nothing of it may show through the old one. */
static const char *freed_blocks_are_not_seen(const char *directory) {
    struct mapper mapper;
    int fd;
    fresh(directory, PAGES, 7, &fd);
    start(&mapper, directory);
    CHECK_OK(ftruncate(fd, 0));
    CHECK_OK(fsync(fd));
    int other = create_file(path_in(directory, "item2"));
    fill_file(other, 0, BYTES, 'N');
    CHECK_OK(ftruncate(fd, BYTES));
    ASK(&mapper, 'c');
    ASK(&mapper, 's');
    for (long page = 0; page < PAGES; page++) {
        CHECK_FILE(other, page * PAGE + 5, 'N');
    }
    end(&mapper);
    return NULL;
}

const struct item sharing_items[] = {
    {"shared-truncate", mapped_truncate},
    {"shared-truncate-unaligned", mapped_truncate_odd},
    {"shared-truncate-and-grow", mapped_truncate_and_grow},
    {"shared-punch", mapped_punch},
    {"shared-punch-unaligned", mapped_punch_odd},
    {"shared-zero-range", mapped_zero},
    {"shared-collapse", mapped_collapse},
    {"shared-insert", mapped_insert},
    {"shared-fallocate", mapped_allocate},
    {"shared-write", mapped_write},
    {"shared-write-to-a-hole", mapped_write_to_hole},
    {"shared-append", mapped_append},
    {"shared-unlink", mapped_unlink},
    {"shared-rename-over", mapped_rename_over},
    {"shared-open-truncates", mapped_open_truncates},
    {"shared-hole-filled-by-another", hole_filled_by_another},
    {"shared-freed-blocks-are-not-seen", freed_blocks_are_not_seen},
    {NULL, NULL},
};
