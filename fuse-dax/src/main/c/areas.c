/*
 * The table of areas, sorted by address. Areas live in a pool that never moves; the table holds
 * pointers. Both are one reservation of memory each, so that nothing here can fail in the handler.
 */
#include "fusedax.h"

#include <string.h>
#include <sys/mman.h>

#define MAX_AREAS 65536 /* the kernel's own limit of mappings is as high, by default */

struct lock table_lock;
_Atomic size_t area_count;

static struct area **table;
static struct area *pool;
static struct area *free_areas; /* linked by next_in_file */
static size_t pool_used;
static uint64_t last_serial;
static _Atomic uintptr_t lowest = UINTPTR_MAX;
static _Atomic uintptr_t highest;

bool areas_near(uintptr_t start, uintptr_t end)
{
    return atomic_load_explicit(&area_count, memory_order_relaxed) != 0 &&
           start < atomic_load_explicit(&highest, memory_order_relaxed) &&
           end > atomic_load_explicit(&lowest, memory_order_relaxed);
}

/* Index of the first area that ends above address. */
static size_t index_above(uintptr_t address)
{
    size_t low = 0;
    size_t high = area_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table[middle]->end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct area *area_next(uintptr_t address)
{
    size_t index = index_above(address);
    return index < area_count ? table[index] : NULL;
}

struct area *area_find(uintptr_t address)
{
    struct area *area = area_next(address);
    return area && area->start <= address ? area : NULL;
}

static struct area *insert(const struct area *like)
{
    struct area *area = free_areas;
    if (!table) {
        table = own_memory(MAX_AREAS * sizeof *table);
        pool = own_memory(MAX_AREAS * sizeof *pool);
        if (!table || !pool) {
            if (table)
                SYS2(SYS_munmap, table, MAX_AREAS * sizeof *table);
            table = NULL;
            return NULL;
        }
    }
    if (area)
        free_areas = area->next_in_file;
    else if (pool_used < MAX_AREAS)
        area = &pool[pool_used++];
    else
        return NULL;

    *area = *like;
    area->next_in_file = area->file->first_area;
    area->file->first_area = area;
    area->file->areas++;
    area->states->areas++;

    size_t index = index_above(area->start);
    memmove(&table[index + 1], &table[index], (area_count - index) * sizeof *table);
    table[index] = area;
    if (area->start < lowest || area_count == 0)
        lowest = area->start;
    if (area->end > highest || area_count == 0)
        highest = area->end;
    area_count++;
    return area;
}

static void forget(size_t index)
{
    struct area *area = table[index];
    struct area **link = &area->file->first_area;
    while (*link != area)
        link = &(*link)->next_in_file;
    *link = area->next_in_file;
    if (--area->file->areas == 0)
        atomic_fetch_add(&files_idle, 1); /* files_sweep looks closer */
    fragment_count -= area->fragments;
    if (--area->states->areas == 0)
        SYS2(SYS_munmap, area->states, area->states->bytes);

    area_count--;
    memmove(&table[index], &table[index + 1], (area_count - index) * sizeof *table);
    area->next_in_file = free_areas;
    free_areas = area;
}

struct area *area_add(const struct area *like)
{
    size_t pages = (like->end - like->start) / PAGE;
    size_t bytes = ROUND_UP(sizeof(struct states) + pages, PAGE);
    struct states *states = own_memory(bytes);
    if (!states)
        return NULL;
    states->bytes = bytes;

    struct area fresh = *like;
    fresh.states = states;
    fresh.pages = states->page;
    fresh.serial = ++last_serial;
    fresh.fragments = 0;
    fresh.ahead = 0;
    fresh.zeros = false;
    fresh.tainted = false;
    struct area *area = insert(&fresh);
    if (!area)
        SYS2(SYS_munmap, states, bytes);
    return area;
}

bool area_split(uintptr_t address)
{
    struct area *area = area_find(address);
    if (!area || area->start == address)
        return true;
    struct area upper = *area;
    if (address % area_unit(area))
        return false; /* a mapping of the device cannot be cut there */
    upper.start = address;
    upper.offset += address - area->start;
    upper.pages += (address - area->start) / PAGE;
    size_t fragments = area->fragments;
    bool at_cut = *area_page(area, address - PAGE) != *area_page(area, address);
    if (fragments)
        area->fragments = count_fragments(area, area->start, address);
    upper.fragments = fragments - area->fragments - at_cut;
    area->end = area->asked_end = address;
    if (!insert(&upper)) {
        area->end = upper.end;
        area->asked_end = upper.asked_end;
        area->fragments = fragments;
        return false;
    }
    fragment_count -= at_cut;
    return true;
}

bool areas_forget(uintptr_t start, uintptr_t end)
{
    if (!area_split(start) || !area_split(end))
        return false;
    size_t index = index_above(start);
    while (index < area_count && table[index]->start < end)
        forget(index);
    return true;
}

/* In a forked child. Shared pieces were left behind by MADV_DONTFORK, their addresses are reserved
 * anew; a private mapping keeps its copies, and loses what shows the region. */
void areas_forked(void)
{
    for (size_t i = 0; i < area_count;) {
        struct area *area = table[i];
        if (area->dont_fork) {
            SYS2(SYS_munmap, area->start, area->end - area->start);
            forget(i);
            continue;
        }
        if (!area->copy) {
            reserve(area->start, area->end, false);
            memset(area->pages, PAGE_NONE, (area->end - area->start) / PAGE);
            fragment_count -= area->fragments;
            area->fragments = 0;
            area->ahead = 0;
            area->tainted = false;
        } else {
            area_drop(area, area->start, area->end, false);
        }
        i++;
    }
}

static bool mergeable(const struct area *a, const struct area *b)
{
    return a->end == b->start && a->file == b->file && area_end_offset(a) == b->offset &&
           a->states == b->states && a->pages + (a->end - a->start) / PAGE == b->pages &&
           a->prot == b->prot && a->sync == b->sync && a->copy == b->copy &&
           a->may_write == b->may_write && a->serial == b->serial && a->dont_fork == b->dont_fork;
}

void areas_merge(uintptr_t start, uintptr_t end)
{
    size_t index = index_above(start ? start - 1 : 0);
    while (index + 1 < area_count && table[index]->end <= end) {
        struct area *lower = table[index];
        struct area *upper = table[index + 1];
        if (!mergeable(lower, upper)) {
            index++;
            continue;
        }
        bool at_joint = *area_page(lower, lower->end - PAGE) != *area_page(upper, upper->start);
        lower->end = upper->end;
        lower->asked_end = upper->asked_end;
        lower->fragments += upper->fragments + at_joint;
        fragment_count += at_joint;
        lower->zeros |= upper->zeros;
        lower->tainted |= upper->tainted;
        upper->fragments = 0;
        forget(index + 1);
    }
}

bool area_grow(struct area *area, uintptr_t end)
{
    size_t pages = (area->end - area->start) / PAGE;
    size_t bytes = ROUND_UP(sizeof(struct states) + (end - area->start) / PAGE, PAGE);
    struct states *states = own_memory(bytes);
    if (!states)
        return false;
    states->bytes = bytes;
    states->areas = 1;
    memcpy(states->page, area->pages, pages);
    if (--area->states->areas == 0)
        SYS2(SYS_munmap, area->states, area->states->bytes);
    area->states = states;
    area->pages = states->page;
    bool at_joint = states->page[pages - 1] != PAGE_NONE;
    area->fragments += at_joint;
    fragment_count += at_joint;
    area->end = end;
    area->serial = ++last_serial; /* what was behind its end before may be known to the daemon */
    if (end > highest)
        highest = end;
    return true;
}
