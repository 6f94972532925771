package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jnr.constants.platform.Errno;

/**
 * Where the inodes lie. What is wrong with the table's tree cannot be repaired: without it there
 * are no files.
 */
final class CheckInodeTable {
    private static final String WHERE =
            CheckText.inode(InodeNumbers.TABLE, InodeNumbers.TABLE_INODE_OFFSET);

    private final CheckedVolume volume;
    private final byte[] inode = new byte[InodeLayout.SIZE_BYTES];
    private long[] logicalBlocks = new long[16];
    private long[] extents = new long[16];
    private int chunkCount;
    private long capacityBlocks;
    private final List<Long> owned = new ArrayList<>();
    private long ownedBlocks;

    private CheckInodeTable(CheckedVolume volume) {
        this.volume = volume;
    }

    /**
     * Reads the table, by the copy of its inode if need be, and claims its blocks.
     *
     * @throws FsException EUCLEAN when it is damaged
     */
    static CheckInodeTable read(CheckedVolume volume, CheckOwnership ownership, CheckReport report)
            throws FsException {
        long copyOffset =
                volume.geometry().backupSuperblockOffset() + InodeNumbers.TABLE_INODE_BACKUP;
        CheckInodeTable table = new CheckInodeTable(volume);
        CheckInodeTable copy = new CheckInodeTable(volume);
        String problem = table.readFrom(InodeNumbers.TABLE_INODE_OFFSET);
        String copyProblem = copy.readFrom(copyOffset);
        if (problem != null && copyProblem != null) {
            throw new FsException(
                    Errno.EUCLEAN,
                    WHERE
                            + " (inode table): "
                            + problem
                            + "; its copy at offset "
                            + copyOffset
                            + ": "
                            + copyProblem);
        }
        if (problem == null && copyProblem == null && !table.leadsWhere(copy)) {
            // both are possible, but one of them does not lead to the inodes
            long found = table.countInodes();
            long foundByCopy = copy.countInodes();
            if (foundByCopy > found) {
                problem = "leads to " + found + " inodes, and its copy to " + foundByCopy;
            }
        }
        if (problem != null) {
            report.problem(WHERE + " (inode table): " + problem, "restored from its copy");
            table = copy;
            volume.put(StructureType.INODE, InodeNumbers.TABLE_INODE_OFFSET, table.inode);
        } else if (copyProblem == null && !table.sameAs(copy)) {
            copyProblem = "differs";
        }
        if (copyProblem != null) {
            report.problem(
                    CheckText.inode(InodeNumbers.TABLE, copyOffset)
                            + " (copy of the inode table's): "
                            + copyProblem,
                    "written anew");
            volume.put(StructureType.INODE, copyOffset, table.inode);
        }
        for (long extent : table.owned) {
            ownership.claim(PackedExtent.start(extent), PackedExtent.length(extent));
        }
        return table;
    }

    private boolean sameAs(CheckInodeTable other) {
        int from = InodeLayout.INODE; // behind the checksum, which has the offset in it
        return Arrays.equals(inode, from, inode.length, other.inode, from, other.inode.length);
    }

    private boolean leadsWhere(CheckInodeTable other) {
        int from = InodeLayout.PAYLOAD;
        return Arrays.equals(inode, from, inode.length, other.inode, from, other.inode.length);
    }

    /** Inodes that are there and right. */
    private long countInodes() {
        byte[] bytes = new byte[InodeLayout.SIZE_BYTES];
        long count = 0;
        for (long n = InodeNumbers.ROOT; n < capacity(); n++) {
            count += load(n, bytes) == null ? 1 : 0;
        }
        return count;
    }

    private String readFrom(long offset) {
        String problem = volume.load(StructureType.INODE, offset, inode);
        long number = Bytes.getLong(inode, InodeLayout.INODE);
        if (problem == null && number != InodeNumbers.TABLE) {
            problem = "is inode " + number + ", expected " + InodeNumbers.TABLE;
        }
        return problem == null ? readChunks() : problem;
    }

