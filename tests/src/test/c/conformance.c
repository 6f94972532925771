/* The rows of dax-mmap-conformance.txt: what mmap(2) and its relatives answer, and what follows. */
#include "maptest.h"

#define FILE_BYTES (4 * MIB)
#define UNKNOWN_FLAG 0x800000

static const char *label;
static const char *directory;
static char *file_path;

static void row(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void row(const char *name, const char *format, ...) {
    char result[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result, sizeof result, format, arguments);
    va_end(arguments);
    printf("%-14s | %-66s | %s\n", label, name, result);
}

/* One call of mmap, and what is done with the memory. */
struct call {
    const char *name;
    int fd;
    int protection;
    int flags;
    size_t length;
    off_t offset;
};

static const char *access_result(char *memory, int protection) {
    static char text[96];
    unsigned char value;
    if (protection & PROT_WRITE) {
        const char *answer = try_store(memory, 'a');
        snprintf(text, sizeof text, "%s%s", strcmp(answer, "ok") == 0 ? "store " : "", answer);
    } else if (protection & PROT_READ) {
        const char *answer = try_load(memory, &value);
        snprintf(text, sizeof text, "%s%s", strcmp(answer, "ok") == 0 ? "load " : "", answer);
    } else {
        text[0] = 0;
    }
    return text;
}

static int run_call(void *argument) {
    struct call *c = argument;
    char *memory = mmap(NULL, c->length, c->protection, c->flags, c->fd, c->offset);
    if (memory == MAP_FAILED) {
        row(c->name, "%s", errno_name(errno));
        return 0;
    }
    row(c->name, "OK; %s", access_result(memory, c->protection));
    munmap(memory, c->length);
    return 1;
}

/* Runs a row in a child; whether mmap was fine there. */
static int try_call(struct call call) {
    int end = in_child(run_call, &call);
    if (end < 0 || end > 1) {
        row(call.name, "died: %d", end);
    }
    return end == 1;
}

#define RW (PROT_READ | PROT_WRITE)
#define VALIDATE_SYNC (MAP_SHARED_VALIDATE | MAP_SYNC)

static int open_file(int flags) { return must(file_path, open(file_path, flags)); }

static void misc_rows(void) {
    int memfd = must("memfd_create", memfd_create("maptest", 0));
    must("ftruncate", ftruncate(memfd, FILE_BYTES));
    int zero = must("/dev/zero", open("/dev/zero", O_RDWR));
    int dir = must(directory, open(directory, O_RDONLY | O_DIRECTORY));
    struct call calls[] = {
        {"mmap MAP_SHARED|MAP_ANONYMOUS|MAP_SYNC", -1, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_SYNC, FILE_BYTES, 0},
        {"mmap MAP_PRIVATE|MAP_ANONYMOUS|MAP_SYNC", -1, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_SYNC, FILE_BYTES, 0},
        {"mmap MAP_SHARED_VALIDATE|MAP_ANONYMOUS", -1, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, FILE_BYTES, 0},
        {"mmap MAP_SHARED_VALIDATE|MAP_SYNC fd -1", -1, RW, VALIDATE_SYNC, FILE_BYTES, 0},
        {"memfd: MAP_SHARED_VALIDATE|MAP_SYNC", memfd, RW, VALIDATE_SYNC, FILE_BYTES, 0},
        {"memfd: MAP_SHARED|MAP_SYNC", memfd, RW, MAP_SHARED | MAP_SYNC, FILE_BYTES, 0},
        {"/dev/zero: MAP_SHARED_VALIDATE|MAP_SYNC", zero, RW, VALIDATE_SYNC, FILE_BYTES, 0},
        {"directory fd: MAP_SHARED_VALIDATE|MAP_SYNC PROT_READ", dir, PROT_READ, VALIDATE_SYNC, FILE_BYTES, 0},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        try_call(calls[i]);
    }
}

static void flag_rows(int fd) {
    static const struct {
        const char *name;
        int flags;
    } flags[] = {
        {"mmap MAP_SHARED rw", MAP_SHARED},
        {"mmap MAP_PRIVATE rw", MAP_PRIVATE},
        {"mmap MAP_SHARED_VALIDATE rw", MAP_SHARED_VALIDATE},
        {"mmap MAP_SHARED_VALIDATE|MAP_SYNC rw", VALIDATE_SYNC},
        {"mmap MAP_SHARED|MAP_SYNC rw (not VALIDATE)", MAP_SHARED | MAP_SYNC},
        {"mmap MAP_PRIVATE|MAP_SYNC rw", MAP_PRIVATE | MAP_SYNC},
        {"mmap MAP_SYNC alone (map type 0)", MAP_SYNC},
        {"mmap MAP_SHARED_VALIDATE|0x800000 (unknown flag)", MAP_SHARED_VALIDATE | UNKNOWN_FLAG},
        {"mmap MAP_SHARED_VALIDATE|MAP_SYNC|0x800000", VALIDATE_SYNC | UNKNOWN_FLAG},
        {"mmap MAP_SHARED|0x800000 (unknown flag)", MAP_SHARED | UNKNOWN_FLAG},
        {"mmap MAP_PRIVATE|0x800000 (unknown flag)", MAP_PRIVATE | UNKNOWN_FLAG},
        {"mmap MAP_SHARED_VALIDATE|MAP_SYNC|MAP_POPULATE", VALIDATE_SYNC | MAP_POPULATE},
        {"mmap MAP_SHARED_VALIDATE|MAP_SYNC|MAP_LOCKED", VALIDATE_SYNC | MAP_LOCKED},
        {"mmap MAP_SHARED_VALIDATE|MAP_SYNC|MAP_NORESERVE", VALIDATE_SYNC | MAP_NORESERVE},
        {"mmap MAP_SHARED_VALIDATE|MAP_SYNC|MAP_HUGETLB", VALIDATE_SYNC | MAP_HUGETLB},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        try_call((struct call){flags[i].name, fd, RW, flags[i].flags, FILE_BYTES, 0});
    }
}

static int fixed_over(void *argument) {
    const char *name = "mmap MAP_SHARED_VALIDATE|MAP_SYNC|MAP_FIXED over a mapping";
    char *old = mmap(NULL, FILE_BYTES, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *memory = mmap(old, FILE_BYTES, RW, VALIDATE_SYNC | MAP_FIXED, *(int *)argument, 0);
    if (memory == MAP_FAILED) {
        row(name, "%s", errno_name(errno));
    } else {
        row(name, "OK, %s address", memory == old ? "same" : "other");
    }
    return 0;
}

static int fixed_free(void *argument) {
    const char *name = "mmap MAP_SHARED_VALIDATE|MAP_SYNC|MAP_FIXED_NOREPLACE free range";
    char *old = mmap(NULL, FILE_BYTES, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(old, FILE_BYTES);
    char *memory = mmap(old, FILE_BYTES, RW, VALIDATE_SYNC | MAP_FIXED_NOREPLACE, *(int *)argument, 0);
    row(name, "%s", memory == MAP_FAILED ? errno_name(errno) : "OK");
    return 0;
}

static int unprotect_read_only(void *argument) {
    char *memory = mmap(NULL, FILE_BYTES, PROT_READ, VALIDATE_SYNC, *(int *)argument, 0);
    row("  mprotect(RW) of a MAP_SYNC mapping of an O_RDONLY fd", "%s", name_of(mprotect(memory, FILE_BYTES, RW)));
    return 0;
}

static void open_mode_rows(int fd) {
    try_call((struct call){"mmap MAP_SYNC rw-fd PROT_READ", fd, PROT_READ, VALIDATE_SYNC, FILE_BYTES, 0});
    try_call((struct call){"mmap MAP_SYNC rw-fd PROT_NONE", fd, PROT_NONE, VALIDATE_SYNC, FILE_BYTES, 0});
    try_call((struct call){"mmap MAP_SYNC rw-fd PROT_WRITE only", fd, PROT_WRITE, VALIDATE_SYNC, FILE_BYTES, 0});
    try_call((struct call){
        "mmap MAP_SYNC rw-fd PROT_READ|PROT_EXEC", fd, PROT_READ | PROT_EXEC, VALIDATE_SYNC, FILE_BYTES, 0});
    int reader = open_file(O_RDONLY);
    int mapped =
        try_call((struct call){"mmap MAP_SYNC O_RDONLY fd PROT_READ", reader, PROT_READ, VALIDATE_SYNC, FILE_BYTES, 0});
    try_call((struct call){"mmap MAP_SYNC O_RDONLY fd PROT_READ|WRITE", reader, RW, VALIDATE_SYNC, FILE_BYTES, 0});
    if (mapped) {
        in_child(unprotect_read_only, &reader);
    }
    int writer = open_file(O_WRONLY);
    try_call((struct call){"mmap MAP_SYNC O_WRONLY fd PROT_WRITE", writer, PROT_WRITE, VALIDATE_SYNC, FILE_BYTES, 0});
    close(reader);
    close(writer);
}

static void count_row(const char *name, ssize_t count) {
    if (count < 0) {
        row(name, "%s", errno_name(errno));
    } else {
        row(name, "%zd", count);
    }
}

static void direct_io_rows(void) {
    int fd = open(file_path, O_RDWR | O_DIRECT);
    if (fd < 0) {
        row("open O_DIRECT", "%s", errno_name(errno));
        return;
    }
    char *buffer = aligned_alloc(PAGE, 2 * PAGE);
    try_call((struct call){"mmap MAP_SYNC O_DIRECT fd", fd, RW, VALIDATE_SYNC, FILE_BYTES, 0});
    count_row("pread O_DIRECT 4096 aligned", pread(fd, buffer, PAGE, 0));
    count_row("pread O_DIRECT 100 bytes at offset 3 (unaligned)", pread(fd, buffer, 100, 3));
    free(buffer);
    close(fd);
}

static void range_rows(int fd) {
    try_call((struct call){"mmap MAP_SYNC length 1 (rounds to a page)", fd, RW, VALIDATE_SYNC, 1, 0});
    try_call((struct call){"mmap MAP_SYNC length 0", fd, RW, VALIDATE_SYNC, 0, 0});
    try_call((struct call){"mmap MAP_SYNC offset 512", fd, RW, VALIDATE_SYNC, PAGE, 512});
    try_call((struct call){"mmap MAP_SYNC offset 4096", fd, RW, VALIDATE_SYNC, PAGE, PAGE});
    try_call((struct call){"mmap MAP_SYNC wholly past EOF (store into it)", fd, RW, VALIDATE_SYNC, PAGE, FILE_BYTES});
}

static void store_row(const char *name, volatile char *address) {
    const char *answer = try_store(address, 'a');
    row(name, "%s%s", strcmp(answer, "ok") == 0 ? "store " : "", answer);
}

static void live_advice_rows(char *memory) {
    unsigned char value = 0, vector[16];
    row("live: msync(MS_SYNC) 4M", "%s", name_of(msync(memory, FILE_BYTES, MS_SYNC)));
    row("live: msync(MS_ASYNC) 4M", "%s", name_of(msync(memory, FILE_BYTES, MS_ASYNC)));
    row("live: msync(MS_INVALIDATE)", "%s", name_of(msync(memory, FILE_BYTES, MS_INVALIDATE)));
    row("live: madvise MADV_DONTNEED", "%s", name_of(madvise(memory, FILE_BYTES, MADV_DONTNEED)));
    row("live: madvise MADV_HUGEPAGE", "%s", name_of(madvise(memory, FILE_BYTES, MADV_HUGEPAGE)));
    row("live: madvise MADV_REMOVE 64K (punches hole)", "%s", name_of(madvise(memory, 64 * KIB, MADV_REMOVE)));
    const char *answer = try_load(memory, &value);
    if (strcmp(answer, "ok") == 0) {
        row("live:   load from the removed page", "load ok value %d", value);
    } else {
        row("live:   load from the removed page", "%s", answer);
    }
    row("live: madvise MADV_FREE", "%s", name_of(madvise(memory, 64 * KIB, MADV_FREE)));
    row("live: mlock 64K", "%s", name_of(mlock(memory, 64 * KIB)));
    row("live: mincore", "%s", name_of(mincore(memory, 64 * KIB, vector)));
    row("live: mprotect(PROT_READ) 4K", "%s", name_of(mprotect(memory, PAGE, PROT_READ)));
    store_row("live:   store after mprotect(PROT_READ)", memory);
    row("live: mprotect(RW) back", "%s", name_of(mprotect(memory, PAGE, RW)));
    store_row("live:   store after mprotect(RW)", memory);
}

static int store_in_child(void *argument) { return strcmp(try_store(argument, 'c'), "ok") == 0 ? 0 : 1; }

static void live_move_rows(int fd, char *memory) {
    char *part = mmap(NULL, MIB, RW, sync_flags(), fd, 0);
    char *moved = part == MAP_FAILED ? MAP_FAILED : mremap(part, MIB, 2 * MIB, MREMAP_MAYMOVE);
    const char *text = moved == MAP_FAILED ? errno_name(errno) : "OK";
    if (moved != MAP_FAILED && strcmp(try_store(moved + 2 * MIB - PAGE, 'm'), "ok") != 0) {
        text = "OK, but its end cannot be stored to";
    } else if (moved != MAP_FAILED && memory[2 * MIB - PAGE] != 'm') {
        text = "OK, but it shows another file";
    }
    row("live: mremap 1M->2M MAYMOVE keeps VM_SYNC", "%s", text);
    row("live: munmap of the middle 4K", "%s", name_of(munmap(moved + MIB, PAGE)));
    int end = in_child(store_in_child, memory + 8 * PAGE);
    if (end == 0 && memory[8 * PAGE] == 'c') {
        row("live: child after fork stores", "store ok");
    } else {
        row("live: child after fork stores", "end %d, parent sees %d", end, memory[8 * PAGE]);
    }
}

static void live_io_rows(int fd, char *memory) {
    char *other_path = path_in(directory, "other");
    int other = create_file(other_path);
    fill_file(other, 0, PAGE, 'o');
    count_row("live: read() of 4K into the mapping from another file", read(other, memory + 300 * PAGE, PAGE));
    count_row("live: pread() same file into its own mapping", pread(fd, memory + 301 * PAGE, PAGE, 8 * PAGE));
    int direct = open(other_path, O_RDWR | O_DIRECT);
    count_row("live: O_DIRECT pwrite, buffer = the MAP_SYNC mapping", pwrite(direct, memory + 302 * PAGE, PAGE, 0));
    row("live: fsync(fd)", "%s", name_of(fsync(fd)));
    row("live: fdatasync(fd)", "%s", name_of(fdatasync(fd)));
    close(other);
    close(direct);
    free(other_path);
}

static void live_size_rows(int fd, char *memory) {
    unsigned char value = 0;
    char *place = memory + MIB + MIB / 2;
    try_store(place, 'a');
    row("live: ftruncate to 1M", "%s", name_of(ftruncate(fd, MIB)));
    store_row("live:   store at 1.5M after shrink", place);
    row("live: ftruncate back to 4M", "%s", name_of(ftruncate(fd, FILE_BYTES)));
    const char *answer = try_increment(place, &value);
    if (strcmp(answer, "ok") == 0) {
        row("live:   store at 1.5M after grow", "store ok value %d (was 'a'; 1 = it is a fresh zero page)", value);
    } else {
        row("live:   store at 1.5M after grow", "%s", answer);
    }
    must("ftruncate", ftruncate(fd, MIB + 100));
    answer = try_increment(memory + MIB + 200, &value);
    row("live: size 1M+100, store in last page beyond EOF", "%s%s", strcmp(answer, "ok") == 0 ? "store " : "", answer);
    must("ftruncate", ftruncate(fd, FILE_BYTES));
    answer = try_load(memory + MIB + 200, &value);
    if (strcmp(answer, "ok") == 0) {
        row("live:   value beyond old EOF after growing again", "%d (0 = zeroed by the kernel)", value);
    } else {
        row("live:   value beyond old EOF after growing again", "%s", answer);
    }
}

static int live_rows(void *argument) {
    int fd = *(int *)argument;
    char *memory = mmap(NULL, FILE_BYTES, RW, sync_flags(), fd, 0);
    if (memory == MAP_FAILED) {
        row("live mapping tests", "skipped: %s", errno_name(errno));
        return 0;
    }
    row("live: 4 MiB mapping, address % 2M", "%lu K", (unsigned long)memory % (2 * MIB) / 1024);
    store_row("live: store page 0", memory);
    live_advice_rows(memory);
    live_move_rows(fd, memory);
    live_io_rows(fd, memory);
    live_size_rows(fd, memory);
    return 0;
}

int conformance_main(int argc, char **argv) {
    (void)argc;
    directory = argv[0];
    label = argv[1];
    if (strcmp(label, "misc") == 0) {
        misc_rows();
        return 0;
    }
    file_path = path_in(directory, "conformance");
    int fd = create_file(file_path);
    if (strstr(label, "+x")) {
        close(fd);
        must("FS_IOC_FSSETXATTR", set_dax_flag(file_path, 1));
        fd = open_file(O_RDWR);
    }
    fill_file(fd, 0, FILE_BYTES, 0);
    struct statx attributes;
    must("statx", statx(AT_FDCWD, file_path, 0, STATX_BASIC_STATS, &attributes));
    row("statx stx_attributes & STATX_ATTR_DAX", "%s (mask %s)",
        attributes.stx_attributes & STATX_ATTR_DAX ? "set" : "clear",
        attributes.stx_attributes_mask & STATX_ATTR_DAX ? "set" : "clear");
    flag_rows(fd);
    in_child(fixed_over, &fd);
    in_child(fixed_free, &fd);
    open_mode_rows(fd);
    direct_io_rows();
    range_rows(fd);
    int end = in_child(live_rows, &fd);
    if (end != 0) {
        row("live mapping tests", "died: %d", end);
    }
    return 0;
}
