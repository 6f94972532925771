package io.fusedax.backing.volume;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.Superblock;
import io.fusedax.backing.format.SuperblockLayout;
import io.fusedax.backing.format.VolumeStateLayout;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.journal.Journal;
import io.fusedax.backing.journal.MetadataCache;
import io.fusedax.backing.namespace.Directory;
import io.fusedax.backing.region.Region;
import java.time.InstantSource;
import java.util.function.Consumer;

/**
 * fsck: reads every structure, says what is wrong and where, and repairs what can be repaired.
 *
 * <p>A pass reads the media only, after the journal was replayed. Repair is passes and grants of
 * their wishes in turn, until a pass finds nothing or nothing more can be done. Time and memory
 * follow the number of inodes and of groups in use.
 */
public final class VolumeChecker {
    private static final int MAX_ROUNDS = 8;

    private final Region region;
    private final boolean repair;
    private final CheckReport report;
    private Geometry geometry;

    private VolumeChecker(Region region, boolean repair, CheckReport report) {
        this.region = region;
        this.repair = repair;
        this.report = report;
    }

    /**
     * Checks a volume that is not mounted.
     *
     * @param region without repair a read-only region, whose media stays as it is
     * @param repair put right what is wrong
     * @param out receives a line for each problem and each repair
     * @throws FsException EINVAL when there is no volume at all
     */
    public static CheckReport check(Region region, boolean repair, Consumer<String> out)
            throws FsException {
        CheckReport report = new CheckReport(out);
        VolumeChecker checker = new VolumeChecker(region, repair && !region.readOnly(), report);
        if (checker.checkSuperblocks() && checker.replayJournal()) {
            checker.checkVolume();
        }
        return report;
    }

    /**
     * @return whether there is a superblock to go by
     */
    private boolean checkSuperblocks() throws FsException {
        Superblock primary = readSuperblock(SuperblockLayout.PRIMARY_OFFSET, true);
        long backupOffset =
                primary == null
                        ? region.sizeBytes() - Geometry.BLOCK_BYTES
                        : primary.geometry().backupSuperblockOffset();
        Superblock backup = readSuperblock(backupOffset, true);
        Superblock good = primary != null ? primary : backup;
        if (good == null) {
            if (!VolumeFormatter.looksFormatted(region)) {
                throw new FsException(
                        jnr.constants.platform.Errno.EINVAL,
                        region.description() + ": no fuse-dax volume");
            }
            report.note("both superblocks are damaged: cannot be repaired");
            return false;
        }
        geometry = good.geometry();
        if (repair && primary == null) {
            restore(good, SuperblockLayout.PRIMARY_OFFSET);
        }
        if (repair && backup == null) {
            restore(good, backupOffset);
        }
        return true;
    }

    private Superblock readSuperblock(long offset, boolean reportIt) {
        try {
            return Superblock.readAt(region, offset);
        } catch (FsException e) {
            if (reportIt) {
                report.problem(e.getMessage());
            }
            return null;
        }
    }

    private void restore(Superblock superblock, long offset) {
        region.write(offset, superblock.toBytes(offset), 0, SuperblockLayout.SIZE_BYTES);
        region.flush(offset, SuperblockLayout.SIZE_BYTES);
        region.drain();
        report.note("superblock at offset " + offset + ": restored from the other copy");
    }

    /**
     * @return whether the journal's state is known
     */
    private boolean replayJournal() {
        try {
            openJournal();
            return true;
        } catch (FsException e) {
            report.problem(e.getMessage());
        }
        if (!repair) {
            return false;
        }
        Journal.format(region, geometry);
        report.note("journal: emptied; what it still held is lost");
        return true;
    }

    private Journal openJournal() throws FsException {
        return Journal.open(region, geometry, 1 << 20, true, new Counters());
    }

    private void checkVolume() throws FsException {
        int found = pass(report, repair);
        if (repair) {
            int left = found;
            for (int round = 1; left > 0 && round < MAX_ROUNDS; round++) {
                left = pass(new CheckReport(line -> {}), true);
            }
            if (left > 0) {
                left = pass(report, false);
                report.note(left + " problems cannot be repaired");
            }
            report.repairedBut(left);
            if (left == 0) {
                new MountRecord(region, new Checksums(geometry.uuid()))
                        .checked(InstantSource.system().instant().getEpochSecond());
            }
        } else {
            checkMountState();
        }
    }

    private void checkMountState() {
        MountRecord record = new MountRecord(region, new Checksums(geometry.uuid()));
        if (record.state() == MountStateLayout.STATE_ERROR) {
            report.problem(
                    "mount state at offset "
                            + MountStateLayout.OFFSET
                            + ": "
                            + record.errorCount()
                            + " errors met since the last check");
        }
    }

