package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.ArrayRegion;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
import io.fusedax.backing.volume.CheckReport;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeChecker;
import io.fusedax.backing.volume.VolumeFormatter;
import java.util.Random;
import jnr.constants.platform.Errno;

/**
 * Cuts mkfs at every store: the volume before is there as it was, or none is, or the new one, whole
 * and empty.
 */
final class FormatCuts {
    private static final int REGION_BYTES = 1 << 20;

    /** As that of the templates, so that what their journal holds would verify. */
    private static final int SAME_UUID = 1;

    private static final int OTHER_UUID = 2;

    private static final long BROKEN = -1;

    private final Random random;
    private final TreeReader reader = new TreeReader();
    private long oldShape;
    private long newShape;
    private long images;

    FormatCuts(long seed) {
        random = Mix.random(seed);
    }

    long images() {
        return images;
    }

    void run() throws Violation, FsException {
        // a full log, and more inodes than a new volume has
        Recording used = Recording.of(Template.LOGGED, Step.parse("CREATE.1,SYNC.1,WRITE.2"));
        byte[] old = used.region.bytes();
        cut(new byte[REGION_BYTES], OTHER_UUID);
        byte[] noise = new byte[REGION_BYTES];
        random.nextBytes(noise);
        cut(noise, OTHER_UUID);
        cut(old, OTHER_UUID);
        cut(old, SAME_UUID);
    }

    private void cut(byte[] before, int uuid) throws Violation, FsException {
        oldShape = shapeOf(new ArrayRegion(before.clone()));
        CrashRegion region = new CrashRegion(before.clone());
        region.record();
        VolumeFormatter.format(region, Template.format(uuid));
        region.stopRecording();
        newShape = shapeOf(new ArrayRegion(region.bytes().clone()));
        for (int cut = 0; cut < region.cuts(); cut++) {
            for (Survivors survivors : Survivors.values()) {
                check(region, cut, survivors);
            }
        }
    }

    private void check(CrashRegion region, int cut, Survivors survivors) throws Violation {
        images++;
        byte[] image = region.image(cut, survivors, random);
        boolean finished = cut == region.cuts() - 1;
        String where = " (mkfs cut after event " + cut + ", survivors " + survivors + ")";
        try {
            long shape = shapeOf(new ArrayRegion(image.clone()));
            if (shape == 0 && !finished) {
                return;
            }
            if (shape == BROKEN && !finished) {
                shape = shapeMended(image);
            }
            if (finished ? shape != newShape : shape != newShape && shape != oldShape) {
                throw new Violation("neither the old nor the new volume" + where);
            }
            CheckReport report = VolumeChecker.check(new ArrayRegion(image), false, l -> {});
            if (!report.clean()) {
                throw new Violation("fsck: " + report.messages() + where);
            }
        } catch (RuntimeException | FsException e) {
            throw new Violation(e + where);
        }
    }

    /** Half a superblock is left: what fsck makes of the other copy. */
    private long shapeMended(byte[] image) throws FsException {
        VolumeChecker.check(new ArrayRegion(image), true, line -> {});
        return shapeOf(new ArrayRegion(image.clone()));
    }

    /** What a volume shows, 0 where there is none, or {@link #BROKEN}. */
    private long shapeOf(ArrayRegion region) {
        try {
            Volume volume = Volume.open(region, Template.options(new long[1]));
            reader.read(volume);
            return reader.shape;
        } catch (FsException e) {
            return e.errno() == Errno.EINVAL ? 0 : BROKEN;
        }
    }
}
