/* Items of `calls`: munmap, mremap, MAP_FIXED, mprotect, msync, madvise, mlock, MAP_POPULATE, MAP_PRIVATE. */
#include "calls.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

static const char *munmap_of_the_middle(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, HOLE, &fd);
    CHECK_STORED(memory + 20 * PAGE, 'a');
    CHECK_OK(munmap(memory + 16 * PAGE, 16 * PAGE));
    CHECK_ANSWER(try_store(memory + 20 * PAGE, 'b'), "SIGSEGV code 1");
    CHECK_ANSWER(try_store(memory + 31 * PAGE, 'b'), "SIGSEGV code 1");
    CHECK_STORED(memory + 15 * PAGE, 'c');
    CHECK_STORED(memory + 32 * PAGE, 'd');
    CHECK_FILE(fd, 20 * PAGE, 'a');
    CHECK_FILE(fd, 15 * PAGE, 'c');
    CHECK_FILE(fd, 32 * PAGE, 'd');
    CHECK_OK(munmap(memory, 64 * PAGE));
    CHECK_ANSWER(try_store(memory, 'b'), "SIGSEGV code 1");
    return NULL;
}

static const char *munmap_of_the_ends(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, HOLE, &fd);
    CHECK_OK(munmap(memory, 8 * PAGE));
    CHECK_OK(munmap(memory + 56 * PAGE, 8 * PAGE));
    CHECK_ANSWER(try_store(memory, 'b'), "SIGSEGV code 1");
    CHECK_ANSWER(try_store(memory + 63 * PAGE, 'b'), "SIGSEGV code 1");
    CHECK_STORED(memory + 8 * PAGE, 'x');
    CHECK_STORED(memory + 55 * PAGE, 'y');
    CHECK_FILE(fd, 8 * PAGE, 'x');
    CHECK_FILE(fd, 55 * PAGE, 'y');
    return NULL;
}

static const char *mremap_grows(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, HOLE, &fd);
    munmap(memory, 64 * PAGE);
    memory = map_file(fd, 16 * PAGE, sync_flags());
    CHECK_STORED(memory, 'a');
    char *moved = mremap(memory, 16 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED, "mremap: %s", errno_name(errno));
    CHECK_LOADED(moved, 'a');
    CHECK_STORED(moved + 1, 'b');
    CHECK_STORED(moved + 63 * PAGE, 'c');
    CHECK_FILE(fd, 1, 'b');
    CHECK_FILE(fd, 63 * PAGE, 'c');
    return NULL;
}

static const char *mremap_shrinks(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, HOLE, &fd);
    CHECK_STORED(memory + 40 * PAGE, 'a');
    CHECK(mremap(memory, 64 * PAGE, 32 * PAGE, 0) == memory, "mremap: %s", errno_name(errno));
    CHECK_ANSWER(try_store(memory + 40 * PAGE, 'b'), "SIGSEGV code 1");
    CHECK_STORED(memory + 31 * PAGE, 'c');
    CHECK_FILE(fd, 31 * PAGE, 'c');
    CHECK_FILE(fd, 40 * PAGE, 'a');
    return NULL;
}

