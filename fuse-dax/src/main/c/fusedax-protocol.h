/*
 * Protocol between a mount (the daemon) and the programs that map its files directly.
 *
 * Two channels:
 *  - ioctls on an open file of the mount: who serves it, attach, fault. Synchronous, carried by FUSE,
 *    so the daemon knows file, open mode, uid and pid of the caller from the kernel.
 *  - one SOCK_SEQPACKET connection per process to an abstract unix socket of the daemon: the region's
 *    descriptor, and revocations, which the daemon starts.
 * Where the region is tmpfs or a memfd there is a third: a userfaultfd of the program, which the daemon
 * reads. It carries first stores to blocks that are written already.
 *
 * Everything is in host byte order, without padding; reserved fields are zero. The Java side is
 * ControlProtocol (ioctls) and DirectProtocol (messages); a test compares sizes and offsets. Both
 * sides refuse a version that is not theirs: ioctls answer with their own FUSEDAX_VERSION in HELLO
 * and ATTACH, the socket answers WELCOME with status EPROTO.
 *
 * Life of a direct mapping, seen from the program:
 *  1. ioctl HELLO tells that the file is on a mount of ours, and the socket's name. Once per mount.
 *  2. Connect; send fusedax_msg_hello; receive fusedax_msg_welcome with a cookie. Once per process
 *     and mount, again in a forked child. The daemon takes the uid from SO_PEERCRED: only that of
 *     the mount's owner is welcome, others get EACCES and keep to the page cache.
 *  3. ioctl ATTACH(cookie) on the file: is this file DAX, which id has it, what is the current
 *     generation. From here to DETACH, or to the end of the connection, revocations come.
 *  4. A short connection with fusedax_msg_region gets the region's descriptor, read-only, or
 *     writable if this process has attached a file it opened for writing.
 *     With FUSEDAX_MECHANISM_UFFD, another one with fusedax_msg_guard gives the daemon a userfaultfd
 *     of the process, before its first FAULT. If there is none to be had, or the answer is an error,
 *     everything goes by FAULT.
 *  5. Addresses start without access. An access that traps becomes ioctl FAULT; its answer says what
 *     to map where. Writable answers come only after everything the page needs is durable, if the
 *     mapping is synchronous.
 *  6. REVOKE(file, from, to, generation): take away all access to that range of the file in all
 *     mappings of it (addresses stay reserved), answer ACK.
 *  7. The library keeps the highest generation of each file that it saw in a REVOKE or in an answer
 *     to FAULT. An answer with a smaller one must be dropped and asked anew: it may name blocks that
 *     belong to somebody else by now, or show zeros where data is.
 *  8. A READ or WRITE answer also supersedes zeros: the library takes away every zero mapping of its
 *     range in the other mappings of the file in this process. (The daemon revokes those of other
 *     processes before it answers, and raises the generation.)
 *  9. An answer to a store's FAULT with an area number may tell, with guard_start and guard_length, of
 *     written blocks around it. They may be mapped writable as well, if they are registered with the
 *     userfaultfd and write-protected before. The daemon takes the area number, its range of the file
 *     and of addresses down before it answers. A store there becomes an event of the userfaultfd; the
 *     daemon does for it what a store's FAULT does, lifts the protection of what it grants, and wakes
 *     the thread. It wakes the thread in any case, also when the mapping has gone meanwhile. What it
 *     cannot grant it revokes first, so that the access traps anew, comes by FAULT and learns why.
 * 10. The connection's end (daemon died, unmounted, or this process was fenced): no answer to FAULT
 *     can be had any more; all access is taken away and later accesses get SIGBUS.
 */
#ifndef FUSEDAX_PROTOCOL_H
#define FUSEDAX_PROTOCOL_H

#include <stdint.h>
#include <sys/ioctl.h>

#define FUSEDAX_VERSION 4
#define FUSEDAX_MAGIC 0x0058414445535546ull /* "FUSEDAX\0" */
#define FUSEDAX_IOCTL_TYPE 0xDA

/* ---- ioctls ---- */

/* HELLO: on any open file or directory. */
struct fusedax_hello {
    uint64_t magic;       /* FUSEDAX_MAGIC */
    uint32_t version;     /* FUSEDAX_VERSION */
    uint32_t process_id;  /* of the daemon */
    uint8_t uuid[16];     /* of the volume */
    uint32_t read_only;   /* 0 or 1 */
    uint32_t owner_uid;   /* who may map directly */
    uint32_t fault_bytes; /* what a write fault grants: 0 as the kernel (4 KiB or 2 MiB), else bytes */
    uint32_t mechanism;   /* FUSEDAX_MECHANISM_* */
    uint64_t session;     /* differs for every mount; the socket is "\0fuse-dax/<16 hex digits>" */
    uint32_t transport;   /* how the kernel reaches the daemon: 0 jnr-fuse, 1 native */
    uint8_t region_kind;  /* RegionKind, for people */
    uint8_t flush;        /* FlushMechanism, for people */
    uint8_t unit_shift;   /* mappings have pages of 1 << unit_shift bytes: 12, on some devices 21 or 30 */
    uint8_t reserved;
};

#define FUSEDAX_MECHANISM_NONE 0   /* no direct mappings on this mount */
#define FUSEDAX_MECHANISM_SIGNAL 1 /* PROT_READ and SIGSEGV */
#define FUSEDAX_MECHANISM_UFFD 2   /* and userfaultfd write-protect where blocks are written already */

/* ATTACH: this process is about to map the file directly. In: cookie, version. Errors: EPROTO version,
 * ESTALE unknown cookie, EBADF not open for reading. */
