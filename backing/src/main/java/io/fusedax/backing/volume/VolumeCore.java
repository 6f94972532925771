package io.fusedax.backing.volume;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.alloc.ExtentAllocator;
import io.fusedax.backing.alloc.VolumeState;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.inode.ExtentMap;
import io.fusedax.backing.inode.FileContent;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeTable;
import io.fusedax.backing.inode.RecordTree;
import io.fusedax.backing.inode.Xattrs;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.journal.Journal;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.namespace.Directory;
import io.fusedax.backing.region.Region;
import java.time.Instant;
import jnr.constants.platform.Errno;

/**
 * The parts of an open volume, and what its operations have in common.
 *
 * <p>Lock order: inode locks in ascending number, then the orphan directory's, then the journal's
 * barrier (by beginning a transaction), then the short locks of inode table and block groups. No
 * inode lock is waited for inside a transaction, but that of an inode just allocated.
 */
final class VolumeCore {
    final Region region;
    final Geometry geometry;
    final VolumeOptions options;
    final Counters counters;
    final Journal journal;
    final ExtentAllocator allocator;
    final InodeTable table;
    final RecordTree tree;
    final FileContent content;
    final Directory directory;
    final Xattrs xattrs;
    final AclOperations acls;
    final Reclaimer reclaimer;

    VolumeCore(Region region, Geometry geometry, VolumeOptions options, boolean readOnly)
            throws FsException {
        this.region = region;
        this.geometry = geometry;
        this.options = options;
        this.counters = region.counters();
        this.journal =
                Journal.open(region, geometry, options.metadataCacheBytes(), readOnly, counters);
        VolumeState state = VolumeState.load(journal.cache());
        this.allocator = new ExtentAllocator(journal.cache(), state, counters);
        allocator.keepReserve();
        journal.setClient(allocator);
        this.tree = new RecordTree(journal.cache(), allocator);
        this.table =
                new InodeTable(journal, allocator, state, options.inodeCacheEntries(), counters);
        ExtentMap map = new ExtentMap(tree, allocator, geometry);
        this.content = new FileContent(region, map, allocator);
        this.directory = new Directory(journal.cache(), allocator, tree);
        this.xattrs = new Xattrs(journal.cache(), allocator);
        this.acls = new AclOperations(this);
        this.reclaimer = new Reclaimer(this);
    }

    /** What an operation does within a transaction. */
    @FunctionalInterface
    interface Mutation {
        void run(Transaction tx) throws FsException;
    }

    /**
     * Runs an operation in a transaction; once more after a commit if blocks were short that a
     * commit frees. All inode locks are held already.
     *
     * @return number of the transaction that it commits with
     */
    long mutate(String operation, Mutation mutation) throws FsException {
        for (boolean retried = false; ; retried = true) {
            long tid;
            try (Transaction tx = journal.begin(operation)) {
                tid = tx.tid();
                long quarantined = allocator.quarantinedBlocks();
                try {
                    mutation.run(tx);
                    tx.commit();
                    return tid;
                } catch (FsException e) {
                    if (e.errno() != Errno.ENOSPC || retried || quarantined == 0) {
                        throw e;
                    }
                }
            }
            journal.commit(tid, CommitCause.NOSPACE);
        }
    }

    /**
     * As {@link #mutate} for what frees more than it takes: on a full volume it has the reserve.
     */
    long mutateFreeing(String operation, Mutation mutation) throws FsException {
        return mutate(
                operation,
                tx -> {
                    tx.mayUseReserve(true);
                    mutation.run(tx);
                });
    }

    /** Ends a use of an inode and reclaims it if that was the last one of a nameless inode. */
    void unpin(Inode inode) throws FsException {
        if (table.unpin(inode)) {
            reclaimer.reclaim(inode.number());
        }
    }

    /** The inode, pinned and known to be in use at this moment. */
    Inode pin(long number) throws FsException {
        return table.pin(number);
    }

    static void checkLive(Inode inode) throws FsException {
        if (!inode.isLive()) {
            throw noSuchInode(inode);
        }
    }

    static FsException noSuchInode(Inode inode) {
        return new FsException(Errno.ESTALE, inode + ": no such inode");
    }

    static void checkDirectory(Inode inode) throws FsException {
        checkLive(inode);
        if (!inode.isDirectory()) {
            throw new FsException(Errno.ENOTDIR, inode + ": not a directory");
        }
    }