static const char *mremap_to_a_fixed_address(const char *directory) {
    int fd;
    char *memory = fresh(directory, 32, HOLE, &fd);
    char *place = mmap(NULL, 32 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_STORED(memory + 9 * PAGE, 'a');
    char *moved = mremap(memory + 8 * PAGE, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    CHECK(moved == place, "mremap: %s", errno_name(errno));
    CHECK_ANSWER(try_store(memory + 8 * PAGE, 'b'), "SIGSEGV code 1");
    CHECK_LOADED(moved + PAGE, 'a');
    CHECK_STORED(moved + 7 * PAGE, 'c');
    CHECK_STORED(memory + 16 * PAGE, 'd');
    CHECK_FILE(fd, 15 * PAGE, 'c');
    CHECK_FILE(fd, 16 * PAGE, 'd');
    CHECK_STORED(place + 8 * PAGE, 'e');
    CHECK_FILE(fd, 17 * PAGE, 0);
    return NULL;
}

static const char *mremap_duplicates(const char *directory) {
    int fd;
    char *memory = fresh(directory, 32, HOLE, &fd);
    char *second = mremap(memory, 0, 32 * PAGE, MREMAP_MAYMOVE);
    CHECK(second != MAP_FAILED, "mremap with old size 0: %s", errno_name(errno));
    CHECK_STORED(memory, 'a');
    CHECK_LOADED(second, 'a');
    CHECK_STORED(second + PAGE, 'b');
    CHECK_LOADED(memory + PAGE, 'b');
    CHECK_FILE(fd, PAGE, 'b');
    return NULL;
}

static const char *anonymous_memory_fixed_over(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, 7, &fd);
    CHECK_STORED(memory + 17 * PAGE, 'a');
    char *over = mmap(memory + 16 * PAGE, 16 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(over == memory + 16 * PAGE, "mmap: %s", errno_name(errno));
    CHECK_LOADED(over + PAGE, 0);
    CHECK_STORED(over + PAGE, 'z');
    CHECK_STORED(over + 2 * PAGE, 'z');
    CHECK_FILE(fd, 17 * PAGE, 'a');
    CHECK_FILE(fd, 18 * PAGE, 7);
    CHECK_STORED(memory + 15 * PAGE, 'b');
    CHECK_STORED(memory + 32 * PAGE, 'c');
    CHECK_FILE(fd, 15 * PAGE, 'b');
    CHECK_FILE(fd, 32 * PAGE, 'c');
    CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 64 * PAGE));
    CHECK_LOADED(over + PAGE, 'z'); /* a revocation must not touch what is not ours any more */
    CHECK_LOADED(memory + 15 * PAGE, 0);
    return NULL;
}

static const char *another_file_fixed_over(const char *directory) {
    int fd;
    char *memory = fresh(directory, 32, 7, &fd), *path = path_in(directory, "item2");
    int other = create_file(path);
    fill_file(other, 0, 32 * PAGE, 9);
    CHECK_STORED(memory + 4 * PAGE, 'a');
    char *over = mmap(memory + 4 * PAGE, 4 * PAGE, RW, sync_flags() | MAP_FIXED, other, 8 * PAGE);
    CHECK(over == memory + 4 * PAGE, "mmap: %s", errno_name(errno));
    CHECK_LOADED(over, 9);
    CHECK_STORED(over, 'o');
    CHECK_FILE(other, 8 * PAGE, 'o');
    CHECK_FILE(fd, 4 * PAGE, 'a');
    CHECK_STORED(memory + 8 * PAGE, 'b');
    CHECK_FILE(fd, 8 * PAGE, 'b');
    return NULL;
}

static const char *mprotect_takes_and_gives(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, 7, &fd);
    CHECK_STORED(memory, 'a');
    CHECK_OK(mprotect(memory, 16 * PAGE, PROT_READ));
    CHECK_ANSWER(try_store(memory, 'b'), "SIGSEGV code 2");
    CHECK_ANSWER(try_store(memory + PAGE, 'b'), "SIGSEGV code 2"); /* never touched before */
    CHECK_LOADED(memory, 'a');
    CHECK_LOADED(memory + PAGE, 7);
    CHECK_STORED(memory + 16 * PAGE, 'c');
    CHECK_OK(mprotect(memory + 4 * PAGE, 4 * PAGE, PROT_NONE));
    unsigned char value;
    CHECK_ANSWER(try_load(memory + 4 * PAGE, &value), "SIGSEGV code 2");
    CHECK_ANSWER(try_load(memory + 7 * PAGE, &value), "SIGSEGV code 2");
    CHECK_LOADED(memory + 8 * PAGE, 7);
    CHECK_OK(mprotect(memory, 16 * PAGE, RW));
    CHECK_STORED(memory, 'd');
    CHECK_STORED(memory + 5 * PAGE, 'e');
    CHECK_FILE(fd, 0, 'd');
    CHECK_FILE(fd, 5 * PAGE, 'e');
    return NULL;
}

static const char *read_only_mapping_cannot_store(const char *directory) {
    int fd;
    fresh(directory, 16, 7, &fd);
    char *memory = mmap(NULL, 16 * PAGE, PROT_READ, sync_flags(), fd, 0);
    CHECK(memory != MAP_FAILED, "mmap: %s", errno_name(errno));
    CHECK_LOADED(memory, 7);
    CHECK_ANSWER(try_store(memory, 'a'), "SIGSEGV code 2");
    CHECK_OK(mprotect(memory, 16 * PAGE, RW));
    CHECK_STORED(memory, 'a');
    CHECK_FILE(fd, 0, 'a');
    return NULL;
}

