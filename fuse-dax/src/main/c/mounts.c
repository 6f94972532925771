/*
 * Which mount a descriptor is on, and the connection to its daemon. Every mmap of the program comes
 * by here, so files that are not ours pay one statx that no file system is asked for.
 */
#include "fusedax.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/un.h>

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000u /* Linux 6.8 */
#endif

#define MAX_MOUNTS 64
#define MAX_KNOWN 256
#define HANDSHAKE_SECONDS 10

struct lock attach_lock;

static struct mount mounts[MAX_MOUNTS];
static _Atomic size_t mount_count;

/* Mount ids that are never used again, and what is behind them. Only ever grows. */
static struct known {
    uint64_t mount_id;
    struct mount *mount; /* NULL: not ours */
} known[MAX_KNOWN];
static _Atomic size_t known_count;

/* The kernel's layout; libc's, if it has one, may be older than our fields. */
struct kernel_statx {
    uint32_t mask, blksize;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, spare0;
    uint64_t ino, size, blocks, attributes_mask;
    uint64_t times[8];
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t mnt_id;
    uint64_t spare[13];
};
_Static_assert(sizeof(struct kernel_statx) == 256, "struct statx");

/* In a forked child: the region's descriptors are good for it too, the connection is its parent's. */
void mounts_forked(void)
{
    for (size_t i = 0; i < mount_count; i++) {
        if (mounts[i].state == MOUNT_LIVE)
            mounts[i].state = MOUNT_NEW;
        if (mounts[i].guard >= 0)
            descriptor_close(mounts[i].guard);
        mounts[i].guard = -1;
    }
}

/* Under attach_lock: the mount with this answer to HELLO. */
static struct mount *mount_of_session(const struct fusedax_hello *hello)
{
    for (size_t i = 0; i < mount_count; i++)
        if (mounts[i].hello.session == hello->session)
            return &mounts[i];
    if (mount_count == MAX_MOUNTS)
        return NULL; /* entries are never used again: files and known point to them */
    struct mount *mount = &mounts[mount_count];
    mount->hello = *hello;
    mount->region_read = mount->region_write = mount->guard = -1;
    bool known_unit = hello->unit_shift == __builtin_ctzl(PAGE) || hello->unit_shift == __builtin_ctzl(HUGE_PAGE);
    if (hello->version != FUSEDAX_VERSION || hello->mechanism == FUSEDAX_MECHANISM_NONE || !known_unit) {
        mount->state = MOUNT_REFUSED;
        mount->hello.unit_shift = __builtin_ctzl(PAGE);
    }
    mount_count++;
    DEBUG("mount", hello->session, hello->version, hello->mechanism, hello->owner_uid);
    return mount;
}

static struct mount *ask(int fd)
{
    struct statfs statfs;
    struct fusedax_hello hello;
    memset(&statfs, 0, sizeof statfs);
    if (is_error(SYS2(SYS_fstatfs, fd, &statfs)) || statfs.f_type != FUSE_SUPER_MAGIC)
        return NULL;
    memset(&hello, 0, sizeof hello);
    if (is_error(SYS3(SYS_ioctl, fd, FUSEDAX_IOCTL_HELLO, &hello)) || hello.magic != FUSEDAX_MAGIC)
        return NULL;
    return mount_of_session(&hello);
}

static bool look(int fd, struct kernel_statx *stat)
{
    stat->mask = 0;
    return !is_error(SYS5(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
                          STATX_TYPE | STATX_INO | STATX_MNT_ID_UNIQUE, stat));
}

static const struct known *find_known(const struct kernel_statx *stat)
{
    if (!(stat->mask & STATX_MNT_ID_UNIQUE))
        return NULL;
    size_t count = atomic_load_explicit(&known_count, memory_order_acquire);
    for (size_t i = 0; i < count; i++)
        if (known[i].mount_id == stat->mnt_id)
            return &known[i];
    return NULL;
}

bool shows_file(int fd, const struct file *file)
{
    struct kernel_statx stat;
    if (!look(fd, &stat) || stat.ino != file->inode)
        return false;
    const struct known *found = find_known(&stat);
    return !found || found->mount == file->mount;
}

bool may_be_ours(int fd)
{
    struct kernel_statx stat;
    struct statfs statfs;
    if (!look(fd, &stat))
        return false;
    const struct known *found = find_known(&stat);
    if (found)
        return found->mount != NULL;
    return !is_error(SYS2(SYS_fstatfs, fd, &statfs)) && statfs.f_type == FUSE_SUPER_MAGIC;
}

void identify(int fd, struct identity *identity)
{
    struct kernel_statx stat;
    memset(identity, 0, sizeof *identity);
    if (switched_off || fd < 0 || !look(fd, &stat))
        return;
    identity->inode = stat.ino;
    identity->mode = stat.mode;
    bool unique = stat.mask & STATX_MNT_ID_UNIQUE;
    const struct known *found = find_known(&stat);
    if (found) {
        identity->mount = found->mount;
        return;
    }
    if (!unique && stat.dev_major != 0)
        return; /* on a block device, where ours is only on kernels that have unique mount ids */
    uint64_t mask = enter(&attach_lock);
    identity->mount = ask(fd);
    if (unique && known_count < MAX_KNOWN) {
        known[known_count].mount_id = stat.mnt_id;
        known[known_count].mount = identity->mount;
        atomic_fetch_add_explicit(&known_count, 1, memory_order_release);
    }
    leave(&attach_lock, mask);
}

