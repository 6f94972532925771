/*
 * libfusedax: maps files of a fuse-dax mount directly into an unmodified program.
 *
 * Preloaded (LD_PRELOAD), it takes the place of mmap(2) and of what belongs to it. A mapping of a DAX
 * file on one of our mounts becomes an AREA: a range of addresses without any access, that stands for
 * a range of a file. An access traps (SIGSEGV); the handler asks the daemon with the ioctl FAULT, and
 * maps that piece of the region which the daemon names, writable only after the daemon has committed
 * what a synchronous mapping needs. Everything else goes to the kernel as it came.
 *
 *   system.h/.c      system calls without errno, locks, memory
 *   areas.c          the table of areas; the state of each of their pages
 *   grants.c         what is mapped at a page: changing state and memory together
 *   guard.c          userfaultfd: first stores that the daemon hears of from the kernel
 *   fault.c          a page is needed: asks the daemon, maps the answer; private copies
 *   handler.c        SIGSEGV, SIGBUS, and the program's own handler behind ours
 *   signals.c        sigaction, sigprocmask and so on: SIGSEGV stays ours and is never blocked
 *   mounts.c         is this descriptor on a mount of ours? connection, region descriptor
 *   revoke.c         the thread that obeys the daemon's revocations
 *   files.c          files that are mapped: attach, detach, when to close
 *   descriptors.c    our descriptors, and keeping the program from closing them
 *   map.c            mmap, munmap
 *   remap.c          mremap, mprotect
 *   advise.c         madvise, msync, mlock
 *   access.c         read(2) and others, through which the kernel touches the program's memory
 *   structures.c     the same for small structures and names
 *   calls.c          fallocate, statx
 *   fork.c           what a child inherits; start of the library
 *
 * Invariants
 *  - The table, the areas, their page states and what is mapped there change only under table_lock.
 *    Nothing waits for the daemon under it: the revocation thread needs it to acknowledge.
 *  - attach_lock comes before table_lock; it orders connecting, attaching and detaching.
 *  - Both are held outside the handler only with all signals blocked, and no memory of the program is
 *    touched meanwhile: it could trap, or interrupt.
 *  - The handler and the thread use no libc: no malloc, no errno, no thread-local storage.
 *  - An area's addresses stay reserved until the program unmaps them; a page's access is never more
 *    than its state and the program's own protection allow both.
 *
 * Not covered: programs that enter the kernel without libc (static, Go, io_uring, libaio), POSIX AIO, and
 * the kernel's access to area memory by calls that are not wrapped, unless the program touched the page
 * before. In private mappings, pages already copied stay when the file is
 * truncated.
 */
#ifndef FUSEDAX_H
#define FUSEDAX_H

#include "fusedax-protocol.h"
#include "system.h"

#define EXPORT __attribute__((visibility("default")))

/* ---- areas ---- */

/* State of a page of an area. The order matters: above PAGE_NONE can be read. */
enum {
    PAGE_NONE,  /* no access; the reservation */
    PAGE_ZERO,  /* the reservation, readable: zeros that stand for a hole or unwritten blocks */
    PAGE_READ,  /* the region, read-only */
    PAGE_GUARDED, /* the region, writable, but a first store goes by userfaultfd to the daemon; which
                     pages had theirs is known to the kernel only */
    PAGE_WRITE, /* the region, writable */
    PAGE_COPY,  /* private mappings: memory of the program's own */
};

/* Page states of one mapping; shared by the areas it was split into. */
struct states {
    size_t bytes;
    size_t areas;
    uint8_t page[];
};

struct area {
    uintptr_t start; /* multiples of the mount's unit */
    uintptr_t end;
    uintptr_t asked_end; /* where the program thinks it ends, before that was rounded up to a unit */
    uint64_t offset; /* of start, in the file */
    struct file *file;
    struct area *next_in_file;
    struct states *states;
    uint8_t *pages;      /* state of each page, first at start */
    uint64_t serial;     /* higher than that of any area that was here before */
    uint64_t ahead;      /* file offset up to which extents were looked up in advance */
    size_t fragments;    /* places where neighbouring pages differ in state */
    uint8_t prot;        /* what the program wants: PROT_* */
    bool sync;           /* MAP_SYNC */
    bool copy;           /* MAP_PRIVATE */
    bool may_write;      /* shared, of a file open for writing: may become PROT_WRITE */
    bool dont_fork;      /* MADV_DONTFORK by the program */
    bool zeros;          /* may have pages in PAGE_ZERO */
    bool tainted;        /* pages in PAGE_NONE may be the region, without access */
};

