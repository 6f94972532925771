package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.GroupLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.VolumeStateLayout;
import java.util.Arrays;

/** Compares bitmaps and counts of free blocks with who owns what. */
final class CheckGroups {
    /** More groups than these, all damaged and empty at the end, are taken for a wrong count. */
    private static final int MAX_EMPTY_TO_REBUILD = 1024;

    private final CheckPass pass;
    private final Geometry geometry;
    private final byte[] group = new byte[GroupLayout.SIZE_BYTES];

    /** Free blocks as the bitmaps on the media have it; -1 when one cannot be read. */
    private long freeOnMedia;

    CheckGroups(CheckPass pass) {
        this.pass = pass;
        this.geometry = pass.volume.geometry();
    }

    void check() {
        long stored = pass.state.isValid() ? pass.state.initializedGroups() : 0;
        if (stored < 0 || stored > geometry.groupCount()) {
            stored = 0;
        }
        long initialized = countInitialized(stored);
        freeOnMedia = 0;
        for (long g = 0; g < geometry.groupCount(); g++) {
            if (g < initialized) {
                check(g, g < stored);
            } else {
                addFree(dataBlocks(g));
            }
        }
        CheckVolumeState state = pass.state;
        state.compare(VolumeStateLayout.INITIALIZED_GROUPS, "initialized_groups", initialized);
        long free = pass.ownership.freeBlocks();
        state.compare(
                VolumeStateLayout.FREE_BLOCKS, "free_blocks", freeOnMedia < 0 ? free : freeOnMedia);
        state.set(VolumeStateLayout.FREE_BLOCKS, free);
    }

    private long dataBlocks(long number) {
        long first = number * GroupLayout.BLOCKS_PER_GROUP;
        long from = Math.max(first, geometry.firstDataBlock());
        long end = Math.min(first + GroupLayout.BLOCKS_PER_GROUP, geometry.totalBlocks() - 1);
        return Math.max(0, end - from);
    }

    /** Groups up to the last that owns blocks or is there; behind it nothing needs to be. */
    private long countInitialized(long stored) {
        long end = geometry.groupCount();
        while (end > stored && !pass.ownership.anyOwned(end - 1)) {
            end--;
        }
        long last = stored > 0 ? end : geometry.groupCount();
        long needed = last;
        while (needed > 0 && !pass.ownership.anyOwned(needed - 1) && load(needed - 1) != null) {
            needed--;
        }
        return stored > 0 && last - needed <= MAX_EMPTY_TO_REBUILD ? last : needed;
    }

    private String load(long number) {
        String problem = pass.volume.load(StructureType.GROUP, geometry.groupOffset(number), group);
        long found = Bytes.getLong(group, GroupLayout.GROUP);
        return problem == null && found != number ? "is group " + found : problem;
    }

    private void addFree(long blocks) {
        freeOnMedia = freeOnMedia < 0 ? -1 : freeOnMedia + blocks;
    }

    private static int free(long[] words) {
        int used = 0;
        for (long word : words) {
            used += Long.bitCount(word);
        }
        return GroupLayout.BLOCKS_PER_GROUP - used;
    }

    private void check(long number, boolean mustBeThere) {
        long[] expected = pass.ownership.expected(number);
        String where = "block group " + number + " at offset " + geometry.groupOffset(number);
        String problem = load(number);
        if (problem != null) {
            if (mustBeThere) {
                pass.report.problem(where + ": " + problem, "rebuilt");
            }
            freeOnMedia = -1;
            put(number, expected);
            return;
        }
        boolean right = checkCount(where);
        checkBits(where, number);
        if (!right || !Arrays.equals(expected, bitmap())) {
            put(number, expected);
        }
    }

    private static long word(byte[] group, int index) {
        return Bytes.getLong(group, GroupLayout.BITMAP + index * Long.BYTES);
    }

    private boolean checkCount(String where) {
        int free = GroupLayout.BLOCKS_PER_GROUP;
        for (int i = 0; i < CheckOwnership.WORDS; i++) {
            free -= Long.bitCount(word(group, i));
        }
        addFree(free);
        int stored = Bytes.getInt(group, GroupLayout.FREE_BLOCKS);
        if (stored != free) {
            pass.report.problem(
                    where
                            + ": free_blocks "
                            + Integer.toUnsignedString(stored)
                            + ", expected "
                            + free
                            + " by its bitmap",
                    "corrected");
        }
        return stored == free;
    }

    private long[] bitmap() {
        long[] words = new long[CheckOwnership.WORDS];
        Arrays.setAll(words, index -> word(group, index));
        return words;
    }

    private void checkBits(String where, long number) {
        long[] expected = pass.ownership.expectedOnMedia(number);
        long[] reserved = pass.ownership.reservedBits(number);
        Difference leaked = new Difference();
        Difference missing = new Difference();
        Difference unreserved = new Difference();
        for (int i = 0; i < expected.length; i++) {
            long found = word(group, i);
            unreserved.add(i, reserved[i] & ~found);
            missing.add(i, expected[i] & ~reserved[i] & ~found);
            leaked.add(i, found & ~expected[i]);
        }
        long first = number * GroupLayout.BLOCKS_PER_GROUP;
        unreserved.report(
                where, first, "free that belong to fixed structures or lie behind the end");
        missing.report(where, first, "free that are owned");
        leaked.report(where, first, "in use that nobody owns");
    }

    /** Bits that differ. */
    private final class Difference {
        private int count;
        private int firstBit = -1;

        void add(int word, long bits) {
            if (bits != 0 && firstBit < 0) {
                firstBit = (word << 6) + Long.numberOfTrailingZeros(bits);
            }
            count += Long.bitCount(bits);
        }

        void report(String where, long firstBlock, String which) {
            if (count > 0) {
                pass.report.problem(
                        where
                                + ": "
                                + count
                                + " blocks "
                                + which
                                + ", the first is block "
                                + (firstBlock + firstBit),
                        "corrected");
            }
        }
    }

    private void put(long number, long[] bits) {
        byte[] made = new byte[GroupLayout.SIZE_BYTES];
        Bytes.putLong(made, GroupLayout.GROUP, number);
        Bytes.putInt(made, GroupLayout.FREE_BLOCKS, free(bits));
        for (int i = 0; i < bits.length; i++) {
            Bytes.putLong(made, GroupLayout.BITMAP + i * Long.BYTES, bits[i]);
        }
        pass.volume.put(StructureType.GROUP, geometry.groupOffset(number), made);
    }
}
