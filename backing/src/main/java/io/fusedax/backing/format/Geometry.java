package io.fusedax.backing.format;

import io.fusedax.backing.FsException;
import java.util.UUID;
import jnr.constants.platform.Errno;

/**
 * Where everything is: the superblock's facts, in blocks of 4 KiB. The region holds, in this order,
 * the superblock's block, the group table, the journal, data, and the backup superblock's block.
 *
 * @param uuid identity of the volume, part of every checksum
 * @param totalBlocks blocks of the region, at most 2^32
 * @param groupTableBlock first block of the group table
 * @param groupCount block groups, one block each
 * @param journalBlock first block of the journal
 * @param journalLengthBlocks blocks of the journal, its header's included
 * @param firstDataBlock first block after the journal
 * @param hashSeedLow key of the directory hash
 * @param hashSeedHigh key of the directory hash
 */
public record Geometry(
        UUID uuid,
        long totalBlocks,
        long groupTableBlock,
        long groupCount,
        long journalBlock,
        long journalLengthBlocks,
        long firstDataBlock,
        long hashSeedLow,
        long hashSeedHigh) {

    public static final int BLOCK_BYTES = 4096;
    public static final int BLOCK_SHIFT = 12;

    /** Largest file: 2^32 blocks. */
    public static final long MAX_FILE_BYTES = 1L << 44;

    /** Largest region: 2^32 blocks. */
    public static final long MAX_REGION_BYTES = 1L << 44;

    /** Smallest region that mkfs accepts. */
    public static final long MIN_REGION_BYTES = 1L << 20;

    /** Smallest journal, header block included. */
    public static final long MIN_JOURNAL_BYTES = 256L << 10;

    /** What the journal records changes in. */
    private static final int LINE_BYTES = 64;

    private static final long MAX_DEFAULT_JOURNAL_BYTES = 64L << 20;

    /**
     * Lays out a new volume.
     *
     * @param regionBytes size of the region, at least {@link #MIN_REGION_BYTES}
     * @param journalBytes wanted journal size, or 0 for the default: 1/16 of the region within 256
     *     KiB and 64 MiB
     * @throws FsException EINVAL when the sizes cannot be had, naming them
     */
    public static Geometry layOut(
            long regionBytes, long journalBytes, UUID uuid, long hashSeedLow, long hashSeedHigh)
            throws FsException {
        if (regionBytes < MIN_REGION_BYTES || regionBytes > MAX_REGION_BYTES) {
            throw new FsException(
                    Errno.EINVAL,
                    "region_bytes=" + regionBytes + ": a volume needs 1 MiB to 16 TiB");
        }
        long totalBlocks = regionBytes >>> BLOCK_SHIFT;
        long groupCount =
                (totalBlocks + GroupLayout.BLOCKS_PER_GROUP - 1) / GroupLayout.BLOCKS_PER_GROUP;
        long wantedJournal =
                journalBytes != 0
                        ? journalBytes
                        : Math.min(
                                Math.max(regionBytes / 16, MIN_JOURNAL_BYTES),
                                MAX_DEFAULT_JOURNAL_BYTES);
        if (wantedJournal < MIN_JOURNAL_BYTES || wantedJournal > regionBytes / 2) {
            throw new FsException(
                    Errno.EINVAL,
                    "journal_bytes="
                            + wantedJournal
                            + ": a journal takes 256 KiB to half of the region");
        }
        long journalBlock = 1 + groupCount;
        long journalLengthBlocks = wantedJournal >>> BLOCK_SHIFT;
        return new Geometry(
                uuid,
                totalBlocks,
                1,
                groupCount,
                journalBlock,
                journalLengthBlocks,
                journalBlock + journalLengthBlocks,
                hashSeedLow,
                hashSeedHigh);
    }

    /** Whether these facts describe a volume that fits the region and itself. */
    public boolean plausible(long regionBytes) {
        return totalBlocks > 0
                && totalBlocks <= regionBytes >>> BLOCK_SHIFT
                && groupTableBlock == 1
                && groupCount
                        == (totalBlocks + GroupLayout.BLOCKS_PER_GROUP - 1)
                                / GroupLayout.BLOCKS_PER_GROUP
                && journalBlock == 1 + groupCount
                && journalLengthBlocks >= MIN_JOURNAL_BYTES >>> BLOCK_SHIFT
                && journalLengthBlocks <= totalBlocks
                && firstDataBlock == journalBlock + journalLengthBlocks
                && firstDataBlock < totalBlocks - 1;
    }

    /** Byte offset of the backup superblock. */
    public long backupSuperblockOffset() {
        return totalBlocks - 1 << BLOCK_SHIFT;
    }

    /** Byte offset of a group's block. */
    public long groupOffset(long group) {
        return groupTableBlock + group << BLOCK_SHIFT;
    }

    /** Blocks that a group covers: fewer in the last one. */
    public int blocksInGroup(long group) {
        return (int)
                Math.min(
                        GroupLayout.BLOCKS_PER_GROUP,
                        totalBlocks - group * GroupLayout.BLOCKS_PER_GROUP);
    }

    /** Blocks that hold the volume's fixed structures and are never free. */
    public long reservedBlocks() {
        return firstDataBlock + 1;
    }

    /** Whether the block is one that files and their metadata may own. */
    public boolean isDataBlock(long block) {
        return block >= firstDataBlock && block < totalBlocks - 1;
    }

    /** Whether the whole run lies in the data area. */
    public boolean isDataExtent(long packedExtent) {
        return PackedExtent.length(packedExtent) > 0
                && PackedExtent.start(packedExtent) >= firstDataBlock
                && PackedExtent.end(packedExtent) <= totalBlocks - 1;
    }

    /**
     * Whether a journal record may be stored there: whole lines, of what is journaled. Superblocks,
     * mount state and the journal are not, so a log that says so lies.
     */
    public boolean mayBeLogged(long address, long lengthBytes) {
        return lengthBytes > 0
                && lengthBytes <= BLOCK_BYTES
                && ((address | lengthBytes) & LINE_BYTES - 1) == 0
                && address >= 0
                && address <= (totalBlocks << BLOCK_SHIFT) - lengthBytes
                && isApart(address, lengthBytes, 0, SuperblockLayout.SIZE_BYTES)
                && isApart(address, lengthBytes, MountStateLayout.OFFSET, LINE_BYTES)
                && isApart(
                        address,
                        lengthBytes,
                        journalBlock << BLOCK_SHIFT,
                        journalLengthBlocks << BLOCK_SHIFT)
                && isApart(
                        address,
                        lengthBytes,
                        backupSuperblockOffset(),
                        SuperblockLayout.SIZE_BYTES);
    }

    private static boolean isApart(long from, long length, long otherFrom, long otherLength) {
        return from + length <= otherFrom || from >= otherFrom + otherLength;
    }
}
