package io.fusedax.backing.inode;

import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.Transaction;
import java.util.concurrent.locks.StampedLock;

/**
 * An inode in memory: its structure on media, its lock, and what only matters while it is in use.
 *
 * <p>The lock covers the inode's structure and everything it owns: its tree nodes, directory
 * leaves, attributes and data. There is one object for an inode number at any time.
 */
public final class Inode {
    public static final int S_IFMT = 0xF000;
    public static final int S_IFREG = 0x8000;
    public static final int S_IFDIR = 0x4000;
    public static final int S_IFLNK = 0xA000;
    public static final int S_IFCHR = 0x2000;
    public static final int S_IFBLK = 0x6000;
    public static final int S_IFIFO = 0x1000;
    public static final int S_IFSOCK = 0xC000;

    private final long number;
    private final MetaBuffer buffer;
    private final StampedLock lock = new StampedLock();

    /** Users of this object, opens included; guarded by this monitor. */
    private int pins;

    /** No longer in the cache; guarded by this monitor. */
    private boolean evicted;

    private boolean referenced;

    /** Freeing it failed: what is left of it waits for the next mount or fsck. */
    private volatile boolean unreclaimable;

    /** Last transaction that changed anything of this inode. */
    private volatile long changedTid;

    /** Last transaction that changed what fdatasync must keep: size or block map. */
    private volatile long dataChangedTid;

    /** Last transaction that made the file shorter. Guarded by the lock. */
    long shrunkTid;

    /**
     * The file size for which the rest of the last block holds what may be seen there when the file
     * grows: zeros, or stores through a mapping. -1: not known. Guarded by the lock.
     */
    long keptTailBytes = -1;

    /** When a write fault last set the time of change: System.nanoTime. Guarded by the lock. */
    private volatile long touchedNanos;

    private volatile boolean touched;

    /**
     * What is left of a 2 MiB unit kept for growth: packed extent, 0: none. Guarded by the lock.
     */
    long reservation;

    long reservationEpoch;

    /** Logical block that the reservation's first block is meant for. */
    long reservationLogicalBlock;

    /** Made without a name and may get one. Guarded by the lock. */
    private boolean linkable;

    Inode(long number, MetaBuffer buffer) {
        this.number = number;
        this.buffer = buffer;
    }

    public long number() {
        return number;
    }

    public MetaBuffer buffer() {
        return buffer;
    }

    public StampedLock lock() {
        return lock;
    }

    public int mode() {
        return buffer.getInt(InodeLayout.MODE);
    }

    public int type() {
        return mode() & S_IFMT;
    }

    public boolean isDirectory() {
        return type() == S_IFDIR;
    }

    public boolean isRegular() {
        return type() == S_IFREG;
    }

    /** Whether the inode, which has no name, may get one. */
    public boolean isLinkable() {
        return linkable;
    }

    public void setLinkable(boolean value) {
        linkable = value;
    }

    public boolean isSymlink() {
        return type() == S_IFLNK;
    }

    /** False once the inode has been freed. */
    public boolean isLive() {
        return mode() != 0;
    }

    public long sizeBytes() {
        return buffer.getLong(InodeLayout.FILE_SIZE);
    }

    public int linkCount() {
        return buffer.getInt(InodeLayout.LINK_COUNT);
    }

    public int flags() {
        return buffer.getInt(InodeLayout.FLAGS);
    }

    public int uid() {
        return buffer.getInt(InodeLayout.UID);
    }

    public int gid() {
        return buffer.getInt(InodeLayout.GID);
    }

    public long parent() {
        return buffer.getLong(InodeLayout.PARENT);
    }

    /** Adds to the count of blocks that the inode owns. */
    void addBlocks(Transaction tx, long blocks) {
        tx.putLong(
                buffer, InodeLayout.BLOCK_COUNT, buffer.getLong(InodeLayout.BLOCK_COUNT) + blocks);
    }

    /** The running transaction changed attributes, names or the like. */
    public void noteChange(Transaction tx) {
        changedTid = tx.tid();
    }

    /** The running transaction changed the size or the block map. */
    public void noteDataChange(Transaction tx) {
        changedTid = tx.tid();
        dataChangedTid = tx.tid();
    }

    /** Whether a write fault has to set the time of change: not if one did just now. */
    public boolean wantsTouch(long nowNanos, long granularityNanos) {
        return !touched || nowNanos - touchedNanos >= granularityNanos;
    }

    /** A write fault has set the time of change. */
    public void noteTouch(long nowNanos) {
        touchedNanos = nowNanos;
        touched = true;
    }

    /** The size has been or is about to be set by other means than growth. */
    public void forgetTail() {
        keptTailBytes = -1;
    }

    /** Transaction that must be durable for fsync. */
    public long changedTid() {
        return changedTid;
    }

    /** Transaction that must be durable for fdatasync and for a synchronous fault. */
    public long dataChangedTid() {
        return dataChangedTid;
    }

    /**
     * @return false when this object has left the cache: look the number up again
     */
    synchronized boolean tryPin() {
        if (evicted) {
            return false;
        }
        pins++;
        referenced = true;
        return true;
    }

    /**
     * @return users that are left
     */
    synchronized int unpin() {
        if (pins == 0) {
            throw new IllegalStateException("inode " + number + " released too often");
        }
        return --pins;
    }

    /** Users at this moment. */
    public synchronized int pins() {
        return pins;
    }

    /** Freeing it failed, and is not tried again. */
    public void giveUpReclaiming() {
        unreclaimable = true;
    }

    boolean isReclaimable() {
        return isLive() && linkCount() == 0 && !unreclaimable;
    }

    synchronized boolean tryEvict() {
        if (pins > 0 || referenced) {
            referenced = false;
            return false;
        }
        evicted = true;
        return true;
    }

    @Override
    public String toString() {
        return "inode " + number;
    }
}
