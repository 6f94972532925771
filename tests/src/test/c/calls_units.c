/*
 * Items of `units`: mappings of files that can be mapped in units of 2 MiB only, as on a device-dax with that alignment.
 * There 2 MiB are what a page is elsewhere: of addresses, of the end of a file, of what a first store makes writable.
 */
#include "calls.h"

#define UNIT (2 * MIB)

static char *units(const char *directory, int count, int *fd) {
    return fresh(directory, count * UNIT / PAGE, HOLE, fd);
}

static const char *a_store_takes_the_whole_unit(const char *directory) {
    int fd;
    char *memory = units(directory, 2, &fd);
    CHECK((uintptr_t)memory % UNIT == 0, "mapped at %p", (void *)memory);
    CHECK_LOADED(memory + 5 * PAGE, 0);
    CHECK_STORED(memory + 3 * PAGE, 'a');
    CHECK_STORED(memory + UNIT - 1, 'b');
    CHECK_LOADED(memory + UNIT, 0);
    CHECK_FILE(fd, 3 * PAGE, 'a');
    CHECK_FILE(fd, UNIT - 1, 'b');
    CHECK_FILE(fd, UNIT, 0);
    CHECK_OK(msync(memory, 2 * UNIT, MS_SYNC));
    return NULL;
}

static const char *scattered_blocks_are_moved_together(const char *directory) {
    int fd;
    char *memory = units(directory, 2, &fd);
    fill_file(fd, 7 * PAGE, 8 * PAGE, 'x');
    fill_file(fd, 2 * PAGE, 3 * PAGE, 'y');
    fill_file(fd, UNIT - PAGE, UNIT + 2 * PAGE, 'z');
    CHECK_LOADED(memory + 7 * PAGE, 'x');
    CHECK_LOADED(memory, 0);
    CHECK_LOADED(memory + 2 * PAGE, 'y');
    CHECK_LOADED(memory + UNIT + PAGE, 'z');
    CHECK_STORED(memory + 2 * PAGE + 1, 'n');
    CHECK(first_difference(fd, memory, 0, 2 * UNIT) < 0, "mapping and file differ");
    CHECK_FILE(fd, 2 * PAGE, 'y');
    CHECK_FILE(fd, UNIT - 1, 'z');
    return NULL;
}

static const char *a_call_fills_what_was_loaded_as_zeros(const char *directory) {
    int fd;
    char *memory = units(directory, 1, &fd);
    CHECK_LOADED(memory + 9 * PAGE, 0);
    CHECK_LOADED(memory + 11 * PAGE, 0);
    fill_file(fd, 9 * PAGE, 10 * PAGE, 'w');
    CHECK_LOADED(memory + 9 * PAGE, 'w');
    CHECK_LOADED(memory + 11 * PAGE, 0);
    CHECK_STORED(memory + 11 * PAGE, 's');
    fill_file(fd, 11 * PAGE, 12 * PAGE, 'v');
    CHECK_LOADED(memory + 11 * PAGE, 'v');
    return NULL;
}

static const char *a_punched_page_is_zeros(const char *directory) {
    int fd;
    char *memory = units(directory, 1, &fd);
    for (int page = 0; page < 512; page++) {
        CHECK_STORED(memory + page * PAGE, 1 + page % 200);
    }
    CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100 * PAGE, 2 * PAGE));
    CHECK_LOADED(memory + 100 * PAGE, 0);
    CHECK_LOADED(memory + 101 * PAGE, 0);
    CHECK_STORED(memory + 101 * PAGE, 'p');
    for (int page = 0; page < 512; page++) {
        CHECK_FILE(fd, page * PAGE, page == 100 ? 0 : page == 101 ? 'p' : 1 + page % 200);
    }
    return NULL;
}