static const char *msync_answers(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, HOLE, &fd);
    CHECK_STORED(memory + 3 * PAGE, 'a');
    CHECK_OK(msync(memory, 64 * PAGE, MS_SYNC));
    CHECK_OK(msync(memory + 3 * PAGE, 1, MS_ASYNC | MS_INVALIDATE));
    CHECK(msync(memory + 1, PAGE, MS_SYNC) < 0 && errno == EINVAL, "unaligned: %s", errno_name(errno));
    CHECK(msync(memory, PAGE, MS_SYNC | MS_ASYNC) < 0 && errno == EINVAL, "both: %s", errno_name(errno));
    CHECK_OK(munmap(memory + 8 * PAGE, 8 * PAGE));
    CHECK(msync(memory, 64 * PAGE, MS_SYNC) < 0 && errno == ENOMEM, "with a gap: %s", errno_name(errno));
    return NULL;
}

static const char *madvise_keeps_what_is_shared(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, 7, &fd);
    CHECK_STORED(memory, 'a');
    CHECK_OK(madvise(memory, 64 * PAGE, MADV_DONTNEED));
    CHECK_LOADED(memory, 'a');
    CHECK_STORED(memory, 'b');
    CHECK_OK(madvise(memory, 64 * PAGE, MADV_WILLNEED));
    CHECK_OK(madvise(memory, 64 * PAGE, MADV_SEQUENTIAL));
    CHECK_OK(madvise(memory, 64 * PAGE, MADV_DONTNEED));
    CHECK_FILE(fd, 0, 'b');
    CHECK_OK(madvise(memory + 8 * PAGE, 8 * PAGE, MADV_REMOVE));
    CHECK_FILE(fd, 8 * PAGE, 0);
    CHECK_LOADED(memory + 8 * PAGE, 0);
    CHECK_LOADED(memory + 16 * PAGE, 7);
    CHECK_STORED(memory + 9 * PAGE, 'c');
    CHECK_FILE(fd, 9 * PAGE, 'c');
    return NULL;
}

static const char *madvise_populates(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, HOLE, &fd);
    CHECK_OK(madvise(memory, 16 * PAGE, MADV_POPULATE_READ));
    CHECK_OK(madvise(memory, 16 * PAGE, MADV_POPULATE_WRITE));
    CHECK_STORED(memory + 15 * PAGE, 'a');
    CHECK_FILE(fd, 15 * PAGE, 'a');
    struct stat attributes;
    CHECK_OK(fstat(fd, &attributes));
    CHECK(attributes.st_blocks >= 16 * 8, "only %ld blocks after MADV_POPULATE_WRITE", (long)attributes.st_blocks);
    return NULL;
}

static const char *madvise_dontfork(const char *directory) {
    int fd;
    char *memory = fresh(directory, 16, 7, &fd);
    CHECK_STORED(memory, 'a');
    CHECK_OK(madvise(memory, 16 * PAGE, MADV_DONTFORK));
    pid_t child = fork();
    if (child == 0) {
        _exit(strcmp(try_store(memory, 'b'), "SIGSEGV code 1") != 0);
    }
    int status;
    CHECK_OK(waitpid(child, &status, 0));
    CHECK(status == 0, "the child has memory that is not to be forked: status 0x%x", status);
    CHECK_STORED(memory + 1, 'c');
    return NULL;
}

static const char *mlock_and_munlock(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, HOLE, &fd);
    CHECK_OK(mlock(memory, 8 * PAGE));
    CHECK_STORED(memory, 'a');
    CHECK_OK(mlock2(memory + 8 * PAGE, 8 * PAGE, MLOCK_ONFAULT));
    CHECK_STORED(memory + 9 * PAGE, 'b');
    CHECK_OK(munlock(memory, 16 * PAGE));
    CHECK_OK(mlockall(MCL_CURRENT));
    CHECK_STORED(memory + 60 * PAGE, 'c');
    CHECK_OK(munlockall());
    CHECK_FILE(fd, 0, 'a');
    CHECK_FILE(fd, 9 * PAGE, 'b');
    CHECK_FILE(fd, 60 * PAGE, 'c');
    return NULL;
}

static const char *populate_and_locked_flags(const char *directory) {
    int fd;
    fresh(directory, 64, HOLE, &fd);
    char *memory = map_file(fd, 64 * PAGE, sync_flags() | MAP_POPULATE);
    CHECK_STORED(memory + 5 * PAGE, 'a');
    char *locked = map_file(fd, 64 * PAGE, sync_flags() | MAP_LOCKED);
    CHECK_LOADED(locked + 5 * PAGE, 'a');
    CHECK_STORED(locked + 6 * PAGE, 'b');
    CHECK_LOADED(memory + 6 * PAGE, 'b');
    return NULL;
}

