package io.fusedax.backing.volume;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.journal.Journal;
import io.fusedax.backing.namespace.Directory;
import io.fusedax.backing.region.Region;
import java.time.Instant;
import java.util.function.Consumer;
import jnr.constants.platform.Errno;

/**
 * fsck: checks a volume that nobody uses, and repairs it.
 *
 * <p>A repair is made in memory, over a journal that is replayed in memory, and checked again there
 * until nothing is wrong; only then is anything stored, see {@link RepairStore}. So what cannot be
 * repaired is not touched, and a check without repair differs from one with it by that last step.
 *
 * <p>Memory: a bit for each block of block groups in use, two more in groups that a repair changes;
 * 5 bytes for each inode up to the high-water mark, 13 among directories; 48 bytes for each extent
 * of the inode table; what the journal and the repair change, some 150 bytes more than its size for
 * each structure; for a directory or block map that is written anew, 150 bytes for each name, 16
 * for each extent; 100 bytes for each contested run of blocks. Time: each structure is read a fixed
 * number of times, and five times that when a repair has to be tried so often; nothing that a
 * structure says makes it be read more often.
 */
public final class VolumeChecker {
    /** Looks at what a repair has made before it is given up. */
    private static final int MAX_PASSES = 5;

    private static final long CACHE_BYTES = 1 << 20;

    private final Region region;
    private final boolean repair;
    private final CheckReport report;
    private final long nowSeconds = Instant.now().getEpochSecond();

    private VolumeChecker(Region region, boolean repair, CheckReport report) {
        this.region = region;
        this.repair = repair;
        this.report = report;
    }

    /**
     * Checks a volume.
     *
     * @param repair put right what is wrong, durable when this returns; otherwise nothing is stored
     * @param out receives a line for each problem and what is done about it
     * @throws FsException EINVAL when there is no volume or one of another version; EROFS when it
     *     is to be repaired, but must not be written
     */
    public static CheckReport check(Region region, boolean repair, Consumer<String> out)
            throws FsException {
        if (repair && region.readOnly()) {
            throw new FsException(Errno.EROFS, region.description() + ": read-only region");
        }
        CheckReport report = new CheckReport(out, repair);
        new VolumeChecker(region, repair, report).run();
        return report;
    }

    private void run() throws FsException {
        CheckSuperblock superblock = CheckSuperblock.read(region, report);
        if (superblock == null) {
            report.note("superblock: both copies are damaged; nothing was stored");
            return;
        }
        if (repair && superblock.superblock().needsReadOnly()) {
            throw new FsException(
                    Errno.EROFS,
                    region.description() + ": unknown features: only a check is possible");
        }
        superblock.checkMountState(report);
        try (CheckOverlayRegion view = new CheckOverlayRegion(region)) {
            Geometry geometry = superblock.geometry();
            CheckJournal journal = new CheckJournal(view, geometry);
            journal.mend(report, superblock.isUnmounted());
            if (!journal.transactions().isEmpty()) {
                report.note(
                        "journal: transactions="
                                + journal.transactions().size()
                                + (repair ? " replayed" : " to be replayed"));
            }
            CheckedVolume volume = new CheckedVolume(view, geometry);
            int left = checkAndMend(volume, openJournal(view, geometry, true));
            if (repair && left >= 0) {
                store(superblock, volume, left);
            }
        }
    }

    private static Journal openJournal(Region region, Geometry geometry, boolean readOnly)
            throws FsException {
        return Journal.open(region, geometry, CACHE_BYTES, readOnly, new Counters());
    }

    /**
     * Checks, and with what that puts right in memory again, until nothing is wrong.
     *
     * @return problems left; -1 when nothing can or may be stored
     */
    private int checkAndMend(CheckedVolume volume, Journal journal) {
        Directory nameKeys = new Directory(journal.cache(), null, null);
        CheckOwnership ownership = new CheckOwnership(volume.geometry());
        int before = report.problems();
        try {
            new CheckPass(volume, report, ownership, nameKeys, nowSeconds).run();
            int found = report.problems() - before;
            int left = found;
            for (int pass = 1; repair && left > 0 && pass < MAX_PASSES; pass++) {
                ownership = ownership.nextPass();
                CheckReport again = CheckReport.silent();
                new CheckPass(volume, again, ownership, nameKeys, nowSeconds).run();
                left = again.problems();
                if (left > 0 && pass == MAX_PASSES - 1) {
                    again.messages().forEach(line -> report.note("left: " + line));
                }
            }
            if (repair && found > 0 && left >= found) {
                report.note("the repair leaves as many problems; nothing was stored");
                return -1;
            }
            return left;
        } catch (FsException e) {
            report.unrepairable(e.getMessage());
            report.note("without the inode table there are no files; nothing was stored");
            return -1;
        }
    }

    private void store(CheckSuperblock superblock, CheckedVolume volume, int left)
            throws FsException {
        Geometry geometry = superblock.geometry();
        superblock.store();
        new CheckJournal(region, geometry).mend(CheckReport.silent(), superblock.isUnmounted());
        Journal journal = openJournal(region, geometry, false);
        MountRecord mountRecord = new MountRecord(region, new Checksums(geometry.uuid()));
        boolean stored = new RepairStore(region, volume, journal).store(mountRecord, nowSeconds);
        journal.close();
        if (!stored) {
            report.note(
                    "too few free blocks, and a journal too small, for a repair that a power cut"
                            + " may interrupt; only superblock and journal were stored");
            return;
        }
        if (left == 0) {
            // Who mounts a clean volume flushes nothing that was stored before.
            if (!region.flushStrangers()) {
                region.flush(0, region.sizeBytes());
            }
            region.drain();
            mountRecord.checked(nowSeconds);
        }
        report.stored(left); // durable: closing the journal has drained
    }
}
