package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.ArrayRegion;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What the enumeration of tests/crash found. */
class VolumeCrashTest {
    private static final int PUNCH_HOLE_KEEP_SIZE = 3;

    private static CrashRegion formatted(CrashRegion region) throws FsException {
        VolumeFormatter.format(
                region, new FormatOptions(new UUID(1, 2), "t", 0, 0, 0, 3, 4, 1_700_000_000));
        return region;
    }

    @Test
    void punchingBehindAShorterEndSparesWhatACrashBringsBack() throws FsException {
        CrashRegion region = formatted(new CrashRegion(1 << 20));
        Volume volume = Volume.open(region, CheckFixture.OPTIONS);
        byte[] name = {'f'};
        long inode = volume.mknod(2, name, 0, 1, 0100644, 0, Caller.ROOT);
        byte[] content = new byte[4000];
        Arrays.fill(content, (byte) 7);
        volume.write(inode, 0, content, 0, content.length, 0, Caller.ROOT);
        volume.sync(CommitCause.SYNC);
        region.record();
        volume.setattr(inode, new SetAttributes().size(1000), Caller.ROOT, new InodeAttributes());
        volume.fallocate(inode, PUNCH_HOLE_KEEP_SIZE, 2000, 1000, Caller.ROOT);

        for (int cut = 0; cut < region.cuts(); cut++) {
            byte[] image = region.image(cut, Survivors.ALL, new Random(cut));
            Volume after = Volume.open(new ArrayRegion(image), CheckFixture.OPTIONS);
            byte[] found = new byte[content.length];
            int length = after.read(inode, 0, found, 0, found.length);
            assertArrayEquals(Arrays.copyOf(content, length), Arrays.copyOf(found, length));
        }
    }

    @Test
    void inodesOfAnEarlierVolumeWithTheSameUuidAreGone() throws FsException {
        CrashRegion region = formatted(new CrashRegion(1 << 20));
        Volume volume = Volume.open(region, CheckFixture.OPTIONS);
        for (byte i = 'a'; i < 'k'; i++) {
            volume.mknod(2, new byte[] {i}, 0, 1, 0100644, 0, Caller.ROOT);
        }
        volume.close();

        formatted(region);

        CheckReport report = VolumeChecker.check(region, false, line -> {});
        assertEquals(List.of(), report.messages());
    }

    /** A commit between the steps of a long truncate: recovery goes on where power went. */
    @Test
    void aTruncateCutBetweenItsStepsIsFinished() throws FsException {
        CrashRegion template = formatted(new CrashRegion(4 << 20));
        Volume volume = Volume.open(template, CheckFixture.OPTIONS);
        long inode = volume.mknod(2, new byte[] {'f'}, 0, 1, 0100644, 0, Caller.ROOT);
        for (int i = 0; i < 500; i++) {
            volume.write(inode, i * 8192L, new byte[] {1}, 0, 1, 0, Caller.ROOT);
        }
        volume.close();
        int between = 0;
        for (int before = 145; before < 170; before++) { // the log's pressure commits somewhere
            between += truncateAfter(template.bytes().clone(), inode, before);
        }
        assertTrue(between > 0, "no commit fell between two steps");
    }

    /** Whether a commit fell in between; each cut is recovered and checked then. */
    private static int truncateAfter(byte[] image, long inode, int creates) throws FsException {
        CrashRegion region = new CrashRegion(image);
        Volume volume = Volume.open(region, CheckFixture.OPTIONS);
        for (int i = 0; i < creates; i++) {
            byte[] name = ("n" + i).getBytes(StandardCharsets.US_ASCII);
            volume.mknod(2, name, 0, name.length, 0100644, 0, Caller.ROOT);
        }
        region.record();
        volume.setattr(inode, new SetAttributes().size(0), Caller.ROOT, new InodeAttributes());
        region.stopRecording();
        for (int cut = 0; cut < region.cuts(); cut++) {
            byte[] left = region.image(cut, Survivors.ALL, new Random(cut));
            Volume after = Volume.open(new ArrayRegion(left), CheckFixture.OPTIONS);
            InodeAttributes found = new InodeAttributes();
            after.getattr(inode, found);
            boolean cutOff = found.sizeBytes == 0;
            assertEquals(cutOff, found.blocks512 == 0, creates + " creates, cut " + cut);
            after.close();
        }
        return region.cuts() > 1 ? 1 : 0;
    }
}