    /**
     * @return problems found by this pass
     */
    private int pass(CheckReport to, boolean grant) throws FsException {
        int before = to.problems();
        CheckState state = new CheckState(region, geometry, to);
        byte[] volumeState = loadVolumeState(state);
        if (!loadTable(state, volumeState)) {
            to.note("the inode table cannot be read: cannot be repaired");
            return to.problems() - before;
        }
        MetadataCache cache = openJournal().cache();
        CheckDirectories directories =
                new CheckDirectories(state, new Directory(cache, null, null));
        new CheckInodes(state, directories).run();
        directories.run();
        new CheckLinks(state).run();
        CheckFreeSpace freeSpace = new CheckFreeSpace(state, volumeState);
        freeSpace.run();
        int found = to.problems() - before;
        if (grant && found > 0) {
            freeSpace.rebuild();
            boolean fixedInodesThere =
                    state.kind(InodeNumbers.ROOT) == CheckState.Kind.DIRECTORY
                            && state.kind(InodeNumbers.ORPHANS) == CheckState.Kind.DIRECTORY;
            if (fixedInodesThere) {
                new CheckRepair(state).run();
            } else {
                new CheckBootstrap(state).run();
            }
        }
        return found;
    }

    private byte[] loadVolumeState(CheckState state) {
        long offset = VolumeStateLayout.OFFSET;
        byte[] bytes = state.load(StructureType.VOLUME_STATE, offset);
        String problem = state.problemOf(StructureType.VOLUME_STATE, offset, bytes);
        if (problem != null) {
            state.report.problem("volume state at offset " + offset + ": " + problem);
            // the largest values that can be true: everything below is looked at
            Bytes.putLong(bytes, VolumeStateLayout.INITIALIZED_GROUPS, geometry.groupCount());
            Bytes.putLong(bytes, VolumeStateLayout.INODE_HIGH_WATER, Long.MAX_VALUE);
        }
        return bytes;
    }

    /** Finds the inode table, by the copy of its inode if need be. */
    private boolean loadTable(CheckState state, byte[] volumeState) {
        long offset = InodeNumbers.TABLE_INODE_OFFSET;
        byte[] table = state.load(StructureType.INODE, offset);
        String problem = state.problemOf(StructureType.INODE, offset, table);
        if (problem == null && Bytes.getLong(table, InodeLayout.INODE) != InodeNumbers.TABLE) {
            problem = "is inode " + Bytes.getLong(table, InodeLayout.INODE);
        }
        if (problem != null) {
            state.report.problem("inode table's inode at offset " + offset + ": " + problem);
            long backup = geometry.backupSuperblockOffset() + InodeNumbers.TABLE_INODE_BACKUP;
            table = state.load(StructureType.INODE, backup);
            if (state.problemOf(StructureType.INODE, backup, table) != null) {
                return false;
            }
            if (repair) {
                state.store(StructureType.INODE, offset, table.clone());
                region.drain();
                state.report.note("inode table's inode: restored from offset " + backup);
            }
        }
        CheckTree tree = new CheckTree(state, InodeNumbers.TABLE, offset);
        tree.walk(table);
        long end = 0;
        boolean sound = !tree.damaged;
        for (long[] record : tree.records) {
            sound &= record[0] == end && state.ownership.claim(record[1]) < 0;
            end += PackedExtent.length(record[1]);
            state.tableChunks.add(record);
        }
        long stored = Bytes.getLong(volumeState, VolumeStateLayout.INODE_HIGH_WATER);
        if (!sound || end == 0) {
            state.report.problem("inode table's inode at offset " + offset + ": chunks damaged");
            return false;
        }
        state.sizeFor(highWater(state, stored, end * InodeNumbers.PER_BLOCK));
        return true;
    }

    /** The stored mark if it can be; else behind the last inode that looks like one. */
    private long highWater(CheckState state, long stored, long capacity) {
        if (stored >= InodeNumbers.FIRST && stored <= capacity) {
            return stored;
        }
        if (stored != Long.MAX_VALUE) {
            state.report.problem(
                    "volume state at offset "
                            + VolumeStateLayout.OFFSET
                            + ": inode_high_water "
                            + stored
                            + ", the table has "
                            + capacity);
        }
        long last = InodeNumbers.FIRST;
        for (long inode = InodeNumbers.FIRST; inode < capacity; inode++) {
            long offset = state.inodeOffset(inode);
            byte[] bytes = state.load(StructureType.INODE, offset);
            if (state.problemOf(StructureType.INODE, offset, bytes) == null) {
                last = inode + 1;
            }
        }
        return last;
    }
}