struct mount;

extern struct lock table_lock;
extern _Atomic size_t area_count;
/* Without the lock: may an area overlap the range? A wrong yes is possible, a wrong no only for an
 * area that another thread is just creating. */
bool areas_near(uintptr_t start, uintptr_t end);

/* All under table_lock. */
struct area *area_find(uintptr_t address);
struct area *area_next(uintptr_t address); /* the first that ends above address, or NULL */
/* Adds a copy of *like with fresh page states. NULL: table full or no memory. */
struct area *area_add(const struct area *like);
/* Makes address a boundary between areas, if it is inside one. False: table full. */
bool area_split(uintptr_t address);
/* Forgets all areas within the range, cutting those that cross its ends. Memory is left alone. */
bool areas_forget(uintptr_t start, uintptr_t end);
/* Undoes needless splits around and within the range, as the kernel does. */
void areas_merge(uintptr_t start, uintptr_t end);
/* Moves the end up. False: no memory. */
bool area_grow(struct area *area, uintptr_t end);

static inline uintptr_t area_unit(const struct area *area);

static inline uint64_t area_end_offset(const struct area *area)
{
    return area->offset + (area->end - area->start);
}

static inline uint8_t *area_page(const struct area *area, uintptr_t address)
{
    return &area->pages[(address - area->start) / PAGE];
}

/* ---- grants: under table_lock ---- */

extern size_t fragment_count;   /* of all areas */
extern size_t fragments_wanted; /* at most; the kernel's table of mappings is bounded */
size_t count_fragments(const struct area *area, uintptr_t from, uintptr_t to);

/* End of the run of pages in the same state that starts at address. */
uintptr_t run_end(const struct area *area, uintptr_t address, uintptr_t end);
void area_set_state(struct area *area, uintptr_t from, uintptr_t to, uint8_t state);
/* Reserves addresses; 0, or minus an errno. */
long reserve(uintptr_t start, uintptr_t end, bool keep_on_fork);
/* Takes access away; copies of private mappings stay unless copies_too. */
void area_drop(struct area *area, uintptr_t from, uintptr_t to, bool copies_too);
/* Brings the memory's protection in line with states and area->prot. 0, or minus an errno. */
long area_protect(struct area *area, uintptr_t from, uintptr_t to);
/* Maps what FAULT answered; *within* the area. 0, or minus an errno. */
long area_grant(struct area *area, const struct fusedax_fault *answer);
/* Makes the page at address, and some around it, memory of the program's own. */
long area_copy(struct area *area, const struct fusedax_fault *answer, uintptr_t address);
/* A file's blocks were found or made: zeros that stood for them must go. */
void file_drop_zeros(struct file *file, const struct area *except, uint64_t from, uint64_t to);
void file_drop(struct file *file, uint64_t from, uint64_t to);
/* The kernel's table of mappings is nearly full: the area with most pieces starts anew. */
void merge_mappings(void);
void merge_if_needed(void); /* before a grant, which it must not take away again */
void spare_keep(void);

/* ---- guards ---- */

int guard_create(void); /* a userfaultfd, or minus an errno */
/* Gives the daemon the mount's guard. 0, or minus an errno. */
long guard_offer(int socket, const struct mount *mount);
bool guards(const struct area *area); /* may pieces of it be guarded? */
long guard_register(int guard, uintptr_t from, uintptr_t to);
long guard_protect(int guard, uintptr_t from, uintptr_t to, bool on);
void guard_wake(int guard, uintptr_t from, uintptr_t to);

/* ---- faults ---- */

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE, ACCESS_AHEAD };
enum outcome {
    FAULT_DONE,    /* the access will succeed now */
    FAULT_BUS,     /* SIGBUS */
    FAULT_DENIED,  /* no area, or its protection forbids: SIGSEGV */
};
enum outcome fault_resolve(uintptr_t address, enum access access, bool prefault);
/* Makes a range accessible as far as it lies in areas. True if any of it does. */
bool prefault(const void *start, size_t length, enum access access, enum outcome *worst);
void handler_install(void);
void signals_start(void);

/* ---- mounts and files ---- */

