package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.RecordNodeLayout;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import java.util.Arrays;

/** Builds a record tree anew, of full nodes in new blocks. */
final class RepairTree {
    private static final int RECORD = RecordNodeLayout.RECORD_BYTES;

    private RepairTree() {}

    /** Records in key order: a list that grows. */
    static final class Records {
        private long[] keys = new long[16];
        private long[] values = new long[16];
        private int size;

        void add(long key, long value) {
            if (size == keys.length) {
                keys = Arrays.copyOf(keys, 2 * size);
                values = Arrays.copyOf(values, 2 * size);
            }
            keys[size] = key;
            values[size++] = value;
        }

        int size() {
            return size;
        }

        long key(int index) {
            return keys[index];
        }

        long value(int index) {
            return values[index];
        }

        void replaceLast(long value) {
            values[size - 1] = value;
        }
    }

    /** Blocks that a tree of so many records takes. */
    static long nodesFor(long records) {
        long nodes = 0;
        long level = records;
        while (level > RecordRootLayout.CAPACITY) {
            level = (level + RecordNodeLayout.CAPACITY - 1) / RecordNodeLayout.CAPACITY;
            nodes += level;
        }
        return nodes;
    }

    /**
     * Makes the tree the payload of an inode; {@link #nodesFor} blocks must be free.
     *
     * @param inode its bytes, changed here and put by the caller
     */
    static void build(CheckPass pass, long number, byte[] inode, Records records) {
        Records level = records;
        int height = 0;
        while (level.size > RecordRootLayout.CAPACITY) {
            level = buildLevel(pass, number, level, height);
            height++;
        }
        int end = InodeLayout.PAYLOAD + InodeLayout.PAYLOAD_BYTES;
        Arrays.fill(inode, InodeLayout.PAYLOAD, end, (byte) 0);
        Bytes.putShort(inode, InodeLayout.PAYLOAD + RecordRootLayout.LEVEL, height);
        Bytes.putShort(inode, InodeLayout.PAYLOAD + RecordRootLayout.COUNT, level.size);
        putRecords(inode, InodeLayout.PAYLOAD + RecordRootLayout.RECORDS, level, 0, level.size);
    }

    private static Records buildLevel(CheckPass pass, long number, Records below, int height) {
        Records level = new Records();
        for (int from = 0; from < below.size; from += RecordNodeLayout.CAPACITY) {
            int count = Math.min(RecordNodeLayout.CAPACITY, below.size - from);
            byte[] node = new byte[RecordNodeLayout.SIZE_BYTES];
            Bytes.putLong(node, RecordNodeLayout.OWNER_INODE, number);
            Bytes.putShort(node, RecordNodeLayout.LEVEL, height);
            Bytes.putShort(node, RecordNodeLayout.COUNT, count);
            putRecords(node, RecordNodeLayout.RECORDS, below, from, count);
            level.add(below.key(from), putBlock(pass, StructureType.RECORD_NODE, node));
        }
        return level;
    }

    private static void putRecords(byte[] bytes, int offset, Records from, int first, int count) {
        for (int i = 0; i < count; i++) {
            Bytes.putLong(bytes, offset + i * RECORD, from.key(first + i));
            Bytes.putLong(bytes, offset + i * RECORD + Long.BYTES, from.value(first + i));
        }
    }

    /** Puts a structure into a new block and answers with that. */
    static long putBlock(CheckPass pass, StructureType type, byte[] bytes) {
        long block = pass.ownership.allocate();
        if (block == 0) {
            throw new IllegalStateException("no free block after they were counted");
        }
        long offset = block << Geometry.BLOCK_SHIFT;
        if (pass.ownership.wasGivenUp(block)) {
            pass.volume.putReused(type, offset, bytes);
        } else {
            pass.volume.putFresh(type, offset, bytes);
        }
        return block;
    }
}
