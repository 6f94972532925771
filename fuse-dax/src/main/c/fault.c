/*
 * A page is needed: asks the daemon without holding any lock, then maps the answer, unless the world
 * moved on meanwhile. Runs in the handler, and for calls by which the kernel touches memory.
 */
#include "fusedax.h"

#include <errno.h>
#include <sys/mman.h>

#define RETRY_FIRST_MICROS 20
#define RETRY_LAST_MICROS 2000
#define RETRY_TOTAL_MICROS 60000000 /* longer than the daemon waits before it fences somebody */

size_t fragments_wanted = 32000;

static bool permits(const struct area *area, enum access access)
{
    switch (access) {
    case ACCESS_WRITE:
        return area->prot & PROT_WRITE;
    case ACCESS_EXECUTE:
        return area->prot & PROT_EXEC;
    default:
        return area->prot & (PROT_READ | PROT_WRITE | PROT_EXEC); /* the processors' own rule */
    }
}

static bool satisfied(uint8_t state, enum access access)
{
    return access == ACCESS_WRITE ? state >= PAGE_WRITE : state != PAGE_NONE;
}

/* What a retried question must still find: the same page of the same file under the same terms. */
static bool same_question(const struct area *area, const struct area *before, uintptr_t page)
{
    return area && area->serial == before->serial && area->file == before->file &&
           area->sync == before->sync &&
           area->copy == before->copy && area->may_write == before->may_write &&
           area->offset + (page - area->start) == before->offset + (page - before->start);
}

/* Under table_lock. 0, -EAGAIN: ask again, or another errno: no way. */
static long use_answer(struct area *area, uintptr_t page, enum access access,
                       const struct fusedax_fault *fault)
{
    struct file *file = area->file;
    if (fault->result == FUSEDAX_RESULT_BUS)
        return -EFAULT;
    if (fault->generation < file->generation)
        return -EAGAIN;
    file->generation = fault->generation;

    uint64_t offset = area->offset + (page - area->start);
    if (fault->start > offset || fault->length < PAGE || fault->start + fault->length <= offset)
        return -EIO;
    if (access == ACCESS_AHEAD) {
        area->ahead = fault->start + fault->length;
        if (fault->result != FUSEDAX_RESULT_READ)
            return 0;
    }
    merge_if_needed();
    for (int attempt = 0;; attempt++) {
        long result;
        if (area->copy && access == ACCESS_WRITE)
            result = area_copy(area, fault, page);
        else
            result = area_grant(area, fault);
        if (!is_error(result))
            break;
        DEBUG("mapping failed", page, -result, fault->region, fault->length);
        if (result != -ENOMEM || attempt >= 3)
            return result;
        merge_mappings();
    }
    if (fault->result != FUSEDAX_RESULT_ZERO)
        file_drop_zeros(file, area, fault->start, fault->start + fault->length);
    return 0;
}

/* The page behind one that was just granted, if it looks as if the program goes on storing there: 0 or
 * its address. Once a whole extent is mapped read-only, a store needs only its protection changed,
 * which costs a fourth less than mapping its page. */
static uintptr_t page_ahead(const struct area *area, uintptr_t page, const struct fusedax_fault *fault)
{
    uintptr_t next = page + PAGE;
    if (guards(area) || fault->result != FUSEDAX_RESULT_WRITE || fault->length >= HUGE_PAGE || area->copy ||
        page == area->start || next >= area->end || *area_page(area, page - PAGE) != PAGE_WRITE ||
        *area_page(area, next) != PAGE_NONE || area->offset + (next - area->start) < area->ahead)
        return 0;
    return next;
}

static enum outcome resolve(uintptr_t address, enum access access, bool prefault, uintptr_t *ahead)
{
    uintptr_t page = ROUND_DOWN(address, PAGE);
    long pause = RETRY_FIRST_MICROS;
    long waited = 0;