enum mount_state {
    MOUNT_NEW,     /* not connected yet, or no more: a forked child */
    MOUNT_LIVE,
    MOUNT_REFUSED, /* no direct mappings for us: another user, another version, switched off */
    MOUNT_DEAD,    /* the connection ended */
};

struct mount {
    struct fusedax_hello hello;
    _Atomic int state;
    int region_read;  /* descriptors of the region, or -1 */
    int region_write;
    int guard;        /* userfaultfd that the daemon has too, or -1 */
    uint64_t cookie;
};

struct file {
    struct mount *mount;
    uint64_t inode;
    uint64_t id;         /* the daemon's */
    uint64_t generation; /* highest seen; under table_lock */
    int fd_read;         /* duplicates of the program's descriptors, or -1 */
    int fd_write;
    _Atomic size_t areas; /* and promises of some */
    size_t users;        /* faults under way; under table_lock */
    _Atomic bool attached;
    struct area *first_area;
    struct file *next_inode; /* hash chains */
    struct file *next_id;
};

/* What the region can be mapped in: PAGE, or 2 MiB. Then the state of a unit's pages is one, but for
 * zeros and none at all, and there are neither private mappings nor guards. */
static inline uintptr_t mount_unit(const struct mount *mount)
{
    return (uintptr_t)1 << mount->hello.unit_shift;
}

static inline uintptr_t area_unit(const struct area *area)
{
    return mount_unit(area->file->mount);
}

extern struct lock attach_lock;

/* What a descriptor is: answered without asking any daemon in the usual case. */
struct identity {
    struct mount *mount; /* NULL: not ours */
    uint64_t inode;
    uint32_t mode;
};
void identify(int fd, struct identity *identity);
bool may_be_ours(int fd); /* good for O_PATH; a yes may be wrong */
bool shows_file(int fd, const struct file *file); /* a guess that may wrongly be yes */
void mounts_forked(void);
/* Under attach_lock. */
bool mount_connect(struct mount *mount);
int mount_region(struct mount *mount, bool writable); /* descriptor, or minus an errno */
bool revoke_start(struct mount *mount, int socket); /* the caller closes the socket */

/* The file behind fd, attached, with one more area promised (file_unpromise takes it back); NULL: not
 * DAX, or not reachable. */
struct file *file_open(const struct identity *identity, int fd, bool writable);
void file_unpromise(struct file *file);
bool file_is_dax(const struct identity *identity, int fd);
struct file *file_by_id(const struct mount *mount, uint64_t id); /* under table_lock */
long file_fault(struct file *file, struct fusedax_fault *fault);
/* Closes files that have no areas any more. closed: the program just closed a descriptor of that
 * inode (0: none), after which nothing can be lost by closing ours. */
void files_sweep(const struct mount *mount, uint64_t closed);
extern _Atomic size_t files_idle;
void files_forked(void);
void areas_forked(void);

/* ---- descriptors ---- */

int descriptor_keep(int fd);  /* moves a descriptor of ours up and protects it; closes the original */
int descriptor_copy(int fd);  /* the same with a duplicate of the program's */
void descriptor_close(int fd);
void files_move_descriptor(int fd); /* ours goes elsewhere: the program wants the number */
bool mounts_move_descriptor(int fd);
bool descriptor_is_ours(int fd);
extern _Atomic bool record_locks_used;

/* ---- environment ---- */

extern bool switched_off; /* FUSEDAX_MECHANISM=none */
extern bool signals_only; /* FUSEDAX_MECHANISM=signal */
extern long process_id;

/* False in a child that came about without fork's handlers (clone(2), _Fork): it has a copy of all this
 * but for what MADV_DONTFORK and MADV_WIPEONFORK withhold. */
extern volatile bool *in_own_process;
void forked_unnoticed(void);

/* The next definition of a libc function. All are found when the library starts, as dlsym must not run
 * in a signal handler; calls that come before that find their own. */
struct next {
    const char *name;
    void *function;
};
void *next_find(struct next *next);
#define NEXT(symbol)                                                                            \
    ({                                                                                          \
        static struct next next_ __attribute__((section("fusedax_next"), used)) = {#symbol, 0}; \
        void *found_ = __atomic_load_n(&next_.function, __ATOMIC_RELAXED);                      \
        (__typeof__(&symbol))(LIKELY(found_) ? found_ : next_find(&next_));                     \
    })

/* From a system call's result to what libc answers. */
long answer(long result);

#endif
