/*
 * What is mapped at the pages of an area. State and memory change together, under table_lock; the
 * other threads of the program may touch the pages meanwhile, so every step on the way must be less
 * access than the state allows, never more.
 *
 * Shared pieces carry MADV_DONTFORK: a child that comes about without our fork handlers must fault
 * rather than store behind the daemon's back.
 */
#include "fusedax.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define COPY_WINDOW 65536ul

size_t fragment_count;

static int protection(const struct area *area, uint8_t state)
{
    if (state == PAGE_NONE || !(area->prot & (PROT_READ | PROT_WRITE | PROT_EXEC)))
        return PROT_NONE;
    int result = PROT_READ | (area->prot & PROT_EXEC);
    if (state >= PAGE_GUARDED)
        result |= area->prot & PROT_WRITE;
    return result;
}

/* How many pages from the first on are in the same state. Eight at a time: areas may be large. */
static size_t alike(const uint8_t *pages, size_t count)
{
    uint64_t pattern = pages[0] * 0x0101010101010101ull;
    size_t n = 0;
    for (uint64_t word; n + sizeof word <= count; n += sizeof word) {
        memcpy(&word, pages + n, sizeof word);
        if (word != pattern)
            break;
    }
    while (n < count && pages[n] == pages[0])
        n++;
    return n;
}

uintptr_t run_end(const struct area *area, uintptr_t address, uintptr_t end)
{
    if (end > area->end)
        end = area->end;
    return address + alike(area_page(area, address), (end - address) / PAGE) * PAGE;
}

size_t count_fragments(const struct area *area, uintptr_t from, uintptr_t to)
{
    size_t count = 0;
    for (;;) {
        from = run_end(area, from, to);
        if (from >= to)
            return count;
        count++;
    }
}

void area_set_state(struct area *area, uintptr_t from, uintptr_t to, uint8_t state)
{
    uintptr_t around = from > area->start ? from - PAGE : from;
    uintptr_t until = to < area->end ? to + PAGE : to;
    size_t before = count_fragments(area, around, until);
    memset(area_page(area, from), state, (to - from) / PAGE);
    size_t after = count_fragments(area, around, until);
    area->fragments += after - before;
    fragment_count += after - before;
    if (state == PAGE_ZERO)
        area->zeros = true;
}

/* Mappings kept for the moment when the kernel's table has one too many: then it allows no mmap at
 * all, not even one that would lessen them, until something is unmapped. */
#define SPARES 8
static char *spare;

void spare_keep(void)
{
    if (spare)
        return;
    spare = own_memory(SPARES * PAGE);
    for (int i = 0; spare && i < SPARES; i += 2) /* neighbours alike would be one mapping */
        SYS3(SYS_mprotect, spare + i * PAGE, PAGE, PROT_NONE);
}

static bool spare_release(void)
{
    bool had = spare != NULL;
    if (had)
        SYS2(SYS_munmap, spare, SPARES * PAGE);
    spare = NULL;
    return had;
}