    while (waited < RETRY_TOTAL_MICROS) {
        lock_acquire(&table_lock);
        struct area *area = area_find(page);
        if (!area || !permits(area, access)) {
            lock_release(&table_lock);
            return FAULT_DENIED;
        }
        if (satisfied(*area_page(area, page), access)) {
            lock_release(&table_lock);
            return FAULT_DONE;
        }
        page = ROUND_DOWN(page, area_unit(area));
        struct file *file = area->file;
        struct area before = *area;
        struct fusedax_fault fault = {
            .offset = area->offset + (page - area->start),
            .area_start = area->offset,
            .area_end = area_end_offset(area),
            .address = page,
            .area = access == ACCESS_WRITE && !area->copy ? area->serial : 0,
            .flags = (access == ACCESS_WRITE && !area->copy ? FUSEDAX_FAULT_WRITE : 0) |
                     (area->sync ? FUSEDAX_FAULT_SYNC : 0) |
                     (prefault ? FUSEDAX_FAULT_PREFAULT : 0),
        };
        file->users++;
        lock_release(&table_lock);

        long result = file_fault(file, &fault);
        DEBUG("fault", page, fault.offset, fault.flags, -result, fault.result, fault.start,
              fault.length, fault.region, fault.generation);

        lock_acquire(&table_lock);
        if (--file->users == 0 && file->areas == 0)
            atomic_fetch_add(&files_idle, 1);
        if (is_error(result)) {
            lock_release(&table_lock);
            return FAULT_BUS;
        }
        area = area_find(page);
        if (fault.result == FUSEDAX_RESULT_RETRY)
            result = -EAGAIN;
        else if (!same_question(area, &before, page))
            result = 0; /* look again */
        else
            result = use_answer(area, page, access, &fault);
        if (result == 0 && area)
            *ahead = page_ahead(area, page, &fault);
        lock_release(&table_lock);

        if (is_error(result) && result != -EAGAIN)
            return FAULT_BUS;
        if (access == ACCESS_AHEAD)
            return FAULT_DONE; /* not needed, so no second attempt */
        if (fault.result == FUSEDAX_RESULT_RETRY) {
            sleep_micros(pause);
            waited += pause;
            pause = pause * 2 < RETRY_LAST_MICROS ? pause * 2 : RETRY_LAST_MICROS;
        }
    }
    return FAULT_BUS;
}

enum outcome fault_resolve(uintptr_t address, enum access access, bool prefault)
{
    uintptr_t ahead = 0;
    enum outcome outcome = resolve(address, access, prefault, &ahead);
    if (ahead && outcome == FAULT_DONE)
        resolve(ahead, ACCESS_AHEAD, true, &ahead);
    return outcome;
}

bool prefault(const void *start, size_t length, enum access access, enum outcome *worst)
{
    uintptr_t page = ROUND_DOWN((uintptr_t)start, PAGE);
    uintptr_t end = (uintptr_t)start + length;
    bool ours = false;
    if (worst)
        *worst = FAULT_DONE;
    if (length == 0 || end < page || !areas_near(page, end))
        return false;
    for (;;) {
        uint64_t mask = enter(&table_lock);
        struct area *area;
        while ((area = area_next(page)) != NULL && area->start < end) {
            ours = true;
            if (page < area->start)
                page = area->start;
            while (page < area->end && page < end && permits(area, access) &&
                   satisfied(*area_page(area, page), access))
                page += PAGE;
            if (page < area->end)
                break;
        }
        bool done = !area || area->start >= end || page >= end;
        lock_release(&table_lock);
        /* The program's signals stay blocked: one must not run between fault and answer with locks. */
        enum outcome outcome = done ? FAULT_DONE : fault_resolve(page, access, true);
        signals_restore(mask);
        if (outcome != FAULT_DONE && worst)
            *worst = outcome;
        if (done || outcome != FAULT_DONE)
            return ours;
    }
}