static const char *the_end_is_that_of_a_unit(const char *directory) {
    int fd;
    char *memory = units(directory, 3, &fd);
    CHECK_STORED(memory + 5 * PAGE, 'a');
    CHECK_STORED(memory + 2 * UNIT, 'b');
    CHECK_OK(ftruncate(fd, UNIT + 1));
    CHECK_ANSWER(try_store(memory + 2 * UNIT, 'c'), "SIGBUS code 2");
    CHECK_STORED(memory + UNIT + PAGE, 'd');
    CHECK_LOADED(memory + 5 * PAGE, 'a');
    CHECK_OK(ftruncate(fd, 0));
    CHECK_ANSWER(try_store(memory, 'e'), "SIGBUS code 2");
    CHECK_OK(ftruncate(fd, 3 * UNIT));
    for (long page = 0; page < 3 * UNIT / PAGE; page += 64) {
        CHECK_LOADED(memory + page * PAGE, 0);
    }
    CHECK_LOADED(memory + 2 * UNIT, 0);
    return NULL;
}

static const char *odd_offsets_and_addresses_are_refused(const char *directory) {
    int fd;
    char *memory = units(directory, 2, &fd);
    CHECK(mmap(NULL, UNIT, RW, MAP_SHARED, fd, PAGE) == MAP_FAILED && errno == EINVAL, "offset of a page");
    CHECK(mmap(memory + PAGE, UNIT, RW, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED && errno == EINVAL,
          "address of a page");
    CHECK(mmap(memory, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED && errno == EINVAL, "half a unit");
    CHECK(mmap(memory, UNIT, RW, MAP_SHARED | MAP_FIXED, fd, UNIT) == memory, "%s", errno_name(errno));
    CHECK_STORED(memory, 'f');
    CHECK_FILE(fd, UNIT, 'f');
    return NULL;
}

static const char *a_short_mapping_ends_as_it_was_made(const char *directory) {
    int fd;
    char *memory = units(directory, 2, &fd);
    CHECK_OK(munmap(memory, 2 * UNIT));
    memory = map_file(fd, UNIT + 5 * PAGE, sync_flags());
    CHECK_STORED(memory + UNIT + 4 * PAGE, 'a');
    CHECK(munmap(memory, PAGE) < 0 && errno == EINVAL, "a page of a unit was unmapped");
    CHECK(munmap(memory + PAGE, UNIT) < 0 && errno == EINVAL, "odd pages were unmapped");
    CHECK(mprotect(memory, PAGE, PROT_READ) < 0 && errno == EINVAL, "a page of a unit was protected");
    CHECK(mremap(memory, UNIT, 2 * UNIT, MREMAP_MAYMOVE) == MAP_FAILED && errno == EINVAL, "mremap");
    CHECK_OK(munmap(memory, UNIT));
    CHECK_ANSWER(try_store(memory, 'b'), "SIGSEGV code 1");
    CHECK_STORED(memory + UNIT, 'b');
    CHECK_OK(munmap(memory + UNIT, 5 * PAGE));
    CHECK_ANSWER(try_store(memory + UNIT, 'b'), "SIGSEGV code 1");
    CHECK_FILE(fd, UNIT, 'b');
    return NULL;
}

static const char *other_memory_takes_the_place(const char *directory) {
    int fd;
    char *memory = units(directory, 2, &fd);
    CHECK_OK(munmap(memory, 2 * UNIT));
    memory = map_file(fd, UNIT + PAGE, sync_flags());
    CHECK_STORED(memory + UNIT, 'a');
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    CHECK(mmap(memory + PAGE, PAGE, RW, flags, -1, 0) == MAP_FAILED && errno == EINVAL, "within a unit");
    CHECK_STORED(memory + PAGE, 'b');
    CHECK(mmap(memory + UNIT, PAGE, RW, flags, -1, 0) == memory + UNIT, "%s", errno_name(errno));
    CHECK_LOADED(memory + UNIT, 0);
    CHECK_ANSWER(try_store(memory + UNIT + PAGE, 'c'), "SIGSEGV code 1");
    CHECK_STORED(memory, 'd');
    CHECK_FILE(fd, UNIT, 'a');
    return NULL;
}

static const char *mprotect_of_units(const char *directory) {
    int fd;
    char *memory = units(directory, 2, &fd);
    CHECK_STORED(memory, 'a');
    CHECK_STORED(memory + UNIT, 'b');
    CHECK_OK(mprotect(memory, UNIT, PROT_READ));
    CHECK_ANSWER(try_store(memory, 'c'), "SIGSEGV code 2");
    CHECK_STORED(memory + UNIT, 'd');
    CHECK_OK(mprotect(memory, UNIT, RW));
    CHECK_STORED(memory, 'e');
    CHECK_FILE(fd, 0, 'e');
    return NULL;
}

static const char *private_mappings_copy(const char *directory) {
    int fd;
    char *memory = units(directory, 1, &fd);
    CHECK_STORED(memory + PAGE, 'a');
    char *copy = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, PAGE);
    CHECK(copy != MAP_FAILED, "%s", errno_name(errno));
    CHECK_LOADED(copy, 'a');
    CHECK_STORED(copy, 'c');
    CHECK_LOADED(memory + PAGE, 'a');
    CHECK_FILE(fd, PAGE, 'a');
    CHECK_OK(munmap(copy, 2 * PAGE));
    return NULL;
}

static int store_in_child(void *memory) {
    return strcmp(try_store((char *)memory + 6 * PAGE, 'k'), "ok") == 0 ? 0 : 1;
}

static const char *a_child_shares_the_mapping(const char *directory) {
    int fd;
    char *memory = units(directory, 1, &fd);
    CHECK_STORED(memory + 5 * PAGE, 'p');
    CHECK(in_child(store_in_child, memory) == 0, "the child could not store");
    CHECK_LOADED(memory + 6 * PAGE, 'k');
    CHECK_FILE(fd, 6 * PAGE, 'k');
    return NULL;
}

static const char *advice_keeps_the_content(const char *directory) {
    int fd;
    char *memory = units(directory, 2, &fd);
    CHECK_STORED(memory + PAGE, 'a');
    CHECK_OK(madvise(memory + PAGE, PAGE, MADV_DONTNEED));
    CHECK_LOADED(memory + PAGE, 'a');
    CHECK_OK(mlock(memory, 2 * UNIT));
    CHECK_STORED(memory + PAGE, 'b');
    CHECK_FILE(fd, PAGE, 'b');
    return NULL;
}

static const char *calls_reach_mapped_units(const char *directory) {
    int fd;
    char *memory = units(directory, 2, &fd);
    fill_file(fd, UNIT, UNIT + 3 * PAGE, 'r');
    CHECK(pread(fd, memory, 3 * PAGE, UNIT) == 3 * PAGE, "%s", errno_name(errno));
    CHECK_LOADED(memory + 2 * PAGE, 'r');
    CHECK(pwrite(fd, memory, PAGE, UNIT + 10 * PAGE) == PAGE, "%s", errno_name(errno));
    CHECK_LOADED(memory + UNIT + 10 * PAGE, 'r');
    CHECK_OK(fdatasync(fd));
    return NULL;
}

const struct item unit_items[] = {
    {"unit-store", a_store_takes_the_whole_unit},
    {"unit-scattered", scattered_blocks_are_moved_together},
    {"unit-zeros-filled", a_call_fills_what_was_loaded_as_zeros},
    {"unit-punch", a_punched_page_is_zeros},
    {"unit-end", the_end_is_that_of_a_unit},
    {"unit-odd", odd_offsets_and_addresses_are_refused},
    {"unit-short", a_short_mapping_ends_as_it_was_made},
    {"unit-replaced", other_memory_takes_the_place},
    {"unit-mprotect", mprotect_of_units},
    {"unit-private", private_mappings_copy},
    {"unit-fork", a_child_shares_the_mapping},
    {"unit-advice", advice_keeps_the_content},
    {"unit-calls", calls_reach_mapped_units},
    {NULL, NULL},
};