static int open_socket(const struct mount *mount)
{
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    size_t n = sizeof "fuse-dax/" - 1;
    memcpy(address.sun_path + 1, "fuse-dax/", n);
    for (int shift = 60; shift >= 0; shift -= 4)
        address.sun_path[1 + n++] = "0123456789abcdef"[mount->hello.session >> shift & 15];

    long fd = SYS3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (is_error(fd))
        return (int)fd;
    struct timeval patience = {HANDSHAKE_SECONDS, 0};
    SYS5(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    long result = SYS3(SYS_connect, fd, &address, offsetof(struct sockaddr_un, sun_path) + 1 + n);
    if (is_error(result)) {
        SYS1(SYS_close, fd);
        return (int)result;
    }
    return (int)fd;
}

/* Both sides must have it, or none uses it. */
static void make_guard(struct mount *mount)
{
    if (signals_only || mount->hello.mechanism != FUSEDAX_MECHANISM_UFFD)
        return;
    int fd = guard_create();
    int socket = fd < 0 ? fd : open_socket(mount);
    long result = socket;
    if (socket >= 0) {
        mount->guard = fd = descriptor_keep(fd);
        result = guard_offer(socket, mount);
        SYS1(SYS_close, socket);
    }
    DEBUG("guard", fd, -result);
    if (is_error(result)) {
        mount->guard = -1;
        if (fd >= 0)
            descriptor_close(fd);
    }
}

bool mount_connect(struct mount *mount)
{
    if (mount->state != MOUNT_NEW)
        return mount->state == MOUNT_LIVE;
    if (SYS0(SYS_getpid) != process_id)
        return false; /* a child of vfork: the thread would be its own, and end when it execs */
    int fd = open_socket(mount);
    if (fd < 0) {
        DEBUG("connect failed", mount->hello.session, (uint64_t)-fd);
        mount->state = fd == -ECONNREFUSED ? MOUNT_REFUSED : MOUNT_NEW;
        return false;
    }
    struct fusedax_msg_hello hello = {FUSEDAX_MSG_HELLO, FUSEDAX_VERSION};
    struct fusedax_msg_welcome welcome;
    memset(&welcome, 0, sizeof welcome);
    SYS6(SYS_sendto, fd, &hello, sizeof hello, MSG_NOSIGNAL, NULL, 0);
    long length = SYS6(SYS_recvfrom, fd, &welcome, sizeof welcome, 0, NULL, NULL);
    DEBUG("welcome", length, welcome.status, welcome.version);
    bool answered = length == (long)sizeof welcome && welcome.type == FUSEDAX_MSG_WELCOME;
    if (!answered || welcome.status != 0) {
        SYS1(SYS_close, fd);
        if (answered)
            mount->state = MOUNT_REFUSED;
        return false;
    }
    struct timeval forever = {0, 0};
    SYS5(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof forever);
    mount->cookie = welcome.cookie;
    make_guard(mount);
    mount->state = MOUNT_LIVE;
    bool started = revoke_start(mount, fd);
    SYS1(SYS_close, fd); /* the thread has it */
    if (!started) {
        mount->state = MOUNT_NEW;
        if (mount->guard >= 0)
            descriptor_close(mount->guard);
        mount->guard = -1;
    }
    return started;
}

static int receive_region(int socket)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct fusedax_msg_grant grant;
    struct iovec place = {&grant, sizeof grant};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    memset(&grant, 0, sizeof grant);
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    long length = SYS3(SYS_recvmsg, socket, &message, MSG_CMSG_CLOEXEC);
    if (is_error(length))
        return (int)length;
    if (length != (long)sizeof grant || grant.type != FUSEDAX_MSG_GRANT)
        return -EPROTO;
    if (grant.status != 0)
        return -(int)grant.status;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS)
        return -EPROTO;
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

int mount_region(struct mount *mount, bool writable)
{
    int *place = writable ? &mount->region_write : &mount->region_read;
    if (*place >= 0)
        return *place;
    int socket = open_socket(mount);
    if (socket < 0)
        return socket;
    struct fusedax_msg_region request = {
        .type = FUSEDAX_MSG_REGION,
        .version = FUSEDAX_VERSION,
        .cookie = mount->cookie,
        .writable = writable,
    };
    SYS6(SYS_sendto, socket, &request, sizeof request, MSG_NOSIGNAL, NULL, 0);
    int fd = receive_region(socket);
    SYS1(SYS_close, socket);
    DEBUG("region", writable, (uint64_t)fd);
    if (fd >= 0)
        *place = fd = descriptor_keep(fd);
    return fd;
}

bool mounts_move_descriptor(int fd)
{
    for (size_t i = 0; i < mount_count; i++) {
        int *places[] = {&mounts[i].region_read, &mounts[i].region_write, &mounts[i].guard};
        for (size_t which = 0; which < sizeof places / sizeof *places; which++) {
            if (*places[which] == fd) {
                *places[which] = descriptor_copy(fd);
                return true;
            }
        }
    }
    return false;
}
