package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.region.Region;

/**
 * The mount state: one line, stored directly. It steers nothing that must be right: a damaged one
 * is started anew.
 */
final class MountRecord {
    private final Region region;
    private final Checksums checksums;
    private final byte[] bytes = new byte[MountStateLayout.SIZE_BYTES];

    MountRecord(Region region, Checksums checksums) {
        this.region = region;
        this.checksums = checksums;
        region.read(MountStateLayout.OFFSET, bytes, 0, bytes.length);
        if (checksums.problem(StructureType.MOUNT_STATE, MountStateLayout.OFFSET, bytes) != null) {
            java.util.Arrays.fill(bytes, (byte) 0);
        }
    }

    int state() {
        return Bytes.getInt(bytes, MountStateLayout.STATE);
    }

    long errorCount() {
        return Bytes.getLong(bytes, MountStateLayout.ERROR_COUNT);
    }

    /** A new mount begins; an error state stays. */
    synchronized void mounted(long nowSeconds) {
        if (state() != MountStateLayout.STATE_ERROR) {
            Bytes.putInt(bytes, MountStateLayout.STATE, MountStateLayout.STATE_MOUNTED);
        }
        int count = Bytes.getInt(bytes, MountStateLayout.MOUNT_COUNT);
        Bytes.putInt(bytes, MountStateLayout.MOUNT_COUNT, count + 1);
        Bytes.putLong(bytes, MountStateLayout.LAST_MOUNT_SECONDS, nowSeconds);
        store();
    }

    /** Unmounted in order. */
    synchronized void unmounted() {
        if (state() != MountStateLayout.STATE_ERROR) {
            Bytes.putInt(bytes, MountStateLayout.STATE, MountStateLayout.STATE_CLEAN);
            store();
        }
    }

    /** An inconsistency was met. */
    synchronized void error(long nowSeconds) {
        Bytes.putInt(bytes, MountStateLayout.STATE, MountStateLayout.STATE_ERROR);
        Bytes.putLong(bytes, MountStateLayout.ERROR_COUNT, errorCount() + 1);
        Bytes.putLong(bytes, MountStateLayout.ERROR_SECONDS, nowSeconds);
        store();
    }

    /** fsck found, or made, everything right. */
    synchronized void checked(long nowSeconds) {
        Bytes.putInt(bytes, MountStateLayout.STATE, MountStateLayout.STATE_CLEAN);
        Bytes.putLong(bytes, MountStateLayout.LAST_CHECK_SECONDS, nowSeconds);
        Bytes.putLong(bytes, MountStateLayout.ERROR_COUNT, 0);
        store();
    }

    private void store() {
        checksums.seal(StructureType.MOUNT_STATE, MountStateLayout.OFFSET, bytes);
        region.write(MountStateLayout.OFFSET, bytes, 0, bytes.length);
        region.flush(MountStateLayout.OFFSET, bytes.length);
        region.drain();
    }
}
