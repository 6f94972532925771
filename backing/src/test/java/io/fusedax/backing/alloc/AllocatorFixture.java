package io.fusedax.backing.alloc;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.journal.Journal;
import io.fusedax.backing.region.PersistMode;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.region.RegionOptions;
import io.fusedax.backing.region.Regions;
import java.nio.file.Path;
import java.util.UUID;

/**
 * The lower half of a volume, up to the allocator, built by hand: journal, counters and the inode
 * table's own inode. No superblock: nothing here looks at one.
 */
public final class AllocatorFixture implements AutoCloseable {
    /** Bound of the metadata cache: small, so that structures are evicted and read again. */
    public static final long CACHE_BYTES = 64 * Geometry.BLOCK_BYTES;

    public final Region region;
    public final Geometry geometry;
    public Journal journal;
    public VolumeState state;
    public ExtentAllocator allocator;

    /** Formats and opens a region in memory. */
    public AllocatorFixture(long regionBytes, long journalBytes) throws FsException {
        this(memory(regionBytes), journalBytes);
    }

    /** Formats and opens a region, which is closed with this. */
    public AllocatorFixture(Region region, long journalBytes) throws FsException {
        this.region = region;
        this.geometry =
                Geometry.layOut(region.sizeBytes(), journalBytes, new UUID(5, 6), 0xA5A5, 0x5A5A);
        format();
        open();
    }

    /** Anonymous memory. */
    public static Region memory(long sizeBytes) throws FsException {
        return Regions.open(
                Path.of("memfd:test"),
                RegionOptions.defaults()
                        .withCreateSizeBytes(sizeBytes)
                        .withPersistMode(PersistMode.CPU),
                new Counters());
    }

    private void format() {
        byte[] volumeState = new byte[VolumeStateLayout.SIZE_BYTES];
        Bytes.putLong(
                volumeState,
                VolumeStateLayout.FREE_BLOCKS,
                geometry.totalBlocks() - geometry.reservedBlocks());
        Bytes.putLong(volumeState, VolumeStateLayout.INODE_HIGH_WATER, 2);
        store(StructureType.VOLUME_STATE, VolumeStateLayout.OFFSET, volumeState);
        byte[] table = new byte[InodeLayout.SIZE_BYTES];
        Bytes.putLong(table, InodeLayout.INODE, 1);
        Bytes.putInt(table, InodeLayout.MODE, 0x8000);
        Bytes.putInt(table, InodeLayout.LINK_COUNT, 1);
        store(StructureType.INODE, 1024, table);
        Journal.format(region, geometry);
    }

    private void store(StructureType type, long offset, byte[] bytes) {
        new Checksums(geometry.uuid()).seal(type, offset, bytes);
        region.write(offset, bytes, 0, bytes.length);
        region.flush(offset, bytes.length);
    }

    /** Opens what the region holds, as after kill -9: what was not committed is gone. */
    public void open() throws FsException {
        journal = Journal.open(region, geometry, CACHE_BYTES, false, region.counters());
        state = VolumeState.load(journal.cache());
        allocator = new ExtentAllocator(journal.cache(), state, region.counters());
        journal.setClient(allocator);
    }

    /** Commits the running transaction. */
    public void commit() throws FsException {
        journal.commit(journal.runningTid(), CommitCause.SYNC);
    }

    @Override
    public void close() {
        region.close();
    }
}
