package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.XattrBlockLayout;
import io.fusedax.backing.format.XattrEntryLayout;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import java.util.List;
import java.util.zip.CRC32C;

/** First part of a pass: every inode by itself, and the blocks it owns. */
final class CheckInodes {
    private static final long MAX_FILE_BLOCKS = Geometry.MAX_FILE_BYTES >>> Geometry.BLOCK_SHIFT;

    private final CheckState state;
    private final CheckReport report;
    private final CheckDirectories directories;

    CheckInodes(CheckState state, CheckDirectories directories) {
        this.state = state;
        this.report = state.report;
        this.directories = directories;
    }

    void run() {
        for (long inode = InodeNumbers.ROOT; inode < state.highWater; inode++) {
            long offset = state.inodeOffset(inode);
            byte[] bytes = state.load(StructureType.INODE, offset);
            String problem = problemOf(inode, offset, bytes);
            if (problem != null) {
                report.problem("inode " + inode + " at offset " + offset + ": " + problem);
                state.kinds[(int) inode] = (byte) CheckState.Kind.BAD.ordinal();
                state.inodesToFree.add(inode);
            } else if (Bytes.getInt(bytes, InodeLayout.MODE) != 0) {
                checkLive(inode, offset, bytes);
            }
        }
    }

    private String problemOf(long inode, long offset, byte[] bytes) {
        String problem = state.problemOf(StructureType.INODE, offset, bytes);
        if (problem != null) {
            return problem;
        }
        if (Bytes.getLong(bytes, InodeLayout.INODE) != inode) {
            return "is inode " + Bytes.getLong(bytes, InodeLayout.INODE);
        }
        int mode = Bytes.getInt(bytes, InodeLayout.MODE);
        int type = mode & Inode.S_IFMT;
        boolean typeKnown =
                mode == 0
                        || type == Inode.S_IFREG
                        || type == Inode.S_IFDIR
                        || type == Inode.S_IFLNK
                        || type == Inode.S_IFCHR
                        || type == Inode.S_IFBLK
                        || type == Inode.S_IFIFO
                        || type == Inode.S_IFSOCK;
        if (!typeKnown || (mode & ~0xFFFF) != 0) {
            return String.format("mode 0%o", mode);
        }
        long size = Bytes.getLong(bytes, InodeLayout.FILE_SIZE);
        if (size < 0 || size > Geometry.MAX_FILE_BYTES) {
            return "size " + size;
        }
        return null;
    }

    private void checkLive(long inode, long offset, byte[] bytes) {
        int index = (int) inode;
        int type = Bytes.getInt(bytes, InodeLayout.MODE) & Inode.S_IFMT;
        boolean directory = type == Inode.S_IFDIR;
        state.kinds[index] =
                (byte) (directory ? CheckState.Kind.DIRECTORY : CheckState.Kind.FILE).ordinal();
        state.linkCounts[index] = Bytes.getInt(bytes, InodeLayout.LINK_COUNT);
        state.parents[index] = Bytes.getLong(bytes, InodeLayout.PARENT);
        long blocks = checkXattrs(inode, offset, bytes);
        boolean longLink =
                type == Inode.S_IFLNK
                        && Bytes.getLong(bytes, InodeLayout.FILE_SIZE) > InodeLayout.PAYLOAD_BYTES;
        if (directory || type == Inode.S_IFREG || longLink) {
            blocks += checkTree(inode, offset, bytes, directory);
        }
        long stored = Bytes.getLong(bytes, InodeLayout.BLOCK_COUNT);
        if (stored != blocks) {
            report.problem(
                    "inode "
                            + inode
                            + " at offset "
                            + offset
                            + ": block_count "
                            + stored
                            + ", owns "
                            + blocks);
            state.blockCountsToSet.add(new long[] {inode, blocks});
        }
    }

    private long checkTree(long inode, long offset, byte[] bytes, boolean directory) {
        CheckTree tree = new CheckTree(state, inode, offset);
        tree.walk(bytes);
        long blocks = tree.nodeBlocks;
        int sound = tree.records.size();
        tree.records.removeIf(record -> !claimRecord(inode, offset, record, directory));
        if (!directory) {
            removeOverlaps(inode, offset, tree.records);
        }
        for (long[] record : tree.records) {
            blocks += directory ? 1 : PackedExtent.length(record[1]);
        }
        if (tree.damaged || tree.records.size() != sound) {
            state.treesToRebuild.add(rebuild(inode, tree.records));
        }
        if (directory) {
            directories.checkLeaves(inode, offset, bytes, tree.records);
        }
        return blocks;
    }

