package io.fusedax.mount;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.Volume;
import jnr.constants.platform.Errno;

/** What all requests of one mount share. */
final class MountState {
    /** Someone without CAP_FSETID, for changes where only that matters. */
    static final Caller UNPRIVILEGED = new Caller(65534, 65534);

    final Volume volume;
    final CachePolicy cachePolicy;

    /** Which inodes the kernel's node ids are. */
    final Nodes nodes;

    /** The same on the jnr-fuse transport, otherwise null. */
    final KnownNodes knownNodes;

    /** The same on the native transport, otherwise null. */
    final LookupCounts lookups;

    final HandleTable handles = new HandleTable();
    final ErrorMapper errors;
    final Counters counters;
    final boolean directIo;
    final DaxPolicy daxPolicy;
    final FaultStatistics faultStatistics;
    final DirectMappings mappings;
    final int faultBytes;

    /** That serve requests. */
    final int threads;

    /** Who mounted: the only one who maps files directly. */
    final int ownerUid;

    /** Programs may give their userfaultfd. */
    volatile boolean guards;

    private final boolean mountedReadOnly;

    /** Names the socket of direct mappings; 0: there are none. */
    volatile long directSession;

    /** With allow_root: the one other than root who may use the mount; otherwise -1. */
    private final int onlyUser;

    /** Set from the kernel's INIT: SETXATTR has the longer form. */
    volatile boolean extendedSetxattr;

    /** Set from the kernel's INIT: files that bypass the page cache can still be mapped. */
    volatile boolean directIoCanBeMapped;

    MountState(Volume volume, MountOptions options) {
        this.volume = volume;
        boolean isNative = options.transport() == TransportKind.NATIVE;
        this.lookups = isNative ? new LookupCounts(volume) : null;
        this.knownNodes = isNative ? null : new KnownNodes(Volume.ROOT_INODE);
        this.nodes = isNative ? lookups : knownNodes;
        this.counters = volume.counters();
        this.errors = new ErrorMapper(volume);
        this.cachePolicy =
                new CachePolicy(
                        options.attributeTimeoutSeconds(),
                        options.entryTimeoutSeconds(),
                        options.negativeTimeoutSeconds(),
                        !isNative());
        this.directIo = options.directIo();
        this.ownerUid = Libc.load().geteuid();
        this.onlyUser = options.allowRoot() ? ownerUid : -1;
        this.mountedReadOnly = options.readOnly();
        this.daxPolicy = new DaxPolicy(options.dax(), DaxPolicy.LATE_CLOSE_NANOS);
        this.faultStatistics = new FaultStatistics(counters);
        this.faultBytes = options.faultBytes();
        this.threads = options.threads();
        this.mappings =
                new DirectMappings(
                        volume, faultStatistics, faultBytes, DirectMappings.ACK_TIMEOUT_NANOS);
    }

    /** Whether the kernel's requests are answered without libfuse. */
    boolean isNative() {
        return lookups != null;
    }

    /** Opens an inode: pins it and enters a handle. The caller knows the node. */
    long openHandle(long inode, int flags, long nodeId) throws FsException {
        volume.acquire(inode);
        nodes.opened(nodeId, inode);
        return handles.add(new OpenHandle(inode, flags, nodeId));
    }

    /** Closes a handle; a number not in use is ignored. */
    void closeHandle(long number) throws FsException {
        OpenHandle handle = handles.remove(number);
        if (handle != null) {
            if (handle.nodeId != 0) {
                nodes.closed(handle.nodeId);
            }
            if (handle.isFile) {
                daxPolicy.closed(handle.inode);
            }
            volume.release(handle.inode);
        }
    }

    /** Whether stores are refused. */
    boolean readOnly() {
        return mountedReadOnly || volume.readOnly();
    }

    /** The open file of a handle number. */
    OpenHandle handle(long number) throws FsException {
        OpenHandle handle = handles.get(number & ~OpenRequests.OURS);
        if (handle == null) {
            throw new FsException(Errno.EBADF, "file handle not in use");
        }
        return handle;
    }

    /** Reads attributes, and says whether the kernel may keep them. */
    boolean readAttributes(long inode, InodeAttributes into) throws FsException {
        volume.getattr(inode, into);
        return cachePolicy.mayKeep(into);
    }

    /** Whether the option allow_root keeps a user out; the kernel leaves that to libfuse. */
    boolean keepsOut(int uid) {
        return onlyUser != -1 && uid != 0 && uid != onlyUser;
    }

    void count(Counter counter) {
        counters.increment(counter);
    }
}