    private String readChunks() {
        CheckOwnership alone = new CheckOwnership(volume.geometry());
        String[] problem = new String[1];
        CheckTree.Visitor visitor =
                new CheckTree.Visitor() {
                    @Override
                    public void node(long block, int level, int count) {
                        claim(PackedExtent.of(block, 1));
                    }

                    @Override
                    public void record(long key, long value) {
                        if (key != capacityBlocks
                                || !volume.geometry().isDataExtent(value)
                                || PackedExtent.unwritten(value)) {
                            problem(
                                    "extent at logical block "
                                            + key
                                            + " of blocks "
                                            + PackedExtent.start(value)
                                            + ".."
                                            + (PackedExtent.end(value) - 1)
                                            + ", expected logical block "
                                            + capacityBlocks);
                        } else {
                            claim(value);
                            addChunk(value);
                        }
                    }

                    private void claim(long extent) {
                        long length = PackedExtent.length(extent);
                        owned.add(extent);
                        ownedBlocks += length;
                        if (!alone.claim(PackedExtent.start(extent), length)) {
                            problem("blocks from " + PackedExtent.start(extent) + " are twice");
                        }
                    }

                    @Override
                    public void problem(String text) {
                        problem[0] = problem[0] == null ? text : problem[0];
                    }
                };
        new CheckTree(volume)
                .walk(InodeNumbers.TABLE, InodeNumbers.TABLE_INODE_OFFSET, inode, visitor);
        if (problem[0] == null && capacityBlocks == 0) {
            return "no inodes";
        }
        return problem[0];
    }

    private void addChunk(long extent) {
        if (chunkCount == extents.length) {
            logicalBlocks = Arrays.copyOf(logicalBlocks, 2 * chunkCount);
            extents = Arrays.copyOf(extents, 2 * chunkCount);
        }
        logicalBlocks[chunkCount] = capacityBlocks;
        extents[chunkCount++] = extent;
        capacityBlocks += PackedExtent.length(extent);
    }

    /** Checks what the table's inode says of itself. */
    void checkFields(CheckReport report) {
        byte[] expected = inode.clone();
        Bytes.putInt(expected, InodeLayout.MODE, Inode.S_IFREG);
        Bytes.putInt(expected, InodeLayout.LINK_COUNT, 1);
        Bytes.putLong(expected, InodeLayout.FILE_SIZE, capacityBlocks << Geometry.BLOCK_SHIFT);
        Bytes.putLong(expected, InodeLayout.BLOCK_COUNT, ownedBlocks);
        int differs = Arrays.mismatch(inode, expected);
        if (differs >= 0) {
            report.problem(
                    WHERE
                            + " (inode table): mode, link_count, file_size or block_count at byte "
                            + differs
                            + " is not as its chunks say, expected file_size "
                            + (capacityBlocks << Geometry.BLOCK_SHIFT)
                            + " and block_count "
                            + ownedBlocks,
                    "corrected");
            volume.put(StructureType.INODE, InodeNumbers.TABLE_INODE_OFFSET, expected);
            long copy = volume.geometry().backupSuperblockOffset();
            volume.put(StructureType.INODE, copy + InodeNumbers.TABLE_INODE_BACKUP, expected);
        }
    }

    /** The table's own inode. */
    byte[] inode() {
        return inode;
    }

    /** Numbers that have a place lie below. */
    long capacity() {
        return capacityBlocks * InodeNumbers.PER_BLOCK;
    }

    /** Byte offset in the region of an inode whose number is below {@link #capacity}. */
    long offsetOf(long number) {
        if (number == InodeNumbers.TABLE) {
            return InodeNumbers.TABLE_INODE_OFFSET;
        }
        long block = number / InodeNumbers.PER_BLOCK;
        int index = Arrays.binarySearch(logicalBlocks, 0, chunkCount, block);
        if (index < 0) {
            index = -index - 2;
        }
        long physical = PackedExtent.start(extents[index]) + block - logicalBlocks[index];
        return (physical << Geometry.BLOCK_SHIFT)
                + number % InodeNumbers.PER_BLOCK * InodeLayout.SIZE_BYTES;
    }

    /**
     * Reads an inode whose number is below {@link #capacity}.
     *
     * @return what is wrong with it, or null
     */
    String load(long number, byte[] into) {
        String problem = volume.load(StructureType.INODE, offsetOf(number), into);
        long found = Bytes.getLong(into, InodeLayout.INODE);
        if (problem == null && found != number) {
            problem = "is inode " + found + ", expected " + number;
        }
        return problem;
    }

    /** Changes an inode in memory. */
    void put(long number, byte[] bytes) {
        volume.put(StructureType.INODE, offsetOf(number), bytes);
    }

    /** What an inode is called in messages. */
    String where(long number) {
        return CheckText.inode(number, offsetOf(number));
    }
}
