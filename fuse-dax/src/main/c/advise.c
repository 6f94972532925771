/*
 * madvise, msync and mlock of ranges that may lie partly in areas: those parts are done here, as a DAX
 * file's mapping behaves in the kernel, the rest by the kernel.
 */
#include "map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

#define PUNCH_HOLE_KEEP_SIZE 3

/* One area's part of madvise that needs only the table. Under table_lock. */
static long advise_area(struct area *area, uintptr_t from, uintptr_t to, int advice)
{
    switch (advice) {
    case MADV_DONTNEED:
        area_drop(area, from, to, true);
        return 0;
    case MADV_DONTFORK:
    case MADV_DOFORK:
        if (!whole_units(from, &to))
            return -EINVAL;
        if (!area_split(from) || !area_split(to))
            return -ENOMEM;
        area_find(from)->dont_fork = advice == MADV_DONTFORK;
        return 0;
    case MADV_FREE:
    case MADV_WIPEONFORK:
        return -EINVAL; /* for anonymous memory only */
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_COLD:
    case MADV_PAGEOUT:
        return 0;
    default:
        return SYS3(SYS_madvise, from, to - from, advice);
    }
}

/* The daemon will revoke the range: not under table_lock. */
static long remove_range(uintptr_t from, uintptr_t to)
{
    uint64_t mask = enter(&table_lock);
    struct area *area = area_find(from);
    long result = 0;
    if (!area)
        result = -EINVAL;
    else if (area->copy || !area->may_write)
        result = -EACCES;
    if (is_error(result)) {
        leave(&table_lock, mask);
        return result;
    }
    struct file *file = area->file;
    uint64_t offset = area->offset + (from - area->start);
    file->users++;
    lock_release(&table_lock);
    result = SYS4(SYS_fallocate, file->fd_write, PUNCH_HOLE_KEEP_SIZE, offset, to - from);
    lock_acquire(&table_lock);
    if (--file->users == 0 && file->areas == 0)
        files_idle++;
    leave(&table_lock, mask);
    return result;
}

static long advise_part(uintptr_t from, uintptr_t to, int advice)
{
    enum outcome worst;
    switch (advice) {
    case MADV_REMOVE:
        return remove_range(from, to);
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
        prefault((void *)from, to - from,
                 advice == MADV_POPULATE_READ ? ACCESS_READ : ACCESS_WRITE, &worst);
        return worst == FAULT_DONE ? 0 : -EFAULT;
    default:
        break;
    }
    uint64_t mask = enter(&table_lock);
    struct area *area = area_find(from);
    long result = area && area->end >= to ? advise_area(area, from, to, advice) : -ENOMEM;
    leave(&table_lock, mask);
    return result;
}

/* The next piece of [at, end): its end, and whether it is of an area. */
static uintptr_t next_part(uintptr_t at, uintptr_t end, bool *ours)
{
    uint64_t mask = enter(&table_lock);
    struct area *area = area_next(at);
    *ours = area && area->start <= at;
    uintptr_t stop = !area ? end : *ours ? area->end : area->start;
    leave(&table_lock, mask);
    return stop < end ? stop : end;
}

EXPORT int madvise(void *address, size_t length, int advice)
{
    uintptr_t start = (uintptr_t)address;
    uintptr_t end = start + ROUND_UP(length, PAGE);
    if (LIKELY(!areas_near(start, end)) || start % PAGE || end <= start)
        return (int)answer(SYS3(SYS_madvise, address, length, advice));
    long result = 0;
    bool unmapped = false; /* the kernel goes on, and tells at the end */
    for (uintptr_t at = start; at < end && !is_error(result);) {
        bool ours;
        uintptr_t stop = next_part(at, end, &ours);
        result = ours ? advise_part(at, stop, advice) : SYS3(SYS_madvise, at, stop - at, advice);
        if (!ours && result == -ENOMEM) {
            unmapped = true;
            result = 0;
        }
        at = stop;
    }
    files_sweep(NULL, 0);
    return (int)answer(is_error(result) ? result : unmapped ? -ENOMEM : 0);
}

/* The file of the area at an address, unless it is *last, which is done already; in use until released. */
static struct file *file_to_sync(uintptr_t address, const struct file *last)
{
    uint64_t mask = enter(&table_lock);
    struct area *area = area_find(address);
    struct file *file = area && !area->copy && area->file != last ? area->file : NULL;
    if (file)
        file->users++;
    leave(&table_lock, mask);
    return file;
}

static void release(struct file *file)
{
    uint64_t mask = enter(&table_lock);
    if (--file->users == 0 && file->areas == 0)
        files_idle++;
    leave(&table_lock, mask);
}

EXPORT int msync(void *address, size_t length, int flags)
{
    uintptr_t start = (uintptr_t)address;
    uintptr_t end = start + ROUND_UP(length, PAGE);
    if (LIKELY(!areas_near(start, end)) || start % PAGE || end <= start ||
        (flags & (MS_SYNC | MS_ASYNC)) != MS_SYNC)
        return NEXT(msync)(address, length, flags);
    const struct file *last = NULL;
    long result = 0;
    for (uintptr_t at = start; at < end && !is_error(result);) {
        bool ours;
        uintptr_t stop = next_part(at, end, &ours);
        /* The kernel checks range and flags: to it, areas are mappings as well. Writing the region is
         * left to the daemon, which knows whether its pages must be written to be durable. */
        int part_flags = ours ? (flags & ~MS_SYNC) | MS_ASYNC : flags;
        result = SYS3(SYS_msync, at, stop - at, part_flags);
        struct file *file = ours && !is_error(result) ? file_to_sync(at, last) : NULL;
        if (file) {
            result = SYS1(SYS_fdatasync, file->fd_write >= 0 ? file->fd_write : file->fd_read);
            last = file;
            release(file);
        }
        at = stop;
    }
    return (int)answer(result);
}

/* Locked means present. The kernel, too, populates shared mappings by reading. */
static long lock_part(uintptr_t from, uintptr_t to)
{
    enum outcome worst;
    prefault((void *)from, to - from, ACCESS_READ, &worst);
    return worst == FAULT_DONE ? 0 : -ENOMEM;
}

static long lock_range(const void *address, size_t length, unsigned flags, bool lock)
{
    uintptr_t start = ROUND_DOWN((uintptr_t)address, PAGE);
    uintptr_t end = ROUND_UP((uintptr_t)address + length, PAGE);
    if (LIKELY(!areas_near(start, end)) || end <= start || flags & ~(unsigned)MLOCK_ONFAULT)
        return lock ? flags ? SYS3(SYS_mlock2, address, length, flags) : SYS2(SYS_mlock, address, length)
                    : SYS2(SYS_munlock, address, length);
    long result = 0;
    for (uintptr_t at = start; at < end && !is_error(result);) {
        bool ours;
        uintptr_t stop = next_part(at, end, &ours);
        if (!ours)
            result = lock ? flags ? SYS3(SYS_mlock2, at, stop - at, flags) : SYS2(SYS_mlock, at, stop - at)
                          : SYS2(SYS_munlock, at, stop - at);
        else if (lock && !flags)
            result = lock_part(at, stop);
        at = stop;
    }
    return result;
}

EXPORT int mlock(const void *address, size_t length)
{
    return (int)answer(lock_range(address, length, 0, true));
}

EXPORT int mlock2(const void *address, size_t length, unsigned flags)
{
    return (int)answer(lock_range(address, length, flags, true));
}

EXPORT int munlock(const void *address, size_t length)
{
    return (int)answer(lock_range(address, length, 0, false));
}
