package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.VolumeStateLayout;

/** Checks the volume's counters against what was counted. */
final class CheckVolumeState {
    private static final String WHERE =
            CheckText.at(StructureType.VOLUME_STATE, VolumeStateLayout.OFFSET);

    private final CheckedVolume volume;
    private final CheckReport report;
    private final byte[] stored = new byte[VolumeStateLayout.SIZE_BYTES];
    private final boolean valid;

    /** What a field shall be. */
    private final byte[] expected = new byte[VolumeStateLayout.SIZE_BYTES];

    CheckVolumeState(CheckedVolume volume, CheckReport report) {
        this.volume = volume;
        this.report = report;
        String problem = volume.load(StructureType.VOLUME_STATE, VolumeStateLayout.OFFSET, stored);
        valid = problem == null;
        if (!valid) {
            report.problem(WHERE + ": " + problem, "counted anew");
        }
    }

    /** Whether what is stored can be believed at all. */
    boolean isValid() {
        return valid;
    }

    private long get(int field) {
        return Bytes.getLong(stored, field);
    }

    long freeBlocks() {
        return get(VolumeStateLayout.FREE_BLOCKS);
    }

    long initializedGroups() {
        return get(VolumeStateLayout.INITIALIZED_GROUPS);
    }

    long inodeHighWater() {
        return get(VolumeStateLayout.INODE_HIGH_WATER);
    }

    long freeInodes() {
        return get(VolumeStateLayout.FREE_INODES);
    }

    long freeInodeHead() {
        return get(VolumeStateLayout.FREE_INODE_HEAD);
    }

    /** Compares a field with what was counted on the media; a repair stores that. */
    void compare(int field, String name, long counted) {
        if (valid && get(field) != counted) {
            report.problem(
                    WHERE + ": " + name + " " + get(field) + ", expected " + counted, "corrected");
        }
        set(field, counted);
    }

    /** What a repair stores. */
    void set(int field, long value) {
        Bytes.putLong(expected, field, value);
    }

    /** Stores the expected values, if they differ. */
    void finish() {
        int from = VolumeStateLayout.FREE_BLOCKS;
        if (!valid
                || !java.util.Arrays.equals(
                        stored, from, stored.length, expected, from, expected.length)) {
            volume.put(StructureType.VOLUME_STATE, VolumeStateLayout.OFFSET, expected);
        }
    }
}
