package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.RecordNodeLayout;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import java.util.ArrayList;
import java.util.List;

/** Walks the record tree of one inode, keeps what is sound, and notes whether all was. */
final class CheckTree {
    private final CheckState state;
    private final long inode;
    private final String where;

    /** Sound records, ascending: key, value. */
    final List<long[]> records = new ArrayList<>();

    /** Blocks of sound nodes. */
    long nodeBlocks;

    /** Some node or record was left out. */
    boolean damaged;

    private long lastKey = -1;

    CheckTree(CheckState state, long inode, long inodeOffset) {
        this.state = state;
        this.inode = inode;
        this.where = "inode " + inode + " at offset " + inodeOffset;
    }

    void walk(byte[] inodeBytes) {
        int level = Bytes.getU16(inodeBytes, InodeLayout.PAYLOAD + RecordRootLayout.LEVEL);
        int count = Bytes.getU16(inodeBytes, InodeLayout.PAYLOAD + RecordRootLayout.COUNT);
        if (level > RecordNodeLayout.MAX_LEVEL || count > RecordRootLayout.CAPACITY) {
            damage(where + ": tree root with level " + level + " and " + count + " records");
            return;
        }
        walkRecords(
                inodeBytes,
                InodeLayout.PAYLOAD + RecordRootLayout.RECORDS,
                level,
                count,
                Long.MAX_VALUE);
    }

    private void walkRecords(byte[] bytes, int offset, int level, int count, long endKey) {
        for (int i = 0; i < count; i++) {
            int at = offset + i * RecordNodeLayout.RECORD_BYTES;
            long key = Bytes.getLong(bytes, at);
            long value = Bytes.getLong(bytes, at + Long.BYTES);
            long nextKey =
                    i + 1 < count
                            ? Bytes.getLong(bytes, at + RecordNodeLayout.RECORD_BYTES)
                            : endKey;
            if (level == 0) {
                addRecord(key, value, endKey);
            } else if (key > nextKey) {
                damage(where + ": index keys " + key + ", " + nextKey + " out of order");
            } else {
                walkNode(value, level - 1, Math.min(nextKey, endKey));
            }
        }
    }

    private void addRecord(long key, long value, long endKey) {
        if (key <= lastKey || key < 0 || key >= endKey) {
            damage(where + ": record key " + key + " out of order");
        } else {
            records.add(new long[] {key, value});
            lastKey = key;
        }
    }

    private void walkNode(long block, int level, long endKey) {
        byte[] bytes = state.loadOwned(StructureType.RECORD_NODE, block, inode);
        if (bytes == null) {
            damaged = true;
            return;
        }
        int count = Bytes.getU16(bytes, RecordNodeLayout.COUNT);
        int found = Bytes.getU16(bytes, RecordNodeLayout.LEVEL);
        if (found != level || count == 0 || count > RecordNodeLayout.CAPACITY) {
            damage(
                    where
                            + ": node in block "
                            + block
                            + " with level "
                            + found
                            + " and "
                            + count
                            + " records under level "
                            + (level + 1));
            return;
        }
        long taken = state.ownership.claim(PackedExtent.of(block, 1));
        if (taken >= 0) {
            damage(where + ": node in block " + taken + ", which has an owner");
            return;
        }
        nodeBlocks++;
        walkRecords(bytes, RecordNodeLayout.RECORDS, level, count, endKey);
    }

    private void damage(String text) {
        damaged = true;
        state.report.problem(text);
    }
}
