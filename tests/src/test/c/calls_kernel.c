/* Items of `calls`: system calls that take their bytes from pages not touched yet, or put them there. */
#include "calls.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>

static const char expected[] = "0123456789abcdef";
#define LENGTH ((ssize_t)sizeof expected)

/* A file outside the mapping with `LENGTH` known bytes at each of two pages' starts. */
static int source_file(const char *directory, int flags) {
    char *path = path_in(directory, "source");
    int fd = create_file(path);
    fill_file(fd, 0, 4 * PAGE, 3);
    write_fully(fd, expected, sizeof expected, 0);
    close(fd);
    fd = must(path, open(path, O_RDWR | flags));
    free(path);
    return fd;
}

/* Every other page of the file is a hole: the targets are pages of both kinds. */
static char *mixed(const char *directory, int *fd) {
    char *memory = fresh(directory, 64, 7, fd);
    for (int page = 0; page < 64; page += 2) {
        must("punch", fallocate(*fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * PAGE, PAGE));
    }
    must("fsync", fsync(*fd));
    return memory;
}

#define CHECK_GOT(call, wanted)                                                                            \
    do {                                                                                                   \
        ssize_t got_ = call;                                                                               \
        if (got_ != (ssize_t)(wanted)) {                                                                   \
            return problem("line %d: %s: %zd (%s)", __LINE__, #call, got_, got_ < 0 ? errno_name(errno) : "short"); \
        }                                                                                                  \
    } while (0)
#define CHECK_BYTES(fd, memory, page)                                                                      \
    do {                                                                                                   \
        char seen_[sizeof expected];                                                                       \
        CHECK(memcmp((memory) + (page) * PAGE, expected, LENGTH) == 0, "line %d: other bytes", __LINE__);  \
        CHECK_GOT(pread(fd, seen_, LENGTH, (page) * PAGE), LENGTH);                                        \
        CHECK(memcmp(seen_, expected, LENGTH) == 0, "line %d: pread sees other bytes", __LINE__);          \
    } while (0)

static const char *read_into(const char *directory) {
    int fd, source = source_file(directory, 0);
    char *memory = mixed(directory, &fd);
    CHECK_GOT(read(source, memory, LENGTH), LENGTH);
    CHECK_BYTES(fd, memory, 0);
    CHECK_GOT(pread(source, memory + PAGE, 3 * PAGE, 0), 3 * PAGE); /* pages 1 to 3: written, hole, written */
    CHECK_BYTES(fd, memory, 1);
    CHECK_LOADED(memory + 3 * PAGE + PAGE - 1, 3);
    CHECK_GOT(pread(fd, memory + 6 * PAGE, LENGTH, PAGE), LENGTH); /* the same file */
    CHECK_BYTES(fd, memory, 6);
    return NULL;
}

static const char *readv_into(const char *directory) {
    int fd, source = source_file(directory, 0);
    char *memory = mixed(directory, &fd);
    struct iovec parts[] = {{memory + 4 * PAGE, LENGTH}, {memory + 9 * PAGE, PAGE}, {memory + 11 * PAGE - 8, 16}};
    CHECK_GOT(readv(source, parts, 3), LENGTH + PAGE + 16);
    CHECK_BYTES(fd, memory, 4);
    CHECK_LOADED(memory + 9 * PAGE, 3);
    CHECK_LOADED(memory + 11 * PAGE + 7, 3);
    CHECK_GOT(preadv(source, parts, 1, 0), LENGTH);
    return NULL;
}

static const char *fread_into(const char *directory) {
    int fd, source = source_file(directory, 0);
    char *memory = mixed(directory, &fd);
    FILE *stream = fdopen(source, "r");
    CHECK_GOT(fread(memory, 1, LENGTH, stream), LENGTH);
    CHECK_BYTES(fd, memory, 0);
    rewind(stream);
    CHECK_GOT(fread(memory + PAGE, 1, 3 * PAGE, stream), 3 * PAGE);
    CHECK_BYTES(fd, memory, 1);
    return NULL;
}

static const char *direct_read_into(const char *directory) {
    int fd, source = source_file(directory, O_DIRECT);
    char *memory = mixed(directory, &fd);
    CHECK_GOT(pread(source, memory, 2 * PAGE, 0), 2 * PAGE);
    CHECK_BYTES(fd, memory, 0);
    CHECK_GOT(pwrite(source, memory, 2 * PAGE, 2 * PAGE), 2 * PAGE);
    CHECK_GOT(pread(source, memory + 20 * PAGE, PAGE, 2 * PAGE), PAGE);
    CHECK_BYTES(fd, memory, 20);
    return NULL;
}

static const char *datagrams_into(const char *directory) {
    int fd, ends[2];
    char *memory = mixed(directory, &fd);
    CHECK_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
    for (int i = 0; i < 5; i++) {
        CHECK_GOT(send(ends[0], expected, LENGTH, 0), LENGTH);
    }
    CHECK_GOT(recv(ends[1], memory, PAGE, 0), LENGTH);
    CHECK_BYTES(fd, memory, 0);
    CHECK_GOT(recvfrom(ends[1], memory + PAGE, PAGE, 0, NULL, NULL), LENGTH);
    CHECK_BYTES(fd, memory, 1);
    struct iovec part = {memory + 2 * PAGE, PAGE};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    CHECK_GOT(recvmsg(ends[1], &message, 0), LENGTH);
    CHECK_BYTES(fd, memory, 2);
    CHECK_GOT(read(ends[1], memory + 4 * PAGE, PAGE), LENGTH);
    CHECK_BYTES(fd, memory, 4);
    struct iovec parts[] = {{memory + 6 * PAGE, LENGTH}, {memory + 8 * PAGE, PAGE}};
    CHECK_GOT(readv(ends[1], parts, 2), LENGTH);
    CHECK_BYTES(fd, memory, 6);
    return NULL;
}

static const char *write_out_of(const char *directory) {
    int fd, ends[2], target = source_file(directory, 0);
    char *memory = mixed(directory, &fd), seen[3 * PAGE];
    CHECK_GOT(write(target, memory + PAGE, 3 * PAGE), 3 * PAGE); /* 7, hole, 7 */
    CHECK_GOT(pread(target, seen, 3 * PAGE, 0), 3 * PAGE);
    CHECK(seen[0] == 7 && seen[PAGE] == 0 && seen[2 * PAGE] == 7, "other bytes: %d %d %d", seen[0], seen[PAGE],
          seen[2 * PAGE]);
    struct iovec parts[] = {{memory + 11 * PAGE, PAGE}, {memory + 21 * PAGE, 100}};
    CHECK_GOT(pwritev(target, parts, 2, 0), PAGE + 100);
    CHECK_GOT(pwrite(fd, memory + 31 * PAGE, PAGE, 40 * PAGE), PAGE); /* the same file, into a hole */
    CHECK_LOADED(memory + 40 * PAGE, 7);
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    CHECK_GOT(send(ends[0], memory + 33 * PAGE, LENGTH, 0), LENGTH);
    CHECK_GOT(read(ends[1], seen, LENGTH), LENGTH);
    CHECK(seen[0] == 7, "the socket got %d", seen[0]);
    FILE *stream = fdopen(ends[0], "w");
    CHECK_GOT(fwrite(memory + 35 * PAGE, 1, PAGE, stream), PAGE);
    fflush(stream);
    CHECK_GOT(read(ends[1], seen, PAGE), PAGE);
    CHECK(seen[PAGE - 1] == 7, "the stream got %d", seen[PAGE - 1]);
    return NULL;
}

static const char *other_calls_into(const char *directory) {
    int fd;
    char *memory = mixed(directory, &fd);
    CHECK_GOT(getrandom(memory + 2 * PAGE, 64, 0), 64);
    CHECK(getcwd(memory + 4 * PAGE, PAGE) != NULL, "getcwd: %s", errno_name(errno));
    CHECK_OK(fstat(fd, (struct stat *)(memory + 6 * PAGE)));
    CHECK(((struct stat *)(memory + 6 * PAGE))->st_size == 64 * PAGE, "fstat put nothing there");
    return NULL;
}

static const char *read_behind_the_end(const char *directory) {
    int fd, source = source_file(directory, 0);
    fresh(directory, 4, 7, &fd);
    char *memory = map_file(fd, 8 * PAGE, sync_flags());
    ssize_t got = read(source, memory + 6 * PAGE, LENGTH);
    CHECK(got < 0 && errno == EFAULT, "read into a page behind the end: %zd %s", got, errno_name(errno));
    struct stat attributes;
    CHECK_OK(fstat(fd, &attributes));
    CHECK(attributes.st_size == 4 * PAGE, "the file grew to %ld", (long)attributes.st_size);
    return NULL;
}

static const char *read_into_a_read_only_mapping(const char *directory) {
    int fd, source = source_file(directory, 0);
    fresh(directory, 4, 7, &fd);
    char *memory = mmap(NULL, 4 * PAGE, PROT_READ, sync_flags(), fd, 0);
    ssize_t got = read(source, memory + PAGE, LENGTH);
    CHECK(got < 0 && errno == EFAULT, "read into a read-only mapping: %zd %s", got, errno_name(errno));
    CHECK_FILE(fd, PAGE, 7);
    return NULL;
}

const struct item kernel_items[] = {
    {"read-into-untouched-pages", read_into},
    {"readv-into-untouched-pages", readv_into},
    {"fread-into-untouched-pages", fread_into},
    {"direct-read-into-untouched-pages", direct_read_into},
    {"datagrams-into-untouched-pages", datagrams_into},
    {"write-out-of-untouched-pages", write_out_of},
    {"other-calls-into-untouched-pages", other_calls_into},
    {"read-behind-the-end-is-efault", read_behind_the_end},
    {"read-into-read-only-is-efault", read_into_a_read_only_mapping},
    {NULL, NULL},
};
