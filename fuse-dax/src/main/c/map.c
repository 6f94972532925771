/*
 * mmap and munmap. Refusals come in the kernel's order: the conformance table compares errnos.
 */
#include "map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#ifndef MAP_ABOVE4G
#define MAP_ABOVE4G 0x80
#endif
#ifndef MAP_32BIT
#define MAP_32BIT 0
#endif
#define ST_NOEXEC_FLAG 8 /* ST_NOEXEC in f_flags */

/* What MAP_SHARED_VALIDATE knows of old; everything else must be asked for and supported. */
#define LEGACY_FLAGS                                                                             \
    (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE |     \
     0x4000000 /* MAP_UNINITIALIZED */ | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE |            \
     MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | MAP_ABOVE4G |           \
     (21 << 26) | (30 << 26))

struct wish {
    uintptr_t address;
    size_t length;
    int prot, flags, fd;
    uint64_t offset;
    bool readable, writable; /* how fd is open */
};

static bool shared(const struct wish *wish)
{
    return (wish->flags & MAP_TYPE) != MAP_PRIVATE;
}

static bool occupied(uintptr_t address, size_t length)
{
    long probe = SYS6(SYS_mmap, address, length, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (!is_error(probe))
        SYS2(SYS_munmap, probe, length);
    return probe == -EEXIST;
}

/* The errno with which the kernel would refuse, for any file that supports MAP_SYNC; else 0. Addresses,
 * offsets and, where it must not be rounded, the length are multiples of unit, as on device-dax. */
static int refusal(const struct wish *wish, uintptr_t unit)
{
    bool no_replace = wish->flags & MAP_FIXED_NOREPLACE;
    if (wish->offset % unit || wish->flags & MAP_HUGETLB || wish->length == 0)
        return EINVAL;
    size_t length = ROUND_UP(wish->length, unit);
    if (length == 0)
        return ENOMEM;
    if (wish->offset + length < wish->offset || wish->offset + length > INT64_MAX)
        return EOVERFLOW;
    if ((wish->flags & MAP_FIXED || no_replace) &&
        (wish->address % unit || (unit > PAGE && wish->length % unit)))
        return EINVAL;
    if (no_replace && occupied(wish->address, length))
        return EEXIST;
    if ((wish->flags & MAP_TYPE) == MAP_SHARED_VALIDATE && wish->flags & ~(LEGACY_FLAGS | MAP_SYNC))
        return EOPNOTSUPP;
    if (shared(wish) && wish->prot & PROT_WRITE && !wish->writable)
        return EACCES;
    if (!wish->readable)
        return EACCES;
    if (wish->prot & PROT_EXEC) {
        struct statfs statfs;
        if (!is_error(SYS2(SYS_fstatfs, wish->fd, &statfs)) && statfs.f_flags & ST_NOEXEC_FLAG)
            return EPERM;
    }
    if (wish->flags & MAP_GROWSDOWN)
        return EINVAL;
    return 0;
}

/* Addresses with the file's phase, so that huge pages are possible. Under table_lock. */
long place_area(uintptr_t hint, size_t length, uint64_t offset, int flags, uintptr_t unit)
{
    int reserve_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (flags & MAP_32BIT);
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
        return SYS6(SYS_mmap, hint, length, PROT_NONE,
                    reserve_flags | (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)), -1, 0);
    if (hint && (unit == PAGE || hint % unit == 0)) {
        long start = SYS6(SYS_mmap, ROUND_DOWN(hint, PAGE), length, PROT_NONE,
                          reserve_flags | MAP_FIXED_NOREPLACE, -1, 0);
        if (!is_error(start))
            return start;
    }
    size_t slack = length >= HUGE_PAGE ? HUGE_PAGE : 0;
    long start = SYS6(SYS_mmap, 0, length + slack, PROT_NONE, reserve_flags, -1, 0);
    if (is_error(start) || slack == 0)
        return start;
    uintptr_t aligned = (uintptr_t)start + ((offset - (uintptr_t)start) & (HUGE_PAGE - 1));
    uintptr_t end = (uintptr_t)start + length + slack;
    if (aligned > (uintptr_t)start)
        SYS2(SYS_munmap, start, aligned - (uintptr_t)start);
    if (end > aligned + length)
        SYS2(SYS_munmap, aligned + length, end - (aligned + length));
    return (long)aligned;
}

/* Whether a range cuts no unit in two. Who gives the length it mapped means the rest of the last unit,
 * too. Under table_lock. */
bool whole_units(uintptr_t start, uintptr_t *end)
{
    struct area *area = area_find(start);
    if (area && start % area_unit(area))
        return false;
    area = *end > start ? area_find(*end - 1) : NULL;
    if (!area || *end % area_unit(area) == 0)
        return true;
    if (*end < area->asked_end)
        return false;
    *end = area->end;
    return true;
}

