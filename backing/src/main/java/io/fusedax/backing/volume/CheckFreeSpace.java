package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.inode.InodeNumbers;

/** Last part of a pass: what is free, against what nobody owns; all of it can be made anew. */
final class CheckFreeSpace {
    private static final int WORDS = GroupLayout.BITMAP_BYTES / Long.BYTES;

    private final CheckState state;
    private final CheckReport report;
    private final byte[] volumeState;

    CheckFreeSpace(CheckState state, byte[] volumeState) {
        this.state = state;
        this.report = state.report;
        this.volumeState = volumeState;
    }

    void run() {
        int before = report.problems();
        checkGroups();
        checkCounters();
        checkFreeChain();
        if (report.problems() > before) {
            state.rebuildFreeSpace = true;
        }
    }

    private void checkGroups() {
        long initialized = Bytes.getLong(volumeState, VolumeStateLayout.INITIALIZED_GROUPS);
        for (int group = 0; group < state.geometry.groupCount(); group++) {
            if (group < initialized) {
                checkGroup(group);
            } else if (state.ownership.touches(group) && !isOnlyFixed(group)) {
                report.problem(
                        "volume state at offset "
                                + VolumeStateLayout.OFFSET
                                + ": initialized_groups "
                                + initialized
                                + ", but group "
                                + group
                                + " has blocks in use");
            }
        }
    }

    /** Whether only what mkfs would mark is marked. */
    private boolean isOnlyFixed(int group) {
        CheckOwnership fresh = new CheckOwnership(state.geometry);
        for (int word = 0; word < WORDS; word++) {
            if (state.ownership.word(group, word) != fresh.word(group, word)) {
                return false;
            }
        }
        return true;
    }

    private void checkGroup(int group) {
        long offset = state.geometry.groupOffset(group);
        byte[] bytes = state.load(StructureType.GROUP, offset);
        String where = "block group " + group + " at offset " + offset;
        String problem = state.problemOf(StructureType.GROUP, offset, bytes);
        if (problem == null && Bytes.getLong(bytes, GroupLayout.GROUP) != group) {
            problem = "is group " + Bytes.getLong(bytes, GroupLayout.GROUP);
        }
        if (problem != null) {
            report.problem(where + ": " + problem);
            return;
        }
        int free = 0;
        long leaked = 0;
        long missing = 0;
        for (int word = 0; word < WORDS; word++) {
            long stored = Bytes.getLong(bytes, GroupLayout.BITMAP + word * Long.BYTES);
            long owned = state.ownership.word(group, word);
            free += Long.bitCount(~stored);
            leaked += Long.bitCount(stored & ~owned);
            missing += Long.bitCount(owned & ~stored);
        }
        if (leaked > 0 || missing > 0) {
            report.problem(
                    where
                            + ": "
                            + leaked
                            + " blocks in use that nobody owns, "
                            + missing
                            + " owned blocks free");
        }
        if (free != Bytes.getInt(bytes, GroupLayout.FREE_BLOCKS)) {
            report.problem(
                    where
                            + ": free_blocks "
                            + Bytes.getInt(bytes, GroupLayout.FREE_BLOCKS)
                            + ", bitmap says "
                            + free);
        }
    }

    private long freeBlocks() {
        Geometry geometry = state.geometry;
        return geometry.totalBlocks() - geometry.reservedBlocks() - state.ownership.ownedBlocks();
    }

    private void checkCounters() {
        long stored = Bytes.getLong(volumeState, VolumeStateLayout.FREE_BLOCKS);
        if (stored != freeBlocks()) {
            report.problem(
                    "volume state at offset "
                            + VolumeStateLayout.OFFSET
                            + ": free_blocks "
                            + stored
                            + ", expected "
                            + freeBlocks());
        }
    }

