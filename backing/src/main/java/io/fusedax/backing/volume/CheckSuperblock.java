package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.Superblock;
import io.fusedax.backing.format.SuperblockLayout;
import io.fusedax.backing.region.Region;
import jnr.constants.platform.Errno;

/** The two copies of the superblock, one of which can be restored from the other. */
final class CheckSuperblock {
    private final Region region;
    private final Superblock superblock;
    private final boolean writePrimary;
    private final boolean writeBackup;

    private CheckSuperblock(
            Region region, Superblock superblock, boolean writePrimary, boolean writeBackup) {
        this.region = region;
        this.superblock = superblock;
        this.writePrimary = writePrimary;
        this.writeBackup = writeBackup;
    }

    /**
     * Reads both copies.
     *
     * @return null when there is a volume, but neither copy can be believed
     * @throws FsException EINVAL when there is no volume, or one of another version
     */
    static CheckSuperblock read(Region region, CheckReport report) throws FsException {
        try {
            Superblock primary = Superblock.readAt(region, SuperblockLayout.PRIMARY_OFFSET);
            boolean backupWrong = !backupMatches(region, primary, report);
            return new CheckSuperblock(region, primary, false, backupWrong);
        } catch (FsException e) {
            if (isOfAnotherVersion(region, e)) {
                throw e;
            }
            return fromBackup(region, report, e);
        }
    }

    private static boolean isOfAnotherVersion(Region region, FsException problem) {
        int magic = region.getInt(SuperblockLayout.PRIMARY_OFFSET);
        return problem.errno() == Errno.EINVAL && magic == StructureType.SUPERBLOCK.magic();
    }

    private static boolean backupMatches(Region region, Superblock primary, CheckReport report) {
        long offset = primary.geometry().backupSuperblockOffset();
        try {
            if (Superblock.readAt(region, offset).equals(primary)) {
                return true;
            }
            report.problem(
                    "superblock at offset " + offset + " (backup): differs from the primary",
                    "restored from the primary");
        } catch (FsException e) {
            report.problem(e.getMessage() + " (backup)", "restored from the primary");
        }
        return false;
    }

    private static CheckSuperblock fromBackup(
            Region region, CheckReport report, FsException primaryProblem) throws FsException {
        long offset = region.sizeBytes() - Geometry.BLOCK_BYTES;
        try {
            Superblock backup = Superblock.readAt(region, offset);
            if (backup.geometry().backupSuperblockOffset() == offset) {
                report.problem(primaryProblem.getMessage(), "restored from the backup");
                return new CheckSuperblock(region, backup, true, false);
            }
        } catch (FsException e) {
            if (!VolumeFormatter.looksFormatted(region)) {
                throw primaryProblem;
            }
            report.unrepairable(primaryProblem.getMessage());
            report.unrepairable(e.getMessage() + " (backup)");
            return null;
        }
        report.unrepairable(primaryProblem.getMessage());
        report.unrepairable("superblock at offset " + offset + " (backup): of another region");
        return null;
    }

    Superblock superblock() {
        return superblock;
    }

    Geometry geometry() {
        return superblock.geometry();
    }

    /** Restores a copy that is wrong: flushed, not drained. */
    void store() {
        if (writePrimary) {
            store(SuperblockLayout.PRIMARY_OFFSET);
        }
        if (writeBackup) {
            store(geometry().backupSuperblockOffset());
        }
    }

    private void store(long offset) {
        region.write(offset, superblock.toBytes(offset), 0, SuperblockLayout.SIZE_BYTES);
        region.flush(offset, SuperblockLayout.SIZE_BYTES);
    }

    /** Whether the volume was unmounted in order. */
    boolean isUnmounted() {
        byte[] bytes = new byte[MountStateLayout.SIZE_BYTES];
        region.read(MountStateLayout.OFFSET, bytes, 0, bytes.length);
        return mountStateProblem(bytes) == null
                && Bytes.getInt(bytes, MountStateLayout.STATE) == MountStateLayout.STATE_CLEAN;
    }

    private String mountStateProblem(byte[] bytes) {
        String problem =
                new Checksums(geometry().uuid())
                        .problem(StructureType.MOUNT_STATE, MountStateLayout.OFFSET, bytes);
        int state = Bytes.getInt(bytes, MountStateLayout.STATE);
        boolean known = state >= 0 && state <= MountStateLayout.STATE_ERROR;
        return problem == null && !known ? "state " + state + ", expected 0..2" : problem;
    }

    /** Checks the mount state; {@link MountRecord} starts a damaged one anew. */
    void checkMountState(CheckReport report) {
        byte[] bytes = new byte[MountStateLayout.SIZE_BYTES];
        region.read(MountStateLayout.OFFSET, bytes, 0, bytes.length);
        String where = CheckText.at(StructureType.MOUNT_STATE, MountStateLayout.OFFSET);
        String problem = mountStateProblem(bytes);
        int state = Bytes.getInt(bytes, MountStateLayout.STATE);
        if (problem != null) {
            report.problem(where + ": " + problem, "started anew");
        } else if (state == MountStateLayout.STATE_ERROR) {
            report.note(
                    where
                            + ": the volume was marked as having errors, errors="
                            + Bytes.getLong(bytes, MountStateLayout.ERROR_COUNT));
        }
    }
}