static long map_file(const struct wish *wish, struct file *file)
{
    uintptr_t unit = mount_unit(file->mount);
    size_t length = ROUND_UP(wish->length, unit);
    handler_install();
    uint64_t mask = enter(&table_lock);
    uintptr_t fixed_end = wish->address + length;
    if (wish->flags & MAP_FIXED && !(whole_units(wish->address, &fixed_end) && area_split(wish->address) &&
                                     area_split(wish->address + length))) {
        leave(&table_lock, mask);
        return -EINVAL;
    }
    spare_keep();
    long start = place_area(wish->address, length, wish->offset, wish->flags, unit);
    if (is_error(start)) {
        leave(&table_lock, mask);
        return start;
    }
    struct area like = {
        .start = (uintptr_t)start,
        .end = (uintptr_t)start + length,
        .asked_end = (uintptr_t)start + ROUND_UP(wish->length, PAGE),
        .offset = wish->offset,
        .file = file,
        .prot = (uint8_t)(wish->prot & (PROT_READ | PROT_WRITE | PROT_EXEC)),
        .sync = wish->flags & MAP_SYNC,
        .copy = !shared(wish),
        .may_write = shared(wish) && wish->writable,
    };
    bool added = areas_forget(like.start, like.end) && area_add(&like);
    if (!added)
        SYS2(SYS_munmap, start, length);
    else if (!like.copy)
        SYS3(SYS_madvise, start, length, MADV_DONTFORK);
    leave(&table_lock, mask);
    DEBUG("map", start, length, wish->offset, wish->prot, wish->flags, file->id);
    if (!added)
        return -ENOMEM;
    if (wish->flags & (MAP_POPULATE | MAP_LOCKED) && wish->prot != PROT_NONE)
        prefault((void *)start, length, ACCESS_READ, NULL);
    return start;
}

long kernel_map(uintptr_t address, size_t length, int prot, int flags, int fd, uint64_t offset)
{
    uintptr_t end = address + ROUND_UP(length, PAGE);
    if (LIKELY(!(flags & MAP_FIXED) || !areas_near(address, end)))
        return SYS6(SYS_mmap, address, length, prot, flags, fd, offset);
    /* Over an area: what was ours there is not any more. */
    uint64_t mask = enter(&table_lock);
    uintptr_t mapped_end = end;
    long result = !whole_units(address, &end)                ? -EINVAL
                  : area_split(address) && area_split(end) ? 0
                                                           : -ENOMEM;
    if (!is_error(result)) {
        if (end > mapped_end) /* the device's mapping cannot be cut within its last unit */
            area_drop(area_find(end - 1), mapped_end, end, true);
        result = SYS6(SYS_mmap, address, length, prot, flags, fd, offset);
    }
    if (!is_error(result)) {
        areas_forget(address, end);
        if (end > mapped_end) /* the rest of a unit */
            SYS2(SYS_munmap, mapped_end, end - mapped_end);
    }
    leave(&table_lock, mask);
    files_sweep(NULL, 0);
    return result;
}

/* A file of one of our mounts. */
static long map_ours(const struct wish *wish, const struct identity *identity)
{
    bool sync = wish->flags & MAP_SYNC;
    int type = wish->flags & MAP_TYPE;
    uintptr_t unit = mount_unit(identity->mount);
    if (unit > PAGE && type == MAP_PRIVATE) /* copies from the page cache are as good */
        return kernel_map(wish->address, wish->length, wish->prot, wish->flags, wish->fd, wish->offset);
    int refused = refusal(wish, unit);
    if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
        refused = EINVAL;
    struct file *file = refused ? NULL : file_open(identity, wish->fd, wish->writable);
    if (file) {
        long result = map_file(wish, file);
        file_unpromise(file);
        files_sweep(NULL, 0);
        return result;
    }
    if (sync)
        return refused ? -refused : -EOPNOTSUPP;
    if (refused && unit > PAGE && file_is_dax(identity, wish->fd))
        return -refused; /* what cannot be mapped directly must not be in the page cache, too */
    return kernel_map(wish->address, wish->length, wish->prot, wish->flags, wish->fd, wish->offset);
}

static long map(uintptr_t address, size_t length, int prot, int flags, int fd, uint64_t offset)
{
    struct identity identity;
    if (fd < 0 || flags & MAP_ANONYMOUS || switched_off)
        return kernel_map(address, length, prot, flags, fd, offset);
    identify(fd, &identity);
    if (LIKELY(!identity.mount) || !S_ISREG(identity.mode))
        return kernel_map(address, length, prot, flags, fd, offset);
    long mode = SYS2(SYS_fcntl, fd, F_GETFL);
    if (is_error(mode) || mode & O_PATH)
        return kernel_map(address, length, prot, flags, fd, offset);
    mode &= O_ACCMODE;
    if (UNLIKELY(!*in_own_process))
        forked_unnoticed();
    struct wish wish = {
        .address = address,
        .length = length,
        .prot = prot,
        .flags = flags,
        .fd = fd,
        .offset = offset,
        .readable = mode != O_WRONLY,
        .writable = mode != O_RDONLY,
    };
    return map_ours(&wish, &identity);
}

EXPORT void *mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
    return (void *)answer(map((uintptr_t)address, length, prot, flags, fd, (uint64_t)offset));
}

EXPORT void *mmap64(void *address, size_t length, int prot, int flags, int fd, off64_t offset)
{
    return (void *)answer(map((uintptr_t)address, length, prot, flags, fd, (uint64_t)offset));
}

EXPORT int munmap(void *address, size_t length)
{
    uintptr_t start = (uintptr_t)address;
    uintptr_t end = start + ROUND_UP(length, PAGE);
    if (LIKELY(!areas_near(start, end)) || start % PAGE)
        return (int)answer(SYS2(SYS_munmap, address, length));
    uint64_t mask = enter(&table_lock);
    long result = !whole_units(start, &end)                  ? -EINVAL
                  : area_split(start) && area_split(end) ? SYS2(SYS_munmap, start, end - start)
                                                         : -ENOMEM;
    if (!is_error(result))
        areas_forget(start, end);
    leave(&table_lock, mask);
    files_sweep(NULL, 0);
    return (int)answer(result);
}
