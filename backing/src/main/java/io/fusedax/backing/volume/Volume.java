package io.fusedax.backing.volume;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.Superblock;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.BadBlocks;
import io.fusedax.backing.region.MediaErrorException;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionKind;
import io.fusedax.backing.region.UserBuffer;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The only door to a volume: the calls of a filesystem, by inode number, without paths. Safe for
 * use by many threads; calls on different files do not wait for each other.
 *
 * <p>Every change is part of the running transaction when the call returns and durable with its
 * commit. File data is in the region when the call returns. Names are passed as a range of a byte
 * array, so that a caller need not copy them.
 */
public final class Volume implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Volume.class);

    /** Inode number of the root directory. */
    public static final long ROOT_INODE = InodeNumbers.ROOT;

    /** The least inode number of a file other than the root; those below are hidden. */
    public static final long FIRST_INODE = InodeNumbers.FIRST;

    /** For write: ignore the offset, store at the end of the file. */
    public static final int WRITE_APPEND = 1;

    /** For write: data and all metadata of the file are durable on return (O_SYNC). */
    public static final int WRITE_SYNC = 2;

    /** For write: data and what is needed to read it are durable on return (O_DSYNC). */
    public static final int WRITE_DSYNC = 4;

    private final VolumeCore core;
    private final NamespaceOperations names;
    private final CreateOperations creates;
    private final RenameOperation renames;
    private final DataOperations data;
    private final RangeOperations ranges;
    private final AttributeOperations attributes;
    private final FaultOperations faults;
    private final MountRecord mountRecord;
    private final CommitTimer timer;
    private final VolumeSummary summary;
    private final boolean readOnly;
    private final AtomicBoolean failed = new AtomicBoolean();
    private volatile boolean unlinked;
    private boolean closed;

    /**
     * @param strangersLeft what other processes stored to blocks in use is still to be flushed
     */
    private Volume(
            Region region, Superblock superblock, VolumeOptions options, boolean strangersLeft)
            throws FsException {
        long startNanos = System.nanoTime();
        this.readOnly = options.readOnly();
        this.core = new VolumeCore(region, superblock.geometry(), options, readOnly);
        this.names = new NamespaceOperations(core);
        this.creates = new CreateOperations(core, names);
        this.renames = new RenameOperation(core, names);
        this.data = new DataOperations(core);
        this.ranges = new RangeOperations(core);
        this.attributes = new AttributeOperations(core, data);
        this.faults = new FaultOperations(core, readOnly);
        this.mountRecord = new MountRecord(region, new Checksums(superblock.geometry().uuid()));
        if (strangersLeft && mountRecord.state() != MountStateLayout.STATE_CLEAN) {
            flushUsed();
        }
        core.reclaimer.recover();
        if (mountRecord.state() == MountStateLayout.STATE_ERROR) {
            LOG.warn(
                    "volume_has_errors region={} errors={}: run fsck",
                    region.description(),
                    mountRecord.errorCount());
        }
        if (!readOnly) {
            mountRecord.mounted(core.now().getEpochSecond());
        }
        this.timer =
                readOnly
                        ? null
                        : CommitTimer.start(core.journal, options, this::fail, this::watchRegion);
        this.summary = summarize(superblock, (System.nanoTime() - startNanos) / 1_000);
    }

    /**
     * Opens a volume: checks the superblock, replays the journal, finishes what a crash
     * interrupted. What it then shows is durable, whoever stored it.
     *
     * @param region stays the caller's, to be closed after the volume; a read-only region wants
     *     read-only options
     * @throws FsException EINVAL when there is no volume; EUCLEAN when it is damaged, naming where;
     *     EROFS when its features or the region allow read-only use only
     */
    public static Volume open(Region region, VolumeOptions options) throws FsException {
        Superblock superblock = Superblock.read(region);
        if (!options.readOnly() && (region.readOnly() || superblock.needsReadOnly())) {
            throw new FsException(
                    jnr.constants.platform.Errno.EROFS,
                    region.description()
                            + ": "
                            + (region.readOnly() ? "read-only region" : "unknown features")
                            + ": mount it with -o ro");
        }
        boolean strangersLeft = false;
        if (!options.readOnly()) {
            // A process that was killed here told nobody what it had not flushed. What this volume
            // shows must not be lost once it is synced, and only this call knows where to look.
            strangersLeft = !region.flushStrangers();
            if (strangersLeft) {
                region.flush(0, superblock.geometry().firstDataBlock() << Geometry.BLOCK_SHIFT);
            }
            provideJournal(region, superblock.geometry());
        }
        return new Volume(region, superblock, options, strangersLeft);
    }

    /** What {@link Region#flushStrangers} leaves to us: all blocks in use. */
    private void flushUsed() throws FsException {
        core.allocator.visitUsed(
                (block, length) ->
                        core.region.flush(
                                block << Geometry.BLOCK_SHIFT, length << Geometry.BLOCK_SHIFT));
    }

    /** Of the host's storage data gets what the journal and what lies before it leave. */
    private static void provideJournal(Region region, Geometry geometry) throws FsException {
        long wanted = geometry.firstDataBlock() << Geometry.BLOCK_SHIFT;
        long there = region.provide(0, wanted);
        if (there < wanted) {
            LOG.warn(
                    "region_storage_short region={} journal_end_bytes={} provided_bytes={}: the"
                        + " host is full, so commits may fail, and the volume is then read-only",
                    region.description(),
                    wanted,
                    there);
        }
        region.holdStorageBack();
    }

    private VolumeSummary summarize(Superblock superblock, long openMicros) {
        Geometry geometry = superblock.geometry();
        long recovered = core.counters.get(Counter.JOURNAL_RECOVERED_TRANSACTIONS);
        LOG.info(
                "volume_opened uuid={} region={} kind={} alignment_bytes={} flush={}"
                        + " recovered_transactions={} elapsed_us={}",
                geometry.uuid(),
                core.region.description(),
                core.region.kind(),
                core.region.alignmentBytes(),
                core.region.flushMechanism(),
                recovered,
                openMicros);
        return new VolumeSummary(
                geometry.uuid(),
                superblock.label(),
                superblock.featureCompat(),
                superblock.featureIncompat(),
                superblock.featureRoCompat(),
                geometry.totalBlocks(),
                geometry.groupCount(),
                core.journal.capacityBytes(),
                recovered,
                openMicros,
                mountRecord.errorCount(),
                core.region.kind(),
                core.region.alignmentBytes(),
                core.region.flushMechanism());
    }

    /**
     * Commits, empties the journal and marks the volume clean. Further calls of the volume are
     * errors.
     *
     * @throws FsException EIO when the last commit failed
     */
    @Override
    public synchronized void close() throws FsException {
        if (closed) {
            return;
        }
        closed = true;
        if (timer != null) {
            timer.stop();
        }
        if (!readOnly && core.journal.failure() == null) {
            core.journal.close();
            mountRecord.unmounted();
        }
    }

    /**
     * A bug, a damaged structure or a broken region was met: nothing is stored any more, the
     * running transaction is never committed, the volume wants fsck. Never throws; tells of the
     * first time only.
     */
    public void fail(String operation, Throwable cause) {
        Throwable reason = cause instanceof InternalError ? brokenRegion(cause) : cause;
        boolean saysAll = reason instanceof FsException || reason instanceof MediaErrorException;
        // First of all; a commit that fails has done so already and only then comes here.
        core.journal.fail(operation + ": " + (saysAll ? reason.getMessage() : reason));
        if (!failed.compareAndSet(false, true)) {
            return;
        }
        try {
            tell(operation, reason, saysAll);
        } catch (InternalError owed) { // of the same broken region
            LOG.error("volume_failed operation={}: {}", operation, owed + "");
        }
    }

    private void tell(String operation, Throwable reason, boolean saysAll) {
        if (saysAll) { // what and where; the way there is no news
            LOG.error(
                    "volume_failed operation={}: read-only from now on, run fsck: {}",
                    operation,
                    reason.getMessage());
        } else {
            LOG.error("volume_failed operation={}: read-only from now on", operation, reason);
        }
        if (!readOnly) {
            noteError();
        }
    }

    /** What the virtual machine means by a fault in a recent access, if that can be seen. */
    private Throwable brokenRegion(Throwable fault) {
        try {
            core.region.checkStorage();
            return fault;
        } catch (MediaErrorException e) {
            return e;
        } catch (InternalError owed) {
            return owed;
        }
    }

    private void noteError() {
        try {
            mountRecord.error(core.now().getEpochSecond());
        } catch (RuntimeException | Error e) { // of the same broken region
            LOG.error("mount_state_not_stored region={}: {}", core.region.description(), e + "");
        }
    }

    /** Somebody else may cut or remove the file behind the region at any time. */
    private void watchRegion() {
        if (failed.get()) {
            return;
        }
        try {
            core.region.checkStorage();
            core.region.holdStorageBack();
            if (core.region.isUnlinked() && !unlinked) {
                unlinked = true;
                LOG.warn(
                        "region_unlinked region={}: works on, but all is lost when it is unmounted",
                        core.region.description());
            }
        } catch (RuntimeException | Error e) {
            fail("watch of the region", e);
        }
    }

    /** What is wrong with the volume or its region, in words; empty: nothing that is known. */
    public Optional<String> problem() {
        String failure = core.journal.failure();
        if (failure != null) {
            return Optional.of("failed, read-only: " + failure);
        }
        return unlinked
                ? Optional.of("the region was unlinked: all is lost when it is unmounted")
                : Optional.empty();
    }

    /** Why the volume stopped, or null. */
    public String failure() {
        return core.journal.failure();
    }

    public Counters counters() {
        return core.counters;
    }

    public VolumeSummary summary() {
        return summary;
    }

    /** Whether changes are refused. */
    public boolean readOnly() {
        return readOnly || core.journal.failure() != null;
    }

    /**
     * Looks a name up.
     *
     * @return inode number, 0 when there is no such name
     * @throws FsException ENOTDIR, ENAMETOOLONG
     */
    public long lookup(long parent, byte[] name, int offset, int length) throws FsException {
        return names.lookup(parent, name, offset, length);
    }

    /**
     * @throws FsException ESTALE when there is no such inode
     */
    public void getattr(long inode, InodeAttributes out) throws FsException {
        attributes.getattr(inode, out);
    }

    /** Changes attributes; a new size comes first. */
    public void setattr(long inode, SetAttributes changes, Caller caller, InodeAttributes out)
            throws FsException {
        attributes.setattr(inode, changes, caller, out);
    }

    /**
     * Makes a file, device node, FIFO or socket.
     *
     * @param mode type and permissions; the caller's umask is applied
     * @param rdev device number, for device nodes
     */
    public long mknod(
            long parent, byte[] name, int offset, int length, int mode, int rdev, Caller caller)
            throws FsException {
        return creates.mknod(parent, name, offset, length, mode, rdev, caller);
    }

    /**
     * Makes a file without a name (O_TMPFILE).
     *
     * @param linkable whether {@link #link} may give it a name
     * @return inode number; {@link #acquire}d for the caller
     */
    public long tmpfile(long parent, int mode, boolean linkable, Caller caller) throws FsException {
        return creates.tmpfile(parent, mode, linkable, caller);
    }

    public long mkdir(long parent, byte[] name, int offset, int length, int mode, Caller caller)
            throws FsException {
        return creates.mkdir(parent, name, offset, length, mode, caller);
    }

    /**
     * @param target 1..4095 bytes
     */
    public long symlink(
            long parent, byte[] name, int offset, int length, byte[] target, Caller caller)
            throws FsException {
        return creates.symlink(parent, name, offset, length, target, caller);
    }

    public byte[] readlink(long inode) throws FsException {
        return names.readlink(inode);
    }

    public void link(long inode, long newParent, byte[] name, int offset, int length)
            throws FsException {
        names.link(inode, newParent, name, offset, length);
    }

    public void unlink(long parent, byte[] name, int offset, int length) throws FsException {
        names.unlink(parent, name, offset, length);
    }

    public void rmdir(long parent, byte[] name, int offset, int length) throws FsException {
        names.rmdir(parent, name, offset, length);
    }

    /**
     * @param flags 0 or RENAME_NOREPLACE 1, EXCHANGE 2, WHITEOUT 4
     */
    public void rename(
            long parent,
            byte[] name,
            int offset,
            int length,
            long newParent,
            byte[] newName,
            int newOffset,
            int newLength,
            int flags)
            throws FsException {
        renames.rename(
                parent, name, offset, length, newParent, newName, newOffset, newLength, flags);
    }

    /**
     * Keeps an inode, even when its last name goes, until {@link #release}.
     *
     * @throws FsException ESTALE when it is gone
     */
    public void acquire(long inode) throws FsException {
        Inode pinned = core.pin(inode);
        if (!pinned.isLive()) {
            core.unpin(pinned);
            // Not by looking at it again: the number may have been given out meanwhile.
            throw VolumeCore.noSuchInode(pinned);
        }
    }

    /** Ends one {@link #acquire}; the last one frees an inode without a name. */
    public void release(long inode) throws FsException {
        Inode again = core.pin(inode);
        if (again.pins() == 2) {
            long stamp = again.lock().writeLock();
            core.content.endReservation(again);
            again.lock().unlockWrite(stamp);
        }
        core.unpin(again);
        core.unpin(again);
    }

    /**
     * Reads into native memory.
     *
     * @return bytes read, 0 at the end of the file
     */
    public int read(long inode, long offset, long nativeAddress, int length) throws FsException {
        return data.read(inode, offset, nativeAddress, length);
    }

    public int read(long inode, long offset, byte[] dst, int dstOffset, int length)
            throws FsException {
        return data.read(inode, offset, UserBuffer.of(dst, dstOffset), length);
    }

    /**
     * Writes from native memory.
     *
     * @param flags any of {@link #WRITE_APPEND}, {@link #WRITE_SYNC}, {@link #WRITE_DSYNC}
     * @return bytes written: fewer than {@code length} when space ran out on the way
     * @throws FsException ENOSPC, EFBIG
     */
    public int write(
            long inode, long offset, long nativeAddress, int length, int flags, Caller caller)
            throws FsException {
        return data.write(inode, offset, nativeAddress, length, flags, caller);
    }

    public int write(
            long inode,
            long offset,
            byte[] src,
            int srcOffset,
            int length,
            int flags,
            Caller caller)
            throws FsException {
        return data.write(inode, offset, UserBuffer.of(src, srcOffset), length, flags, caller);
    }

    /**
     * fallocate(2).
     *
     * @throws FsException EOPNOTSUPP for unknown modes; EFBIG when collapse or insert would have to
     *     move more extents than the journal holds
     */
    public void fallocate(long inode, int mode, long offset, long length, Caller caller)
            throws FsException {
        ranges.fallocate(inode, mode, offset, length, caller);
    }

    /** lseek(2) with SEEK_DATA or SEEK_HOLE. */
    public long seek(long inode, long offset, boolean forData) throws FsException {
        return data.seek(inode, offset, forData);
    }

    /**
     * @param datasync leave out what is not needed to read the data: times, owner, mode
     */
    public void fsync(long inode, boolean datasync) throws FsException {
        data.fsync(inode, datasync);
    }

    /** Makes everything durable. */
    public void sync(CommitCause cause) throws FsException {
        if (!readOnly && !core.journal.commit(core.journal.runningTid(), cause)) {
            core.region.drain();
        }
    }

    /**
     * Commits only if the inode's size or block map is not durable: the fault path's question.
     *
     * @return whether this call committed
     */
    public boolean commitInode(long inode, CommitCause cause) throws FsException {
        return data.commitInode(inode, cause);
    }

    /**
     * Finds, or for a store makes, the blocks of a page that is to be mapped. What a store needs is
     * in the running transaction when this returns: a synchronous fault goes on with {@link
     * #commitInode} before the page is mapped.
     *
     * @param fault what is asked for, and the answer
     * @throws FsException ENOSPC, EROFS
     */
    public void fault(long inode, Fault fault) throws FsException {
        faults.fault(inode, fault);
    }

    /**
     * Flushes what programs may have stored into mapped pages of a file, so that the next drain,
     * such as {@link #fsync}'s, makes it durable.
     */
    public void flushMapped(long inode, long fromBytes, long toBytes) throws FsException {
        faults.flush(inode, fromBytes, toBytes);
    }

    /** Whether {@link #flushMapped} does anything. */
    public boolean needsFlush() {
        return core.region.needsFlush();
    }

    /**
     * Opens the region once more, for a program that maps files of it: an open file of its own,
     * without the lock.
     *
     * @return a descriptor, the caller's to close
     */
    public int openRegion(boolean writable) throws FsException {
        return core.region.reopen(writable && !readOnly);
    }

    /** The region's units that cannot be read; may be marked at any time. */
    public BadBlocks badBlocks() {
        return core.region.badBlocks();
    }

    /** What the region lies on. */
    public RegionKind regionKind() {
        return core.region.kind();
    }

    public long regionBytes() {
        return core.region.sizeBytes();
    }

    /**
     * While held, freed blocks are not used again: a program that may still reach them does not
     * answer.
     */
    public void holdFreedBlocks(boolean hold) {
        core.allocator.holdFreed(hold);
    }

    /**
     * @param cookie 0 to start, or the cookie of the last entry taken
     */
    public void readdir(long directory, long cookie, DirectoryVisitor visitor) throws FsException {
        names.readdir(directory, cookie, visitor);
    }

    public VolumeStatistics statfs() {
        Geometry geometry = core.geometry;
        long free = core.allocator.freeBlocks();
        long inodesPerBlock = InodeNumbers.PER_BLOCK;
        return new VolumeStatistics(
                geometry.totalBlocks() - geometry.reservedBlocks(),
                free,
                core.allocator.availableBlocks(),
                core.table.used(),
                core.allocator.availableBlocks() * inodesPerBlock);
    }

    /**
     * @param flags 0, XATTR_CREATE 1 or XATTR_REPLACE 2
     */
    public void setxattr(long inode, byte[] name, byte[] value, int flags) throws FsException {
        attributes.setxattr(inode, name, value, flags);
    }

    /**
     * Sets a POSIX ACL, and the mode with it; removes it if the value has no entries.
     *
     * @param name "system.posix_acl_access" or "system.posix_acl_default"
     * @param killsSetGid for an access ACL: the caller may not keep the set-group-id bit
     * @throws FsException EINVAL for a bad ACL; EACCES for a default ACL of what is no directory
     */
    public void setAcl(long inode, byte[] name, byte[] value, boolean killsSetGid)
            throws FsException {
        attributes.setAcl(inode, name, value, killsSetGid);
    }

    public byte[] getxattr(long inode, byte[] name) throws FsException {
        return attributes.getxattr(inode, name);
    }

    public byte[] listxattr(long inode) throws FsException {
        return attributes.listxattr(inode);
    }

    public void removexattr(long inode, byte[] name) throws FsException {
        attributes.removexattr(inode, name);
    }

    /** FS_*_FL, see {@link InodeFlags}. */
    public int getFlags(long inode) throws FsException {
        return attributes.getFlags(inode);
    }

    public void setFlags(long inode, int flags, Caller caller) throws FsException {
        attributes.setFlags(inode, flags, caller);
    }

    public int getProjectId(long inode) throws FsException {
        return attributes.getProjectId(inode);
    }

    public void setProjectId(long inode, int projectId) throws FsException {
        attributes.setProjectId(inode, projectId);
    }

    /** Visits the extents of a file from a logical block on. */
    public void extents(long inode, long fromLogicalBlock, ExtentVisitor visitor)
            throws FsException {
        data.extents(inode, fromLogicalBlock, visitor);
    }
}