    private void checkFreeChain() {
        long expected = 0;
        for (long inode = InodeNumbers.FIRST; inode < state.highWater; inode++) {
            expected += state.kind(inode) == CheckState.Kind.FREE ? 1 : 0;
        }
        long stored = Bytes.getLong(volumeState, VolumeStateLayout.FREE_INODES);
        long at = Bytes.getLong(volumeState, VolumeStateLayout.FREE_INODE_HEAD);
        long length = 0;
        while (at != 0
                && length <= expected
                && at >= InodeNumbers.FIRST
                && at < state.highWater
                && state.kind(at) == CheckState.Kind.FREE) {
            byte[] bytes = state.load(StructureType.INODE, state.inodeOffset(at));
            at = Bytes.getLong(bytes, InodeLayout.PARENT);
            length++;
        }
        if (stored != expected || length != expected || at != 0) {
            report.problem(
                    "volume state at offset "
                            + VolumeStateLayout.OFFSET
                            + ": free_inodes "
                            + stored
                            + ", chain of "
                            + length
                            + (at == 0 ? "" : " broken at inode " + at)
                            + ", expected "
                            + expected);
        }
    }

    /** Writes groups, free chain and counters anew. What they say is derived, so order is free. */
    void rebuild() {
        long initialized = 0;
        for (int group = 0; group < state.geometry.groupCount(); group++) {
            if (state.ownership.touches(group) && !isOnlyFixed(group)) {
                initialized = group + 1L;
            }
        }
        for (int group = 0; group < initialized; group++) {
            rebuildGroup(group);
        }
        byte[] bytes = new byte[VolumeStateLayout.SIZE_BYTES];
        Bytes.putLong(bytes, VolumeStateLayout.FREE_BLOCKS, freeBlocks());
        Bytes.putLong(bytes, VolumeStateLayout.INITIALIZED_GROUPS, initialized);
        Bytes.putLong(bytes, VolumeStateLayout.INODE_HIGH_WATER, state.highWater);
        rebuildFreeChain(bytes);
        state.store(StructureType.VOLUME_STATE, VolumeStateLayout.OFFSET, bytes);
        state.region.drain();
    }

    private void rebuildGroup(int group) {
        byte[] bytes = new byte[GroupLayout.SIZE_BYTES];
        int free = 0;
        for (int word = 0; word < WORDS; word++) {
            long owned = state.ownership.word(group, word);
            Bytes.putLong(bytes, GroupLayout.BITMAP + word * Long.BYTES, owned);
            free += Long.bitCount(~owned);
        }
        Bytes.putLong(bytes, GroupLayout.GROUP, group);
        Bytes.putInt(bytes, GroupLayout.FREE_BLOCKS, free);
        state.store(StructureType.GROUP, state.geometry.groupOffset(group), bytes);
    }

    private void rebuildFreeChain(byte[] volumeStateBytes) {
        long head = 0;
        long count = 0;
        for (long inode = state.highWater - 1; inode >= InodeNumbers.FIRST; inode--) {
            CheckState.Kind kind = state.kind(inode);
            if (kind == CheckState.Kind.FREE || kind == CheckState.Kind.BAD) {
                storeFree(inode, head);
                head = inode;
                count++;
            }
        }
        Bytes.putLong(volumeStateBytes, VolumeStateLayout.FREE_INODES, count);
        Bytes.putLong(volumeStateBytes, VolumeStateLayout.FREE_INODE_HEAD, head);
    }

    private void storeFree(long inode, long next) {
        long offset = state.inodeOffset(inode);
        byte[] old = state.load(StructureType.INODE, offset);
        byte[] bytes = new byte[InodeLayout.SIZE_BYTES];
        Bytes.putLong(bytes, InodeLayout.INODE, inode);
        int generation = Bytes.getInt(old, InodeLayout.GENERATION);
        Bytes.putInt(bytes, InodeLayout.GENERATION, generation);
        Bytes.putLong(bytes, InodeLayout.PARENT, next);
        state.store(StructureType.INODE, offset, bytes);
    }
}