struct fusedax_attach {
    uint64_t cookie;     /* in: of the connection */
    uint32_t version;    /* in: FUSEDAX_VERSION; out: the daemon's */
    uint32_t flags;      /* out: FUSEDAX_ATTACH_* */
    uint64_t file;       /* out: id of the file, the same for all its names and descriptors */
    uint64_t generation; /* out: of the file's layout */
};

#define FUSEDAX_ATTACH_DAX 1      /* the file is DAX: direct mappings, MAP_SYNC */
#define FUSEDAX_ATTACH_WRITABLE 2 /* the descriptor may store */

/* DETACH: the last mapping of the file in this process has gone. In: cookie. */
struct fusedax_detach {
    uint64_t cookie;
    uint64_t file;
};

/* FAULT: a page is needed. The answer covers the page and as much around it, within
 * [area_start, area_end), as may be mapped alike. */
struct fusedax_fault {
    uint64_t cookie;     /* in */
    uint64_t offset;     /* in: file offset of the page, multiple of 4096 */
    uint64_t area_start; /* in: file range that the mapping shows, multiples of 4096 */
    uint64_t area_end;
    uint64_t address;    /* in: of the page in the program; decides on huge pages */
    uint32_t flags;      /* in: FUSEDAX_FAULT_* */
    uint32_t result;     /* out: FUSEDAX_RESULT_* */
    uint64_t start;      /* out: file offset, length and place in the region of what to map */
    uint64_t length;
    uint64_t region;     /* meaningless for FUSEDAX_RESULT_ZERO */
    uint64_t generation; /* out: of the file's layout when this answer was made */
    uint64_t area;         /* in: names the mapping, a younger one by a higher number; 0: no guard wanted */
    uint64_t guard_start;  /* out, for FUSEDAX_RESULT_WRITE: file range around start, as far from it */
    uint64_t guard_length; /* in the region as in the file, that may be guarded; length 0: none */
};

#define FUSEDAX_FAULT_WRITE 1 /* else read */
#define FUSEDAX_FAULT_SYNC 2  /* MAP_SYNC: commit what the page needs */
#define FUSEDAX_FAULT_PREFAULT 4 /* MAP_POPULATE, mlock or a system call: not counted as a fault */

#define FUSEDAX_RESULT_ZERO 0     /* a hole or unwritten: map zeros, read-only */
#define FUSEDAX_RESULT_READ 1     /* map the region, read-only: a store must trap */
#define FUSEDAX_RESULT_WRITE 2    /* map the region, writable */
#define FUSEDAX_RESULT_BUS 3      /* behind the end of the file, no space, or an I/O error: SIGBUS */
#define FUSEDAX_RESULT_RETRY 4    /* the range is being changed: ask again in a moment */

#define FUSEDAX_IOCTL_HELLO _IOR(FUSEDAX_IOCTL_TYPE, 0, struct fusedax_hello)
#define FUSEDAX_IOCTL_ATTACH _IOWR(FUSEDAX_IOCTL_TYPE, 7, struct fusedax_attach)
#define FUSEDAX_IOCTL_FAULT _IOWR(FUSEDAX_IOCTL_TYPE, 8, struct fusedax_fault)
#define FUSEDAX_IOCTL_DETACH _IOW(FUSEDAX_IOCTL_TYPE, 9, struct fusedax_detach)

/* fallocate(2) modes that the kernel's FUSE refuses; offset and length multiples of 4096. */
struct fusedax_range {
    uint64_t offset;
    uint64_t length;
};

#define FUSEDAX_IOCTL_COLLAPSE_RANGE _IOW(FUSEDAX_IOCTL_TYPE, 4, struct fusedax_range)
#define FUSEDAX_IOCTL_INSERT_RANGE _IOW(FUSEDAX_IOCTL_TYPE, 5, struct fusedax_range)

/* ---- messages on the socket, one per packet ---- */

#define FUSEDAX_MSG_HELLO 1   /* program, first on a connection that stays */
#define FUSEDAX_MSG_WELCOME 2 /* daemon, answer to HELLO */
#define FUSEDAX_MSG_REGION 3  /* program, first and only on a short connection */
#define FUSEDAX_MSG_GRANT 4   /* daemon, answer to REGION, with the descriptor as SCM_RIGHTS */
#define FUSEDAX_MSG_REVOKE 5  /* daemon */
#define FUSEDAX_MSG_ACK 6     /* program, answer to REVOKE */
#define FUSEDAX_MSG_GUARD 7   /* program, first and only on a short connection, with a userfaultfd as
                                 SCM_RIGHTS; the answer is GRANT without a descriptor */

struct fusedax_msg_hello {
    uint32_t type;
    uint32_t version; /* FUSEDAX_VERSION */
};

struct fusedax_msg_welcome {
    uint32_t type;
    uint32_t version; /* the daemon's */
    uint32_t status;  /* 0, or an errno: EPROTO version, EACCES not the owner */
    uint32_t reserved;
    uint64_t cookie;  /* names this connection in ioctls; not to be guessed */
};

struct fusedax_msg_region {
    uint32_t type;
    uint32_t version;
    uint64_t cookie;
    uint32_t writable; /* 0 or 1 */
    uint32_t reserved;
};

struct fusedax_msg_guard {
    uint32_t type;
    uint32_t version;
    uint64_t cookie;
};

struct fusedax_msg_grant {
    uint32_t type;
    uint32_t status; /* 0, or an errno: EACCES, ESTALE, EPROTO */
    uint64_t region_bytes;
};

struct fusedax_msg_revoke {
    uint32_t type;
    uint32_t serial;
    uint64_t file;
    uint64_t from; /* file offsets, multiples of 4096; to may be UINT64_MAX */
    uint64_t to;
    uint64_t generation; /* answers to FAULT with a smaller one are void */
};

struct fusedax_msg_ack {
    uint32_t type;
    uint32_t serial;
};

#endif