long reserve(uintptr_t start, uintptr_t end, bool keep_on_fork)
{
    long result = SYS6(SYS_mmap, start, end - start, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (result == -ENOMEM && spare_release())
        return reserve(start, end, keep_on_fork);
    if (is_error(result))
        return result;
    if (!keep_on_fork)
        SYS3(SYS_madvise, start, end - start, MADV_DONTFORK);
    return 0;
}

/* The kernel's table of mappings is full, a piece cannot be cut out: all of the area loses its access.
 * At the worst whole mappings change their protection, which needs nothing. */
static void drop_whole(struct area *area)
{
    if (!area->copy && !is_error(reserve(area->start, area->end, false))) {
        area_set_state(area, area->start, area->end, PAGE_NONE);
        return;
    }
    SYS3(SYS_mprotect, area->start, area->end - area->start, PROT_NONE);
    area->tainted = true;
    for (uintptr_t page = area->start; page < area->end;) {
        uintptr_t end = run_end(area, page, area->end);
        if (*area_page(area, page) == PAGE_COPY)
            SYS3(SYS_mprotect, page, end - page, protection(area, PAGE_COPY));
        else
            area_set_state(area, page, end, PAGE_NONE);
        page = end;
    }
}

void area_drop(struct area *area, uintptr_t from, uintptr_t to, bool copies_too)
{
    area->ahead = 0;
    from = ROUND_DOWN(from, area_unit(area));
    to = ROUND_UP(to, area_unit(area));
    while (from < to) {
        uintptr_t end = from;
        bool something = false;
        while (end < to && (copies_too || *area_page(area, end) != PAGE_COPY)) {
            something |= *area_page(area, end) != PAGE_NONE;
            end = run_end(area, end, to);
        }
        if (something) {
            if (is_error(reserve(from, end, area->copy))) {
                drop_whole(area);
                return;
            }
            area_set_state(area, from, end, PAGE_NONE);
        }
        from = end < to && !copies_too ? run_end(area, end, to) : end; /* over the copies */
    }
}

long area_protect(struct area *area, uintptr_t from, uintptr_t to)
{
    while (from < to) {
        uint8_t state = *area_page(area, from);
        uintptr_t end = run_end(area, from, to);
        if (state == PAGE_GUARDED && !(area->prot & PROT_WRITE)) {
            area_drop(area, from, end, false); /* which of them were stored to is not known here */
            state = PAGE_NONE;
        }
        if (state == PAGE_WRITE && !(area->prot & PROT_WRITE)) {
            state = PAGE_READ; /* the kernel, too, makes the next store fault */
            area_set_state(area, from, end, state);
        }
        if (state != PAGE_NONE) {
            long result = SYS3(SYS_mprotect, from, end - from, protection(area, state));
            if (is_error(result))
                return result;
        }
        from = end;
    }
    return 0;
}

/* Maps a piece of the region. */
static long map_region(struct area *area, uintptr_t from, uintptr_t to, uint64_t region, int state)
{
    bool writable = area->may_write;
    int fd = writable ? area->file->mount->region_write : area->file->mount->region_read;
    long result = SYS6(SYS_mmap, from, to - from, protection(area, (uint8_t)state),
                       MAP_SHARED | MAP_FIXED, fd, region);
    if (is_error(result))
        return result;
    SYS3(SYS_madvise, from, to - from, MADV_DONTFORK);
    return 0;
}

/* Guards a piece of the region: not yet mapped, read-only, or writable in part. What fails is no loss:
 * stores to pages that can only be read trap as well. */
static void area_guard(struct area *area, uintptr_t from, uintptr_t to, uint64_t region)
{
    int guard = area->file->mount->guard;
    for (uintptr_t at = from; at < to;) {
        uintptr_t end = run_end(area, at, to);
        if (*area_page(area, at) < PAGE_READ) {
            if (is_error(map_region(area, at, end, region + (at - from), PAGE_READ)))
                return;
            area_set_state(area, at, end, PAGE_READ);
        }
        at = end;
    }
    if (is_error(guard_register(guard, from, to))) /* all of it, so that it stays one mapping */
        return;
    for (uintptr_t at = from; at < to;) {
        uintptr_t end = run_end(area, at, to);
        if (*area_page(area, at) == PAGE_READ) {
            if (is_error(guard_protect(guard, at, end, true)) ||
                is_error(SYS3(SYS_mprotect, at, end - at, protection(area, PAGE_GUARDED))))
                return;
            area_set_state(area, at, end, PAGE_GUARDED);
        }
        at = end;
    }
}

/* The guardable surroundings of a grant. */
static void guard_around(struct area *area, const struct fusedax_fault *answer)
{
    uint64_t from = answer->guard_start > area->offset ? answer->guard_start : area->offset;
    uint64_t to = answer->guard_start + answer->guard_length;
    if (to > area_end_offset(area))
        to = area_end_offset(area);
    if (answer->guard_length == 0 || from >= to || !guards(area))
        return;
    uint64_t region = answer->region + (from - answer->start); /* modulo 2^64, if it is before start */
    area_guard(area, area->start + (from - area->offset), area->start + (to - area->offset), region);
}

long area_grant(struct area *area, const struct fusedax_fault *answer)
{
    uint64_t from_offset = answer->start > area->offset ? answer->start : area->offset;
    uint64_t to_offset = answer->start + answer->length;
    if (to_offset > area_end_offset(area))
        to_offset = area_end_offset(area);
    uintptr_t from = area->start + (from_offset - area->offset);
    uintptr_t to = area->start + (to_offset - area->offset);
    uint64_t region = answer->region + (from_offset - answer->start);
    uint8_t wanted = answer->result == FUSEDAX_RESULT_ZERO   ? PAGE_ZERO
                     : answer->result == FUSEDAX_RESULT_READ ? PAGE_READ
                                                             : PAGE_WRITE;
    if (wanted == PAGE_WRITE && (area->copy || !(area->prot & PROT_WRITE)))
        wanted = PAGE_READ;

    bool whole_units = area_unit(area) > PAGE && wanted > PAGE_ZERO;
    while (from < to) {
        uint8_t state = *area_page(area, from);
        uintptr_t end = whole_units ? from + area_unit(area) : run_end(area, from, to);
        long result = 0;
        if (wanted > state) {
            if (wanted == PAGE_ZERO && area->tainted)
                result = reserve(from, end, area->copy);
            if (is_error(result))
                return result;
            if (state == PAGE_GUARDED &&
                !is_error(guard_protect(area->file->mount->guard, from, end, false)))
                result = 0;
            else if (wanted == PAGE_ZERO || state == PAGE_READ)
                result = SYS3(SYS_mprotect, from, end - from, protection(area, wanted));
            else
                result = map_region(area, from, end, region, wanted);
            if (is_error(result))
                return result;
            area_set_state(area, from, end, wanted);
        }
        region += end - from;
        from = end;
    }
    if (wanted == PAGE_WRITE)
        guard_around(area, answer);
    return 0;
}

/* Copying more than the one page keeps the number of mappings down. It is allowed: whether a private
 * mapping shows later changes of the file is unspecified. */
long area_copy(struct area *area, const struct fusedax_fault *answer, uintptr_t address)
{
    uintptr_t window = COPY_WINDOW;
    while (window < (area->end - area->start) / 4096)
        window *= 2;
    uintptr_t from = ROUND_DOWN(address, window);
    uintptr_t to = from + window;
    if (from < area->start)
        from = area->start;
    if (to > area->end)
        to = area->end;
    uint64_t answer_end = answer->start + answer->length;
    if (answer->start > area->offset && from < area->start + (answer->start - area->offset))
        from = area->start + (answer->start - area->offset);
    if (answer_end < area_end_offset(area) && to > area->start + (answer_end - area->offset))
        to = area->start + (answer_end - area->offset);
    for (uintptr_t page = address; page > from; page -= PAGE)
        if (*area_page(area, page - PAGE) == PAGE_COPY)
            from = page;
    for (uintptr_t page = address; page < to; page += PAGE)
        if (*area_page(area, page) == PAGE_COPY)
            to = page;

    /* Zeros: the reservation itself will do. */
    if (answer->result == FUSEDAX_RESULT_ZERO && !area->tainted &&
        run_end(area, from, to) == to && *area_page(area, from) <= PAGE_ZERO) {
        long result = SYS3(SYS_mprotect, from, to - from, protection(area, PAGE_COPY));
        if (!is_error(result))
            area_set_state(area, from, to, PAGE_COPY);
        return result;
    }
    size_t length = to - from;
    long copy = SYS6(SYS_mmap, 0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (is_error(copy))
        return copy;
    if (answer->result != FUSEDAX_RESULT_ZERO) {
        uint64_t region = answer->region + (area->offset + (from - area->start) - answer->start);
        long source = SYS6(SYS_mmap, 0, length, PROT_READ, MAP_SHARED,
                           area->file->mount->region_read, region);
        if (is_error(source)) {
            SYS2(SYS_munmap, copy, length);
            return source;
        }
        memcpy((void *)copy, (const void *)source, length);
        SYS2(SYS_munmap, source, length);
    }
    int wanted = protection(area, PAGE_COPY);
    if (wanted != (PROT_READ | PROT_WRITE))
        SYS3(SYS_mprotect, copy, length, wanted);
    long result = SYS5(SYS_mremap, copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, from);
    if (is_error(result)) {
        SYS2(SYS_munmap, copy, length);
        return result;
    }
    area_set_state(area, from, to, PAGE_COPY);
    return 0;
}

static void drop_range(struct area *area, uint64_t from, uint64_t to, bool zeros_only)
{
    if (from >= area_end_offset(area) || to <= area->offset)
        return;
    uintptr_t start = from > area->offset ? area->start + (from - area->offset) : area->start;
    uintptr_t end = to < area_end_offset(area) ? area->start + (to - area->offset) : area->end;
    if (!zeros_only) {
        area_drop(area, start, end, false);
        return;
    }
    while (start < end) {
        uintptr_t run = run_end(area, start, end);
        if (*area_page(area, start) == PAGE_ZERO)
            area_drop(area, start, run, false);
        start = run;
    }
}

void file_drop_zeros(struct file *file, const struct area *except, uint64_t from, uint64_t to)
{
    for (struct area *area = file->first_area; area; area = area->next_in_file)
        if (area != except && area->zeros)
            drop_range(area, from, to, true);
}

void file_drop(struct file *file, uint64_t from, uint64_t to)
{
    for (struct area *area = file->first_area; area; area = area->next_in_file)
        drop_range(area, from, to, false);
}

void merge_if_needed(void)
{
    static size_t limit;
    if (LIKELY(fragment_count <= fragments_wanted || fragment_count <= limit))
        return;
    merge_mappings();
    limit = fragment_count + fragments_wanted / 4; /* copies stay: do not try in vain at every fault */
}

void merge_mappings(void)
{
    struct area *worst = NULL;
    for (struct area *area = area_next(0); area; area = area_next(area->end))
        if (!worst || area->fragments > worst->fragments)
            worst = area;
    if (worst) {
        DEBUG("merge", worst->start, worst->end, worst->fragments, fragment_count);
        area_drop(worst, worst->start, worst->end, false);
    }
    spare_keep();
}