    static void checkRegular(Inode inode) throws FsException {
        checkLive(inode);
        if (inode.isDirectory()) {
            throw new FsException(Errno.EISDIR, inode + ": is a directory");
        }
        if (!inode.isRegular()) {
            throw new FsException(Errno.EINVAL, inode + ": not a regular file");
        }
    }

    /**
     * @throws FsException EPERM when the inode carries one of the flags
     */
    static void refuseFlags(Inode inode, int flags) throws FsException {
        if ((inode.flags() & flags) != 0) {
            throw new FsException(Errno.EPERM, inode + ": immutable or append-only");
        }
    }

    Instant now() {
        return options.clock().instant();
    }

    void touchChanged(Transaction tx, Inode inode) {
        putTime(tx, inode, InodeLayout.CTIME_SECONDS, InodeLayout.CTIME_NANOS, now());
    }

    void touchModified(Transaction tx, Inode inode) {
        Instant now = now();
        putTime(tx, inode, InodeLayout.MTIME_SECONDS, InodeLayout.MTIME_NANOS, now);
        putTime(tx, inode, InodeLayout.CTIME_SECONDS, InodeLayout.CTIME_NANOS, now);
    }

    static void putTime(
            Transaction tx, Inode inode, int secondsOffset, int nanosOffset, Instant time) {
        putTime(tx, inode, secondsOffset, nanosOffset, time.getEpochSecond(), time.getNano());
    }

    static void putTime(
            Transaction tx,
            Inode inode,
            int secondsOffset,
            int nanosOffset,
            long seconds,
            int nanos) {
        tx.putLong(inode.buffer(), secondsOffset, seconds);
        tx.putInt(inode.buffer(), nanosOffset, nanos);
        inode.noteChange(tx);
    }

    static void putLinkCount(Transaction tx, Inode inode, int count) {
        tx.putInt(inode.buffer(), InodeLayout.LINK_COUNT, count);
        inode.noteChange(tx);
    }

    /** A change of content by an unprivileged caller takes the set-id bits away. */
    static void dropSetId(Transaction tx, Inode inode, Caller caller) {
        if (!caller.privileged()) {
            dropSetId(tx, inode);
        }
    }

    static void dropSetId(Transaction tx, Inode inode) {
        int mode = inode.mode();
        int dropped = mode & ~04000;
        if ((mode & 00010) != 0) {
            dropped &= ~02000;
        }
        if (dropped != mode && !inode.isDirectory()) {
            tx.putInt(inode.buffer(), InodeLayout.MODE, dropped);
            inode.noteChange(tx);
        }
    }

    /** Applies relatime, strictatime or noatime; no lock is held. */
    void touchAccessed(Inode inode) throws FsException {
        if (!wantsAccessTime(inode)) {
            return;
        }
        long stamp = inode.lock().writeLock();
        try {
            if (inode.isLive() && wantsAccessTime(inode)) {
                mutate(
                        "atime",
                        tx ->
                                putTime(
                                        tx,
                                        inode,
                                        InodeLayout.ATIME_SECONDS,
                                        InodeLayout.ATIME_NANOS,
                                        now()));
            }
        } finally {
            inode.lock().unlockWrite(stamp);
        }
    }

    private boolean wantsAccessTime(Inode inode) {
        if (options.atime() == VolumeOptions.AtimeMode.NOATIME
                || options.readOnly()
                || journal.failure() != null
                || (inode.flags() & InodeFlags.NOATIME) != 0) {
            return false;
        }
        if (options.atime() == VolumeOptions.AtimeMode.STRICTATIME) {
            return true;
        }
        MetaBuffer buffer = inode.buffer();
        return !isBefore(buffer, InodeLayout.MTIME_SECONDS, InodeLayout.MTIME_NANOS)
                || !isBefore(buffer, InodeLayout.CTIME_SECONDS, InodeLayout.CTIME_NANOS)
                || buffer.getLong(InodeLayout.ATIME_SECONDS) + 86_400 <= now().getEpochSecond();
    }

    /** Whether the given time lies before the access time. */
    private static boolean isBefore(MetaBuffer buffer, int secondsOffset, int nanosOffset) {
        int bySeconds =
                Long.compare(
                        buffer.getLong(secondsOffset), buffer.getLong(InodeLayout.ATIME_SECONDS));
        return bySeconds < 0
                || bySeconds == 0
                        && buffer.getInt(nanosOffset) < buffer.getInt(InodeLayout.ATIME_NANOS);
    }
}
