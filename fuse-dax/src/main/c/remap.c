/*
 * mremap and mprotect of areas. A moved area starts without grants, except that the copies of a
 * private mapping move along.
 */
#include "map.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>

struct move {
    uintptr_t from;
    size_t old_length; /* rounded up */
    size_t new_length;
    int flags;
    uintptr_t to; /* MREMAP_FIXED */
};

static void move_copies(struct area *source, uintptr_t from, struct area *target, size_t length)
{
    uintptr_t end = from + length;
    for (uintptr_t page = from; page < end;) {
        uintptr_t run = run_end(source, page, end);
        if (*area_page(source, page) == PAGE_COPY) {
            uintptr_t to = target->start + (page - from);
            size_t bytes = run - page;
            long result = SYS5(SYS_mremap, page, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
            /* Several mappings at once are refused: one by one. */
            for (size_t at = 0; is_error(result) && at < bytes; at += PAGE)
                SYS5(SYS_mremap, page + at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + at);
            area_set_state(target, to, to + bytes, PAGE_COPY);
        }
        page = run;
    }
}

static int bad_move(const struct move *move, const struct area *area)
{
    if (move->from % PAGE || move->flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED) || move->new_length == 0 ||
        area_unit(area) > PAGE)
        return EINVAL;
    if (move->flags & MREMAP_FIXED) {
        if (!(move->flags & MREMAP_MAYMOVE) || move->to % PAGE)
            return EINVAL;
        if (move->to < move->from + move->old_length && move->from < move->to + move->new_length)
            return EINVAL;
    }
    if (move->old_length == 0 && (area->copy || !(move->flags & MREMAP_MAYMOVE)))
        return EINVAL;
    bool shrinks = !(move->flags & MREMAP_FIXED) && move->new_length <= move->old_length;
    if (move->from + move->old_length > area->end && !shrinks)
        return EFAULT;
    return 0;
}

static long relocate(const struct move *move, struct area *area)
{
    bool fixed = move->flags & MREMAP_FIXED;
    struct area like = *area;
    like.offset = area->offset + (move->from - area->start);
    if (fixed && (!area_split(move->to) || !area_split(move->to + move->new_length)))
        return -ENOMEM;
    long to = place_area(move->to, move->new_length, like.offset, fixed ? MAP_FIXED : 0, PAGE);
    if (is_error(to))
        return to;
    like.start = (uintptr_t)to;
    like.end = like.start + move->new_length;
    if (fixed)
        areas_forget(like.start, like.end);
    struct area *moved = area_add(&like);
    if (!moved) {
        SYS2(SYS_munmap, to, move->new_length);
        return -ENOMEM;
    }
    if (!like.copy)
        SYS3(SYS_madvise, to, move->new_length, MADV_DONTFORK);
    size_t kept = move->old_length < move->new_length ? move->old_length : move->new_length;
    move_copies(area, move->from, moved, kept);
    if (move->old_length > 0 && areas_forget(move->from, move->from + move->old_length))
        SYS2(SYS_munmap, move->from, move->old_length);
    return to;
}

