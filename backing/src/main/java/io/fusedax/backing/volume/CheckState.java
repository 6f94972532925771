package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.region.Region;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What one pass of a check knows, and what it wants repaired. */
final class CheckState {
    /** What an inode number is found to be. */
    enum Kind {
        FREE,
        FILE,
        DIRECTORY,
        BAD
    }

    /** A name to be put into a directory. */
    static final class Entry {
        final long directory;
        final byte[] name;
        final long inode;
        final int type;

        Entry(long directory, byte[] name, long inode, int type) {
            this.directory = directory;
            this.name = name;
            this.inode = inode;
            this.type = type;
        }
    }

    /** A directory leaf to be written anew with the dentries at these offsets only. */
    record LeafWish(long directory, long block, List<Integer> keep) {}

    final Region region;
    final Geometry geometry;
    final Checksums checksums;
    final CheckReport report;
    final CheckOwnership ownership;

    /** Chunks of the inode table: logical block, packed extent. */
    final List<long[]> tableChunks = new ArrayList<>();

    long highWater;

    // by inode number
    byte[] kinds = new byte[0];
    int[] linkCounts = new int[0];
    int[] names = new int[0];
    int[] subdirectories = new int[0];
    long[] parents = new long[0];
    long[] foundParents = new long[0];
    boolean[] orphans = new boolean[0];

    // wishes of the pass, granted by CheckRepair
    boolean rebuildFreeSpace;
    final List<Long> inodesToFree = new ArrayList<>();
    final List<Long> xattrsToDrop = new ArrayList<>();

    /** Inode number, then pairs of key and value that its tree is to hold. */
    final List<long[]> treesToRebuild = new ArrayList<>();

    final List<LeafWish> leavesToRewrite = new ArrayList<>();
    final List<Entry> entriesToAdd = new ArrayList<>();

    /** Inodes without a name, for lost+found. */
    final List<Long> lost = new ArrayList<>();

    /** Inode number and block count. */
    final List<long[]> blockCountsToSet = new ArrayList<>();

    /** Inode number, link count, parent. */
    final List<long[]> linksToSet = new ArrayList<>();

    CheckState(Region region, Geometry geometry, CheckReport report) {
        this.region = region;
        this.geometry = geometry;
        this.checksums = new Checksums(geometry.uuid());
        this.report = report;
        this.ownership = new CheckOwnership(geometry);
    }

    void sizeFor(long newHighWater) {
        highWater = newHighWater;
        int size = (int) Math.min(newHighWater, Integer.MAX_VALUE - 8);
        kinds = new byte[size];
        linkCounts = new int[size];
        names = new int[size];
        subdirectories = new int[size];
        parents = new long[size];
        foundParents = new long[size];
        orphans = new boolean[size];
        Arrays.fill(kinds, (byte) Kind.FREE.ordinal());
    }

    Kind kind(long inode) {
        return inode < InodeNumbers.ROOT || inode >= highWater
                ? Kind.FREE
                : Kind.values()[kinds[(int) inode]];
    }

    /** Byte offset of an inode, or -1 when the table has no such number. */
    long inodeOffset(long inode) {
        long block = inode / InodeNumbers.PER_BLOCK;
        for (long[] chunk : tableChunks) {
            long into = block - chunk[0];
            if (into >= 0 && into < io.fusedax.backing.format.PackedExtent.length(chunk[1])) {
                long physical = io.fusedax.backing.format.PackedExtent.start(chunk[1]) + into;
                return (physical << Geometry.BLOCK_SHIFT)
                        + inode % InodeNumbers.PER_BLOCK * InodeLayout.SIZE_BYTES;
            }
        }
        return -1;
    }

    /** The structure's bytes, believed or not; see {@link #problemOf}. */
    byte[] load(StructureType type, long offset) {
        byte[] bytes = new byte[type.sizeBytes()];
        region.read(offset, bytes, 0, bytes.length);
        return bytes;
    }

    /** Why a structure is not believed, or null. */
    String problemOf(StructureType type, long offset, byte[] bytes) {
        return checksums.problem(type, offset, bytes);
    }

    /**
     * The structure in a block if it is whole and the inode's; else the problem is reported.
     *
     * @return its bytes, or null
     */
    byte[] loadOwned(StructureType type, long block, long owner) {
        long offset = block << Geometry.BLOCK_SHIFT;
        if (!geometry.isDataBlock(block)) {
            report.problem(
                    "inode "
                            + owner
                            + ": "
                            + type.title()
                            + " in block "
                            + block
                            + ", outside the data area");
            return null;
        }
        byte[] bytes = load(type, offset);
        String problem = problemOf(type, offset, bytes);
        if (problem == null && Bytes.getLong(bytes, 8) != owner) {
            problem = "belongs to inode " + Bytes.getLong(bytes, 8);
        }
        if (problem != null) {
            report.problem(
                    type.title() + " at offset " + offset + " of inode " + owner + ": " + problem);
            return null;
        }
        return bytes;
    }

    /** Stores a structure with its checksum. */
    void store(StructureType type, long offset, byte[] bytes) {
        checksums.seal(type, offset, bytes);
        region.write(offset, bytes, 0, bytes.length);
        region.flush(offset, bytes.length);
    }
}
