package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
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
            Volume after = Volume.open(new CrashRegion(image), CheckFixture.OPTIONS);
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
}
