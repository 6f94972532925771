/*
 * What a process gets at through a mapping: `security FILE REGION ro|rw` maps the file both ways, and tells whether the
 * region (the medium all files lie on) is among its mappings and descriptors, and whether it could be stored to.
 */
#include "maptest.h"

#include <dirent.h>
#include <sys/syscall.h>

#define BYTES (16 * PAGE)

static void row(const char *name, const char *result) { printf("%s | %s\n", name, result); }

static void mapping_rows(int fd, const char *how, int flags, int protection) {
    char name[64];
    unsigned char value;
    char *memory = mmap(NULL, BYTES, protection, flags, fd, 0);
    snprintf(name, sizeof name, "mmap %s", how);
    row(name, memory == MAP_FAILED ? errno_name(errno) : "OK");
    if (memory == MAP_FAILED) {
        return;
    }
    snprintf(name, sizeof name, "load %s", how);
    row(name, try_load(memory, &value));
    snprintf(name, sizeof name, "store %s", how);
    row(name, try_store(memory + 2 * PAGE, 'x'));
    /* Past any library, straight to the kernel: a mapping of a read-only descriptor stays read-only. */
    long result = syscall(SYS_mprotect, memory, PAGE, PROT_READ | PROT_WRITE);
    snprintf(name, sizeof name, "mprotect by the kernel %s", how);
    row(name, name_of(result));
}

/* "none", or how the first descriptor of the region was opened, or "writable" if any may be stored to. */
static const char *region_descriptor(const char *region) {
    const char *found = "none";
    DIR *fds = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(fds)) != NULL;) {
        char link[64], target[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%.20s", entry->d_name);
        ssize_t length = readlink(link, target, sizeof target - 1);
        if (length < 0) {
            continue;
        }
        target[length] = 0;
        if (strcmp(target, region) == 0) {
            int mode = fcntl(atoi(entry->d_name), F_GETFL) & O_ACCMODE;
            if (mode != O_RDONLY) {
                return "writable";
            }
            found = "read-only";
        }
    }
    closedir(fds);
    return found;
}

/* "none", "read-only" or "writable", whatever protection the mapping has at the moment. */
static const char *region_mapping(const char *region) {
    const char *found = "none";
    char line[8192], permissions[8];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        line[strcspn(line, "\n")] = 0;
        size_t length = strlen(line), wanted = strlen(region);
        if (length > wanted && strcmp(line + length - wanted, region) == 0) {
            sscanf(line, "%*s %7s", permissions);
            if (permissions[1] == 'w') {
                return "writable";
            }
            found = "read-only";
        }
    }
    fclose(maps);
    return found;
}

int security_main(int argc, char **argv) {
    int reading = argc > 2 && strcmp(argv[2], "ro") == 0;
    int fd = open(argv[0], reading ? O_RDONLY : O_RDWR);
    row("open", name_of(fd));
    if (fd < 0) {
        return 0;
    }
    int protection = reading ? PROT_READ : PROT_READ | PROT_WRITE;
    mapping_rows(fd, "MAP_SHARED", MAP_SHARED, protection);
    mapping_rows(fd, "MAP_SYNC", MAP_SHARED_VALIDATE | MAP_SYNC, protection);
    if (reading) {
        char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
        row("mmap for writing", memory == MAP_FAILED ? errno_name(errno) : "OK");
    }
    row("region descriptor", region_descriptor(argv[1]));
    row("region mapping", region_mapping(argv[1]));
    return 0;
}
