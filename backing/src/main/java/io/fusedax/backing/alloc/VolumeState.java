package io.fusedax.backing.alloc;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.journal.MetaBuffer;
import io.fusedax.backing.journal.MetadataCache;
import io.fusedax.backing.journal.Transaction;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The volume's counters: kept in memory, stored once per commit. They count whole operations only,
 * since a commit runs while no operation does.
 */
public final class VolumeState {
    private final MetaBuffer buffer;

    /** Blocks whose bit is clear, those quarantined or reserved in memory included. */
    final AtomicLong freeBlocks = new AtomicLong();

    /** Groups at and above this number are wholly free and have no valid block yet. */
    volatile long initializedGroups;

    private final InodeCounters inodes = new InodeCounters();

    /** What the inode table keeps here; guarded by its lock. */
    public static final class InodeCounters {
        /** Inode numbers at and above this have never been used. */
        public long highWater;

        /** Free inodes below the high-water mark. */
        public long freeInodes;

        /** First of the chain of free inodes, 0: none. */
        public long freeHead;
    }

    private VolumeState(MetaBuffer buffer) {
        this.buffer = buffer;
    }

    /**
     * Reads and checks the counters.
     *
     * @throws FsException EUCLEAN when they cannot be true
     */
    public static VolumeState load(MetadataCache cache) throws FsException {
        VolumeState state =
                new VolumeState(
                        cache.loadUncached(StructureType.VOLUME_STATE, VolumeStateLayout.OFFSET));
        MetaBuffer buffer = state.buffer;
        state.freeBlocks.set(buffer.getLong(VolumeStateLayout.FREE_BLOCKS));
        state.initializedGroups = buffer.getLong(VolumeStateLayout.INITIALIZED_GROUPS);
        state.inodes.highWater = buffer.getLong(VolumeStateLayout.INODE_HIGH_WATER);
        state.inodes.freeInodes = buffer.getLong(VolumeStateLayout.FREE_INODES);
        state.inodes.freeHead = buffer.getLong(VolumeStateLayout.FREE_INODE_HEAD);
        Geometry geometry = cache.geometry();
        long groups = state.initializedGroups;
        if (groups < 0 || groups > geometry.groupCount()) {
            throw state.corrupt("initialized_groups " + groups);
        }
        long free = state.freeBlocks.get();
        if (free < 0 || free > geometry.totalBlocks() - geometry.reservedBlocks()) {
            throw state.corrupt("free_blocks " + free);
        }
        return state;
    }

    private FsException corrupt(String problem) {
        return MetadataCache.corrupt(buffer.type(), buffer.address(), problem);
    }

    public InodeCounters inodes() {
        return inodes;
    }

    /** Stores what changed since the last commit. */
    void store(Transaction tx) {
        put(tx, VolumeStateLayout.FREE_BLOCKS, freeBlocks.get());
        put(tx, VolumeStateLayout.INITIALIZED_GROUPS, initializedGroups);
        put(tx, VolumeStateLayout.INODE_HIGH_WATER, inodes.highWater);
        put(tx, VolumeStateLayout.FREE_INODES, inodes.freeInodes);
        put(tx, VolumeStateLayout.FREE_INODE_HEAD, inodes.freeHead);
    }

    private void put(Transaction tx, int offset, long value) {
        if (buffer.getLong(offset) != value) {
            tx.putLong(buffer, offset, value);
        }
    }
}