    private static long[] rebuild(long inode, List<long[]> records) {
        long[] wish = new long[1 + 2 * records.size()];
        wish[0] = inode;
        for (int i = 0; i < records.size(); i++) {
            wish[1 + 2 * i] = records.get(i)[0];
            wish[2 + 2 * i] = records.get(i)[1];
        }
        return wish;
    }

    private boolean claimRecord(long inode, long offset, long[] record, boolean directory) {
        if (directory && state.loadOwned(StructureType.DIRECTORY_LEAF, record[1], inode) == null) {
            return false;
        }
        long extent = directory ? PackedExtent.of(record[1], 1) : record[1];
        long taken = state.ownership.claim(extent & ~PackedExtent.UNWRITTEN);
        if (taken >= 0 || PackedExtent.length(extent) == 0) {
            report.problem(
                    "inode "
                            + inode
                            + " at offset "
                            + offset
                            + ": extent at "
                            + record[0]
                            + " has block "
                            + taken
                            + ", which is not its own");
            return false;
        }
        return true;
    }

    private void removeOverlaps(long inode, long offset, List<long[]> records) {
        long end = 0;
        for (int i = 0; i < records.size(); i++) {
            long[] record = records.get(i);
            long recordEnd = record[0] + PackedExtent.length(record[1]);
            if (record[0] < end || recordEnd > MAX_FILE_BLOCKS) {
                report.problem(
                        "inode "
                                + inode
                                + " at offset "
                                + offset
                                + ": extent at "
                                + record[0]
                                + " overlaps the one before or the largest file");
                state.rebuildFreeSpace = true;
                records.remove(i--);
            } else {
                end = recordEnd;
            }
        }
    }

    /**
     * @return blocks that the attributes take
     */
    private long checkXattrs(long inode, long offset, byte[] bytes) {
        long block = Bytes.getLong(bytes, InodeLayout.XATTR_BLOCK);
        if (block == 0) {
            return 0;
        }
        long blocks = 0;
        for (int count = 0; block != 0; count++) {
            byte[] xattrs = state.loadOwned(StructureType.XATTR_BLOCK, block, inode);
            long external = -1;
            if (count < XattrBlockLayout.MAX_BLOCKS
                    && xattrs != null
                    && state.ownership.claim(PackedExtent.of(block, 1)) < 0) {
                external = checkXattrEntries(xattrs);
            }
            if (external < 0) {
                report.problem(
                        "inode "
                                + inode
                                + " at offset "
                                + offset
                                + ": extended attributes damaged");
                state.xattrsToDrop.add(inode);
                return 0;
            }
            blocks += 1 + external;
            block = Bytes.getLong(xattrs, XattrBlockLayout.NEXT);
        }
        return blocks;
    }

    /**
     * @return blocks of external values, or -1
     */
    private long checkXattrEntries(byte[] xattrs) {
        int used = Bytes.getU16(xattrs, XattrBlockLayout.USED_BYTES);
        long blocks = 0;
        int at = XattrBlockLayout.ENTRIES;
        while (at < used && used <= XattrBlockLayout.SIZE_BYTES) {
            int valueBytes = Bytes.getInt(xattrs, at + XattrEntryLayout.VALUE_LENGTH);
            int extents = Bytes.getU8(xattrs, at + XattrEntryLayout.EXTENT_COUNT);
            int nameBytes = Bytes.getU8(xattrs, at + XattrEntryLayout.NAME_LENGTH);
            int body = at + XattrEntryLayout.headBytes(nameBytes);
            int bodyBytes = extents > 0 ? extents * Long.BYTES : valueBytes;
            if (nameBytes == 0
                    || valueBytes < 0
                    || valueBytes > 1 << 16
                    || body + bodyBytes > used) {
                return -1;
            }
            if (extents > 0) {
                long external = checkExternal(xattrs, at, body, extents, valueBytes);
                if (external < 0) {
                    return -1;
                }
                blocks += external;
            }
            at = body + (bodyBytes + 7 & ~7);
        }
        return at == used ? blocks : -1;
    }

    private long checkExternal(byte[] xattrs, int at, int body, int extents, int valueBytes) {
        CRC32C crc = new CRC32C();
        long blocks = 0;
        int left = valueBytes;
        for (int i = 0; i < extents; i++) {
            long extent = Bytes.getLong(xattrs, body + i * Long.BYTES);
            if (state.ownership.claim(extent) >= 0) {
                return -1;
            }
            blocks += PackedExtent.length(extent);
            byte[] value = new byte[(int) Math.min(left, PackedExtent.length(extent) << 12)];
            state.region.read(PackedExtent.start(extent) << 12, value, 0, value.length);
            crc.update(value);
            left -= value.length;
        }
        int stored = Bytes.getInt(xattrs, at + XattrEntryLayout.VALUE_CHECKSUM);
        return left == 0 && (int) crc.getValue() == stored ? blocks : -1;
    }
}
