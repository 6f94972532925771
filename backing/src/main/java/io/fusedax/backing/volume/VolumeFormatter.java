package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Features;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.Superblock;
import io.fusedax.backing.format.SuperblockLayout;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.journal.Journal;
import io.fusedax.backing.journal.Transaction;
import io.fusedax.backing.region.Region;
import java.time.Instant;
import java.time.InstantSource;
import jnr.constants.platform.Errno;

/**
 * Makes an empty volume. The superblocks come last: before them there is no volume, so an
 * interrupted format leaves none. The cost does not depend on the region's size.
 */
public final class VolumeFormatter {
    private VolumeFormatter() {}

    /** Whether the region holds a superblock, valid or not, that a format would destroy. */
    public static boolean looksFormatted(Region region) {
        int magic = StructureType.SUPERBLOCK.magic();
        return region.getInt(SuperblockLayout.PRIMARY_OFFSET) == magic
                || region.getInt(region.sizeBytes() - Geometry.BLOCK_BYTES) == magic;
    }

    /**
     * Formats. Durable when it returns.
     *
     * @throws FsException EINVAL for sizes and labels that cannot be; EROFS for a read-only region
     */
    public static void format(Region region, FormatOptions options) throws FsException {
        Superblock.checkLabel(options.label());
        if (region.readOnly()) {
            throw new FsException(Errno.EROFS, region.description() + ": read-only region");
        }
        Geometry geometry =
                Geometry.layOut(
                        region.sizeBytes(),
                        options.journalBytes(),
                        options.uuid(),
                        options.hashSeedLow(),
                        options.hashSeedHigh());
        eraseSuperblocks(region, geometry);
        writeBootstrap(region, geometry);
        makeRoot(region, geometry, options);
        writeSuperblocks(region, geometry, options);
    }

    /** The first word says that there is one: a cut leaves each copy whole, or none. */
    private static void eraseSuperblocks(Region region, Geometry geometry) {
        long backup = geometry.backupSuperblockOffset();
        for (long offset : new long[] {SuperblockLayout.PRIMARY_OFFSET, backup}) {
            region.putLong(offset, 0);
            region.flush(offset, Long.BYTES);
            region.drain();
        }
    }

    /** Just enough for a transaction: counters, an empty inode table, an empty journal. */
    private static void writeBootstrap(Region region, Geometry geometry) {
        Checksums checksums = new Checksums(geometry.uuid());
        byte[] state = new byte[VolumeStateLayout.SIZE_BYTES];
        Bytes.putLong(
                state,
                VolumeStateLayout.FREE_BLOCKS,
                geometry.totalBlocks() - geometry.reservedBlocks());
        Bytes.putLong(state, VolumeStateLayout.INODE_HIGH_WATER, InodeNumbers.ROOT);
        store(region, checksums, StructureType.VOLUME_STATE, VolumeStateLayout.OFFSET, state);
        byte[] table = new byte[InodeLayout.SIZE_BYTES];
        Bytes.putLong(table, InodeLayout.INODE, InodeNumbers.TABLE);
        Bytes.putInt(table, InodeLayout.MODE, Inode.S_IFREG);
        Bytes.putInt(table, InodeLayout.LINK_COUNT, 1);
        store(region, checksums, StructureType.INODE, InodeNumbers.TABLE_INODE_OFFSET, table);
        byte[] mount = new byte[MountStateLayout.SIZE_BYTES];
        store(region, checksums, StructureType.MOUNT_STATE, MountStateLayout.OFFSET, mount);
        Journal.format(region, geometry);
    }

    private static void store(
            Region region, Checksums checksums, StructureType type, long offset, byte[] bytes) {
        checksums.seal(type, offset, bytes);
        region.write(offset, bytes, 0, bytes.length);
        region.flush(offset, bytes.length);
    }

    private static void makeRoot(Region region, Geometry geometry, FormatOptions options)
            throws FsException {
        Instant created = Instant.ofEpochSecond(options.createdSeconds());
        VolumeOptions volumeOptions =
                VolumeOptions.defaults().withClock(InstantSource.fixed(created));
        VolumeCore core = new VolumeCore(region, geometry, volumeOptions, false);
        core.table.prepareAllocation();
        core.mutate(
                "mkfs",
                tx -> {
                    makeDirectory(core, tx, InodeNumbers.ROOT, 0755, options);
                    makeDirectory(core, tx, InodeNumbers.ORPHANS, 0, options);
                });
        core.journal.commit(core.journal.runningTid(), CommitCause.UNMOUNT);
        core.journal.close();
    }

    private static void makeDirectory(
            VolumeCore core, Transaction tx, long number, int permissions, FormatOptions options)
            throws FsException {
        Inode inode = core.table.allocate(tx);
        if (inode.number() != number) {
            throw new IllegalStateException(inode + " allocated, expected " + number);
        }
        var buffer = inode.buffer();
        tx.putInt(buffer, InodeLayout.MODE, Inode.S_IFDIR | permissions);
        tx.putInt(buffer, InodeLayout.UID, options.rootUid());
        tx.putInt(buffer, InodeLayout.GID, options.rootGid());
        tx.putInt(buffer, InodeLayout.LINK_COUNT, 2);
        tx.putLong(buffer, InodeLayout.PARENT, number);
        Instant now = core.now();
        VolumeCore.putTime(tx, inode, InodeLayout.ATIME_SECONDS, InodeLayout.ATIME_NANOS, now);
        VolumeCore.putTime(tx, inode, InodeLayout.MTIME_SECONDS, InodeLayout.MTIME_NANOS, now);
        VolumeCore.putTime(tx, inode, InodeLayout.CTIME_SECONDS, InodeLayout.CTIME_NANOS, now);
        VolumeCore.putTime(tx, inode, InodeLayout.BIRTH_SECONDS, InodeLayout.BIRTH_NANOS, now);
        core.unpin(inode);
    }

    private static void writeSuperblocks(Region region, Geometry geometry, FormatOptions options) {
        Superblock superblock =
                new Superblock(
                        geometry,
                        options.label(),
                        Features.COMPAT_SUPPORTED,
                        Features.INCOMPAT_FORMAT_1,
                        Features.RO_COMPAT_SUPPORTED,
                        options.createdSeconds());
        long backup = geometry.backupSuperblockOffset();
        for (long offset : new long[] {backup, SuperblockLayout.PRIMARY_OFFSET}) {
            region.write(offset, superblock.toBytes(offset), 0, SuperblockLayout.SIZE_BYTES);
            region.flush(offset, SuperblockLayout.SIZE_BYTES);
            region.drain(); // one after the other: fsck makes a torn one from the whole one
        }
    }
}
