/*
 * Files with direct mappings in this process.
 *
 * Each is held open by a duplicate of the program's descriptor, as the kernel's mapping holds the file
 * open. One thing differs: closing any descriptor of a file drops all POSIX record locks of the process
 * on it, and unmapping must not do that. So when the program uses such locks and has another descriptor
 * of the file, ours is closed only together with one of the program's.
 */
#include "fusedax.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define MAX_FILES 16384
#define BUCKETS 1024

_Atomic size_t files_idle;

static struct file *pool;
static struct file *free_files; /* linked by next_inode */
static size_t pool_used;
static struct file *by_inode[BUCKETS];
static struct file *by_id[BUCKETS];

static struct file *file_by_inode(const struct mount *mount, uint64_t inode)
{
    struct file *file = by_inode[inode % BUCKETS];
    while (file && (file->mount != mount || file->inode != inode))
        file = file->next_inode;
    return file;
}

struct file *file_by_id(const struct mount *mount, uint64_t id)
{
    struct file *file = by_id[id % BUCKETS];
    while (file && (file->mount != mount || file->id != id))
        file = file->next_id;
    return file;
}

static long attach(const struct mount *mount, int fd, struct fusedax_attach *attach)
{
    memset(attach, 0, sizeof *attach);
    attach->cookie = mount->cookie;
    attach->version = FUSEDAX_VERSION;
    long result = SYS3(SYS_ioctl, fd, FUSEDAX_IOCTL_ATTACH, attach);
    DEBUG("attach", -result, attach->flags, attach->file, attach->generation);
    return result;
}

static void detach(const struct mount *mount, int fd, uint64_t id)
{
    struct fusedax_detach detach = {mount->cookie, id};
    if (mount->state == MOUNT_LIVE)
        SYS3(SYS_ioctl, fd, FUSEDAX_IOCTL_DETACH, &detach);
}

static struct file *add(struct mount *mount, uint64_t inode, const struct fusedax_attach *attached)
{
    if (!pool && !(pool = own_memory(MAX_FILES * sizeof *pool)))
        return NULL;
    struct file *file = free_files;
    if (!file && pool_used == MAX_FILES)
        return NULL;
    lock_acquire(&table_lock);
    if (file)
        free_files = file->next_inode;
    else
        file = &pool[pool_used++];
    memset(file, 0, sizeof *file);
    file->mount = mount;
    file->inode = inode;
    file->id = attached->file;
    file->generation = attached->generation;
    file->fd_read = file->fd_write = -1;
    file->attached = true;
    file->next_inode = by_inode[inode % BUCKETS];
    by_inode[inode % BUCKETS] = file;
    file->next_id = by_id[file->id % BUCKETS];
    by_id[file->id % BUCKETS] = file;
    lock_release(&table_lock);
    return file;
}

/* Under both locks. */
static void unlink_file(struct file *file)
{
    struct file **link = &by_inode[file->inode % BUCKETS];
    while (*link != file)
        link = &(*link)->next_inode;
    *link = file->next_inode;
    link = &by_id[file->id % BUCKETS];
    while (*link != file)
        link = &(*link)->next_id;
    *link = file->next_id;
    file->next_inode = free_files;
    free_files = file;
}

static struct file *open_locked(const struct identity *identity, int fd, bool writable)
{
    struct mount *mount = identity->mount;
    struct fusedax_attach attached;
    if (!mount_connect(mount))
        return NULL;
    struct file *file = file_by_inode(mount, identity->inode);
    if (file)
        atomic_fetch_add(&file->areas, 1);
    if (!file || !file->attached || (writable ? file->fd_write : file->fd_read) < 0) {
        if (is_error(attach(mount, fd, &attached)) || !(attached.flags & FUSEDAX_ATTACH_DAX)) {
            if (file)
                file_unpromise(file);
            return NULL;
        }
        if (!file) {
            file = add(mount, identity->inode, &attached);
            if (!file) {
                detach(mount, fd, attached.file);
                return NULL;
            }
            atomic_fetch_add(&file->areas, 1);
        }
        file->attached = true;
        int *place = writable ? &file->fd_write : &file->fd_read;
        if (*place < 0)
            *place = descriptor_copy(fd);
        if (*place < 0) {
            file_unpromise(file);
            return NULL;
        }
    }
    if (mount_region(mount, false) < 0 || (writable && mount_region(mount, true) < 0)) {
        file_unpromise(file);
        return NULL;
    }
    return file;
}

struct file *file_open(const struct identity *identity, int fd, bool writable)
{
    uint64_t mask = enter(&attach_lock);
    struct file *file = open_locked(identity, fd, writable);
    leave(&attach_lock, mask);
    return file;
}

void file_unpromise(struct file *file)
{
    if (atomic_fetch_sub(&file->areas, 1) == 1)
        atomic_fetch_add(&files_idle, 1);
}