static const char *private_mapping_is_private(const char *directory) {
    int fd;
    char *shared = fresh(directory, 16, 7, &fd);
    char *memory = map_file(fd, 16 * PAGE, MAP_PRIVATE);
    CHECK_LOADED(memory, 7);
    CHECK_STORED(memory, 'p');
    CHECK_LOADED(shared, 7);
    CHECK_FILE(fd, 0, 7);
    CHECK_STORED(shared, 's');
    CHECK_LOADED(memory, 'p');
    char *with_flag = mmap(NULL, 16 * PAGE, RW, MAP_PRIVATE | MAP_SYNC, fd, 0);
    if (with_flag != MAP_FAILED) {
        CHECK_STORED(with_flag + PAGE, 'q');
        CHECK_FILE(fd, PAGE, 7);
    }
    return NULL;
}

static const char *two_mappings_of_a_hole(const char *directory) {
    int fd;
    char *memory = fresh(directory, 64, HOLE, &fd);
    char *second = mmap(NULL, 32 * PAGE, RW, sync_flags(), fd, 16 * PAGE), *plain = map_file(fd, 64 * PAGE, MAP_SHARED);
    for (int page = 0; page < 64; page++) {
        CHECK_LOADED(memory + page * PAGE, 0);
        CHECK_LOADED(plain + page * PAGE, 0);
    }
    CHECK_LOADED(second, 0);
    CHECK_STORED(second, 'a');
    CHECK_LOADED(memory + 16 * PAGE, 'a'); /* was a page of zeros */
    CHECK_LOADED(plain + 16 * PAGE, 'a');
    CHECK_STORED(plain + 17 * PAGE, 'b');
    CHECK_LOADED(second + PAGE, 'b');
    char byte = 'w';
    write_fully(fd, &byte, 1, 18 * PAGE);
    CHECK_LOADED(second + 2 * PAGE, 'w');
    CHECK_LOADED(memory + 18 * PAGE, 'w');
    CHECK_LOADED(plain + 18 * PAGE, 'w');
    return NULL;
}

static const char *file_grows_under_the_mapping(const char *directory) {
    int fd;
    fresh(directory, 4, 7, &fd);
    char *memory = map_file(fd, 64 * PAGE, sync_flags());
    CHECK_ANSWER(try_store(memory + 4 * PAGE, 'a'), "SIGBUS code 2");
    CHECK_STORED(memory + 3 * PAGE, 'a');
    CHECK_OK(ftruncate(fd, 64 * PAGE));
    CHECK_STORED(memory + 4 * PAGE, 'b');
    CHECK_FILE(fd, 4 * PAGE, 'b');
    CHECK_OK(ftruncate(fd, 4 * PAGE + 10));
    CHECK_STORED(memory + 4 * PAGE, 'c');
    CHECK_ANSWER(try_store(memory + 5 * PAGE, 'd'), "SIGBUS code 2");
    return NULL;
}

const struct item memory_items[] = {
    {"munmap-of-the-middle", munmap_of_the_middle},
    {"munmap-of-the-ends", munmap_of_the_ends},
    {"mremap-grows", mremap_grows},
    {"mremap-shrinks", mremap_shrinks},
    {"mremap-to-a-fixed-address", mremap_to_a_fixed_address},
    {"mremap-duplicates", mremap_duplicates},
    {"anonymous-memory-fixed-over", anonymous_memory_fixed_over},
    {"another-file-fixed-over", another_file_fixed_over},
    {"mprotect-takes-and-gives", mprotect_takes_and_gives},
    {"read-only-mapping-cannot-store", read_only_mapping_cannot_store},
    {"msync-answers", msync_answers},
    {"madvise-keeps-what-is-shared", madvise_keeps_what_is_shared},
    {"madvise-populates", madvise_populates},
    {"madvise-dontfork", madvise_dontfork},
    {"mlock-and-munlock", mlock_and_munlock},
    {"populate-and-locked-flags", populate_and_locked_flags},
    {"private-mapping-is-private", private_mapping_is_private},
    {"two-mappings-of-a-hole", two_mappings_of_a_hole},
    {"file-grows-under-the-mapping", file_grows_under_the_mapping},
    {NULL, NULL},
};