static long resize(const struct move *move, struct area *area)
{
    uintptr_t end = move->from + move->old_length;
    uintptr_t new_end = move->from + move->new_length;
    if (new_end == end)
        return (long)move->from;
    if (new_end < end) {
        if (!area_split(new_end) || !area_split(end))
            return -ENOMEM;
        long result = SYS2(SYS_munmap, new_end, end - new_end);
        if (is_error(result))
            return result;
        areas_forget(new_end, end);
        return (long)move->from;
    }
    if (end == area->end && move->old_length > 0) {
        long more = SYS6(SYS_mmap, end, new_end - end, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
        if (!is_error(more) && area_grow(area, new_end)) {
            if (!area->copy)
                SYS3(SYS_madvise, end, new_end - end, MADV_DONTFORK);
            return (long)move->from;
        }
        if (!is_error(more))
            SYS2(SYS_munmap, end, new_end - end);
    }
    return move->flags & MREMAP_MAYMOVE ? relocate(move, area) : -ENOMEM;
}

static long remap(const struct move *move)
{
    bool fixed = move->flags & MREMAP_FIXED;
    uintptr_t target_end = move->to + move->new_length;
    struct area *area = area_find(move->from);
    if (area) {
        int error = bad_move(move, area);
        if (error)
            return -error;
        DEBUG("remap", move->from, move->old_length, move->new_length, (uint64_t)move->flags, move->to);
        return fixed ? relocate(move, area) : resize(move, area);
    }
    if (fixed && (!area_split(move->to) || !area_split(target_end)))
        return -ENOMEM;
    long result = SYS5(SYS_mremap, move->from, move->old_length, move->new_length, move->flags, move->to);
    if (fixed && !is_error(result))
        areas_forget(move->to, target_end);
    return result;
}

EXPORT void *mremap(void *address, size_t old_length, size_t new_length, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    uintptr_t to = flags & ~MREMAP_MAYMOVE ? va_arg(list, uintptr_t) : 0;
    va_end(list);
    struct move move = {
        .from = (uintptr_t)address,
        .old_length = ROUND_UP(old_length, PAGE),
        .new_length = ROUND_UP(new_length, PAGE),
        .flags = flags,
        .to = flags & MREMAP_FIXED ? to : 0,
    };
    bool near = areas_near(move.from, move.from + move.old_length + 1) ||
                (flags & MREMAP_FIXED && areas_near(to, to + move.new_length));
    if (LIKELY(!near))
        return (void *)answer(SYS5(SYS_mremap, address, old_length, new_length, flags, to));
    uint64_t mask = enter(&table_lock);
    long result = remap(&move);
    leave(&table_lock, mask);
    files_sweep(NULL, 0);
    return (void *)answer(result);
}

static bool areas_within(uintptr_t start, uintptr_t end)
{
    uint64_t mask = enter(&table_lock);
    struct area *area = area_next(start);
    bool found = area && area->start < end;
    leave(&table_lock, mask);
    return found;
}

static long protect(uintptr_t start, uintptr_t end, int prot)
{
    long result = 0;
    if (!whole_units(start, &end))
        return -EINVAL;
    if (!area_split(start) || !area_split(end))
        return -ENOMEM;
    for (uintptr_t at = start; at < end && !is_error(result);) {
        struct area *area = area_next(at);
        uintptr_t gap_end = area && area->start < end ? area->start : end;
        if (at < gap_end) {
            result = SYS3(SYS_mprotect, at, gap_end - at, prot);
            at = gap_end;
            continue;
        }
        if (prot & PROT_WRITE && !area->copy && !area->may_write)
            return -EACCES;
        area->prot = (uint8_t)prot;
        result = area_protect(area, area->start, area->end);
        at = area->end;
    }
    areas_merge(start, end);
    return result;
}

EXPORT int mprotect(void *address, size_t length, int prot)
{
    uintptr_t start = (uintptr_t)address;
    uintptr_t end = start + ROUND_UP(length, PAGE);
    if (LIKELY(!areas_near(start, end)) || start % PAGE || end <= start ||
        prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC))
        return (int)answer(SYS3(SYS_mprotect, address, length, prot));
    uint64_t mask = enter(&table_lock);
    long result = protect(start, end, prot);
    leave(&table_lock, mask);
    return (int)answer(result);
}

/* Keys would have to be put on every piece that is mapped later. */
EXPORT int pkey_mprotect(void *address, size_t length, int prot, int key)
{
    uintptr_t start = (uintptr_t)address;
    if (UNLIKELY(areas_near(start, start + ROUND_UP(length, PAGE)))) {
        if (key == -1)
            return mprotect(address, length, prot);
        if (areas_within(start, start + ROUND_UP(length, PAGE)))
            return (int)answer(-EINVAL);
    }
    return (int)answer(SYS4(SYS_pkey_mprotect, address, length, prot, key));
}
