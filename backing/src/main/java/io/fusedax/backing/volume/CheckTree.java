package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.RecordNodeLayout;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import java.util.HashSet;
import java.util.Set;

/**
 * Walks a record tree that may be damaged in any way: what cannot be believed is told and left out,
 * the rest is visited in order of its keys. The same tree gives the same walk every time. Levels
 * only go down and no node is visited twice, so it ends.
 */
final class CheckTree {
    /** Keys lie below, see RecordTree. */
    private static final long KEY_END = 1L << 62;

    /** What a walk meets. */
    interface Visitor {
        /** A node below the root that is right in itself, before what hangs on it. */
        default void node(long block, int level, int count) {}

        /** A record of the tree. */
        void record(long key, long value);

        /** Something was left out. */
        default void problem(String text) {}
    }

    private final CheckedVolume volume;
    private final byte[][] buffers = new byte[RecordNodeLayout.MAX_LEVEL + 1][];
    private final Set<Long> visited = new HashSet<>();
    private long number;
    private Visitor visitor;

    CheckTree(CheckedVolume volume) {
        this.volume = volume;
    }

    /**
     * Walks the tree of an inode.
     *
     * @param offset of the inode, for messages
     */
    void walk(long inodeNumber, long offset, byte[] inode, Visitor newVisitor) {
        number = inodeNumber;
        visitor = newVisitor;
        visited.clear();
        int level = Bytes.getU16(inode, InodeLayout.PAYLOAD + RecordRootLayout.LEVEL);
        int count = Bytes.getU16(inode, InodeLayout.PAYLOAD + RecordRootLayout.COUNT);
        String where = CheckText.inode(inodeNumber, offset);
        if (level > RecordNodeLayout.MAX_LEVEL
                || count > RecordRootLayout.CAPACITY
                || level > 0 && count == 0) {
            visitor.problem(where + ": tree root of level " + level + " with records " + count);
            return;
        }
        int records = InodeLayout.PAYLOAD + RecordRootLayout.RECORDS;
        walkNode(where, inode, records, count, level, 0, KEY_END);
    }

    private void walkNode(
            String where, byte[] node, int records, int count, int level, long low, long end) {
        int[] good = new int[count];
        int goodCount = 0;
        long least = low;
        for (int i = 0; i < count; i++) {
            long key = keyAt(node, records, i);
            // an index node's first key says nothing: lower ones may have been added behind it
            boolean lowerAllowed = level > 0 && i == 0 && key >= 0;
            if (key >= end || key < least && !lowerAllowed) {
                visitor.problem(
                        where
                                + ": record "
                                + i
                                + " of level "
                                + level
                                + " has key "
                                + key
                                + ", expected "
                                + least
                                + ".."
                                + (end - 1));
            } else {
                good[goodCount++] = i;
                least = Math.max(key, low) + 1;
            }
        }
        for (int i = 0; i < goodCount; i++) {
            int at = records + good[i] * RecordNodeLayout.RECORD_BYTES;
            long key = Bytes.getLong(node, at);
            long value = Bytes.getLong(node, at + Long.BYTES);
            if (level == 0) {
                visitor.record(key, value);
            } else {
                boolean last = i + 1 == goodCount;
                long childEnd = last ? end : keyAt(node, records, good[i + 1]);
                walkChild(where, value, level - 1, i == 0 ? low : key, childEnd);
            }
        }
    }

    private static long keyAt(byte[] node, int records, int index) {
        return Bytes.getLong(node, records + index * RecordNodeLayout.RECORD_BYTES);
    }

    private void walkChild(String parent, long block, int level, long low, long end) {
        String lost = "; keys " + low + ".." + (end - 1) + " are lost";
        if (!visited.add(block)) {
            visitor.problem(parent + ": block " + block + " is a child twice" + lost);
            return;
        }
        if (buffers[level] == null) {
            buffers[level] = new byte[RecordNodeLayout.SIZE_BYTES];
        }
        byte[] node = buffers[level];
        String where =
                CheckText.ofInode(StructureType.RECORD_NODE, number, block << Geometry.BLOCK_SHIFT);
        String problem = volume.loadBlock(StructureType.RECORD_NODE, block, number, node);
        int count = Bytes.getU16(node, RecordNodeLayout.COUNT);
        int found = Bytes.getU16(node, RecordNodeLayout.LEVEL);
        if (problem == null
                && (found != level || count == 0 || count > RecordNodeLayout.CAPACITY)) {
            problem = "level " + found + " with records " + count + ", expected level " + level;
        }
        if (problem != null) {
            visitor.problem(where + ": " + problem + lost);
            return;
        }
        visitor.node(block, level, count);
        walkNode(where, node, RecordNodeLayout.RECORDS, count, level, low, end);
    }
}