bool file_is_dax(const struct identity *identity, int fd)
{
    bool dax = false;
    uint64_t mask = enter(&attach_lock);
    if (mount_connect(identity->mount)) {
        struct fusedax_attach attached;
        struct file *file = file_by_inode(identity->mount, identity->inode);
        if (file && file->attached) {
            dax = true;
        } else if (!is_error(attach(identity->mount, fd, &attached))) {
            dax = attached.flags & FUSEDAX_ATTACH_DAX;
            detach(identity->mount, fd, attached.file);
        }
    }
    leave(&attach_lock, mask);
    return dax;
}

/* In a forked child: the first fault connects and attaches again. */
static long reattach(struct file *file, int fd)
{
    long result = 0;
    struct fusedax_attach attached;
    lock_acquire(&attach_lock);
    if (!file->attached) {
        result = mount_connect(file->mount) ? attach(file->mount, fd, &attached) : -ENOTCONN;
        if (!is_error(result) && attached.file == file->id)
            file->attached = true;
        else if (!is_error(result))
            result = -ESTALE;
    }
    lock_release(&attach_lock);
    return result;
}

/* A writable descriptor serves all; a read-only one could not find blocks for stores. */
static int best_descriptor(const struct file *file)
{
    int fd = __atomic_load_n(&file->fd_write, __ATOMIC_RELAXED);
    return fd >= 0 ? fd : __atomic_load_n(&file->fd_read, __ATOMIC_RELAXED);
}

long file_fault(struct file *file, struct fusedax_fault *fault)
{
    if (UNLIKELY(!file->attached)) {
        long result = reattach(file, best_descriptor(file));
        if (is_error(result))
            return result;
    }
    for (;;) {
        if (file->mount->state != MOUNT_LIVE)
            return -ENOTCONN;
        fault->cookie = file->mount->cookie;
        int fd = best_descriptor(file);
        long result = SYS3(SYS_ioctl, fd, FUSEDAX_IOCTL_FAULT, fault);
        if (result != -EINTR && (!is_error(result) || fd == best_descriptor(file)))
            return result; /* else files_move_descriptor came between */
    }
}

/* Has the program a descriptor of the file? If in doubt, yes. */
static bool program_has(const struct file *file)
{
    struct entry {
        uint64_t inode;
        int64_t offset;
        uint16_t length;
        uint8_t type;
        char name[];
    };
    _Alignas(8) char buffer[2048];
    long directory = SYS4(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (is_error(directory))
        return true;
    bool found = false;
    long length;
    while (!found && (length = SYS3(SYS_getdents64, directory, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < length && !found; at += ((struct entry *)(buffer + at))->length) {
            const char *digit = ((struct entry *)(buffer + at))->name;
            int fd = 0;
            if (*digit < '0' || *digit > '9')
                continue;
            for (; *digit; digit++)
                fd = fd * 10 + (*digit - '0');
            found = fd != directory && !descriptor_is_ours(fd) && shows_file(fd, file);
        }
    }
    SYS1(SYS_close, directory);
    return found;
}

static bool may_close(const struct file *file, const struct mount *mount, uint64_t closed)
{
    return !record_locks_used || (file->mount == mount && file->inode == closed) || !program_has(file);
}

void files_sweep(const struct mount *mount, uint64_t closed)
{
    if (LIKELY(files_idle == 0))
        return;
    uint64_t mask = enter(&attach_lock);
    size_t kept = 0;
    files_idle = 0;
    for (size_t i = 0; i < pool_used; i++) {
        struct file *file = &pool[i];
        lock_acquire(&table_lock);
        bool idle = file->mount && file->areas == 0 && file->users == 0;
        lock_release(&table_lock);
        if (!idle)
            continue;
        if (!may_close(file, mount, closed)) {
            kept++;
            continue;
        }
        int fds[] = {file->fd_read, file->fd_write};
        if (file->attached)
            detach(file->mount, fds[0] >= 0 ? fds[0] : fds[1], file->id);
        lock_acquire(&table_lock);
        unlink_file(file);
        file->mount = NULL;
        lock_release(&table_lock);
        for (int which = 0; which < 2; which++)
            if (fds[which] >= 0)
                descriptor_close(fds[which]);
        DEBUG("file released", file->id);
    }
    files_idle += kept;
    leave(&attach_lock, mask);
}

void files_move_descriptor(int fd)
{
    uint64_t mask = enter(&attach_lock);
    lock_acquire(&table_lock); /* grants use the region's descriptors under it */
    bool found = mounts_move_descriptor(fd);
    for (size_t i = 0; i < pool_used && !found; i++) {
        int *places[] = {&pool[i].fd_read, &pool[i].fd_write};
        for (int which = 0; which < 2 && !found; which++) {
            if (pool[i].mount && *places[which] == fd) {
                *places[which] = descriptor_copy(fd);
                found = true;
            }
        }
    }
    lock_release(&table_lock);
    descriptor_close(fd);
    leave(&attach_lock, mask);
}

void files_forked(void)
{
    for (size_t i = 0; i < pool_used; i++) {
        pool[i].attached = false;
        if (pool[i].users && !pool[i].areas)
            files_idle++;
        pool[i].users = 0;
    }
}
