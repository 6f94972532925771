package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.inode.Inode;

/** Walks the extents of a file that may be damaged: those that can be believed, in order. */
final class CheckExtents {
    private static final long MAX_BLOCKS = Geometry.MAX_FILE_BYTES >>> Geometry.BLOCK_SHIFT;

    private final CheckTree tree;
    private final Geometry geometry;

    CheckExtents(CheckedVolume volume) {
        this.tree = new CheckTree(volume);
        this.geometry = volume.geometry();
    }

    /** Whether the payload of an inode is a tree of extents. */
    static boolean hasExtents(byte[] inode) {
        int type = Bytes.getInt(inode, InodeLayout.MODE) & Inode.S_IFMT;
        return type == Inode.S_IFREG
                || type == Inode.S_IFLNK
                        && Bytes.getLong(inode, InodeLayout.FILE_SIZE) > InodeLayout.PAYLOAD_BYTES;
    }

    /**
     * Visits nodes and problems of the tree, and records whose extents lie in the data area and do
     * not overlap one another in the file.
     */
    void walk(long number, long offset, byte[] inode, CheckTree.Visitor visitor) {
        String where = CheckText.inode(number, offset);
        tree.walk(
                number,
                offset,
                inode,
                new CheckTree.Visitor() {
                    private long end;

                    @Override
                    public void node(long block, int level, int count) {
                        visitor.node(block, level, count);
                    }

                    @Override
                    public void record(long key, long value) {
                        String problem = problemOf(key, value, end);
                        if (problem == null) {
                            end = key + PackedExtent.length(value);
                            visitor.record(key, value);
                        } else {
                            visitor.problem(where + ": " + describe(key, value) + problem);
                        }
                    }

                    @Override
                    public void problem(String text) {
                        visitor.problem(text);
                    }
                });
    }

    private String problemOf(long key, long value, long end) {
        if (!geometry.isDataExtent(value)) {
            return " outside the data area";
        }
        if (key < end) {
            return " overlaps the one before, which ends at " + end;
        }
        return key + PackedExtent.length(value) > MAX_BLOCKS ? " beyond the largest file" : null;
    }

    private static String describe(long key, long value) {
        return "extent at logical block "
                + key
                + " of blocks "
                + PackedExtent.start(value)
                + ".."
                + (PackedExtent.end(value) - 1);
    }
}
